// Starting a kernel on a stream.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "backend/cuda/cuda_check.h"

namespace etap::cuda {

// Does nothing for an empty grid.
template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, int threads, cudaStream_t stream,
            const Arguments&... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  kernel<<<grid, static_cast<unsigned>(threads), 0, stream>>>(
      static_cast<Parameters>(arguments)...);
  CUDA_CHECK(cudaGetLastError());
}

// One thread for each of `count` items.
inline dim3 grid_for(std::int64_t count, int threads) {
  return dim3(static_cast<unsigned>((count + threads - 1) / threads));
}

}  // namespace etap::cuda
