#include "backend/cuda/etap/instances.h"
#include "backend/cuda/etap/launch.cuh"

namespace etap::cuda {

const DecodeLauncher& decode_rows16(DType dtype) {
  return dtype == DType::kBF16 ? DecodeInstance<__nv_bfloat16, 16, 1>::launcher
                               : DecodeInstance<__half, 16, 1>::launcher;
}

}  // namespace etap::cuda
