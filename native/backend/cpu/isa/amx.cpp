// AMX: products of bf16 tiles, 16 rows by 32 values. A tile product sums each element over its 32
// values in a fixed way, whatever the number of rows, so results are independent of the batch here
// too, but differ in the last bits from those of AVX512-BF16.
#include <cstring>

#include "backend/cpu/isa/pairs.h"
#include "backend/cpu/isa/wide_table.h"

namespace etap::cpu {
namespace {

constexpr std::int64_t kStep = 32;          // values of a row in one tile
constexpr std::int64_t kTileRowBytes = 64;  // of a full tile
constexpr std::int64_t kGroupStepBytes = kRowGroup * kTileRowBytes;
// A stride of a multiple of this maps the rows of a tile to few sets of the first-level cache.
constexpr std::int64_t kAliasingStride = 1024;

// --- tile products

struct TileProduct {
  PreparedRows a;
  std::int64_t rows;
  const std::byte* b;
  std::int64_t b_row;    // bytes from one pair of summed values to the next
  std::int64_t columns;  // multiple of 16
  std::int64_t steps;    // of 32 summed values
  float* c;
  std::int64_t c_row;  // floats
  bool accumulate;
};

struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
};

// Tiles 0-3 hold sums, 4 (and 5) rows, the others weights. The last group has fewer rows.
void configure_tiles(std::int64_t rows) {
  TileConfig config;
  for (int tile = 0; tile < 8; ++tile) {
    config.row_bytes[tile] = kTileRowBytes;
    config.rows[tile] = static_cast<std::uint8_t>(tile <= 4 ? rows : 16);
  }
  _tile_loadconfig(&config);
}

// Two groups of rows by two vectors of columns.
void product_2x2(const TileProduct& product, std::int64_t group, std::int64_t column) {
  float* c0 = product.c + group * kRowGroup * product.c_row + column;
  float* c1 = c0 + kRowGroup * product.c_row;
  const std::int64_t c_bytes = product.c_row * 4;
  if (product.accumulate) {
    _tile_loadd(0, c0, c_bytes);
    _tile_loadd(1, c0 + 16, c_bytes);
    _tile_loadd(2, c1, c_bytes);
    _tile_loadd(3, c1 + 16, c_bytes);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  const std::byte* a = product.a.data + group * product.a.group_stride;
  const std::byte* b = product.b + column * 4;
  for (std::int64_t step = 0; step < product.steps; ++step) {
    _tile_loadd(6, b, product.b_row);
    _tile_loadd(4, a, product.a.row_stride);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, b + 64, product.b_row);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(5, a + product.a.group_stride, product.a.row_stride);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
    a += product.a.step_stride;
    b += 16 * product.b_row;
  }
  _tile_stored(0, c0, c_bytes);
  _tile_stored(1, c0 + 16, c_bytes);
  _tile_stored(2, c1, c_bytes);
  _tile_stored(3, c1 + 16, c_bytes);
}

// One group of rows by one to four vectors of columns.
template <int kVectors>
void product_1xn(const TileProduct& product, std::int64_t group, std::int64_t column) {
  float* c = product.c + group * kRowGroup * product.c_row + column;
  const std::int64_t c_bytes = product.c_row * 4;
  if (product.accumulate) {
    _tile_loadd(0, c, c_bytes);
    if constexpr (kVectors > 1) _tile_loadd(1, c + 16, c_bytes);
    if constexpr (kVectors > 2) _tile_loadd(2, c + 32, c_bytes);
    if constexpr (kVectors > 3) _tile_loadd(3, c + 48, c_bytes);
  } else {
    _tile_zero(0);
    if constexpr (kVectors > 1) _tile_zero(1);
    if constexpr (kVectors > 2) _tile_zero(2);
    if constexpr (kVectors > 3) _tile_zero(3);
  }
  const std::byte* a = product.a.data + group * product.a.group_stride;
  const std::byte* b = product.b + column * 4;
  for (std::int64_t step = 0; step < product.steps; ++step) {
    _tile_loadd(4, a, product.a.row_stride);
    _tile_loadd(5, b, product.b_row);
    _tile_dpbf16ps(0, 4, 5);
    if constexpr (kVectors > 1) {
      _tile_loadd(6, b + 64, product.b_row);
      _tile_dpbf16ps(1, 4, 6);
    }
    if constexpr (kVectors > 2) {
      _tile_loadd(7, b + 128, product.b_row);
      _tile_dpbf16ps(2, 4, 7);
    }
    if constexpr (kVectors > 3) {
      _tile_loadd(5, b + 192, product.b_row);
      _tile_dpbf16ps(3, 4, 5);
    }
    a += product.a.step_stride;
    b += 16 * product.b_row;
  }
  _tile_stored(0, c, c_bytes);
  if constexpr (kVectors > 1) _tile_stored(1, c + 16, c_bytes);
  if constexpr (kVectors > 2) _tile_stored(2, c + 32, c_bytes);
  if constexpr (kVectors > 3) _tile_stored(3, c + 48, c_bytes);
}

void multiply_group(const TileProduct& product, std::int64_t group) {
  std::int64_t column = 0;
  for (; column + 64 <= product.columns; column += 64) product_1xn<4>(product, group, column);
  const std::int64_t left = product.columns - column;
  if (left == 48) product_1xn<3>(product, group, column);
  if (left == 32) product_1xn<2>(product, group, column);
  if (left == 16) product_1xn<1>(product, group, column);
}

void multiply_two_groups(const TileProduct& product, std::int64_t group) {
  std::int64_t column = 0;
  for (; column + 32 <= product.columns; column += 32) product_2x2(product, group, column);
  if (column < product.columns) {
    product_1xn<1>(product, group, column);
    product_1xn<1>(product, group + 1, column);
  }
}

void multiply_tiles(const TileProduct& product) {
  const std::int64_t groups = product.rows / kRowGroup;
  const std::int64_t tail = product.rows % kRowGroup;
  if (groups > 0) configure_tiles(kRowGroup);
  std::int64_t group = 0;
  for (; group + 2 <= groups; group += 2) multiply_two_groups(product, group);
  if (group < groups) multiply_group(product, group);
  if (tail > 0) {
    configure_tiles(tail);
    multiply_group(product, groups);
  }
  _tile_release();
}

// --- rows and panels

RowForm tile_row_form(const PanelView& panel) {
  if (panel.dtype != DType::kBF16 && panel.dtype != DType::kF8E4M3) return RowForm::kWide;
  return panel.tiles ? RowForm::kTiles : RowForm::kPairs;
}

bool tiles_lie_ready(const RowSource& source, std::int64_t rows, std::int64_t columns) {
  if (source.rows != nullptr || source.dtype != DType::kBF16 || columns % kStep != 0) return false;
  return rows <= kRowGroup || source.stride * 2 % kAliasingStride != 0;
}

std::size_t tile_bytes(RowForm form, const RowSource& source, std::int64_t rows,
                       std::int64_t columns) {
  if (form != RowForm::kTiles) return word_bytes(form, source, rows, columns);
  if (tiles_lie_ready(source, rows, columns)) return 0;
  const std::int64_t groups = (rows + kRowGroup - 1) / kRowGroup;
  return static_cast<std::size_t>(groups * (round_up(columns, kStep) / kStep) * kGroupStepBytes);
}

PreparedRows tile_rows(RowForm form, const RowSource& source, std::int64_t columns,
                       const void* scratch) {
  if (form != RowForm::kTiles) return word_rows(form, source, columns, scratch);
  if (scratch == nullptr) {
    const std::int64_t stride = source.stride * 2;
    return {static_cast<const std::byte*>(source.base), stride, kTileRowBytes, kRowGroup * stride};
  }
  return {static_cast<const std::byte*>(scratch), kTileRowBytes, kGroupStepBytes,
          round_up(columns, kStep) / kStep * kGroupStepBytes};
}

// Group of rows as [step][16 rows][32 values].
void prepare_tile_group(RowForm form, const RowSource& source, std::int64_t rows,
                        std::int64_t columns, std::int64_t group, void* scratch) {
  if (form != RowForm::kTiles) {
    prepare_word_group<Avx512Vector>(form, source, rows, columns, group, scratch);
    return;
  }
  const std::int64_t steps = round_up(columns, kStep) / kStep;
  std::byte* out = static_cast<std::byte*>(scratch) + group * steps * kGroupStepBytes;
  const std::int64_t count = lesser(kRowGroup, rows - group * kRowGroup);
  const std::int64_t value_bytes = source.dtype == DType::kF32 ? 4 : 2;
  for (std::int64_t row = 0; row < count; ++row) {
    const std::byte* values = source_row(source, group * kRowGroup + row);
    for (std::int64_t step = 0; step < steps; ++step) {
      const std::int64_t begin = step * kStep;
      convert_row<Avx512Vector>(values + begin * value_bytes, source.dtype,
                                lesser(kStep, columns - begin), RowForm::kPairs,
                                out + step * kGroupStepBytes + row * kTileRowBytes);
    }
  }
}

PreparedRows rows_from(const PreparedRows& x, std::int64_t first_row) {
  PreparedRows rows = x;
  rows.data += first_row / kRowGroup * x.group_stride;
  return rows;
}

void add_scaled_block(const float* block, const float* scales, std::int64_t rows, float* sums) {
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t i = 0; i < kPanel; i += 16) {
      float* place = sums + row * kPanel + i;
      const __m512 scaled = _mm512_fmadd_ps(_mm512_loadu_ps(block + row * kPanel + i),
                                            _mm512_loadu_ps(scales + i), _mm512_loadu_ps(place));
      _mm512_storeu_ps(place, scaled);
    }
  }
}

