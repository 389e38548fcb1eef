// What libetap_cuda.so exports. The addon finds these by name (backend/cuda_library.h).
#include <cuda_runtime_api.h>

#include "backend/cuda/backend.h"
#include "backend/cuda/cuda_check.h"
#include "backend/cuda_interface.h"

extern "C" {

__attribute__((visibility("default"))) int etap_cuda_interface() {
  return etap::kCudaInterface;
}

__attribute__((visibility("default"))) etap::Backend* etap_cuda_create(int rank, int rank_count) {
  return etap::cuda::create_backend(rank, rank_count).release();
}

__attribute__((visibility("default"))) void etap_cuda_copy(void* target, const void* source,
                                                           std::size_t bytes) {
  CUDA_CHECK(cudaDeviceSynchronize());
  CUDA_CHECK(cudaMemcpy(target, source, bytes, cudaMemcpyDefault));
  // A copy from ordinary memory may return before it has reached the device.
  CUDA_CHECK(cudaDeviceSynchronize());
}

}  // extern "C"
