// Conversions between fp32 and the narrower float formats, bit by bit. They are exact, and round to
// nearest even where they narrow.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/dtype.h"

namespace etap {

inline float bf16_to_float(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

inline std::uint16_t float_to_bf16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  // A NaN whose payload lies in the low half would round to infinity.
  if ((bits & 0x7fffffffU) > 0x7f800000U) return static_cast<std::uint16_t>((bits >> 16) | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
}

inline float fp16_to_float(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
  const std::uint32_t magnitude = bits & 0x7fffU;
  if (magnitude >= 0x7c00U) {  // infinity and NaN
    return std::bit_cast<float>(sign | 0x7f800000U | ((magnitude & 0x3ffU) << 13));
  }
  // Placing the bits 13 higher leaves the exponent 112 too small; the product is exact, also for
  // subnormals.
  const float scaled = std::bit_cast<float>(magnitude << 13) * 0x1p112F;
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(scaled));
}

// e4m3 as in FP8 checkpoints: no infinities, 0x7f and 0xff are NaN.
inline bool is_e4m3_nan(std::uint8_t bits) {
  return (bits & 0x7fU) == 0x7fU;
}

inline float e4m3_to_float(std::uint8_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x80U) << 24;
  if (is_e4m3_nan(bits)) return std::bit_cast<float>(sign | 0x7fc00000U);
  const float scaled =
      std::bit_cast<float>(static_cast<std::uint32_t>(bits & 0x7fU) << 20) * 0x1p120F;
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(scaled));
}

// Element `index` of an array of `dtype`, one of the float types.
inline float load_float(DType dtype, const void* values, std::size_t index) {
  switch (dtype) {
    case DType::kF16:
      return fp16_to_float(static_cast<const std::uint16_t*>(values)[index]);
    case DType::kBF16:
      return bf16_to_float(static_cast<const std::uint16_t*>(values)[index]);
    case DType::kF8E4M3:
      return e4m3_to_float(static_cast<const std::uint8_t*>(values)[index]);
    case DType::kF32:
    case DType::kI32:
      break;
  }
  return static_cast<const float*>(values)[index];
}

}  // namespace etap
