// What AVX512-BF16 adds: products of bf16 pairs, two values a lane.
// Included by ISA files only; everything is internal to them.
#pragma once

#include "backend/cpu/isa/attention.h"
#include "backend/cpu/isa/panels.h"
#include "backend/cpu/isa/transpose.h"
#include "backend/cpu/isa/vector_avx512.h"

namespace etap::cpu {
namespace {

constexpr std::int64_t kPairProductRows = 64;  // their sums stay in the first-level cache
constexpr std::int64_t kPairSplitKeys = 1024;
constexpr std::int64_t kPairTileBlocks = 4;  // rescaling the output costs more than scratch does

// The two bytes of the bf16 value of every e4m3 magnitude.
struct E4m3Bytes {
  alignas(64) std::uint8_t low[128];
  alignas(64) std::uint8_t high[128];
};
constexpr E4m3Bytes e4m3_bytes() {
  E4m3Bytes bytes{};
  for (unsigned i = 0; i < 128; ++i) {
    unsigned bits = (i << 4) + (120U << 7);
    if (i < 8) {  // subnormal: i * 2^-9
      unsigned exponent = 118;
      unsigned mantissa = i;
      for (; mantissa >= 2; mantissa /= 2) ++exponent;
      bits = i == 0 ? 0U : (exponent << 7) + ((i << (7 - (exponent - 118))) & 0x7fU);
    }
    bytes.low[i] = static_cast<std::uint8_t>(bits);
    bytes.high[i] = static_cast<std::uint8_t>(bits >> 8);
  }
  return bytes;
}
constexpr E4m3Bytes kE4m3Bytes = e4m3_bytes();

// The machines with AVX512-BF16 that matter also permute bytes (AVX512-VBMI).
struct PairVector : Avx512Vector {
  static constexpr int kE4m3Values = 64;
  static void e4m3_to_bf16(const std::uint8_t* p, std::uint16_t* out) {
    // Unpacking works within quarters of a register; this order makes its results consecutive.
    const __m512i quarters = _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7);
    const __m512i bytes = _mm512_permutexvar_epi64(quarters, _mm512_loadu_si512(p));
    const __m512i low = _mm512_permutex2var_epi8(_mm512_load_si512(kE4m3Bytes.low), bytes,
                                                 _mm512_load_si512(kE4m3Bytes.low + 64));
    const __m512i magnitude = _mm512_permutex2var_epi8(_mm512_load_si512(kE4m3Bytes.high), bytes,
                                                       _mm512_load_si512(kE4m3Bytes.high + 64));
    constexpr int kOrWithSign = 0xf8;  // a | (b & c)
    const __m512i high =
        _mm512_ternarylogic_epi32(magnitude, bytes, _mm512_set1_epi8(-128), kOrWithSign);
    _mm512_storeu_si512(out, _mm512_unpacklo_epi8(low, high));
    _mm512_storeu_si512(out + 32, _mm512_unpackhi_epi8(low, high));
  }
};

// bf16 pairs on both sides.
struct PairStep {
  static constexpr int kWords = 1;
  static constexpr int kSpare = 0;
  static constexpr int kAhead = 0;
  static constexpr int kVectorBytes = 64;
  using B = __m512bh;
  static B load(const std::byte* p, const float*) {
    return reinterpret_cast<B>(_mm512_loadu_si512(p));
  }
  static __m512 apply(__m512 sum, const std::uint32_t* a, const B& b) {
    const auto pair = reinterpret_cast<B>(_mm512_set1_epi32(static_cast<int>(*a)));
    return _mm512_dpbf16_ps(sum, pair, b);
  }
};

// Keys are read where they lie in the cache.
inline const void* keys_in_place(const std::uint16_t* keys, std::int64_t stride, std::int64_t,
                                 std::int64_t, void*, std::int64_t* stride_bytes) {
  *stride_bytes = stride * 2;
  return keys;
}

inline void score_key_pairs(const void* keys, std::int64_t stride_bytes, const void* queries,
                            std::int64_t columns, std::int64_t width, float* scores) {
  multiply<PairVector, PairStep>({static_cast<const std::uint32_t*>(keys), stride_bytes / 4, 1,
                                  static_cast<const std::byte*>(queries), columns * 4, width / 2,
                                  scores, columns, Finish::kStore, nullptr},
                                 kTileKeys, columns);
}

// Values are packed in groups of sixteen columns, so that a block of output rows reads one stream:
// [width / 16][32][16] pairs.
constexpr std::int64_t kValueGroup = 16;

inline void add_value_pairs(const void* probabilities, const ValueTile& values, std::int64_t keys,
                            std::int64_t columns, std::int64_t width, float* output) {
  constexpr std::int64_t kSteps = kTileKeys / 2;
  const auto* words = static_cast<const std::uint32_t*>(values.data);
  const auto* vectors = static_cast<const std::byte*>(probabilities);
  for (std::int64_t key = 0; key < keys; key += kTileKeys) {
    for (std::int64_t i = 0; i < width; i += kValueGroup) {
      multiply<PairVector, PairStep>({words, 1, kValueGroup, vectors, columns * 4, kSteps,
                                      output + i * columns, columns, Finish::kAccumulate, nullptr},
                                     kValueGroup, columns);
      words += kSteps * kValueGroup;
    }
    vectors += kSteps * columns * 4;
  }
}

// Rows 2i and 2i + 1 of values, interleaved: [width / 16][32][16] words.
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
      _mm512_storeu_si512(words + i * (kTileKeys / 2) + key / 2 * kValueGroup,
                          _mm512_or_si512(low, high));
    }
  }
}

// [padded width / 2][columns] pairs from `count` queries.
inline void pack_query_pairs(const std::uint16_t* const* queries, std::int64_t count,
                             std::int64_t columns, std::int64_t width, void* out) {
  auto* words = static_cast<std::uint32_t*>(out);
  const std::int64_t padded = round_up(width, kColumnAlign);
  for (std::int64_t column = 0; column < columns; column += 16) {
    for (std::int64_t first = 0; first < padded; first += 32) {
      const std::int64_t left = width - first;
      const __mmask32 kept = left >= 32 ? ~__mmask32{0} : (__mmask32{1} << left) - 1;
      __m512i rows[16];
      for (int i = 0; i < 16; ++i) {
        const bool present = column + i < count;
        rows[i] = present ? _mm512_maskz_loadu_epi16(kept, queries[column + i] + first)
                          : _mm512_setzero_si512();
      }
      transpose_words(rows);
      for (int i = 0; i < 16; ++i) {
        _mm512_storeu_si512(words + (first / 2 + i) * columns + column, rows[i]);
      }
    }
  }
}

// Two vectors narrowed to bf16 and interleaved: lane i holds the pair (even[i], odd[i]).
inline __m512i narrow_pairs(__m512 even, __m512 odd) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24,
                                         8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  const auto narrow = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(odd, even));
  return _mm512_permutexvar_epi16(order, narrow);
}

}  // namespace
}  // namespace etap::cpu
