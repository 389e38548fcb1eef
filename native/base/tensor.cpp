#include "base/tensor.h"

#include <cstdlib>
#include <limits>
#include <new>
#include <utility>

#include "base/check.h"

namespace etap {

namespace {

constexpr std::size_t kAlignment = 64;

}  // namespace

std::int64_t element_count(const Shape& shape) {
  std::int64_t count = 1;
  for (const std::int64_t dim : shape) {
    ETAP_CHECK(dim >= 0, "a tensor dimension is negative");
    const bool overflows = __builtin_mul_overflow(count, dim, &count);
    ETAP_CHECK(!overflows, "a tensor shape has more elements than int64 can count");
  }
  return count;
}

std::string shape_string(const Shape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

HostTensor::HostTensor(DType dtype, Shape shape) : dtype_(dtype), shape_(std::move(shape)) {
  const auto count = static_cast<std::size_t>(element_count(shape_));
  ETAP_CHECK(count <= std::numeric_limits<std::size_t>::max() / 2 / dtype_bytes(dtype),
             "a tensor has more bytes than the address space");
  bytes_ = count * dtype_bytes(dtype);
  const std::size_t rounded = (bytes_ + kAlignment - 1) / kAlignment * kAlignment;
  // One line even when empty, so that a tensor with no elements still has an address.
  void* memory = std::aligned_alloc(kAlignment, rounded > 0 ? rounded : kAlignment);
  if (memory == nullptr) throw std::bad_alloc();
  data_.reset(static_cast<std::byte*>(memory));
}

void HostTensor::Free::operator()(std::byte* pointer) const {
  std::free(pointer);
}

}  // namespace etap
