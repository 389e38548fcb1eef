// Activations and the latent cache in device memory.
#pragma once

#include "backend/backend.h"
#include "backend/cuda/device_array.h"

namespace etap::cuda {

struct DeviceBuffer final : Buffer {
  DeviceBuffer(DType dtype, std::int64_t rows, std::int64_t columns)
      : memory(static_cast<std::size_t>(rows * columns) * dtype_bytes(dtype)) {
    view_ = {memory.data(), dtype, rows, columns, columns};
  }
  DeviceArray<std::byte> memory;
};

// [layers, blocks, 64, width] bf16, zeroed.
class PagedCache final : public LatentCache {
 public:
  PagedCache(std::int64_t layers, std::int64_t blocks, std::int64_t width)
      : blocks_(blocks),
        layer_values_(blocks * kBlockTokens * width),
        values_(static_cast<std::size_t>(layers * layer_values_)) {
    // On the default stream, which the backend's own does not wait for.
    CUDA_CHECK(cudaMemset(values_.data(), 0, values_.bytes()));
    CUDA_CHECK(cudaStreamSynchronize(nullptr));
  }

  std::int64_t block_count() const { return blocks_; }
  std::uint16_t* layer(std::int64_t index) const { return values_.data() + index * layer_values_; }

 private:
  std::int64_t blocks_;
  std::int64_t layer_values_;
  DeviceArray<std::uint16_t> values_;
};

}  // namespace etap::cuda
