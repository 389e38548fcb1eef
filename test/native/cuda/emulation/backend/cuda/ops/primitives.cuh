// What the kernels ask of the hardware, on the host. Stands in for
// native/backend/cuda/ops/primitives.cuh.
#pragma once

#include <cuda_runtime.h>

#include <bit>
#include <cstdint>
#include <cstring>

#include "base/float_bits.h"

namespace etap::cuda {

inline constexpr int kLanes = 32;

template <typename T>
T shuffle_xor(T value, int mask) {
  emulation::warp_exchange(
      &value, sizeof(T),
      [](auto& lanes, int m) {
        T values[kLanes];
        for (int lane = 0; lane < kLanes; ++lane)
          std::memcpy(&values[lane], lanes[lane], sizeof(T));
        for (int lane = 0; lane < kLanes; ++lane) {
          std::memcpy(lanes[lane], &values[lane ^ m], sizeof(T));
        }
      },
      mask);
  return value;
}

template <bool kLargest>
std::uint32_t reduce_lanes(std::uint32_t value) {
  emulation::warp_exchange(
      &value, sizeof value,
      [](auto& lanes, int) {
        std::uint32_t result;
        std::memcpy(&result, lanes[0], sizeof result);
        for (auto& lane : lanes) {
          std::uint32_t other;
          std::memcpy(&other, lane, sizeof other);
          result = kLargest ? std::max(result, other) : std::min(result, other);
        }
        for (auto& lane : lanes) std::memcpy(lane, &result, sizeof result);
      },
      0);
  return value;
}
inline std::uint32_t warp_maximum(std::uint32_t value) {
  return reduce_lanes<true>(value);
}
inline std::uint32_t warp_minimum(std::uint32_t value) {
  return reduce_lanes<false>(value);
}
inline std::uint32_t float_bits(float value) {
  return std::bit_cast<std::uint32_t>(value);
}

inline float bf16_value(std::uint16_t bits) {
  return bf16_to_float(bits);
}
inline std::uint16_t bf16_bits(float value) {
  return float_to_bf16(value);
}
inline std::uint32_t pack_bf16(float low, float high) {
  return bf16_bits(low) | static_cast<std::uint32_t>(bf16_bits(high)) << 16;
}

inline void widen_e4m3(std::uint32_t values, std::uint32_t& first, std::uint32_t& second) {
  const auto value = [values](int i) {
    return e4m3_to_float(static_cast<std::uint8_t>(values >> (8 * i)));
  };
  first = pack_bf16(value(0), value(1));
  second = pack_bf16(value(2), value(3));
}

// What one lane brings to a 16x8x16 product.
struct ProductLane {
  float d[4];
  std::uint32_t a[4];
  std::uint32_t b[2];
};
static_assert(sizeof(ProductLane) <= emulation::kExchangeBytes);

inline void multiply_lanes(std::byte (&lanes)[kLanes][emulation::kExchangeBytes], int) {
  float a[16][16];
  float b[16][8];
  float d[16][8];
  const auto half = [](std::uint32_t pair, int e) {
    return bf16_value(static_cast<std::uint16_t>(pair >> (16 * e)));
  };
  for (int lane = 0; lane < kLanes; ++lane) {
    const auto& mine = *reinterpret_cast<const ProductLane*>(lanes[lane]);
    const int g = lane / 4;
    const int q = lane % 4;
    for (int e = 0; e < 2; ++e) {
      a[g][2 * q + e] = half(mine.a[0], e);
      a[g + 8][2 * q + e] = half(mine.a[1], e);
      a[g][2 * q + 8 + e] = half(mine.a[2], e);
      a[g + 8][2 * q + 8 + e] = half(mine.a[3], e);
      b[2 * q + e][g] = half(mine.b[0], e);
      b[2 * q + 8 + e][g] = half(mine.b[1], e);
      d[g][2 * q + e] = mine.d[e];
      d[g + 8][2 * q + e] = mine.d[2 + e];
    }
  }
  for (int m = 0; m < 16; ++m) {
    for (int k = 0; k < 16; ++k) {
      for (int n = 0; n < 8; ++n) d[m][n] += a[m][k] * b[k][n];
    }
  }
  for (int lane = 0; lane < kLanes; ++lane) {
    auto& mine = *reinterpret_cast<ProductLane*>(lanes[lane]);
    for (int e = 0; e < 2; ++e) {
      mine.d[e] = d[lane / 4][lane % 4 * 2 + e];
      mine.d[2 + e] = d[lane / 4 + 8][lane % 4 * 2 + e];
    }
  }
}

inline void multiply_16x8x16(float (&d)[4], std::uint32_t a0, std::uint32_t a1, std::uint32_t a2,
                             std::uint32_t a3, std::uint32_t b0, std::uint32_t b1) {
  ProductLane lane{{d[0], d[1], d[2], d[3]}, {a0, a1, a2, a3}, {b0, b1}};
  emulation::warp_exchange(&lane, sizeof lane, multiply_lanes, 0);
  for (int i = 0; i < 4; ++i) d[i] = lane.d[i];
}

inline float power_of_two(float exponent) {
  return std::exp2(exponent);
}
inline uint4 load_once(const uint4* pointer) {
  return *pointer;
}

}  // namespace etap::cuda
