#include "backend/cuda/cuda_check.h"
#include "backend/cuda/etap/combine.h"
#include "backend/cuda/etap/config.h"
#include "backend/cuda/launch_config.h"
#include "backend/cuda/sm90.cuh"

namespace etap::cuda {
namespace {

constexpr int kColumns = 4;  // of a row, per thread
constexpr int kThreads = kLatentDim / kColumns;
constexpr int kSplitsAhead = 8;  // partial rows read before the first is used
constexpr float kNegativeInfinity = -__builtin_huge_valf();
constexpr float kLn2 = 0.6931471805599453f;

// The reference all splits of one row are scaled to.
__device__ float row_maximum(const float2* statistics, int splits, int stride) {
  float maximum = kNegativeInfinity;
  for (int split = static_cast<int>(threadIdx.x) % kWarpThreads; split < splits;
       split += kWarpThreads) {
    maximum = fmaxf(maximum, statistics[static_cast<std::int64_t>(split) * stride].x);
  }
  for (int mask = kWarpThreads / 2; mask > 0; mask /= 2) {
    maximum = fmaxf(maximum, __shfl_xor_sync(0xFFFFFFFFu, maximum, mask));
  }
  return maximum;
}

// Adds `count` splits in ascending order.
__device__ __forceinline__ void add_splits(const CombineParams& params, std::int64_t row_index,
                                           int count, float reference, float4& out, float& sum) {
  float4 values[kSplitsAhead];
  float2 statistics[kSplitsAhead];
#pragma unroll
  for (int s = 0; s < kSplitsAhead; ++s) {
    if (s >= count) break;
    const std::int64_t at = row_index + static_cast<std::int64_t>(s) * params.padded_rows;
    statistics[s] = params.partial_statistics[at];
    values[s] = reinterpret_cast<const float4*>(params.partial_out + at * kLatentDim)[threadIdx.x];
  }
#pragma unroll
  for (int s = 0; s < kSplitsAhead; ++s) {
    if (s >= count) break;
    const float weight = sm90::exp2_approximate(statistics[s].x - reference);
    sum = fmaf(statistics[s].y, weight, sum);
    out.x = fmaf(values[s].x, weight, out.x);
    out.y = fmaf(values[s].y, weight, out.y);
    out.z = fmaf(values[s].z, weight, out.z);
    out.w = fmaf(values[s].w, weight, out.w);
  }
}

// One CTA per query row.
template <typename T>
__global__ void __launch_bounds__(kThreads) combine_kernel(const CombineParams params) {
  sm90::wait_for_previous_kernel();
  sm90::allow_next_kernel();
  const int row = static_cast<int>(blockIdx.x);
  const int request = static_cast<int>(blockIdx.y);
  const int begin = params.slot_begin[request];
  const int splits = params.slot_begin[request + 1] - begin;
  if (splits == 0 && params.context_lengths[request] > 0) return;  // written by the decode kernel

  const std::int64_t first = static_cast<std::int64_t>(begin) * params.padded_rows + row;
  const float maximum = row_maximum(params.partial_statistics + first, splits, params.padded_rows);
  const float reference = maximum == kNegativeInfinity ? 0.0f : maximum;
  float4 out = make_float4(0, 0, 0, 0);
  float sum = 0;
  for (int split = 0; split < splits; split += kSplitsAhead) {
    add_splits(params, first + static_cast<std::int64_t>(split) * params.padded_rows,
               min(splits - split, kSplitsAhead), reference, out, sum);
  }
  const float scale = sum > 0 ? 1.0f / sum : 0.0f;
  const std::int64_t line = static_cast<std::int64_t>(request) * params.rows + row;
  reinterpret_cast<uint2*>(params.out)[line * kThreads + threadIdx.x] = make_uint2(
      sm90::pack<T>(out.x * scale, out.y * scale), sm90::pack<T>(out.z * scale, out.w * scale));
  if (params.lse != nullptr && threadIdx.x == 0) {
    params.lse[line] = (maximum + log2f(sum)) * kLn2;
  }
}

}  // namespace

void launch_combine(const CombineParams& params, DType dtype, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(params.rows), static_cast<unsigned>(params.batch));
  const LaunchConfig launch(grid, kThreads, 0, stream);
  if (dtype == DType::kBF16) {
    CUDA_CHECK(cudaLaunchKernelEx(launch.get(), combine_kernel<__nv_bfloat16>, params));
  } else {
    CUDA_CHECK(cudaLaunchKernelEx(launch.get(), combine_kernel<__half>, params));
  }
}

}  // namespace etap::cuda
