// What a step looks like, on the device: copied once per step, read by every layer.
#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "backend/backend.h"
#include "backend/cuda/device_array.h"

namespace etap::cuda {

// One array on its way to the device through page-locked memory. The device address stays the same
// until the array has to grow.
template <typename T>
class StepArray {
 public:
  StepArray() = default;
  ~StepArray() { cudaFreeHost(host_); }
  StepArray(const StepArray&) = delete;
  StepArray& operator=(const StepArray&) = delete;

  // Room for `size` values on both sides. The copy of the step before must have ended.
  T* prepare(std::size_t size) {
    size_ = size;
    if (size > capacity_) grow(size);
    return host_;
  }
  void assign(std::span<const T> values) {
    T* place = prepare(values.size());
    std::copy(values.begin(), values.end(), place);
  }
  void copy(cudaStream_t stream) const {
    if (size_ == 0) return;
    CUDA_CHECK(
        cudaMemcpyAsync(device_.data(), host_, size_ * sizeof(T), cudaMemcpyHostToDevice, stream));
  }
  // Changes when the device address does.
  std::int64_t generation() const { return static_cast<std::int64_t>(capacity_); }
  const T* device() const { return device_.data(); }
  const T* host() const { return host_; }
  std::size_t size() const { return size_; }

 private:
  void grow(std::size_t size) {
    std::size_t capacity = 256;
    while (capacity < size) capacity *= 2;
    CUDA_CHECK(cudaFreeHost(host_));
    host_ = nullptr;
    CUDA_CHECK(cudaMallocHost(reinterpret_cast<void**>(&host_), capacity * sizeof(T)));
    device_ = DeviceArray<T>(capacity);
    capacity_ = capacity;
  }

  T* host_ = nullptr;
  DeviceArray<T> device_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

class StepArrays {
 public:
  StepArrays();
  ~StepArrays();
  StepArrays(const StepArrays&) = delete;
  StepArrays& operator=(const StepArrays&) = delete;

  // Waits for the copies of the step before, then enqueues those of this one.
  void begin(const StepLayout& layout, cudaStream_t stream);

  const StepLayout& layout() const { return layout_; }
  const std::int32_t* tokens() const { return tokens_.device(); }
  const std::int32_t* positions() const { return positions_.device(); }
  const std::int64_t* slots() const { return slots_.device(); }
  const std::int32_t* logit_rows() const { return logit_rows_.device(); }

  // Absorbed rows, packed: each is a request of its own, with a context up to its position.
  int absorbed_count() const { return static_cast<int>(absorbed_index_.size()); }
  const std::int32_t* absorbed_index() const {
    return absorbed_index_.device();
  }  // row of the step
  const std::int32_t* context_lengths() const { return context_lengths_.device(); }
  std::span<const std::int32_t> host_context_lengths() const {
    return {context_lengths_.host(), context_lengths_.size()};
  }
  const std::int32_t* absorbed_blocks() const { return absorbed_blocks_.device(); }
  std::int64_t absorbed_block_stride() const { return absorbed_stride_; }

  // Changes when a device address does.
  std::int64_t generation() const;

  // Block table of expanded segment `index`.
  const std::int32_t* expanded_blocks(std::size_t index) const {
    return expanded_blocks_.device() + expanded_begin_[index];
  }

 private:
  void add_absorbed(const StepLayout& layout);
  void add_expanded(const StepLayout& layout);

  StepLayout layout_{};
  StepArray<std::int32_t> tokens_;
  StepArray<std::int32_t> positions_;
  StepArray<std::int64_t> slots_;
  StepArray<std::int32_t> logit_rows_;
  StepArray<std::int32_t> absorbed_index_;
  StepArray<std::int32_t> context_lengths_;
  StepArray<std::int32_t> absorbed_blocks_;  // [absorbed rows, absorbed_stride_]
  std::int64_t absorbed_stride_ = 0;
  StepArray<std::int32_t> expanded_blocks_;  // of all segments, one after another
  std::vector<std::size_t> expanded_begin_;
  cudaEvent_t copied_ = nullptr;
};

}  // namespace etap::cuda
