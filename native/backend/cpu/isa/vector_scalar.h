// Sixteen fp32 lanes in plain C++: for machines without AVX2, and as the model of the others.
// Included by one ISA file only; everything is internal to it.
#pragma once

#include <cstdint>
#include <cstring>

namespace etap::cpu {
namespace {

struct ScalarVector {
  struct Lanes {
    float lane[16];
  };
  using F = Lanes;

  template <typename Body>
  static F make(const Body& body) {
    F result;
    for (int i = 0; i < 16; ++i) result.lane[i] = body(i);
    return result;
  }
  static std::uint32_t bits(float value) {
    std::uint32_t result;
    std::memcpy(&result, &value, sizeof(result));
    return result;
  }
  static float from_bits(std::uint32_t value) {
    float result;
    std::memcpy(&result, &value, sizeof(result));
    return result;
  }

  // Register blocking of products: vectors of outputs, and accumulators in all.
  static constexpr int kVectors = 1;
  static constexpr int kAccumulators = 4;

  static F zero() { return set(0.0F); }
  static F set(float value) {
    return make([&](int) { return value; });
  }
  static F load(const void* p) {
    F result;
    std::memcpy(&result, p, sizeof(result));
    return result;
  }
  static void store(void* p, F a) { std::memcpy(p, &a, sizeof(a)); }
  static F broadcast(const std::uint32_t* p) { return set(from_bits(*p)); }
  static F add(F a, F b) {
    return make([&](int i) { return a.lane[i] + b.lane[i]; });
  }
  static F sub(F a, F b) {
    return make([&](int i) { return a.lane[i] - b.lane[i]; });
  }
  static F mul(F a, F b) {
    return make([&](int i) { return a.lane[i] * b.lane[i]; });
  }
  static F div(F a, F b) {
    return make([&](int i) { return a.lane[i] / b.lane[i]; });
  }
  // Two roundings: this machine has no fused multiply-add.
  static F fma(F a, F b, F c) {
    return make([&](int i) { return a.lane[i] * b.lane[i] + c.lane[i]; });
  }
  // Both give the second operand where either is NaN.
  static F min(F a, F b) {
    return make([&](int i) { return a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]; });
  }
  static F max(F a, F b) {
    return make([&](int i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
  }
  // value * 2^n, where n is the low bits of `shifted` and the result is a normal number.
  static F add_exponent(F value, F shifted) {
    return make(
        [&](int i) { return from_bits(bits(value.lane[i]) + (bits(shifted.lane[i]) << 23)); });
  }
  // value where index < limit[lane], else `other`.
  static F where_below(std::int32_t index, const std::int32_t* limit, F value, F other) {
    return make([&](int i) { return index < limit[i] ? value.lane[i] : other.lane[i]; });
  }
  static float sum(F a) {
    float partial[8];
    for (int i = 0; i < 8; ++i) partial[i] = a.lane[i] + a.lane[i + 8];
    for (int i = 0; i < 4; ++i) partial[i] += partial[i + 4];
    return (partial[0] + partial[2]) + (partial[1] + partial[3]);
  }

  static F load_bf16(const std::uint16_t* p) {
    return make([&](int i) { return from_bits(static_cast<std::uint32_t>(p[i]) << 16); });
  }
  static std::uint16_t to_bf16(float value) {
    const std::uint32_t source = bits(value);
    if ((source & 0x7fffffffU) > 0x7f800000U) return 0x7fc0U;
    return static_cast<std::uint16_t>((source + 0x7fffU + ((source >> 16) & 1U)) >> 16);
  }
  // Round to nearest even; NaN stays NaN.
  static void store_bf16(std::uint16_t* p, F a) {
    for (int i = 0; i < 16; ++i) p[i] = to_bf16(a.lane[i]);
  }
  static F load_fp16(const std::uint16_t* p) {
    return make([&](int i) {
      const std::uint32_t sign = static_cast<std::uint32_t>(p[i] & 0x8000U) << 16;
      const std::uint32_t magnitude = p[i] & 0x7fffU;
      if (magnitude >= 0x7c00U) {
        return from_bits(sign | 0x7f800000U | ((magnitude & 0x3ffU) << 13));
      }
      return from_bits(sign | bits(from_bits(magnitude << 13) * 0x1p112F));
    });
  }
  // The low and the high bf16 of each 32-bit word.
  static F low_bf16(F words) {
    return make([&](int i) { return from_bits(bits(words.lane[i]) << 16); });
  }
  static F high_bf16(F words) {
    return make([&](int i) { return from_bits(bits(words.lane[i]) & 0xffff0000U); });
  }
  // 16 e4m3 bytes to 16 bf16, exactly: by way of fp32, whose product is exact for subnormals too.
  static constexpr int kE4m3Values = 16;
  // 32 bytes, two columns of sixteen outputs, to fp32; true values are kE4m3Unit^2 times as large.
  static constexpr float kE4m3Unit = 1.0F;
  static void e4m3_pair(const std::uint8_t* p, F& even, F& odd) {
    std::uint16_t pairs[32];
    e4m3_to_bf16(p, pairs);
    e4m3_to_bf16(p + 16, pairs + 16);
    const F words = load(pairs);
    even = low_bf16(words);
    odd = high_bf16(words);
  }
  static void e4m3_to_bf16(const std::uint8_t* p, std::uint16_t* out) {
    for (int i = 0; i < 16; ++i) {
      const std::uint32_t sign = static_cast<std::uint32_t>(p[i] & 0x80U) << 24;
      const float scaled = from_bits(static_cast<std::uint32_t>(p[i] & 0x7fU) << 20) * 0x1p120F;
      out[i] = static_cast<std::uint16_t>((sign | bits(scaled)) >> 16);
    }
  }
};

}  // namespace
}  // namespace etap::cpu
