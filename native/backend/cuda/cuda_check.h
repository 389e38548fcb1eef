// Turns CUDA failures into etap::Error, with the call and its place.
#pragma once

#include <cuda_runtime_api.h>

#include <string>

#include "base/error.h"

namespace etap::cuda {

// ETAP_ERR_OUT_OF_MEMORY when the device has no memory left, else ETAP_ERR_STEP_FAILED. After an
// error of a kernel itself the device context is lost and the process must be restarted.
[[noreturn]] inline void throw_cuda_error(cudaError_t status, const char* call, const char* file,
                                          int line) {
  const bool out_of_memory = status == cudaErrorMemoryAllocation;
  throw Error(out_of_memory ? "ETAP_ERR_OUT_OF_MEMORY" : "ETAP_ERR_STEP_FAILED",
              std::string("CUDA call failed: ") + cudaGetErrorString(status) + " in " + call +
                  " at " + file + ":" + std::to_string(line));
}

}  // namespace etap::cuda

#define CUDA_CHECK(call)                                                      \
  do {                                                                        \
    const cudaError_t etap_status = (call);                                   \
    if (etap_status != cudaSuccess) [[unlikely]] {                            \
      ::etap::cuda::throw_cuda_error(etap_status, #call, __FILE__, __LINE__); \
    }                                                                         \
  } while (0)
