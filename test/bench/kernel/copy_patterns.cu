// How fast the copy engine brings KV blocks into shared memory: by shape of the box, number of
// warps that issue copies, CTAs, eviction policy. Prints one line per pattern.
#include <cudaTypedefs.h>

#include <cstdio>
#include <vector>

#include "backend/cuda/device_array.h"
#include "backend/cuda/etap/layout.h"
#include "backend/cuda/launch_config.h"
#include "backend/cuda/sm90.cuh"
#include "timing.h"

namespace etap::cuda {
namespace {

constexpr int kBlockBytes = kBlockTokens * kKvDim * kElementBytes;
constexpr int kRingBytes = 208 * 1024;
constexpr int kSlotsMax = 26;
constexpr int kBlocks = 16384;
constexpr int kRepeats = 7;
constexpr int kProducersMax = 3;
constexpr std::uint64_t kEvictNormal = 0x1000000000000000ull;

// A box of `rows` keys x `groups` column groups of 64; pieces per block along each.
struct Box {
  const char* name;
  int rows;
  int groups;

  __host__ __device__ int bytes() const { return rows * groups * kChunkRowBytes; }
  __host__ __device__ int column_pieces() const { return kChunksPerTile / groups; }
  __host__ __device__ int pieces() const { return kBlockTokens / rows * column_pieces(); }
};

struct Pattern {
  Box box;
  int producers;  // warps that issue copies, piece by piece in turn
  int ctas;
  bool evict_first;
};

struct Params {
  CUtensorMap map;  // [block][column group][row][64 columns]
  const int* table;
  Pattern pattern;
};

__device__ void load_box(std::uint32_t destination, const CUtensorMap* map, std::uint32_t barrier,
                         int row, int group, int block, std::uint64_t policy) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes"
      ".L2::cache_hint [%0], [%1, {%3, %4, %5, %6}], [%2], %7;" ::"r"(destination),
      "l"(map), "r"(barrier), "r"(0), "r"(row), "r"(group), "r"(block), "l"(policy)
      : "memory");
}

extern __shared__ __align__(kSwizzleAtomBytes) std::uint8_t ring_bytes[];

// Warps 0..2 copy, warps 3..5 take what they copied and give it back at once.
__global__ void __launch_bounds__(2 * kProducersMax * 32, 1)
    copy_kernel(const __grid_constant__ Params params) {
  __shared__ std::uint64_t barriers[2 * kSlotsMax];
  const Box box = params.pattern.box;
  const int producers = params.pattern.producers;
  const std::uint32_t full = sm90::smem_address(barriers);
  const std::uint32_t empty = sm90::smem_address(barriers + kSlotsMax);
  const std::uint32_t ring = sm90::smem_address(ring_bytes);
  if (threadIdx.x == 0) {
    for (std::uint32_t slot = 0; slot < kSlotsMax; ++slot) {
      sm90::mbarrier_init(full + slot * 8, 1);
      sm90::mbarrier_init(empty + slot * 8, 1);
    }
    sm90::fence_mbarrier_init();
  }
  __syncthreads();
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const bool copies = warp < kProducersMax;
  const int number = warp % kProducersMax;
  if (threadIdx.x % 32 != 0 || number >= producers) return;
  const std::uint64_t policy = params.pattern.evict_first ? sm90::kEvictFirst : kEvictNormal;
  const int slots = min(kRingBytes / box.bytes(), kSlotsMax) / producers * producers;
  const int pieces = box.pieces();
  const int column_pieces = box.column_pieces();
  int slot = number;
  std::uint32_t parity = 0;
  int piece = number;
  for (int block = static_cast<int>(blockIdx.x); block < kBlocks;) {
    const int id = params.table[block];
    for (; piece < pieces; piece += producers) {
      const std::uint32_t offset = static_cast<std::uint32_t>(slot) * 8;
      if (copies) {
        sm90::mbarrier_wait(empty + offset, parity ^ 1u);
        sm90::mbarrier_arrive_expect_tx(full + offset, static_cast<std::uint32_t>(box.bytes()));
        load_box(ring + static_cast<std::uint32_t>(slot * box.bytes()), &params.map, full + offset,
                 piece / column_pieces * box.rows, piece % column_pieces * box.groups, id, policy);
      } else {
        sm90::mbarrier_wait(full + offset, parity);
        sm90::mbarrier_arrive(empty + offset);
      }
      slot += producers;
      if (slot >= slots) {
        slot -= slots;
        parity ^= 1u;
      }
    }
    piece -= pieces;
    block += static_cast<int>(gridDim.x);
  }
}

