// Element types of tensors in checkpoints and in memory.
#pragma once

#include <cstddef>
#include <cstdint>

namespace etap {

enum class DType : std::uint8_t { kF32, kF16, kBF16, kF8E4M3, kI32 };

constexpr std::size_t dtype_bytes(DType dtype) {
  switch (dtype) {
    case DType::kF32:
    case DType::kI32:
      return 4;
    case DType::kF16:
    case DType::kBF16:
      return 2;
    case DType::kF8E4M3:
      return 1;
  }
  return 0;
}

const char* dtype_name(DType dtype);

}  // namespace etap
