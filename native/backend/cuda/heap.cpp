#include "backend/cuda/heap.h"

#include <algorithm>

namespace etap::cuda {
namespace {

constexpr std::size_t kSlabBytes = std::size_t{64} << 20;
constexpr std::size_t kAlignment = 256;

}  // namespace

void* Heap::take(std::size_t bytes) {
  const std::size_t size =
      (std::max<std::size_t>(bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
  if (slabs_.empty() || used_ + size > slabs_.back().size()) {
    slabs_.emplace_back(std::max(size, kSlabBytes));
    used_ = 0;
  }
  void* piece = slabs_.back().data() + used_;
  used_ += size;
  return piece;
}

}  // namespace etap::cuda
