// Host tensors: an owning row-major array and what describes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/dtype.h"

namespace etap {

using Shape = std::vector<std::int64_t>;

std::int64_t element_count(const Shape& shape);
// "[2048, 576]"
std::string shape_string(const Shape& shape);

// Owning, 64-byte aligned, row-major, contiguous. Move-only.
class HostTensor {
 public:
  HostTensor() = default;
  HostTensor(DType dtype, Shape shape);

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  std::int64_t dim(std::size_t index) const { return shape_.at(index); }
  std::size_t bytes() const { return bytes_; }
  bool empty() const { return data_ == nullptr; }

  template <typename T>
  T* data() {
    return reinterpret_cast<T*>(data_.get());
  }
  template <typename T>
  const T* data() const {
    return reinterpret_cast<const T*>(data_.get());
  }

 private:
  struct Free {
    void operator()(std::byte* pointer) const;
  };
  DType dtype_ = DType::kF32;
  Shape shape_;
  std::size_t bytes_ = 0;
  std::unique_ptr<std::byte[], Free> data_;
};

}  // namespace etap
