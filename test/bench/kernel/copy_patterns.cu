// Which way of copying KV blocks into shared memory gets how much of the memory's bandwidth: L2
// promotion, eviction policy, prefetch into L2, shape of the box, CTAs. Prints one line per pattern.
#include <cudaTypedefs.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "backend/cuda/device_array.h"
#include "backend/cuda/etap/layout.h"
#include "backend/cuda/sm90.cuh"
#include "read_ceiling.h"
#include "timing.h"

namespace etap::cuda {
namespace {

constexpr int kBlockBytes = kBlockTokens * kKvDim * kElementBytes;
constexpr int kRowGroupBytes = 8 * kKvDim * kElementBytes;
constexpr int kRingMax = 25;
constexpr int kSharedBytes = kRingMax * kChunkBytes;
constexpr int kBlocks = 16384;
constexpr int kRepeats = 7;

enum class Prefetch { kNone, kSlices, kWhole, kLines };
enum class Box { kColumns, kRows };

struct Pattern {
  Box box;
  CUtensorMapL2promotion promotion;
  bool evict_first;
  Prefetch prefetch;
  int distance;  // tiles ahead of the copies
  int ring;
  int ctas;
};

struct Params {
  CUtensorMap map;
  const std::uint8_t* data;
  const int* table;
  Pattern pattern;
};

__device__ void bulk_prefetch(const void* address, int bytes) {
  asm volatile("cp.async.bulk.prefetch.L2.global [%0], %1;" ::"l"(address), "r"(bytes) : "memory");
}

__device__ void line_prefetch(const void* address) {
  asm volatile("prefetch.global.L2 [%0];" ::"l"(address) : "memory");
}

__device__ void load_4d(std::uint32_t destination, const CUtensorMap* map, std::uint32_t barrier,
                        int row, int block, std::uint64_t policy) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes"
      ".L2::cache_hint [%0], [%1, {%3, %4, %5, %6}], [%2], %7;" ::"r"(destination),
      "l"(map), "r"(barrier), "r"(0), "r"(row), "r"(0), "r"(block), "l"(policy)
      : "memory");
}

extern __shared__ __align__(kSwizzleAtomBytes) std::uint8_t ring_bytes[];

__global__ void __launch_bounds__(128, 1) copy_kernel(const __grid_constant__ Params params) {
  __shared__ std::uint64_t barriers[2 * kRingMax];
  const Pattern& pattern = params.pattern;
  const std::uint32_t full = sm90::smem_address(barriers);
  const std::uint32_t empty = sm90::smem_address(barriers + kRingMax);
  if (threadIdx.x == 0) {
    for (std::uint32_t slot = 0; slot < kRingMax; ++slot) {
      sm90::mbarrier_init(full + slot * 8, 1);
      sm90::mbarrier_init(empty + slot * 8, 1);
    }
    sm90::fence_mbarrier_init();
  }
  __syncthreads();
  const int stride = static_cast<int>(gridDim.x);
  const bool by_rows = pattern.box == Box::kRows;
  const int pieces = by_rows ? 8 : kChunksPerTile;
  const int piece_bytes = by_rows ? kRowGroupBytes : kChunkBytes;
  const std::uint64_t policy = pattern.evict_first ? sm90::kEvictFirst : 0x1000000000000000ull;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  if (warp >= 2) {
    // Two warps touch one line per thread, held back by the ring's progress in no way.
    if (pattern.prefetch != Prefetch::kLines) return;
    int slot = 0;
    std::uint32_t parity = 0;
    for (int block = static_cast<int>(blockIdx.x); block < kBlocks; block += stride) {
      const int ahead = block + pattern.distance * stride;
      if (ahead < kBlocks) {
        const std::uint8_t* line = params.data + static_cast<std::int64_t>(params.table[ahead]) *
                                                     kBlockBytes;
        for (int at = (static_cast<int>(threadIdx.x) - 64) * 128; at < kBlockBytes; at += 64 * 128) {
          line_prefetch(line + at);
        }
      }
      for (int piece = 0; piece < pieces; ++piece) {
        if (piece == pieces - 1) sm90::mbarrier_wait(full + slot * 8, parity);
        if (++slot == pattern.ring) {
          slot = 0;
          parity ^= 1u;
        }
      }
    }
    return;
  }
  if (threadIdx.x % 32 != 0) return;
  int slot = 0;
  std::uint32_t parity = 0;
  for (int block = static_cast<int>(blockIdx.x); block < kBlocks; block += stride) {
    const int id = params.table[block];
    const int ahead = block + pattern.distance * stride;
    const std::uint8_t* next =
        ahead < kBlocks
            ? params.data + static_cast<std::int64_t>(params.table[ahead]) * kBlockBytes
            : nullptr;
    for (int piece = 0; piece < pieces; ++piece) {
      const std::uint32_t offset = static_cast<std::uint32_t>(slot) * 8;
      if (warp == 0) {
        sm90::mbarrier_wait(empty + offset, parity ^ 1u);
        sm90::mbarrier_arrive_expect_tx(full + offset, static_cast<std::uint32_t>(piece_bytes));
        const std::uint32_t to =
            sm90::smem_address(ring_bytes) + static_cast<std::uint32_t>(slot * piece_bytes);
        if (by_rows) {
          load_4d(to, &params.map, full + offset, piece * 8, id, policy);
        } else {
          sm90::tma_load_3d(to, &params.map, full + offset, chunk_column(piece), 0, id, policy);
        }
        if (pattern.prefetch == Prefetch::kSlices && next != nullptr) {
          bulk_prefetch(next + piece * piece_bytes, piece_bytes);
        }
        if (pattern.prefetch == Prefetch::kWhole && next != nullptr && piece == 0) {
          bulk_prefetch(next, kBlockBytes);
        }
      } else {
        sm90::mbarrier_wait(full + offset, parity);
        sm90::mbarrier_arrive(empty + offset);
      }
      if (++slot == pattern.ring) {
        slot = 0;
        parity ^= 1u;
      }
    }
  }
}

