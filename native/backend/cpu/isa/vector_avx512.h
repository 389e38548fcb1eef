// Sixteen fp32 lanes as one AVX-512 register (F, BW, DQ, VL).
// Included by one ISA file each; everything is internal to it.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace etap::cpu {
namespace {

struct Avx512Vector {
  using F = __m512;

  // Register blocking of products: vectors of outputs, and accumulators in all.
  static constexpr int kVectors = 4;
  static constexpr int kAccumulators = 24;

  static F zero() { return _mm512_setzero_ps(); }
  static F set(float value) { return _mm512_set1_ps(value); }
  static F load(const void* p) { return _mm512_loadu_ps(p); }
  static void store(void* p, F a) { _mm512_storeu_ps(p, a); }
  static F broadcast(const std::uint32_t* p) {
    return _mm512_castsi512_ps(_mm512_set1_epi32(static_cast<int>(*p)));
  }
  static F add(F a, F b) { return _mm512_add_ps(a, b); }
  static F sub(F a, F b) { return _mm512_sub_ps(a, b); }
  static F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static F div(F a, F b) { return _mm512_div_ps(a, b); }
  static F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  // Both give the second operand where either is NaN.
  static F min(F a, F b) { return _mm512_min_ps(a, b); }
  static F max(F a, F b) { return _mm512_max_ps(a, b); }
  // value * 2^n, where n is the low bits of `shifted` and the result is a normal number.
  static F add_exponent(F value, F shifted) {
    const __m512i exponent = _mm512_slli_epi32(_mm512_castps_si512(shifted), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(value), exponent));
  }
  // value where index < limit[lane], else `other`.
  static F where_below(std::int32_t index, const std::int32_t* limit, F value, F other) {
    const __mmask16 seen =
        _mm512_cmpgt_epi32_mask(_mm512_loadu_si512(limit), _mm512_set1_epi32(index));
    return _mm512_mask_mov_ps(other, seen, value);
  }
  static float sum(F a) {
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
  }

  static F load_bf16(const std::uint16_t* p) {
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
  }
  // Round to nearest even; NaN stays NaN.
  static void store_bf16(std::uint16_t* p, F a) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(narrow(a)));
  }
  static __m512i narrow(F a) {
    const __m512i bits = _mm512_castps_si512(a);
    const __m512i even = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i rounded = _mm512_srli_epi32(
        _mm512_add_epi32(bits, _mm512_add_epi32(even, _mm512_set1_epi32(0x7fff))), 16);
    const __mmask16 ordered = _mm512_cmp_ps_mask(a, a, _CMP_ORD_Q);
    return _mm512_mask_mov_epi32(_mm512_set1_epi32(0x7fc0), ordered, rounded);
  }
  static F load_fp16(const std::uint16_t* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  // The low and the high bf16 of each 32-bit word.
  static F low_bf16(F words) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(words), 16));
  }
  static F high_bf16(F words) {
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(words),
                                                _mm512_set1_epi32(static_cast<int>(0xffff0000U))));
  }
  // 32 e4m3 bytes to bf16, exactly. A normal value only needs its exponent moved; the seven
  // subnormals of either sign come from a table.
  static constexpr int kE4m3Values = 32;
  static void e4m3_to_bf16(const std::uint8_t* p, std::uint16_t* out) {
    const __m512i wide =
        _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
    const __m512i magnitude = _mm512_and_si512(wide, _mm512_set1_epi16(0x7f));
    const __m512i normal =
        _mm512_add_epi16(_mm512_slli_epi16(magnitude, 4), _mm512_set1_epi16(120 << 7));
    // m * 2^-9 for m = 0 .. 7, as bf16.
    const __m512i subnormals = _mm512_castsi128_si512(
        _mm_setr_epi16(0, 0x3b00, 0x3b80, 0x3bc0, 0x3c00, 0x3c20, 0x3c40, 0x3c60));
    const __mmask32 small = _mm512_cmplt_epu16_mask(magnitude, _mm512_set1_epi16(8));
    const __m512i value = _mm512_mask_permutexvar_epi16(normal, small, magnitude, subnormals);
    const __m512i sign = _mm512_slli_epi16(_mm512_and_si512(wide, _mm512_set1_epi16(0x80)), 8);
    _mm512_storeu_si512(out, _mm512_or_si512(value, sign));
  }
  // 32 bytes, two columns of sixteen outputs, to fp32: e4m3 bits at the right place of an fp32 word
  // are the value with a smaller bias, also where it is subnormal. True values are kE4m3Unit^2
  // times as large: a scale is multiplied by one factor, and a sum by the other, so that neither
  // overflows.
  static constexpr float kE4m3Unit = 0x1p60F;
  static void e4m3_pair(const std::uint8_t* p, F& even, F& odd) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    const __m512i words = _mm512_slli_epi16(_mm512_cvtepi8_epi16(bytes), 4);
    const __m512i kept = _mm512_set1_epi32(static_cast<int>(0x87f00000U));
    even = _mm512_castsi512_ps(_mm512_and_si512(_mm512_slli_epi32(words, 16), kept));
    odd = _mm512_castsi512_ps(_mm512_and_si512(words, kept));
  }
};

}  // namespace
}  // namespace etap::cpu
