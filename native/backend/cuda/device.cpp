#include "backend/cuda/device.h"

#include <cuda_runtime_api.h>

#include <cstdlib>

#include "backend/cuda/cuda_check.h"
#include "base/error.h"

namespace etap::cuda {
namespace {

constexpr int kHopperMajor = 9;
constexpr int kHopperMinor = 0;

[[noreturn]] void throw_unavailable(const std::string& reason) {
  throw Error("ETAP_ERR_CUDA_UNAVAILABLE",
              reason +
                  "; the cuda backend needs a Hopper GPU (H20, H100, H200) and its driver. "
                  "Choose the cpu backend where there is none");
}

}  // namespace

Device open_device(int rank, int rank_count) {
  // Kernels of several ranks wait for each other; loading one at its first launch could wait for
  // them.
  setenv("CUDA_MODULE_LOADING", "EAGER", 0);
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) {
    throw_unavailable(std::string("the CUDA driver answers: ") + cudaGetErrorString(status));
  }
  if (count == 0) throw_unavailable("there is no CUDA device");
  Device device{};
  device.ordinal = rank % count;
  device.sharing_ranks = (rank_count - device.ordinal + count - 1) / count;
  cudaDeviceProp properties{};
  CUDA_CHECK(cudaGetDeviceProperties(&properties, device.ordinal));
  if (properties.major != kHopperMajor || properties.minor != kHopperMinor) {
    throw_unavailable("device " + std::to_string(device.ordinal) + " is " + properties.name +
                      " with compute capability " + std::to_string(properties.major) + "." +
                      std::to_string(properties.minor) + ", not 9.0");
  }
  device.name = properties.name;
  device.multiprocessors = properties.multiProcessorCount;
  CUDA_CHECK(cudaSetDevice(device.ordinal));
  return device;
}

}  // namespace etap::cuda
