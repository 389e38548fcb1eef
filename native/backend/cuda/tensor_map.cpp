#include "backend/cuda/tensor_map.h"

#include <cudaTypedefs.h>

#include <string>

#include "backend/cuda/cuda_check.h"
#include "base/error.h"

namespace etap::cuda {
namespace {

// Found at run time, so that the library does not link against the driver.
PFN_cuTensorMapEncodeTiled_v12000 encode_function() {
  static const PFN_cuTensorMapEncodeTiled_v12000 encode = [] {
    constexpr unsigned kDriverApiVersion = 12000;
    void* function = nullptr;
    cudaDriverEntryPointQueryResult found{};
    CUDA_CHECK(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function,
                                                kDriverApiVersion, cudaEnableDefault, &found));
    if (found != cudaDriverEntryPointSuccess || function == nullptr) {
      throw Error("ETAP_ERR_STEP_FAILED",
                  "The CUDA driver has no cuTensorMapEncodeTiled; driver 525 or newer is needed.");
    }
    return reinterpret_cast<PFN_cuTensorMapEncodeTiled_v12000>(function);
  }();
  return encode;
}

}  // namespace

CUtensorMap make_tensor_map(const TensorMapShape& shape) {
  const auto element_bytes = static_cast<std::uint64_t>(dtype_bytes(shape.dtype));
  const std::uint64_t row_bytes = static_cast<std::uint64_t>(shape.columns) * element_bytes;
  const cuuint64_t sizes[] = {static_cast<cuuint64_t>(shape.columns),
                              static_cast<cuuint64_t>(shape.rows),
                              static_cast<cuuint64_t>(shape.outer)};
  const cuuint64_t strides[] = {row_bytes, row_bytes * static_cast<std::uint64_t>(shape.rows)};
  const cuuint32_t box[] = {static_cast<cuuint32_t>(shape.box_columns),
                            static_cast<cuuint32_t>(shape.box_rows), 1};
  const cuuint32_t steps[] = {1, 1, 1};
  const CUtensorMapDataType type = shape.dtype == DType::kF16 ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16
                                                              : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
  CUtensorMap map{};
  const CUresult result =
      encode_function()(&map, type, 3, const_cast<void*>(shape.data), sizes, strides, box, steps,
                        CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                        CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS) {
    throw Error("ETAP_ERR_TENSOR",
                "The driver refused a tensor map of [" + std::to_string(shape.outer) + ", " +
                    std::to_string(shape.rows) + ", " + std::to_string(shape.columns) +
                    "] (error " + std::to_string(static_cast<int>(result)) +
                    "); the data must be 16-byte aligned and the row a multiple of 16 bytes.");
  }
  return map;
}

}  // namespace etap::cuda
