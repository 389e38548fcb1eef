// Products of rows with packed weight panels, and what happens to their results.
// Included by ISA files only; everything is internal to them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "backend/cpu/isa/product.h"
#include "backend/cpu/kernels.h"

namespace etap::cpu {
namespace {

// Columns of a weight that stay in the second-level cache while many rows stream past them.
constexpr std::int64_t kCachedColumns = 2048;
constexpr std::int64_t kStreamedRows = 64;
constexpr std::int64_t kHalfBlock = 128;  // columns of an fp16 panel widened at a time
constexpr std::int64_t kScaleColumns = 128;

constexpr std::int64_t lesser(std::int64_t a, std::int64_t b) {
  return a < b ? a : b;
}
constexpr std::int64_t round_up(std::int64_t a, std::int64_t unit) {
  return (a + unit - 1) / unit * unit;
}

inline const std::uint32_t* row_words(const PreparedRows& x, std::int64_t row) {
  return reinterpret_cast<const std::uint32_t*>(x.data + row * x.row_stride);
}

inline const std::byte* source_row(const RowSource& source, std::int64_t row) {
  const std::int64_t index = source.rows == nullptr ? row : source.rows[row];
  const std::int64_t bytes = source.dtype == DType::kF32 ? 4 : 2;
  return static_cast<const std::byte*>(source.base) + index * source.stride * bytes;
}

// --- preparing rows of words

// One line more than the words take: rows a power of two apart would fall into the same few sets of
// the first-level cache.
inline std::int64_t word_row_bytes(RowForm form, std::int64_t columns) {
  return round_up(columns, kColumnAlign) * (form == RowForm::kWide ? 4 : 2) + 64;
}

inline bool words_lie_ready(RowForm form, const RowSource& source, std::int64_t columns) {
  const DType wanted = form == RowForm::kWide ? DType::kF32 : DType::kBF16;
  return source.rows == nullptr && source.dtype == wanted && columns % 2 == 0;
}

inline std::size_t word_bytes(RowForm form, const RowSource& source, std::int64_t rows,
                              std::int64_t columns) {
  if (words_lie_ready(form, source, columns)) return 0;
  return static_cast<std::size_t>(rows * word_row_bytes(form, columns));
}

inline PreparedRows word_rows(RowForm form, const RowSource& source, std::int64_t columns,
                              const void* scratch) {
  if (scratch == nullptr) {
    const std::int64_t stride = source.stride * (form == RowForm::kWide ? 4 : 2);
    return {static_cast<const std::byte*>(source.base), stride, 0, kRowGroup * stride};
  }
  const std::int64_t stride = word_row_bytes(form, columns);
  return {static_cast<const std::byte*>(scratch), stride, 0, kRowGroup * stride};
}

// One row to fp32 or bf16, padded with zeros to a multiple of 32 columns.
template <typename V>
void convert_row(const void* source, DType dtype, std::int64_t columns, RowForm form, void* out) {
  const std::int64_t padded = round_up(columns, kColumnAlign);
  for (std::int64_t i = 0; i < padded; i += 16) {
    typename V::F values = V::zero();
    if (i + 16 <= columns) {
      values = dtype == DType::kF32 ? V::load(static_cast<const float*>(source) + i)
                                    : V::load_bf16(static_cast<const std::uint16_t*>(source) + i);
    } else if (i < columns) {
      std::uint32_t last[16] = {};
      const auto count = static_cast<std::size_t>(columns - i);
      if (dtype == DType::kF32) {
        std::memcpy(last, static_cast<const float*>(source) + i, count * 4);
        values = V::load(last);
      } else {
        std::memcpy(last, static_cast<const std::uint16_t*>(source) + i, count * 2);
        values = V::load_bf16(reinterpret_cast<const std::uint16_t*>(last));
      }
    }
    if (form == RowForm::kWide) {
      V::store(static_cast<float*>(out) + i, values);
    } else {
      V::store_bf16(static_cast<std::uint16_t*>(out) + i, values);
    }
  }
}

template <typename V>
void prepare_word_group(RowForm form, const RowSource& source, std::int64_t rows,
                        std::int64_t columns, std::int64_t group, void* scratch) {
  const std::int64_t end = lesser(rows, (group + 1) * kRowGroup);
  for (std::int64_t row = group * kRowGroup; row < end; ++row) {
    convert_row<V>(source_row(source, row), source.dtype, columns, form,
                   static_cast<std::byte*>(scratch) + row * word_row_bytes(form, columns));
  }
}

// --- products

// One scale block of an e4m3 panel as bf16 pairs.
template <typename V>
void widen_e4m3(const std::uint8_t* values, std::int64_t columns, std::uint16_t* out) {
  for (std::int64_t i = 0; i < columns * kPanel; i += V::kE4m3Values) {
    // Two blocks ahead, to the second-level cache: more lines can be on their way to it.
    __builtin_prefetch(values + i + 2 * kScaleColumns * kPanel, 0, 2);
    V::e4m3_to_bf16(values + i, out + i);
  }
}

// The columns of an e4m3 panel that share a row of scales.
struct ScaleBlock {
  std::int64_t begin;
  std::int64_t end;
  std::int64_t size() const { return end - begin; }
};

inline std::int64_t scale_block_count(const PanelView& panel) {
  const std::int64_t past_first = panel.columns - panel.first_scale_columns;
  return past_first <= 0 ? 1 : 1 + (past_first + kScaleColumns - 1) / kScaleColumns;
}

inline ScaleBlock scale_block(const PanelView& panel, std::int64_t block) {
  const std::int64_t end = panel.first_scale_columns + block * kScaleColumns;
  return {block == 0 ? 0 : end - kScaleColumns, lesser(end, panel.columns)};
}

// sums += scale * (x times the block), block by block: the weight itself is never rounded.
template <typename V, typename PairStep>
void multiply_e4m3(const PreparedRows& x, std::int64_t first_row, std::int64_t rows,
                   const PanelView& panel, float* sums, void* scratch) {
  std::memset(sums, 0, static_cast<std::size_t>(rows * kPanel) * sizeof(float));
  auto* pairs = static_cast<std::uint16_t*>(scratch);
  const auto* values = static_cast<const std::uint8_t*>(panel.values);
  for (std::int64_t block = 0; block < scale_block_count(panel); ++block) {
    const ScaleBlock columns = scale_block(panel, block);
    const std::int64_t steps = (columns.size() + 1) / 2;
    widen_e4m3<V>(values + columns.begin * kPanel, 2 * steps, pairs);
    multiply<V, PairStep>(
        {row_words(x, first_row) + columns.begin / 2 * PairStep::kWords, x.row_stride / 4,
         PairStep::kWords, reinterpret_cast<const std::byte*>(pairs), kPanel * 4, steps, sums,
         kPanel, Finish::kAddScaled, panel.scales + block * kPanel},
        rows, kPanel);
  }
}

template <typename V, typename PairStep>
void multiply_bf16(const PreparedRows& x, std::int64_t first_row, std::int64_t rows,
                   const PanelView& panel, float* sums) {
  const bool blocked = rows > kStreamedRows;
  const std::int64_t width = blocked ? kCachedColumns : panel.columns;
  const auto* values = static_cast<const std::byte*>(panel.values);
  for (std::int64_t begin = 0; begin < panel.columns; begin += width) {
    const std::int64_t end = lesser(begin + width, panel.columns);
    multiply<V, PairStep>(
        {row_words(x, first_row) + begin / 2 * PairStep::kWords, x.row_stride / 4, PairStep::kWords,
         values + begin * kPanel * 2, kPanel * 4, (end - begin + 1) / 2, sums, kPanel,
         begin == 0 ? Finish::kStore : Finish::kAccumulate, nullptr},
        rows, kPanel);
  }
}

template <typename V>
void multiply_wide(const PreparedRows& x, std::int64_t first_row, std::int64_t rows,
                   const PanelView& panel, float* sums, void* scratch) {
  const bool half = panel.dtype == DType::kF16;
  const std::int64_t width = half ? kHalfBlock : panel.columns;
  for (std::int64_t begin = 0; begin < panel.columns; begin += width) {
    const std::int64_t count = lesser(width, panel.columns - begin);
    const std::byte* vectors = static_cast<const std::byte*>(panel.values);
    if (half) {
      const auto* values = static_cast<const std::uint16_t*>(panel.values) + begin * kPanel;
      auto* wide = static_cast<float*>(scratch);
      for (std::int64_t i = 0; i < count * kPanel; i += 16) {
        V::store(wide + i, V::load_fp16(values + i));
      }
      vectors = static_cast<const std::byte*>(scratch);
    }
    multiply<V, WideStep<V>>(
        {row_words(x, first_row) + begin, x.row_stride / 4, 1, vectors, kPanel * 4, count, sums,
         kPanel, begin == 0 ? Finish::kStore : Finish::kAccumulate, nullptr},
        rows, kPanel);
  }
}

// PairStep: how prepared rows meet bf16 pairs.
template <typename V, typename PairStep>
void multiply_panel(const PreparedRows& x, std::int64_t first_row, std::int64_t rows,
                    const PanelView& panel, float* sums, void* scratch) {
  if (panel.dtype == DType::kBF16) {
    multiply_bf16<V, PairStep>(x, first_row, rows, panel, sums);
  } else if (panel.dtype == DType::kF8E4M3) {
    multiply_e4m3<V, PairStep>(x, first_row, rows, panel, sums, scratch);
  } else {
    multiply_wide<V>(x, first_row, rows, panel, sums, scratch);
  }
}

// --- results

// 2^x to about 2 ulp for x <= 127, exact at 0; 2^-126 below -126; NaN stays NaN. The polynomial for
// 2^f on [-0.5, 0.5] was fitted for the least largest relative error, 1.1e-7, with its constant
// term held at 1.
template <typename V>
typename V::F exp2(typename V::F x) {
  using F = typename V::F;
  // Adding 1.5 * 2^23 rounds to a whole number, and leaves it in the low bits of the sum.
  const F magic = V::set(12582912.0F);
  const F clamped = V::max(V::set(-126.0F), x);
  const F shifted = V::add(clamped, magic);
  const F part = V::sub(clamped, V::sub(shifted, magic));
  F power = V::set(1.326472726e-3F);
  power = V::fma(power, part, V::set(9.671512710e-3F));
  power = V::fma(power, part, V::set(5.550733744e-2F));
  power = V::fma(power, part, V::set(2.402224208e-1F));
  power = V::fma(power, part, V::set(6.931469776e-1F));
  power = V::fma(power, part, V::set(1.0F));
  return V::add_exponent(power, shifted);
}

template <typename V>
typename V::F silu(typename V::F x) {
  const typename V::F power = V::mul(x, V::set(-1.44269504088896341F));
  const typename V::F decay = exp2<V>(V::min(V::set(127.0F), power));
  return V::div(x, V::add(V::set(1.0F), decay));
}

// Writes `count` <= 16 values as fp32 or bf16.
template <typename V>
void write_values(typename V::F values, void* out, DType dtype, std::int64_t count) {
  if (count == 16 && dtype == DType::kF32) {
    V::store(out, values);
  } else if (count == 16) {
    V::store_bf16(static_cast<std::uint16_t*>(out), values);
  } else if (dtype == DType::kF32) {
    float all[16];
    V::store(all, values);
    std::memcpy(out, all, static_cast<std::size_t>(count) * 4);
  } else {
    std::uint16_t all[16];
    V::store_bf16(all, values);
    std::memcpy(out, all, static_cast<std::size_t>(count) * 2);
  }
}

template <typename V>
void add_scaled(typename V::F values, float factor, float* out, std::int64_t count) {
  float before[16] = {};
  std::memcpy(before, out, static_cast<std::size_t>(count) * 4);
  const typename V::F sum = V::fma(values, V::set(factor), V::load(before));
  write_values<V>(sum, out, DType::kF32, count);
}

template <typename V>
void write_panel_rows(const float* sums, std::int64_t first_row, std::int64_t rows,
                      const PanelOutput& out) {
  const std::int64_t value_bytes = out.dtype == DType::kF32 ? 4 : 2;
  for (std::int64_t i = 0; i < rows; ++i) {
    const float* row = sums + i * kPanel;
    const std::int64_t index = out.rows == nullptr ? first_row + i : out.rows[first_row + i];
    std::byte* target = static_cast<std::byte*>(out.base) + index * out.stride * value_bytes;
    for (std::int64_t column = 0; column < out.width; column += 16) {
      const std::int64_t count = lesser(16, out.width - column);
      const typename V::F values = V::load(row + column);
      std::byte* place = target + column * value_bytes;
      if (out.epilogue == Epilogue::kStore) {
        write_values<V>(values, place, out.dtype, count);
      } else if (out.epilogue == Epilogue::kGated) {
        const typename V::F gated = V::mul(silu<V>(values), V::load(row + kPanel / 2 + column));
        write_values<V>(gated, place, out.dtype, count);
      } else {
        add_scaled<V>(values, out.factors[first_row + i], reinterpret_cast<float*>(place), count);
      }
    }
  }
}

}  // namespace
}  // namespace etap::cpu
