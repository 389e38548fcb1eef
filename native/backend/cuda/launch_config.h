// A kernel launch that may start while the kernel ahead of it in the stream drains (programmatic
// dependent launch). Such a kernel calls sm90::wait_for_previous_kernel before it reads memory.
#pragma once

#include <cuda_runtime_api.h>

#include <array>
#include <cstddef>

namespace etap::cuda {

class LaunchConfig {
 public:
  LaunchConfig(dim3 grid, int threads, std::size_t shared_bytes, cudaStream_t stream,
               int cluster = 1) {
    attributes_[0].id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attributes_[0].val.programmaticStreamSerializationAllowed = 1;
    attributes_[1].id = cudaLaunchAttributeClusterDimension;
    attributes_[1].val.clusterDim.x = static_cast<unsigned>(cluster);
    attributes_[1].val.clusterDim.y = 1;
    attributes_[1].val.clusterDim.z = 1;
    config_.gridDim = grid;
    config_.blockDim = dim3(static_cast<unsigned>(threads));
    config_.dynamicSmemBytes = shared_bytes;
    config_.stream = stream;
    config_.attrs = attributes_.data();
    config_.numAttrs = cluster > 1 ? 2 : 1;
  }
  LaunchConfig(const LaunchConfig&) = delete;
  LaunchConfig& operator=(const LaunchConfig&) = delete;

  const cudaLaunchConfig_t* get() const { return &config_; }

 private:
  std::array<cudaLaunchAttribute, 2> attributes_{};
  cudaLaunchConfig_t config_{};
};

}  // namespace etap::cuda
