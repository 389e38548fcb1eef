// The seam between the addon and libetap_cuda.so. Both are built from the same sources; the number
// says so.
#pragma once

#include <cstddef>

#include "backend/backend.h"

namespace etap {

// Raise it with every change of backend.h, communicator.h or the functions below.
inline constexpr int kCudaInterface = 2;

// extern "C" functions of the library, by name.
using CudaInterfaceFunction = int();  // etap_cuda_interface
// etap_cuda_create: throws etap::Error (ETAP_ERR_CUDA_UNAVAILABLE, ETAP_ERR_OUT_OF_MEMORY).
using CudaCreateFunction = Backend*(int rank, int rank_count);
// etap_cuda_copy: waits for the device, then copies between any two places; for tests.
using CudaCopyFunction = void(void* target, const void* source, std::size_t bytes);

}  // namespace etap
