#include "backend/cuda/etap/instances.h"
#include "backend/cuda/etap/launch.cuh"

namespace etap::cuda {

const DecodeLauncher& decode_rows24(DType dtype) {
  return dtype == DType::kBF16 ? DecodeInstance<__nv_bfloat16, 24, 1>::launcher
                               : DecodeInstance<__half, 24, 1>::launcher;
}

}  // namespace etap::cuda
