// The compiled instances of the decode kernel and how to start one.
#pragma once

#include <cuda_runtime_api.h>

#include "backend/cuda/etap/kernel_params.h"

namespace etap::cuda {

// One instance, for one element type, rows per CTA and cluster size.
struct DecodeLauncher {
  // Once per device, before the first launch: lets the kernel have its shared memory. Returns how
  // many clusters (or CTAs) the device can run at once.
  int (*prepare)();
  void (*launch)(const DecodeKernelParams& params, int worker_count, cudaStream_t stream);
};

const DecodeLauncher& find_launcher(DType dtype, const RowLayout& layout);

}  // namespace etap::cuda
