// What the kernels of the operations ask of the hardware beyond plain C++: warp
// exchange, the small matrix product, narrow floats. test/native/cuda/emulation
// has the same functions for the host.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>

namespace etap::cuda {

inline constexpr int kLanes = 32;

__device__ __forceinline__ float shuffle_xor(float value, int mask) {
  return __shfl_xor_sync(0xFFFFFFFFu, value, mask);
}
__device__ __forceinline__ int shuffle_xor(int value, int mask) {
  return __shfl_xor_sync(0xFFFFFFFFu, value, mask);
}

// Over all lanes of the warp; the same in every one.
__device__ __forceinline__ std::uint32_t warp_maximum(std::uint32_t value) {
  return __reduce_max_sync(0xFFFFFFFFu, value);
}
__device__ __forceinline__ std::uint32_t warp_minimum(std::uint32_t value) {
  return __reduce_min_sync(0xFFFFFFFFu, value);
}

__device__ __forceinline__ std::uint32_t float_bits(float value) {
  return __float_as_uint(value);
}

__device__ __forceinline__ float bf16_value(std::uint16_t bits) {
  return __uint_as_float(static_cast<std::uint32_t>(bits) << 16);
}

// Rounds to nearest even; NaN stays NaN.
__device__ __forceinline__ std::uint16_t bf16_bits(float value) {
  return __bfloat16_as_ushort(__float2bfloat16_rn(value));
}

// `low` in the low half.
__device__ __forceinline__ std::uint32_t pack_bf16(float low, float high) {
  std::uint32_t packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}

// Four e4m3 values (no NaN) to two pairs of bf16, exactly. The bits of e4m3,
// moved to where bf16 has its exponent and mantissa, are the value times
// 2^-120, subnormals included.
__device__ __forceinline__ void widen_e4m3(std::uint32_t values, std::uint32_t& first,
                                           std::uint32_t& second) {
  constexpr std::uint32_t kTwoTo120 = 0x7B807B80u;
  const auto widen = [](std::uint32_t high_bytes) {
    const std::uint32_t bits = (high_bytes & 0x80008000u) | ((high_bytes & 0x7F007F00u) >> 4);
    std::uint32_t scaled;
    asm("mul.rn.bf16x2 %0, %1, %2;" : "=r"(scaled) : "r"(bits), "r"(kTwoTo120));
    return scaled;
  };
  first = widen(__byte_perm(values, 0, 0x1404));
  second = widen(__byte_perm(values, 0, 0x3424));
}

// D[16, 8] += A[16, 16] B[16, 8] over a warp; with g = lane / 4, q = lane % 4:
// a[0], a[1]: rows g, g + 8, columns 2 q + {0, 1}; a[2], a[3]: the same rows,
// columns 8 more; b[0], b[1]: rows 2 q + {0, 1}, and 8 more, of column g; d[0],
// d[1]: row g, columns 2 q + {0, 1}; d[2], d[3]: row g + 8.
__device__ __forceinline__ void multiply_16x8x16(float (&d)[4], std::uint32_t a0, std::uint32_t a1,
                                                 std::uint32_t a2, std::uint32_t a3,
                                                 std::uint32_t b0, std::uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, "
      "%2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

__device__ __forceinline__ float power_of_two(float exponent) {
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(exponent));
  return result;
}

// Weights are read once: they should not push activations out of the caches.
__device__ __forceinline__ uint4 load_once(const uint4* pointer) {
  return __ldcs(pointer);
}

}  // namespace etap::cuda
