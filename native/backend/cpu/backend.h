// The backend for machines without a GPU: own kernels, chosen by instruction set at start. bf16
// activations and latent cache, fp32 sums and residual stream. Weights stay in their stored type
// and are multiplied exactly: FP8 is widened to bf16 (exact) a block at a time, and each block's
// sum is multiplied by its fp32 scale.
#pragma once

#include <memory>
#include <string>

#include "backend/backend.h"

namespace etap {

// `thread_count` 0: one for each usable core. `isa`: see create.h. Throws ETAP_ERR_CONFIG.
std::unique_ptr<Backend> create_cpu_backend(int thread_count, const std::string& isa);

}  // namespace etap
