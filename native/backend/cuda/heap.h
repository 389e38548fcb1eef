// Device memory for weights: many small arrays that live as long as the model.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "backend/cuda/device_array.h"

namespace etap::cuda {

// Hands out pieces of large allocations; never takes one back. Each piece keeps the heap alive.
class Heap {
 public:
  // 256-byte aligned. Throws ETAP_ERR_OUT_OF_MEMORY.
  void* take(std::size_t bytes);
  template <typename T>
  T* take_array(std::size_t count) {
    return static_cast<T*>(take(count * sizeof(T)));
  }

 private:
  std::vector<DeviceArray<std::byte>> slabs_;
  std::size_t used_ = 0;  // of the last slab
};

// An array that grows to the largest size asked for; contents are not kept when it grows.
template <typename T>
class GrowingArray {
 public:
  T* get(std::size_t size) {
    if (size > array_.size()) {
      array_ = DeviceArray<T>();
      array_ = DeviceArray<T>(size);
      ++generation_;
    }
    return array_.data();
  }
  // Changes whenever earlier pointers have become invalid.
  std::int64_t generation() const { return generation_; }

 private:
  DeviceArray<T> array_;
  std::int64_t generation_ = 0;
};

}  // namespace etap::cuda
