// The paged latent KV cache in bf16.
#pragma once

#include <cstdint>

#include "backend/backend.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/memory.h"

namespace etap::cpu {

class PagedCache final : public LatentCache {
 public:
  PagedCache(std::int64_t layers, std::int64_t blocks, std::int64_t width)
      : blocks_(blocks),
        stride_((width + kColumnAlign - 1) / kColumnAlign * kColumnAlign),
        memory_(static_cast<std::size_t>(layers * blocks * kBlockTokens * stride_) * 2) {}

  // Values from one token to the next: the width, padded with zeros.
  std::int64_t stride() const { return stride_; }
  std::uint16_t* token(std::int64_t layer, std::int64_t slot) const {
    return reinterpret_cast<std::uint16_t*>(memory_.data()) +
           (layer * blocks_ * kBlockTokens + slot) * stride_;
  }
  const std::uint16_t* block(std::int64_t layer, std::int64_t id) const {
    return token(layer, id * kBlockTokens);
  }

 private:
  std::int64_t blocks_;
  std::int64_t stride_;
  Memory memory_;
};

}  // namespace etap::cpu
