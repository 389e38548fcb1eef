// Descriptions of arrays in device memory for the copy engine (TMA).
#pragma once

#include <cuda.h>

#include <cstdint>

#include "base/dtype.h"

namespace etap::cuda {

// A contiguous [outer, rows, columns] array of 16-bit elements, copied in boxes of one outer index,
// `box_rows` rows and `box_columns` columns (64 at most: one 128-byte swizzle row). Elements
// outside the array arrive as zeros. Throws ETAP_ERR_TENSOR when the driver refuses the shape.
struct TensorMapShape {
  DType dtype;
  const void* data;  // 16-byte aligned
  std::int64_t outer;
  std::int64_t rows;
  std::int64_t columns;
  int box_rows;
  int box_columns;
};
CUtensorMap make_tensor_map(const TensorMapShape& shape);

}  // namespace etap::cuda
