// Sixteen fp32 lanes as two AVX2 registers, with FMA and F16C.
// Included by one ISA file only; everything is internal to it.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace etap::cpu {
namespace {

struct Avx2Vector {
  struct Halves {
    __m256 low;
    __m256 high;
  };
  using F = Halves;

  // Register blocking of products: vectors of outputs, and accumulators in all.
  static constexpr int kVectors = 1;
  static constexpr int kAccumulators = 6;

  static F zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static F set(float value) { return {_mm256_set1_ps(value), _mm256_set1_ps(value)}; }
  static F load(const void* p) {
    const auto* values = static_cast<const float*>(p);
    return {_mm256_loadu_ps(values), _mm256_loadu_ps(values + 8)};
  }
  static void store(void* p, F a) {
    auto* values = static_cast<float*>(p);
    _mm256_storeu_ps(values, a.low);
    _mm256_storeu_ps(values + 8, a.high);
  }
  static F broadcast(const std::uint32_t* p) {
    const __m256 value = _mm256_broadcast_ss(reinterpret_cast<const float*>(p));
    return {value, value};
  }
  static F add(F a, F b) { return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)}; }
  static F sub(F a, F b) { return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)}; }
  static F mul(F a, F b) { return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)}; }
  static F div(F a, F b) { return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)}; }
  static F fma(F a, F b, F c) {
    return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
  }
  // Both give the second operand where either is NaN.
  static F min(F a, F b) { return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)}; }
  static F max(F a, F b) { return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)}; }
  // value * 2^n, where n is the low bits of `shifted` and the result is a normal number.
  static F add_exponent(F value, F shifted) {
    return {add_bits(value.low, shifted.low), add_bits(value.high, shifted.high)};
  }
  // value where index < limit[lane], else `other`.
  static F where_below(std::int32_t index, const std::int32_t* limit, F value, F other) {
    const __m256i wanted = _mm256_set1_epi32(index);
    return {select(limit, wanted, value.low, other.low),
            select(limit + 8, wanted, value.high, other.high)};
  }
  static float sum(F a) {
    const __m256 eight = _mm256_add_ps(a.low, a.high);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
  }

  static F load_bf16(const std::uint16_t* p) {
    return {widen(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
            widen(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 8)))};
  }
  // Round to nearest even; NaN stays NaN.
  static void store_bf16(std::uint16_t* p, F a) {
    const __m256i packed = _mm256_packus_epi32(narrow(a.low), narrow(a.high));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permute4x64_epi64(packed, 0xd8));
  }
  static F load_fp16(const std::uint16_t* p) {
    return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
            _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 8)))};
  }
  // The low and the high bf16 of each 32-bit word.
  static F low_bf16(F words) {
    return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(words.low), 16)),
            _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(words.high), 16))};
  }
  static F high_bf16(F words) {
    const __m256 mask = _mm256_castsi256_ps(_mm256_set1_epi32(static_cast<int>(0xffff0000U)));
    return {_mm256_and_ps(words.low, mask), _mm256_and_ps(words.high, mask)};
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
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m256i low = e4m3_bits(_mm256_cvtepu8_epi32(bytes));
    const __m256i high = e4m3_bits(_mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8)));
    const __m256i packed = _mm256_packus_epi32(low, high);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm256_permute4x64_epi64(packed, 0xd8));
  }

 private:
  static __m256 add_bits(__m256 value, __m256 shifted) {
    const __m256i exponent = _mm256_slli_epi32(_mm256_castps_si256(shifted), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(value), exponent));
  }
  static __m256 select(const std::int32_t* limit, __m256i index, __m256 value, __m256 other) {
    const __m256i limits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(limit));
    return _mm256_blendv_ps(other, value, _mm256_castsi256_ps(_mm256_cmpgt_epi32(limits, index)));
  }
  static __m256 widen(__m128i bits) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
  }
  static __m256i narrow(__m256 value) {
    const __m256i bits = _mm256_castps_si256(value);
    const __m256i even = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i rounded =
        _mm256_add_epi32(bits, _mm256_add_epi32(even, _mm256_set1_epi32(0x7fff)));
    const __m256i ordered = _mm256_castps_si256(_mm256_cmp_ps(value, value, _CMP_ORD_Q));
    return _mm256_blendv_epi8(_mm256_set1_epi32(0x7fc0), _mm256_srli_epi32(rounded, 16), ordered);
  }
  static __m256i e4m3_bits(__m256i bytes) {
    const __m256i sign = _mm256_slli_epi32(_mm256_and_si256(bytes, _mm256_set1_epi32(0x80)), 8);
    const __m256i magnitude =
        _mm256_slli_epi32(_mm256_and_si256(bytes, _mm256_set1_epi32(0x7f)), 20);
    const __m256 scaled = _mm256_mul_ps(_mm256_castsi256_ps(magnitude), _mm256_set1_ps(0x1p120F));
    return _mm256_or_si256(_mm256_srli_epi32(_mm256_castps_si256(scaled), 16), sign);
  }
};

}  // namespace
}  // namespace etap::cpu
