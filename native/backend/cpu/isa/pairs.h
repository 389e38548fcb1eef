// What AVX512-BF16 adds: products of bf16 pairs, two values a lane.
// Included by ISA files only; everything is internal to them.
#pragma once

#include "backend/cpu/isa/attention.h"
#include "backend/cpu/isa/panels.h"
#include "backend/cpu/isa/vector_avx512.h"

namespace etap::cpu {
namespace {

// bf16 pairs on both sides.
struct PairStep {
  static constexpr int kWords = 1;
  static constexpr int kSpare = 0;
  using B = __m512bh;
  static B load(const std::byte* p) { return reinterpret_cast<B>(_mm512_loadu_si512(p)); }
  static __m512 apply(__m512 sum, const std::uint32_t* a, const B& b) {
    const auto pair = reinterpret_cast<B>(_mm512_set1_epi32(static_cast<int>(*a)));
    return _mm512_dpbf16_ps(sum, pair, b);
  }
};

// Rows 2i and 2i + 1 of values, interleaved: [32][width] words.
inline void interleave_values(const std::uint16_t* values, std::int64_t stride, std::int64_t valid,
                              std::int64_t width, void* out) {
  auto* words = static_cast<std::uint32_t*>(out);
  for (std::int64_t key = 0; key < kTileKeys; key += 2) {
    const std::uint16_t* even = values + key * stride;
    for (std::int64_t i = 0; i < width; i += 16) {
      __m512i low = _mm512_setzero_si512();
      __m512i high = _mm512_setzero_si512();
      if (key < valid) {
        low = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(even + i)));
      }
      if (key + 1 < valid) {
        high = _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(
                                     reinterpret_cast<const __m256i*>(even + stride + i))),
                                 16);
      }
      _mm512_storeu_si512(words + key / 2 * width + i, _mm512_or_si512(low, high));
    }
  }
}

// The powers of keys 2i and 2i + 1 in sixteen columns as bf16 pairs.
inline __m512i probability_pairs(const SoftmaxTile& tile, std::int64_t pair, std::int64_t column) {
  const float* even = tile.scores + 2 * pair * tile.columns + column;
  const __m512i low = Avx512Vector::narrow(_mm512_loadu_ps(even));
  const __m512i high = Avx512Vector::narrow(_mm512_loadu_ps(even + tile.columns));
  return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

}  // namespace
}  // namespace etap::cpu
