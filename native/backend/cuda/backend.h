// The Hopper backend: bf16 activations, weights as they are stored (bf16 or e4m3 with block
// scales), decode attention through the ETAP kernel. Everything of one rank runs on one stream, and
// nothing waits for the device before read_back.
#pragma once

#include <cuda_runtime_api.h>

#include <memory>

#include "backend/backend.h"

namespace etap::cuda {

// `device`: ordinal; ranks beyond the number of devices share them, rank_count / devices on each.
// Throws ETAP_ERR_CUDA_UNAVAILABLE without a driver or a Hopper GPU, ETAP_ERR_OUT_OF_MEMORY.
std::unique_ptr<Backend> create_backend(int rank, int rank_count);

// The stream of a backend that create_backend made: for benches, which time what it enqueues.
cudaStream_t stream_of(const Backend& backend);

}  // namespace etap::cuda
