// The same attention without tensor cores, tiles or splits: slow, plain, in one go per query row.
// The oracle of the tests, and the last resort on devices that are not Hopper.
#pragma once

#include <cuda_runtime_api.h>

#include "backend/cuda/etap/params.h"

namespace etap::cuda {

enum class ReferencePrecision : std::uint8_t { kFloat, kDouble };

// As DecodeArguments, but the results are not rounded: `out` [batch, rows, 512] and `lse`
// [batch, rows] (natural log, or null) are double.
struct ReferenceArguments {
  const void* query = nullptr;
  KvPool kv;
  const std::int32_t* block_table = nullptr;
  int block_table_stride = 0;
  const std::int32_t* context_lengths = nullptr;
  int batch = 0;
  double* out = nullptr;
  double* lse = nullptr;
  float softmax_scale = 0;
};

void reference_decode(const DecodeShape& shape, const ReferenceArguments& arguments,
                      ReferencePrecision precision, cudaStream_t stream);

}  // namespace etap::cuda
