// Products of fp32 rows with packed panels. A panel is widened to fp32 in small blocks of columns
// that stay in the first-level cache while all rows pass; a few rows are multiplied as it streams
// by. Either way an output is summed column by column, so that both give the same bits. Included by
// ISA files only; everything is internal to them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/cpu/isa/panels.h"

namespace etap::cpu {
namespace {

constexpr std::int64_t kWideColumns = 64;       // of one widened block
constexpr std::int64_t kStreamedWideRows = 5;   // rows that are multiplied as the panel streams by
constexpr std::int64_t kStreamAhead = 4096;     // bytes fetched ahead of what is multiplied
constexpr std::int64_t kWideProductRows = 128;  // rows that share the cost of widening

template <typename V>
void widen_bf16_columns(const std::uint16_t* values, std::int64_t columns, float* out) {
  for (std::int64_t pair = 0; pair < columns / 2; ++pair) {
    for (std::int64_t i = 0; i < kPanel; i += 16) {
      const typename V::F words = V::load(values + pair * 2 * kPanel + 2 * i);
      V::store(out + 2 * pair * kPanel + i, V::low_bf16(words));
      V::store(out + (2 * pair + 1) * kPanel + i, V::high_bf16(words));
    }
  }
}

// Columns of one scale block, times their scales.
template <typename V>
void widen_e4m3_columns(const std::uint8_t* values, std::int64_t columns, const float* scales,
                        float* out) {
  typename V::F scale[4];
  for (int i = 0; i < 4; ++i) scale[i] = V::mul(V::load(scales + 16 * i), V::set(V::kE4m3Unit));
  for (std::int64_t pair = 0; pair < columns / 2; ++pair) {
    for (int i = 0; i < 4; ++i) {
      typename V::F even;
      typename V::F odd;
      V::e4m3_pair(values + 2 * pair * kPanel + 32 * i, even, odd);
      V::store(out + 2 * pair * kPanel + 16 * i, V::mul(even, scale[i]));
      V::store(out + (2 * pair + 1) * kPanel + 16 * i, V::mul(odd, scale[i]));
    }
  }
}

// The columns [begin, end) of a panel that are widened at a time, and their scales.
struct WideBlock {
  std::int64_t begin;
  std::int64_t end;
  const float* scales;
};

inline WideBlock wide_block(const PanelView& panel, std::int64_t begin, std::int64_t scale_index) {
  const std::int64_t widest = lesser(begin + kWideColumns, panel.columns);
  if (panel.scales == nullptr) return {begin, widest, nullptr};
  return {begin, lesser(widest, scale_block(panel, scale_index).end),
          panel.scales + scale_index * kPanel};
}

template <typename V>
void multiply_widened(const PreparedRows& x, std::int64_t first_row, std::int64_t rows,
                      const PanelView& panel, float* sums, void* scratch) {
  auto* wide = static_cast<float*>(scratch);
  const auto* values = static_cast<const std::byte*>(panel.values);
  const std::int64_t column_bytes = kPanel * (panel.dtype == DType::kBF16 ? 2 : 1);
  const std::int64_t ahead_bytes = kWideColumns * column_bytes;
  std::int64_t scale_index = 0;
  for (std::int64_t begin = 0; begin < panel.columns;) {
    const WideBlock block = wide_block(panel, begin, scale_index);
    const std::int64_t columns = round_up(block.end - begin, 2);
    const std::byte* source = values + begin * column_bytes;
    if (panel.dtype == DType::kBF16) {
      widen_bf16_columns<V>(reinterpret_cast<const std::uint16_t*>(source), columns, wide);
    } else {
      widen_e4m3_columns<V>(reinterpret_cast<const std::uint8_t*>(source), columns, block.scales,
                            wide);
      if (block.end == scale_block(panel, scale_index).end) ++scale_index;
    }
    const bool last = block.end == panel.columns;
    multiply<V, WideAheadStep<V, 2>>(
        {row_words(x, first_row) + begin, x.row_stride / 4, 1,
         reinterpret_cast<const std::byte*>(wide), kPanel * 4, columns, sums, kPanel,
         begin == 0 ? Finish::kStore : Finish::kAccumulate, nullptr,
         last ? panel.next : source + columns * column_bytes, ahead_bytes / rows},
        rows, kPanel);
    begin = block.end;
  }
}

// A few rows, while the panel streams by.
template <typename V>
void stream_bf16(const PreparedRows& x, std::int64_t first_row, std::int64_t rows,
                 const PanelView& panel, float* sums) {
  const auto* values = static_cast<const std::byte*>(panel.values);
  const std::int64_t steps = (panel.columns + 1) / 2;
  multiply<V, StreamPairStep<V>>(
      {row_words(x, first_row), x.row_stride / 4, 2, values, kPanel * 4, steps, sums, kPanel,
       Finish::kStore, nullptr, values + kStreamAhead, kPanel * 4 * steps / rows},
      rows, kPanel);
}

template <typename V>
void stream_e4m3(const PreparedRows& x, std::int64_t first_row, std::int64_t rows,
                 const PanelView& panel, float* sums) {
  for (std::int64_t index = 0; index < scale_block_count(panel); ++index) {
    const ScaleBlock block = scale_block(panel, index);
    const auto* values = static_cast<const std::byte*>(panel.values) + block.begin * kPanel;
    const std::int64_t steps = (block.size() + 1) / 2;
    multiply<V, StreamE4m3Step<V>>(
        {row_words(x, first_row) + block.begin, x.row_stride / 4, 2, values, kPanel * 2, steps,
         sums, kPanel, index == 0 ? Finish::kStore : Finish::kAccumulate,
         panel.scales + index * kPanel, values + kStreamAhead, kPanel * 2 * steps / rows},
        rows, kPanel);
  }
}

template <typename V>
void finish_e4m3(float* sums, std::int64_t rows) {
  if (V::kE4m3Unit == 1.0F) return;
  const typename V::F unit = V::set(V::kE4m3Unit);
  for (std::int64_t i = 0; i < rows * kPanel; i += 16) {
    V::store(sums + i, V::mul(V::load(sums + i), unit));
  }
}

template <typename V>
void multiply_wide_panel(const PreparedRows& x, std::int64_t first_row, std::int64_t rows,
                         const PanelView& panel, float* sums, void* scratch) {
  const bool streams = rows <= kStreamedWideRows;
  if (panel.dtype == DType::kBF16) {
    if (streams) return stream_bf16<V>(x, first_row, rows, panel, sums);
    multiply_widened<V>(x, first_row, rows, panel, sums, scratch);
  } else if (panel.dtype == DType::kF8E4M3) {
    if (streams) {
      stream_e4m3<V>(x, first_row, rows, panel, sums);
    } else {
      multiply_widened<V>(x, first_row, rows, panel, sums, scratch);
    }
    finish_e4m3<V>(sums, rows);
  } else {
    multiply_wide<V>(x, first_row, rows, panel, sums, scratch);
  }
}

}  // namespace
}  // namespace etap::cpu
