// Merges the partial results of requests that were cut into several splits.
#pragma once

#include <cuda_runtime_api.h>

#include "backend/cuda/etap/params.h"

namespace etap::cuda {

struct CombineParams {
  const float* partial_out = nullptr;          // [slot, padded_rows, 512], not divided by the sum
  const float2* partial_statistics = nullptr;  // [slot, padded_rows] (maximum in log2 units, sum)
  const std::int32_t* slot_begin = nullptr;    // [batch + 1]
  const std::int32_t* context_lengths = nullptr;  // [batch]
  void* out = nullptr;                            // [batch, rows, 512]
  float* lse = nullptr;                           // [batch, rows] or null
  int batch = 0;
  int rows = 0;
  int padded_rows = 0;
};

// Also writes zeros (and an LSE of minus infinity) for requests without context. Starts while the
// kernel ahead of it in the stream drains.
void launch_combine(const CombineParams& params, DType dtype, cudaStream_t stream);

}  // namespace etap::cuda
