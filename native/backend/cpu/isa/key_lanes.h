// Attention on AVX-512 without bf16 products. Sixteen heads are one vector, so that with the
// queries on the lanes every fused multiply-add would need a load of its own, and loads are the
// limit: here keys, and then values, lie on the lanes, and one broadcast query or probability
// serves four vectors. The softmax keeps the queries on the lanes. Included by one ISA file only;
// everything is internal to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "backend/cpu/isa/attention.h"
#include "backend/cpu/isa/product.h"
#include "backend/cpu/isa/transpose.h"
#include "backend/cpu/isa/vector_avx512.h"

namespace etap::cpu {
namespace {

using Lanes = Avx512Vector;

// Parts of keys that stay in the first-level cache while all queries pass.
constexpr std::int64_t kKeyPart = 64;

// [columns][padded width] fp32.
inline void widen_queries(const std::uint16_t* const* queries, std::int64_t count,
                          std::int64_t columns, std::int64_t width, void* out) {
  const std::int64_t padded = round_up(width, kColumnAlign);
  auto* words = static_cast<float*>(out);
  std::memset(out, 0, static_cast<std::size_t>(padded * columns) * 4);
  for (std::int64_t column = 0; column < count; ++column) {
    convert_row<Lanes>(queries[column], DType::kBF16, width, RowForm::kWide,
                       words + column * padded);
  }
}

// 64 keys to fp32 [width][64]; those from `valid` on are not read and become zero.
inline const void* transpose_keys(const std::uint16_t* keys, std::int64_t stride,
                                  std::int64_t valid, std::int64_t width, void* scratch,
                                  std::int64_t* stride_bytes) {
  auto* out = static_cast<float*>(scratch);
  for (std::int64_t first = 0; first < width; first += 32) {
    for (std::int64_t key = 0; key < kTileKeys; key += 16) {
      __m512i rows[16];
      for (std::int64_t i = 0; i < 16; ++i) {
        rows[i] = key + i < valid ? _mm512_loadu_si512(keys + (key + i) * stride + first)
                                  : _mm512_setzero_si512();
      }
      transpose_words(rows);
      for (std::int64_t i = 0; i < 16; ++i) {
        float* target = out + (first + 2 * i) * kTileKeys + key;
        const __m512 words = _mm512_castsi512_ps(rows[i]);
        Lanes::store(target, Lanes::low_bf16(words));
        Lanes::store(target + kTileKeys, Lanes::high_bf16(words));
      }
    }
  }
  *stride_bytes = 0;
  return scratch;
}

inline void score_transposed_keys(const void* keys, std::int64_t, const void* queries,
                                  std::int64_t columns, std::int64_t width, float* scores) {
  alignas(64) float rows[kQueryPanel * kTileKeys];  // [columns][64]
  const auto* words = static_cast<const std::uint32_t*>(queries);
  const auto* vectors = static_cast<const std::byte*>(keys);
  for (std::int64_t first = 0; first < width; first += kKeyPart) {
    multiply<Lanes, WideStep<Lanes>>(
        {words + first, width, 1, vectors + first * kTileKeys * 4, kTileKeys * 4,
         lesser(kKeyPart, width - first), rows, kTileKeys,
         first == 0 ? Finish::kStore : Finish::kAccumulate, nullptr},
        columns, kTileKeys);
  }
  for (std::int64_t column = 0; column < columns; column += 16) {
    for (std::int64_t key = 0; key < kTileKeys; key += 16) {
      __m512i square[16];
      for (int i = 0; i < 16; ++i) {
        square[i] = _mm512_load_si512(rows + (column + i) * kTileKeys + key);
      }
      transpose_words(square);
      for (int i = 0; i < 16; ++i) {
        _mm512_storeu_si512(scores + (key + i) * columns + column, square[i]);
      }
    }
  }
}

// Panels of 64 values, so that each lies in one piece: [width / 64][64][64] fp32, the last
// narrower.
inline void widen_value_panels(const std::uint16_t* values, std::int64_t stride, std::int64_t valid,
                               std::int64_t width, void* out) {
  auto* panel = static_cast<float*>(out);
  for (std::int64_t first = 0; first < width; first += kPanel) {
    const std::int64_t panel_width = lesser(kPanel, width - first);
    for (std::int64_t key = 0; key < kTileKeys; ++key) {
      for (std::int64_t i = 0; i < panel_width; i += 16) {
        Lanes::store(panel + i, key < valid ? Lanes::load_bf16(values + key * stride + first + i)
                                            : Lanes::zero());
      }
      panel += panel_width;
    }
  }
}

inline void add_value_panels(const void* probabilities, const ValueTile& values, std::int64_t keys,
                             std::int64_t columns, std::int64_t width, float* output) {
  const auto* words = static_cast<const std::uint32_t*>(probabilities);
  const auto* panel = static_cast<const std::byte*>(values.data);
  const std::byte* next = values.next;
  const std::int64_t panels = keys / kTileKeys * ((width + kPanel - 1) / kPanel);
  for (std::int64_t key = 0; key < keys; key += kTileKeys) {
    for (std::int64_t first = 0; first < width; first += kPanel) {
      const std::int64_t panel_width = lesser(kPanel, width - first);
      multiply<Lanes, WideAheadStep<Lanes, 1>>(
          {words + key * columns, 1, columns, panel, panel_width * 4, kTileKeys, output + first,
           width, Finish::kAccumulate, nullptr, next, values.next_bytes / panels / columns},
          columns, panel_width);
      panel += kTileKeys * panel_width * 4;
      if (next != nullptr) next += values.next_bytes / panels;
    }
  }
}

}  // namespace
}  // namespace etap::cpu
