// The words of CUDA C++ that the backend's kernels use, for a host compiler.
#pragma once

#include <algorithm>
#include <cmath>

#include "cuda_runtime_api.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
// Blocks run one after another, all threads of one on one host thread.
#define __shared__ static thread_local

#define threadIdx (::etap::emulation::place().thread)
#define blockIdx (::etap::emulation::place().block)

using std::max;
using std::min;

inline void __syncthreads() {
  ::etap::emulation::block_barrier();
}
inline void __syncwarp() {
  ::etap::emulation::warp_exchange(
      nullptr, 0, [](auto&, int) {}, 0);
}

template <typename T>
T atomicAdd(T* place, T value) {
  const T before = *place;
  *place = before + value;
  return before;
}
template <typename T>
T atomicMin(T* place, T value) {
  const T before = *place;
  *place = std::min(before, value);
  return before;
}
