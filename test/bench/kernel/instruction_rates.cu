// Clocks per wgmma and SM for the shapes the decode kernels use: what shared memory and dependent
// accumulators cost. Prints one line per shape and a JSON file when a path is given.
#include <cuda_bf16.h>

#include <cstdio>
#include <string>
#include <vector>

#include "backend/cuda/device_array.h"
#include "backend/cuda/etap/layout.h"
#include "backend/cuda/sm90.cuh"

namespace etap::cuda {
namespace {

constexpr int kRounds = 64;
constexpr int kIssuesPerRound = 16;
constexpr int kSharedBytes = 96 * 1024;

extern __shared__ __align__(kSwizzleAtomBytes) std::uint8_t operands[];

// `kChains` independent accumulators, issued in turn; each of `warpgroups` groups does the same.
template <int N, int kTransposeA, int kChains>
__global__ void __launch_bounds__(256, 1) rate_kernel(long long* clocks, float* sink) {
  for (unsigned i = threadIdx.x; i < kSharedBytes / 4; i += blockDim.x) {
    reinterpret_cast<std::uint32_t*>(operands)[i] = 0x3F803F80u ^ (i * 2654435761u & 0x807F807Fu);
  }
  sm90::fence_async_shared();
  __syncthreads();
  const std::uint32_t base =
      sm90::smem_address(operands) + threadIdx.x / kWarpgroupThreads * (4 * kChunkBytes);
  const std::uint64_t a = operand_descriptor(base);
  const std::uint64_t b = operand_descriptor(sm90::smem_address(operands) + 8 * kChunkBytes);
  constexpr std::uint32_t kStep = kTransposeA ? kMnMajorStepBytes : kKMajorStepBytes;
  float d[kChains][N / 2] = {};
  const long long begin = clock64();
  for (int round = 0; round < kRounds; ++round) {
#pragma unroll
    for (int chain = 0; chain < kChains; ++chain) sm90::wgmma_fence_accumulators(d[chain]);
    sm90::wgmma_fence();
#pragma unroll
    for (int issue = 0; issue < kIssuesPerRound; ++issue) {
      const std::uint32_t offset = issue % 4 * kStep + issue / 4 % 4 * kChunkBytes;
      sm90::Wgmma<__nv_bfloat16, N, kTransposeA>::issue(
          d[issue % kChains], advance_descriptor(a, offset),
          advance_descriptor(b, issue % 4 * kKMajorStepBytes), 1);
    }
    sm90::wgmma_commit();
    sm90::wgmma_wait<1>();
  }
  sm90::wgmma_wait<0>();
#pragma unroll
  for (int chain = 0; chain < kChains; ++chain) sm90::wgmma_fence_accumulators(d[chain]);
  const long long end = clock64();
  float sum = 0;
  for (int chain = 0; chain < kChains; ++chain) {
    for (int i = 0; i < N / 2; ++i) sum += d[chain][i];
  }
  if (sum == 12345.678f) *sink = sum;
  if (blockIdx.x == 0 && threadIdx.x == 0) *clocks = end - begin;
}

template <int N, int kTransposeA, int kChains>
double measure(int warpgroups) {
  DeviceArray<long long> clocks(1);
  DeviceArray<float> sink(1);
  auto* kernel = rate_kernel<N, kTransposeA, kChains>;
  CUDA_CHECK(
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kSharedBytes));
  for (int run = 0; run < 2; ++run) {  // the second is warm
    kernel<<<132, static_cast<unsigned>(warpgroups * kWarpgroupThreads), kSharedBytes>>>(
        clocks.data(), sink.data());
    CUDA_CHECK(cudaDeviceSynchronize());
  }
  return static_cast<double>(clocks.download().front()) / (kRounds * kIssuesPerRound * warpgroups);
}

struct Row {
  int n;
  const char* operand;
  double one_chain;
  double four_chains;
  double two_groups;
};

template <int N>
void measure_shape(std::vector<Row>& rows) {
  rows.push_back({N, "K-major", measure<N, 0, 1>(1), measure<N, 0, 4>(1), measure<N, 0, 4>(2)});
  rows.push_back({N, "MN-major", measure<N, 1, 1>(1), measure<N, 1, 4>(1), measure<N, 1, 4>(2)});
}

}  // namespace
}  // namespace etap::cuda

int main(int argc, char** argv) {
  using namespace etap::cuda;
  std::vector<Row> rows;
  measure_shape<8>(rows);
  measure_shape<16>(rows);
  measure_shape<24>(rows);
  measure_shape<32>(rows);
  measure_shape<48>(rows);
  measure_shape<64>(rows);
  std::FILE* json = argc > 1 ? std::fopen(argv[1], "w") : nullptr;
  if (json != nullptr) std::fprintf(json, "[");
  std::printf("clocks per wgmma m64nNk16 and SM, both operands in shared memory\n");
  std::printf("%4s %-9s %10s %12s %11s\n", "N", "A", "dependent", "independent", "two groups");
  for (const Row& row : rows) {
    std::printf("%4d %-9s %10.1f %12.1f %11.1f\n", row.n, row.operand, row.one_chain,
                row.four_chains, row.two_groups);
    if (json != nullptr) {
      std::fprintf(json,
                   "%s\n{\"n\":%d,\"a\":\"%s\",\"dependent\":%.2f,\"independent\":%.2f,"
                   "\"two_groups\":%.2f}",
                   &row == rows.data() ? "" : ",", row.n, row.operand, row.one_chain,
                   row.four_chains, row.two_groups);
    }
  }
  if (json != nullptr) {
    std::fprintf(json, "\n]\n");
    std::fclose(json);
  }
  return 0;
}