void multiply_e4m3_tiles(const PreparedRows& x, std::int64_t rows, const PanelView& panel,
                         float* sums, void* scratch) {
  std::memset(sums, 0, static_cast<std::size_t>(rows * kPanel) * sizeof(float));
  auto* pairs = static_cast<std::uint16_t*>(scratch);
  auto* block_sums = reinterpret_cast<float*>(pairs + kScaleColumns * kPanel);
  const auto* values = static_cast<const std::uint8_t*>(panel.values);
  for_scale_blocks(panel, [&](std::int64_t block, std::int64_t begin, std::int64_t end) {
    const std::int64_t columns = round_up(end - begin, kStep);
    widen_e4m3<Avx512Vector>(values + begin * kPanel, columns, pairs);
    for (std::int64_t row = 0; row < rows; row += kStreamedRows) {
      const std::int64_t count = lesser(kStreamedRows, rows - row);
      PreparedRows a = rows_from(x, row);
      a.data += begin / kStep * x.step_stride;
      multiply_tiles({a, count, reinterpret_cast<const std::byte*>(pairs), kPanel * 4, kPanel,
                      columns / kStep, block_sums, kPanel, false});
      add_scaled_block(block_sums, panel.scales + block * kPanel, count, sums + row * kPanel);
    }
  });
}

