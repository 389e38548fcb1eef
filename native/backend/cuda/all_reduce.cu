#include "backend/cuda/all_reduce.h"
#include "backend/cuda/launch.cuh"
#include "backend/cuda/ops/peer.cuh"

namespace etap::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWidth = 4;  // floats of one access

// The accesses that one CTA makes, of those that one rank of `parts` makes.
struct Range {
  int begin;
  int end;
};
__device__ Range cta_range(int accesses) {
  const auto cta = static_cast<std::int64_t>(blockIdx.x);
  return {static_cast<int>(accesses * cta / kExchangeCtas),
          static_cast<int>(accesses * (cta + 1) / kExchangeCtas)};
}
__device__ Range part_of(const Range& range, int rank, int size) {
  const int count = range.end - range.begin;
  return {range.begin + static_cast<int>(static_cast<std::int64_t>(count) * rank / size),
          range.begin + static_cast<int>(static_cast<std::int64_t>(count) * (rank + 1) / size)};
}

// Returns when this CTA of every rank has come here in this epoch; what they wrote is then visible.
__device__ void meet(const ExchangePeers& peers, int stage, std::uint32_t epoch) {
  __syncthreads();
  const int thread = static_cast<int>(threadIdx.x);
  if (thread < peers.size) {
    const int line = (stage * kExchangeCtas + static_cast<int>(blockIdx.x)) * kRanksMax;
    publish(peers.arrived[thread] + line + peers.rank, epoch);
    wait_for(peers.arrived[peers.rank] + line + thread, epoch);
  }
  __syncthreads();
}

__device__ float4 sum_of_ranks(float* const (&values)[kRanksMax], int size, std::int64_t offset,
                               int access) {
  float4 sum = load_peer(values[0] + offset, access);
  for (int rank = 1; rank < size; ++rank) {
    const float4 value = load_peer(values[rank] + offset, access);
    sum.x += value.x;
    sum.y += value.y;
    sum.z += value.z;
    sum.w += value.w;
  }
  return sum;
}

// The memory of an epoch is written again two epochs later. By then every rank has met this one in
// the epoch between, so has ended the kernel that read it.
__global__ void __launch_bounds__(kThreads)
    exchange_kernel(const ExchangePeers peers, float4* x, const int accesses, const bool one_shot) {
  const std::uint32_t epoch = peers.epochs[blockIdx.x] + 1;
  const std::int64_t offset = epoch % 2 * kExchangeFloats;
  const Range range = cta_range(accesses);
  const int thread = static_cast<int>(threadIdx.x);
  auto* mine = reinterpret_cast<float4*>(peers.values[peers.rank] + offset);
  for (int i = range.begin + thread; i < range.end; i += kThreads) mine[i] = x[i];
  meet(peers, 0, epoch);
  if (one_shot) {
    for (int i = range.begin + thread; i < range.end; i += kThreads) {
      x[i] = sum_of_ranks(peers.values, peers.size, offset, i);
    }
  } else {
    const Range own = part_of(range, peers.rank, peers.size);
    auto* sums = reinterpret_cast<float4*>(peers.sums[peers.rank] + offset);
    for (int i = own.begin + thread; i < own.end; i += kThreads) {
      sums[i] = sum_of_ranks(peers.values, peers.size, offset, i);
    }
    meet(peers, 1, epoch);
    for (int rank = 0; rank < peers.size; ++rank) {
      const Range part = part_of(range, rank, peers.size);
      for (int i = part.begin + thread; i < part.end; i += kThreads) {
        x[i] = load_peer(peers.sums[rank] + offset, i);
      }
    }
  }
  if (thread == 0) peers.epochs[blockIdx.x] = epoch;
}

}  // namespace

void exchange_sums(const ExchangePeers& peers, float* x, std::int64_t count, cudaStream_t stream) {
  launch(exchange_kernel, dim3(kExchangeCtas), kThreads, stream, peers,
         reinterpret_cast<float4*>(x), static_cast<int>(count / kWidth), count <= kOneShotFloats);
}

}  // namespace etap::cuda
