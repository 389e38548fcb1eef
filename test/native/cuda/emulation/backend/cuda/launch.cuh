// Starting a kernel, on the host. Stands in for native/backend/cuda/launch.cuh.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "backend/cuda/cuda_check.h"

namespace etap::cuda {

template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, int threads, cudaStream_t,
            const Arguments&... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  const auto run = [=] {
    emulation::run_grid({grid.x, grid.y, grid.z}, threads,
                        [&] { kernel(static_cast<Parameters>(arguments)...); });
  };
  if (emulated_capture == nullptr) {
    run();
  } else {
    emulated_capture->calls.push_back(run);
  }
}

inline dim3 grid_for(std::int64_t count, int threads) {
  return dim3(static_cast<unsigned>((count + threads - 1) / threads));
}

}  // namespace etap::cuda