__global__ void fill_kernel(std::uint32_t* data, std::int64_t count) {
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
       i < count; i += stride) {
    data[i] = static_cast<std::uint32_t>(i) * 2654435761u;
  }
}

CUtensorMap make_map(const void* data, const Pattern& pattern) {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found{};
  CUDA_CHECK(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000,
                                              cudaEnableDefault, &found));
  const auto encode = reinterpret_cast<PFN_cuTensorMapEncodeTiled_v12000>(function);
  const bool by_rows = pattern.box == Box::kRows;
  const cuuint64_t row_bytes = kKvDim * kElementBytes;
  const cuuint64_t sizes3[] = {kKvDim, kBlockTokens, kBlocks};
  const cuuint64_t strides3[] = {row_bytes, kBlockBytes};
  const cuuint32_t box3[] = {kChunkColumns, kBlockTokens, 1};
  const cuuint64_t sizes4[] = {kChunkColumns, kBlockTokens, kChunksPerTile, kBlocks};
  const cuuint64_t strides4[] = {row_bytes, kChunkRowBytes, kBlockBytes};
  const cuuint32_t box4[] = {kChunkColumns, 8, kChunksPerTile, 1};
  const cuuint32_t steps[] = {1, 1, 1, 1};
  CUtensorMap map{};
  const CUresult result =
      encode(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, by_rows ? 4 : 3, const_cast<void*>(data),
             by_rows ? sizes4 : sizes3, by_rows ? strides4 : strides3, by_rows ? box4 : box3, steps,
             CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, pattern.promotion,
             CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS) std::printf("encode failed: %d\n", static_cast<int>(result));
  return map;
}

}  // namespace
}  // namespace etap::cuda

int main() {
  using namespace etap::cuda;
  DeviceArray<std::uint8_t> data(static_cast<std::size_t>(kBlocks) * kBlockBytes);
  fill_kernel<<<2048, 256>>>(reinterpret_cast<std::uint32_t*>(data.data()),
                             static_cast<std::int64_t>(data.bytes() / 4));
  std::vector<int> ids(kBlocks);
  for (int i = 0; i < kBlocks; ++i) ids[static_cast<std::size_t>(i)] = i * 5779 % kBlocks;
  DeviceArray<int> table(kBlocks);
  table.upload(ids);
  CUDA_CHECK(cudaFuncSetAttribute(copy_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                  kSharedBytes));
  const auto none = CU_TENSOR_MAP_L2_PROMOTION_NONE;
  const auto p128 = CU_TENSOR_MAP_L2_PROMOTION_L2_128B;
  const auto p256 = CU_TENSOR_MAP_L2_PROMOTION_L2_256B;
  std::vector<Pattern> patterns;
  for (const int ctas : {132, 94, 66}) {
    for (const auto promotion : {none, p128, p256}) {
      for (const bool first : {true, false}) {
        patterns.push_back({Box::kColumns, promotion, first, Prefetch::kNone, 0, 25, ctas});
      }
      patterns.push_back({Box::kRows, promotion, true, Prefetch::kNone, 0, 22, ctas});
    }
    for (const int ring : {4, 8, 12, 16, 20}) {
      patterns.push_back({Box::kColumns, p256, true, Prefetch::kNone, 0, ring, ctas});
    }
    for (const Prefetch prefetch : {Prefetch::kSlices, Prefetch::kWhole, Prefetch::kLines}) {
      for (const int distance : {1, 3}) {
        patterns.push_back({Box::kColumns, none, true, prefetch, distance, 25, ctas});
      }
    }
  }
  static const char* const kPrefetchNames[] = {"none", "slices", "whole", "lines"};
  for (const Pattern& pattern : patterns) {
    Params params{make_map(data.data(), pattern), data.data(), table.data(), pattern};
    const Timing timing = time_device(nullptr, 1, kRepeats, [&](cudaStream_t stream) {
      copy_kernel<<<static_cast<unsigned>(pattern.ctas), 128, kSharedBytes, stream>>>(params);
    });
    std::printf("%3d CTAs %-7s promotion %3d %-6s prefetch %-6s ahead %d ring %2d: %5.0f GB/s\n",
                pattern.ctas, pattern.box == Box::kRows ? "rows" : "columns",
                pattern.promotion == none ? 0 : pattern.promotion == p128 ? 128 : 256,
                pattern.evict_first ? "first" : "normal",
                kPrefetchNames[static_cast<int>(pattern.prefetch)], pattern.distance, pattern.ring,
                static_cast<double>(data.bytes()) / timing.median_us * 1e-3);
  }
  return 0;
}
