// Host side of one kernel instance; included by the files of instantiations/ only.
#pragma once

#include "backend/cuda/cuda_check.h"
#include "backend/cuda/etap/kernel.cuh"
#include "backend/cuda/etap/launch.h"
#include "backend/cuda/launch_config.h"

namespace etap::cuda {

template <typename T, int kRows, int kCluster>
struct DecodeInstance {
  using Traits = DecodeTraits<T, kRows, kCluster>;

  static int prepare() {
    CUDA_CHECK(cudaFuncSetAttribute(mla_decode_kernel<Traits>,
                                    cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    Traits::kSharedBytes));
    int device = 0;
    int workers = 0;
    CUDA_CHECK(cudaGetDevice(&device));
    CUDA_CHECK(cudaDeviceGetAttribute(&workers, cudaDevAttrMultiProcessorCount, device));
    if (kCluster > 1) {
      const LaunchConfig shape(dim3(kCluster), kCtaThreads, Traits::kSharedBytes, nullptr,
                               kCluster);
      CUDA_CHECK(cudaOccupancyMaxActiveClusters(&workers, mla_decode_kernel<Traits>, shape.get()));
    }
    return workers;
  }

  static void launch(const DecodeKernelParams& params, int worker_count, cudaStream_t stream) {
    const LaunchConfig config(dim3(static_cast<unsigned>(worker_count * kCluster)), kCtaThreads,
                              Traits::kSharedBytes, stream, kCluster);
    CUDA_CHECK(cudaLaunchKernelEx(config.get(), mla_decode_kernel<Traits>, params));
  }

  static const DecodeLauncher launcher;
};

template <typename T, int kRows, int kCluster>
const DecodeLauncher DecodeInstance<T, kRows, kCluster>::launcher = {prepare, launch};

}  // namespace etap::cuda