enum class Sharing {
  kWholeBoxes,  // CTAs take turns to copy a chunk to all
  kSlices,      // each CTA copies its share of the keys of every chunk to all
  kNone,        // every CTA copies every chunk for itself; the second finds it in the L2 cache
};

struct ClusterParams {
  CUtensorMap map;  // as above; box of 64 keys, or of 64 / cluster
  const int* table;
  Sharing sharing;
  bool evict_first;
};

__device__ void load_box_multicast(std::uint32_t destination, const CUtensorMap* map,
                                   std::uint32_t barrier, int row, int group, int block,
                                   std::uint16_t mask, std::uint64_t policy) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes"
      ".multicast::cluster.L2::cache_hint [%0], [%1, {%3, %4, %5, %6}], [%2], %7, %8;" ::"r"(
          destination),
      "l"(map), "r"(barrier), "r"(0), "r"(row), "r"(group), "r"(block), "h"(mask), "l"(policy)
      : "memory");
}

// The same for clusters whose CTAs all need the same blocks.
template <int kCluster>
__global__ void __launch_bounds__(2 * kProducersMax * 32, 1)
    cluster_copy_kernel(const __grid_constant__ ClusterParams params) {
  constexpr int kSlots = 24;
  __shared__ std::uint64_t barriers[2 * kSlots];
  const std::uint32_t full = sm90::smem_address(barriers);
  const std::uint32_t empty = sm90::smem_address(barriers + kSlots);
  const std::uint32_t ring = sm90::smem_address(ring_bytes);
  const int rank = sm90::cluster_rank();
  const bool alone = params.sharing == Sharing::kNone;
  if (threadIdx.x == 0) {
    for (std::uint32_t slot = 0; slot < kSlots; ++slot) {
      sm90::mbarrier_init(full + slot * 8, 1);
      sm90::mbarrier_init(empty + slot * 8, alone ? 1 : kCluster);
    }
    sm90::fence_mbarrier_init();
  }
  sm90::cluster_sync();
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const bool copies = warp < kProducersMax;
  const std::uint64_t policy = params.evict_first ? sm90::kEvictFirst : kEvictNormal;
  constexpr auto kMask = static_cast<std::uint16_t>((1 << kCluster) - 1);
  if (threadIdx.x % 32 == 0) {
    int slot = warp % kProducersMax;
    std::uint32_t parity = 0;
    int turn = 0;
    for (int block = static_cast<int>(blockIdx.x) / kCluster; block < kBlocks;
         block += static_cast<int>(gridDim.x) / kCluster, ++turn) {
      const int id = params.table[block];
      for (int chunk = warp % kProducersMax; chunk < kChunksPerTile; chunk += kProducersMax) {
        const std::uint32_t offset = static_cast<std::uint32_t>(slot) * 8;
        const std::uint32_t to = ring + static_cast<std::uint32_t>(slot * kChunkBytes);
        if (copies) {
          sm90::mbarrier_wait(empty + offset, parity ^ 1u);
          sm90::mbarrier_arrive_expect_tx(full + offset, kChunkBytes);
          if (alone) {
            load_box(to, &params.map, full + offset, 0, chunk, id, policy);
          } else if (params.sharing == Sharing::kSlices) {
            load_box_multicast(to + static_cast<std::uint32_t>(rank) * (kChunkBytes / kCluster),
                               &params.map, full + offset, rank * (kBlockTokens / kCluster), chunk,
                               id, kMask, policy);
          } else if ((turn + chunk) % kCluster == rank) {
            load_box_multicast(to, &params.map, full + offset, 0, chunk, id, kMask, policy);
          }
        } else {
          sm90::mbarrier_wait(full + offset, parity);
          if (alone) {
            sm90::mbarrier_arrive(empty + offset);
          } else {
            for (int r = 0; r < kCluster; ++r) sm90::mbarrier_arrive_at(empty + offset, r);
          }
        }
        slot += kProducersMax;
        if (slot >= kSlots) {
          slot -= kSlots;
          parity ^= 1u;
        }
      }
    }
  }
  __syncwarp();
  sm90::cluster_sync();
}

