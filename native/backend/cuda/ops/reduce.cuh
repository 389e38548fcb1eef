// Sums and maxima over the threads of a CTA, in a fixed tree.
#pragma once

#include "backend/cuda/ops/primitives.cuh"

namespace etap::cuda {

// The same value in every thread. All threads of the CTA must call it.
template <int kThreads, typename Combine>
__device__ __forceinline__ float combine_over_threads(float value, const Combine& combine) {
  constexpr int kWarps = kThreads / kLanes;
  __shared__ float parts[kWarps];
  for (int mask = kLanes / 2; mask > 0; mask /= 2) {
    value = combine(value, shuffle_xor(value, mask));
  }
  __syncthreads();  // an earlier call's parts have been read
  if (threadIdx.x % kLanes == 0) parts[threadIdx.x / kLanes] = value;
  __syncthreads();
  value = parts[0];
  for (int warp = 1; warp < kWarps; ++warp) value = combine(value, parts[warp]);
  return value;
}

template <int kThreads>
__device__ __forceinline__ float sum_over_threads(float value) {
  return combine_over_threads<kThreads>(value, [](float a, float b) { return a + b; });
}

template <int kThreads>
__device__ __forceinline__ float maximum_over_threads(float value) {
  return combine_over_threads<kThreads>(value, [](float a, float b) { return fmaxf(a, b); });
}

}  // namespace etap::cuda
