// Sixteen AVX-512 registers as a square of words.
// Included by ISA files only; everything is internal to them.
#pragma once

#include <immintrin.h>

namespace etap::cpu {
namespace {

// Sixteen rows of sixteen words: rows become columns.
inline void transpose_words(__m512i (&rows)[16]) {
  __m512i pairs[16];
  for (int i = 0; i < 16; i += 2) {
    pairs[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    pairs[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  __m512i quads[16];
  for (int i = 0; i < 16; i += 4) {
    quads[i] = _mm512_unpacklo_epi64(pairs[i], pairs[i + 2]);
    quads[i + 1] = _mm512_unpackhi_epi64(pairs[i], pairs[i + 2]);
    quads[i + 2] = _mm512_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
    quads[i + 3] = _mm512_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
  }
  for (int i = 0; i < 4; ++i) {
    const __m512i low = _mm512_shuffle_i32x4(quads[i], quads[i + 4], 0x88);
    const __m512i high = _mm512_shuffle_i32x4(quads[i], quads[i + 4], 0xdd);
    const __m512i next_low = _mm512_shuffle_i32x4(quads[i + 8], quads[i + 12], 0x88);
    const __m512i next_high = _mm512_shuffle_i32x4(quads[i + 8], quads[i + 12], 0xdd);
    rows[i] = _mm512_shuffle_i32x4(low, next_low, 0x88);
    rows[i + 8] = _mm512_shuffle_i32x4(low, next_low, 0xdd);
    rows[i + 4] = _mm512_shuffle_i32x4(high, next_high, 0x88);
    rows[i + 12] = _mm512_shuffle_i32x4(high, next_high, 0xdd);
  }
}

}  // namespace
}  // namespace etap::cpu