__global__ void fill_kernel(std::uint32_t* data, std::int64_t count) {
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += stride) {
    data[i] = static_cast<std::uint32_t>(i) * 2654435761u;
  }
}

CUtensorMap make_map(const void* data, const Box& shape) {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found{};
  CUDA_CHECK(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000,
                                              cudaEnableDefault, &found));
  const auto encode = reinterpret_cast<PFN_cuTensorMapEncodeTiled_v12000>(function);
  const cuuint64_t sizes[] = {kChunkColumns, kBlockTokens, kChunksPerTile, kBlocks};
  const cuuint64_t strides[] = {kKvDim * kElementBytes, kChunkRowBytes, kBlockBytes};
  const cuuint32_t box[] = {kChunkColumns, static_cast<cuuint32_t>(shape.rows),
                            static_cast<cuuint32_t>(shape.groups), 1};
  const cuuint32_t steps[] = {1, 1, 1, 1};
  CUtensorMap map{};
  const CUresult result =
      encode(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 4, const_cast<void*>(data), sizes, strides,
             box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
             CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS) std::printf("encode failed: %d\n", static_cast<int>(result));
  return map;
}

template <int kCluster>
void time_clusters(const DeviceArray<std::uint8_t>& data, const int* table) {
  static const char* const kNames[] = {"whole boxes", "slices", "none"};
  CUDA_CHECK(cudaFuncSetAttribute(cluster_copy_kernel<kCluster>,
                                  cudaFuncAttributeMaxDynamicSharedMemorySize, kRingBytes));
  const LaunchConfig shape(dim3(kCluster), 2 * kProducersMax * 32, kRingBytes, nullptr, kCluster);
  int clusters = 0;
  CUDA_CHECK(cudaOccupancyMaxActiveClusters(&clusters, cluster_copy_kernel<kCluster>, shape.get()));
  for (const Sharing sharing : {Sharing::kWholeBoxes, Sharing::kSlices, Sharing::kNone}) {
    for (const bool evict_first : {true, false}) {
      const Box box{"", sharing == Sharing::kSlices ? kBlockTokens / kCluster : kBlockTokens, 1};
      const ClusterParams params{make_map(data.data(), box), table, sharing, evict_first};
      const Timing timing = time_device(nullptr, 1, kRepeats, [&](cudaStream_t stream) {
        const LaunchConfig config(dim3(static_cast<unsigned>(clusters * kCluster)),
                                  2 * kProducersMax * 32, kRingBytes, stream, kCluster);
        CUDA_CHECK(cudaLaunchKernelEx(config.get(), cluster_copy_kernel<kCluster>, params));
      });
      std::printf("%2d clusters of %d, sharing %-11s %-6s: %5.0f GB/s\n", clusters, kCluster,
                  kNames[static_cast<int>(sharing)], evict_first ? "first" : "normal",
                  static_cast<double>(data.bytes()) / timing.median_us * 1e-3);
    }
  }
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
  table.upload(ids);  // scattered over the pool
  CUDA_CHECK(
      cudaFuncSetAttribute(copy_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kRingBytes));
  std::vector<Pattern> patterns;
  for (const Box& box : {Box{"64 keys x 64", 64, 1}, Box{"64 keys x 192", 64, 3},
                         Box{"8 keys x 576", 8, 9}, Box{"32 keys x 64", 32, 1}}) {
    for (const int ctas : {132, 66}) {
      for (const int producers : {1, 3}) patterns.push_back({box, producers, ctas, true});
    }
  }
  for (const Pattern& pattern : patterns) {
    const Params params{make_map(data.data(), pattern.box), table.data(), pattern};
    const Timing timing = time_device(nullptr, 1, kRepeats, [&](cudaStream_t stream) {
      copy_kernel<<<static_cast<unsigned>(pattern.ctas), 2 * kProducersMax * 32, kRingBytes,
                    stream>>>(params);
    });
    std::printf("box %-14s %d producers %3d CTAs %-6s: %5.0f GB/s\n", pattern.box.name,
                pattern.producers, pattern.ctas, pattern.evict_first ? "first" : "normal",
                static_cast<double>(data.bytes()) / timing.median_us * 1e-3);
  }
  time_clusters<2>(data, table.data());
  time_clusters<4>(data, table.data());
  return 0;
}
