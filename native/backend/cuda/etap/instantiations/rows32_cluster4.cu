#include "backend/cuda/etap/instances.h"
#include "backend/cuda/etap/launch.cuh"

namespace etap::cuda {

const DecodeLauncher& decode_rows32_cluster4(DType dtype) {
  return dtype == DType::kBF16 ? DecodeInstance<__nv_bfloat16, 32, 4>::launcher
                               : DecodeInstance<__half, 32, 4>::launcher;
}

}  // namespace etap::cuda
