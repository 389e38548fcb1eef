#include "read_ceiling.h"

#include "backend/cuda/device_array.h"
#include "backend/cuda/etap/layout.h"
#include "backend/cuda/sm90.cuh"
#include "backend/cuda/tensor_map.h"
#include "timing.h"

namespace etap::cuda {
namespace {

constexpr int kThreads = 512;
constexpr int kLoadsAhead = 8;
constexpr int kRepeats = 7;
constexpr int kRingMax = 26;

__global__ void fill_kernel(uint4* data, std::int64_t count) {
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += stride) {
    const auto seed = static_cast<std::uint32_t>(i) * 2654435761u;
    data[i] = make_uint4(seed, seed ^ 0x9e3779b9u, seed * 7u, ~seed);
  }
}

__global__ void __launch_bounds__(kThreads)
    load_kernel(const uint4* data, std::int64_t count, std::uint32_t* sink) {
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * kThreads;
  std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  std::uint32_t sum = 0;
  for (; i + (kLoadsAhead - 1) * stride < count; i += kLoadsAhead * stride) {
    uint4 values[kLoadsAhead];
#pragma unroll
    for (int k = 0; k < kLoadsAhead; ++k) values[k] = __ldcs(data + i + k * stride);
#pragma unroll
    for (int k = 0; k < kLoadsAhead; ++k) {
      sum += values[k].x ^ values[k].y ^ values[k].z ^ values[k].w;
    }
  }
  if (sum == 0x12345678u) *sink = sum;
}

extern __shared__ __align__(kSwizzleAtomBytes) std::uint8_t ring[];

// One thread copies, one thread takes chunks and gives them back at once.
__global__ void __launch_bounds__(64, 1)
    copy_kernel(const __grid_constant__ CUtensorMap map, int block_count, int ring_chunks) {
  __shared__ std::uint64_t barriers[2 * kRingMax];
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
  if (threadIdx.x % 32 != 0) return;
  const bool producer = threadIdx.x == 0;
  int slot = 0;
  std::uint32_t parity = 0;
  for (int block = static_cast<int>(blockIdx.x); block < block_count;
       block += static_cast<int>(gridDim.x)) {
    for (int chunk = 0; chunk < kChunksPerTile; ++chunk) {
      const std::uint32_t offset = static_cast<std::uint32_t>(slot) * 8;
      if (producer) {
        sm90::mbarrier_wait(empty + offset, parity ^ 1u);
        sm90::mbarrier_arrive_expect_tx(full + offset, kChunkBytes);
        sm90::tma_load_3d(sm90::smem_address(ring) + static_cast<std::uint32_t>(slot) * kChunkBytes,
                          &map, full + offset, chunk_column(chunk), 0, block, sm90::kEvictFirst);
      } else {
        sm90::mbarrier_wait(full + offset, parity);
        sm90::mbarrier_arrive(empty + offset);
      }
      if (++slot == ring_chunks) {
        slot = 0;
        parity ^= 1u;
      }
    }
  }
}

DeviceArray<uint4> filled(std::int64_t bytes) {
  DeviceArray<uint4> data(static_cast<std::size_t>(bytes) / sizeof(uint4));
  fill_kernel<<<2048, 256>>>(data.data(), static_cast<std::int64_t>(data.size()));
  CUDA_CHECK(cudaGetLastError());
  return data;
}

}  // namespace

int multiprocessor_count() {
  int device = 0;
  int count = 0;
  CUDA_CHECK(cudaGetDevice(&device));
  CUDA_CHECK(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device));
  return count;
}

double measure_load_ceiling(std::int64_t bytes) {
  const DeviceArray<uint4> data = filled(bytes);
  const DeviceArray<std::uint32_t> sink(1);
  const auto count = static_cast<std::int64_t>(data.size());
  const auto grid = static_cast<unsigned>(multiprocessor_count() * 4);
  const Timing timing = time_device(nullptr, 2, kRepeats, [&](cudaStream_t stream) {
    load_kernel<<<grid, kThreads, 0, stream>>>(data.data(), count, sink.data());
  });
  CUDA_CHECK(cudaGetLastError());
  return static_cast<double>(data.bytes()) / (timing.median_us * 1e-6);
}

double measure_copy_ceiling(std::int64_t bytes, int chunks_in_flight, int cta_count) {
  constexpr std::int64_t kBlockBytes = std::int64_t{kBlockTokens} * kKvDim * kElementBytes;
  const DeviceArray<uint4> data = filled(bytes);
  const std::int64_t block_count = bytes / kBlockBytes;
  const CUtensorMap map = make_tensor_map({.dtype = DType::kBF16,
                                           .data = data.data(),
                                           .outer = block_count,
                                           .rows = kBlockTokens,
                                           .columns = kKvDim,
                                           .box_rows = kBlockTokens,
                                           .box_columns = kChunkColumns});
  const int shared_bytes = kRingMax * kChunkBytes;
  CUDA_CHECK(
      cudaFuncSetAttribute(copy_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes));
  const Timing timing = time_device(nullptr, 2, kRepeats, [&](cudaStream_t stream) {
    copy_kernel<<<static_cast<unsigned>(cta_count), 64, shared_bytes, stream>>>(
        map, static_cast<int>(block_count), chunks_in_flight);
  });
  CUDA_CHECK(cudaGetLastError());
  return static_cast<double>(block_count * kBlockBytes) / (timing.median_us * 1e-6);
}

}  // namespace etap::cuda
