// Products with fp32 weights, without tensor cores: the router of a mixture, whose scores must not
// be rounded, and checkpoints stored in fp32 or fp16.
#pragma once

#include "backend/cuda/ops/matrix.h"

namespace etap::cuda {

inline constexpr int kPlainRows = 8;  // of x, per CTA

void multiply_plain(const Product& product, cudaStream_t stream);

}  // namespace etap::cuda