void multiply_bf16_tiles(const PreparedRows& x, std::int64_t rows, const PanelView& panel,
                         float* sums) {
  const std::int64_t padded = round_up(panel.columns, kStep);
  const std::int64_t width = rows > kStreamedRows ? kCachedColumns : padded;
  const auto* values = static_cast<const std::byte*>(panel.values);
  for (std::int64_t begin = 0; begin < padded; begin += width) {
    PreparedRows a = x;
    a.data += begin / kStep * x.step_stride;
    multiply_tiles({a, rows, values + begin * kPanel * 2, kPanel * 4, kPanel,
                    lesser(width, padded - begin) / kStep, sums, kPanel, begin != 0});
  }
}

// `first_row` is a multiple of 16.
void multiply_tile_panel(const PreparedRows& x, std::int64_t first_row, std::int64_t rows,
                         const PanelView& panel, float* sums, void* scratch) {
  const RowForm form = tile_row_form(panel);
  if (form != RowForm::kTiles) {
    multiply_panel<Avx512Vector, PairStep>(x, first_row, rows, panel, sums, scratch);
  } else if (panel.dtype == DType::kF8E4M3) {
    multiply_e4m3_tiles(rows_from(x, first_row), rows, panel, sums, scratch);
  } else {
    multiply_bf16_tiles(rows_from(x, first_row), rows, panel, sums);
  }
}

// --- attention

void score_key_tiles(const void* keys, std::int64_t stride_bytes, const void* queries,
                     std::int64_t columns, std::int64_t width, float* scores) {
  const PreparedRows rows{static_cast<const std::byte*>(keys), stride_bytes, kTileRowBytes,
                          kRowGroup * stride_bytes};
  multiply_tiles({rows, kTileKeys, static_cast<const std::byte*>(queries), columns * 4, columns,
                  width / kStep, scores, columns, false});
}

// Sixteen rows of sixteen words: rows become columns.
void transpose_words(__m512i (&rows)[16]) {
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

// The probabilities become rows of a tile, [columns][keys] bf16: then the values, whose rows need
// only be interleaved, are the weights, and no transposition of the much larger V is needed.
void softmax_tiles(const SoftmaxTile& tile) {
  softmax<Avx512Vector, true>(tile, [](const SoftmaxTile& done, std::int64_t column) {
    for (std::int64_t pair = 0; pair < done.keys / 2; pair += 16) {
      __m512i words[16];
      for (int i = 0; i < 16; ++i) words[i] = probability_pairs(done, pair + i, column);
      transpose_words(words);
      auto* rows = static_cast<std::uint16_t*>(done.probabilities) + column * done.keys + 2 * pair;
      for (int i = 0; i < 16; ++i) _mm512_storeu_si512(rows + i * done.keys, words[i]);
    }
  });
}

void add_value_tiles(const void* probabilities, const void* values, std::int64_t keys,
                     std::int64_t columns, std::int64_t width, float* output) {
  const PreparedRows rows{static_cast<const std::byte*>(probabilities), keys * 2, kTileRowBytes,
                          kRowGroup * keys * 2};
  multiply_tiles({rows, columns, static_cast<const std::byte*>(values), width * 4, width,
                  keys / kStep, output, width, true});
}

}  // namespace

const Kernels& amx_kernels() {
  static const Kernels kTable = [] {
    Kernels table = wide_table<Avx512Vector>("amx");
    table.row_form = tile_row_form;
    table.prepared_bytes = tile_bytes;
    table.prepared_rows = tile_rows;
    table.prepare_group = prepare_tile_group;
    table.panel_product = multiply_tile_panel;
    table.values_per_word = 2;
    table.pack_queries = pack_query_words<true>;
    table.prepare_keys = keys_in_place;
    table.score_keys = score_key_tiles;
    table.pack_values = interleave_values;
    table.softmax_tile = softmax_tiles;
    table.add_values = add_value_tiles;
    table.merge_splits = merge<Avx512Vector, true>;
    table.write_attention = write_columns<Avx512Vector, true>;
    return table;
  }();
  return kTable;
}

}  // namespace etap::cpu
