// From matrices as checkpoints store them to the packed layout of matrix.h, on the device.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "base/dtype.h"

namespace etap::cuda {

// A matrix in device memory: element (r, c) at r * row_stride + c * column_stride.
struct PackSource {
  const void* values = nullptr;
  const float* scales = nullptr;  // e4m3: [rows, blocks]
  DType dtype = DType::kBF16;     // kBF16, kF32 (rounded to bf16) or kF8E4M3
  std::int64_t row_stride = 0;
  std::int64_t column_stride = 1;
};

struct PackShape {
  int rows;  // of each source
  int columns;
  int blocks;
  int first_columns;
  int tiles;
  bool gated;  // two sources: rows of `first` are gates, rows of `second` their factors
};

// Values and, for e4m3, scales. `nan_at` (device memory): lowered to the index, row by row, of the
// first NaN among e4m3 values; of `second` counted after those of `first`.
void pack_matrix(const PackShape& shape, const PackSource& first, const PackSource& second,
                 void* values, float* scales, unsigned long long* nan_at, cudaStream_t stream);

}  // namespace etap::cuda
