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
// Columns of a panel, 128 KiB of it, that stay in the second-level cache while groups of rows pass.
constexpr std::int64_t kTileColumns = 1024;
// A stride of a multiple of this maps the rows of a tile to few sets of the first-level cache.
constexpr std::int64_t kAliasingStride = 1024;

// --- tile products

// Where the tiles of a packed operand lie. Steps of 32 summed values alternate between two strides,
// because values of the cache are packed in blocks of 64 keys.
struct TileOperand {
  const std::byte* data;
  std::int64_t row;        // bytes from one pair of summed values to the next
  std::int64_t vector;     // bytes from sixteen columns to the next
  std::int64_t even_step;  // bytes from an even step to the next
  std::int64_t odd_step;
};

// [pairs][columns] words.
TileOperand word_operand(const void* data, std::int64_t columns) {
  const std::int64_t row = columns * 4;
  return {static_cast<const std::byte*>(data), row, kTileRowBytes, 16 * row, 16 * row};
}

struct TileProduct {
  PreparedRows a;
  std::int64_t rows;
  TileOperand b;
  std::int64_t columns;  // multiple of 16
  std::int64_t steps;    // of 32 summed values
  float* c;
  std::int64_t c_row;  // floats
  bool accumulate;

  const std::byte* a_at(std::int64_t group) const { return a.data + group * a.group_stride; }
  const std::byte* b_at(std::int64_t column) const { return b.data + column / 16 * b.vector; }
  std::int64_t b_step(std::int64_t step) const { return step % 2 == 0 ? b.even_step : b.odd_step; }
  float* c_at(std::int64_t group, std::int64_t column) const {
    return c + group * kRowGroup * c_row + column;
  }
};

// The tile intrinsics of GCC do not tell the compiler which memory they touch.
void settle_memory() {
  asm volatile("" ::: "memory");
}

struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
};

// Lines to fetch into the second-level cache, a few in each step of a product.
class Prefetch {
 public:
  Prefetch() = default;
  Prefetch(const std::byte* begin, std::int64_t bytes, std::int64_t steps)
      : next_(begin),
        end_(begin + bytes),
        step_bytes_(lesser(round_up(bytes / (steps + 1) + 1, kLine), kLinesMax * kLine)) {}
  void step() {
    if (next_ >= end_) return;
    for (std::int64_t i = 0; i < step_bytes_; i += kLine) __builtin_prefetch(next_ + i, 0, 2);
    next_ += step_bytes_;
  }

 private:
  static constexpr std::int64_t kLine = 64;
  static constexpr std::int64_t kLinesMax = 64;
  const std::byte* next_ = nullptr;
  const std::byte* end_ = nullptr;
  std::int64_t step_bytes_ = 0;
};

// The shape of the tiles while products are made. Tiles 0-3 hold sums, 4 (and 5, 6) rows, the
// others weights; the last group has fewer rows.
class TileSession {
 public:
  Prefetch prefetch;

  TileSession() = default;
  TileSession(const TileSession&) = delete;
  TileSession& operator=(const TileSession&) = delete;
  ~TileSession() {
    _tile_release();
    settle_memory();
  }

  void configure(std::int64_t rows) {
    settle_memory();
    if (rows == rows_) return;
    rows_ = rows;
    TileConfig config;
    for (int tile = 0; tile < 8; ++tile) {
      config.row_bytes[tile] = kTileRowBytes;
      config.rows[tile] = static_cast<std::uint8_t>(tile <= 4 ? rows : 16);
    }
    settle_memory();
    _tile_loadconfig(&config);
  }

 private:
  std::int64_t rows_ = 0;
};

// Four tiles of sums at these places.
void load_sums(bool accumulate, float* const (&c)[4], std::int64_t c_bytes) {
  if (accumulate) {
    _tile_loadd(0, c[0], c_bytes);
    _tile_loadd(1, c[1], c_bytes);
    _tile_loadd(2, c[2], c_bytes);
    _tile_loadd(3, c[3], c_bytes);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
}

void store_sums(float* const (&c)[4], std::int64_t c_bytes) {
  _tile_stored(0, c[0], c_bytes);
  _tile_stored(1, c[1], c_bytes);
  _tile_stored(2, c[2], c_bytes);
  _tile_stored(3, c[3], c_bytes);
}

// Two groups of rows by two vectors of columns.
void product_2x2(const TileProduct& product, std::int64_t group, std::int64_t column,
                 Prefetch& prefetch) {
  float* const c[4] = {product.c_at(group, column), product.c_at(group, column + 16),
                       product.c_at(group + 1, column), product.c_at(group + 1, column + 16)};
  load_sums(product.accumulate, c, product.c_row * 4);
  const std::byte* a = product.a_at(group);
  const std::byte* b = product.b_at(column);
  for (std::int64_t step = 0; step < product.steps; ++step) {
    _tile_loadd(6, b, product.b.row);
    _tile_loadd(4, a, product.a.row_stride);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, b + product.b.vector, product.b.row);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(5, a + product.a.group_stride, product.a.row_stride);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
    prefetch.step();
    a += product.a.step_stride;
    b += product.b_step(step);
  }
  store_sums(c, product.c_row * 4);
}

// One group of rows by four vectors of columns.
void product_1x4(const TileProduct& product, std::int64_t group, std::int64_t column) {
  float* const c[4] = {product.c_at(group, column), product.c_at(group, column + 16),
                       product.c_at(group, column + 32), product.c_at(group, column + 48)};
  load_sums(product.accumulate, c, product.c_row * 4);
  const std::byte* a = product.a_at(group);
  const std::byte* b = product.b_at(column);
  for (std::int64_t step = 0; step < product.steps; ++step) {
    _tile_loadd(4, a, product.a.row_stride);
    _tile_loadd(5, b, product.b.row);
    _tile_dpbf16ps(0, 4, 5);
    _tile_loadd(6, b + product.b.vector, product.b.row);
    _tile_dpbf16ps(1, 4, 6);
    _tile_loadd(7, b + 2 * product.b.vector, product.b.row);
    _tile_dpbf16ps(2, 4, 7);
    _tile_loadd(5, b + 3 * product.b.vector, product.b.row);
    _tile_dpbf16ps(3, 4, 5);
    a += product.a.step_stride;
    b += product.b_step(step);
  }
  store_sums(c, product.c_row * 4);
}

// Four groups of rows by one vector of columns.
void product_4x1(const TileProduct& product, std::int64_t group, std::int64_t column) {
  float* const c[4] = {product.c_at(group, column), product.c_at(group + 1, column),
                       product.c_at(group + 2, column), product.c_at(group + 3, column)};
  load_sums(product.accumulate, c, product.c_row * 4);
  const std::byte* a = product.a_at(group);
  const std::byte* b = product.b_at(column);
  for (std::int64_t step = 0; step < product.steps; ++step) {
    _tile_loadd(7, b, product.b.row);
    _tile_loadd(4, a, product.a.row_stride);
    _tile_dpbf16ps(0, 4, 7);
    _tile_loadd(5, a + product.a.group_stride, product.a.row_stride);
    _tile_dpbf16ps(1, 5, 7);
    _tile_loadd(6, a + 2 * product.a.group_stride, product.a.row_stride);
    _tile_dpbf16ps(2, 6, 7);
    _tile_loadd(4, a + 3 * product.a.group_stride, product.a.row_stride);
    _tile_dpbf16ps(3, 4, 7);
    a += product.a.step_stride;
    b += product.b_step(step);
  }
  store_sums(c, product.c_row * 4);
}

// One tile of sums: what the larger shapes leave.
void product_1x1(const TileProduct& product, std::int64_t group, std::int64_t column) {
  float* c = product.c_at(group, column);
  if (product.accumulate) {
    _tile_loadd(0, c, product.c_row * 4);
  } else {
    _tile_zero(0);
  }
  const std::byte* a = product.a_at(group);
  const std::byte* b = product.b_at(column);
  for (std::int64_t step = 0; step < product.steps; ++step) {
    _tile_loadd(4, a, product.a.row_stride);
    _tile_loadd(5, b, product.b.row);
    _tile_dpbf16ps(0, 4, 5);
    a += product.a.step_stride;
    b += product.b_step(step);
  }
  _tile_stored(0, c, product.c_row * 4);
}

void multiply_group(const TileProduct& product, std::int64_t group) {
  std::int64_t column = 0;
  for (; column + 64 <= product.columns; column += 64) product_1x4(product, group, column);
  for (; column < product.columns; column += 16) product_1x1(product, group, column);
}

// Full groups of rows; returns how many were done.
std::int64_t multiply_full_groups(const TileProduct& product, std::int64_t groups,
                                  Prefetch& prefetch) {
  std::int64_t group = 0;
  if (product.columns == 16) {
    for (; group + 4 <= groups; group += 4) product_4x1(product, group, 0);
    return group;
  }
  for (; group + 2 <= groups; group += 2) {
    std::int64_t column = 0;
    for (; column + 32 <= product.columns; column += 32)
      product_2x2(product, group, column, prefetch);
    for (; column < product.columns; column += 16) {
      product_1x1(product, group, column);
      product_1x1(product, group + 1, column);
    }
  }
  return group;
}

void multiply_tiles(TileSession& session, const TileProduct& product) {
  const std::int64_t groups = product.rows / kRowGroup;
  const std::int64_t tail = product.rows % kRowGroup;
  if (groups > 0) {
    session.configure(kRowGroup);
    std::int64_t group = multiply_full_groups(product, groups, session.prefetch);
    for (; group < groups; ++group) multiply_group(product, group);
  }
  if (tail > 0) {
    session.configure(tail);
    multiply_group(product, groups);
  }
  settle_memory();
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
    prepare_word_group<PairVector>(form, source, rows, columns, group, scratch);
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
      convert_row<PairVector>(values + begin * value_bytes, source.dtype,
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

// Widens one block ahead: tiles that are loaded right after they were stored wait for the store.
void multiply_e4m3_tiles(const PreparedRows& x, std::int64_t rows, const PanelView& panel,
                         float* sums, void* scratch) {
  std::memset(sums, 0, static_cast<std::size_t>(rows * kPanel) * sizeof(float));
  auto* pairs = static_cast<std::uint16_t*>(scratch);
  auto* block_sums = reinterpret_cast<float*>(pairs + 2 * kScaleColumns * kPanel);
  const auto* values = static_cast<const std::uint8_t*>(panel.values);
  const std::int64_t blocks = scale_block_count(panel);
  const auto widen = [&](std::int64_t block) {
    const ScaleBlock columns = scale_block(panel, block);
    widen_e4m3<PairVector>(values + columns.begin * kPanel, round_up(columns.size(), kStep),
                           pairs + block % 2 * kScaleColumns * kPanel);
  };
  TileSession session;
  widen(0);
  for (std::int64_t block = 0; block < blocks; ++block) {
    if (block + 1 < blocks) widen(block + 1);
    const ScaleBlock columns = scale_block(panel, block);
    const std::uint16_t* block_pairs = pairs + block % 2 * kScaleColumns * kPanel;
    for (std::int64_t row = 0; row < rows; row += kStreamedRows) {
      const std::int64_t count = lesser(kStreamedRows, rows - row);
      PreparedRows a = rows_from(x, row);
      a.data += columns.begin / kStep * x.step_stride;
      multiply_tiles(session, {a, count, word_operand(block_pairs, kPanel), kPanel,
                               round_up(columns.size(), kStep) / kStep, block_sums, kPanel, false});
      add_scaled_block(block_sums, panel.scales + block * kPanel, count, sums + row * kPanel);
    }
  }
}

void multiply_bf16_tiles(const PreparedRows& x, std::int64_t rows, const PanelView& panel,
                         float* sums) {
  const std::int64_t padded = round_up(panel.columns, kStep);
  const std::int64_t width = rows > kRowGroup ? kTileColumns : padded;
  const auto* values = static_cast<const std::byte*>(panel.values);
  TileSession session;
  // Two passes over half a panel for each pair of groups; fewer rows only read what they need,
  // which the hardware foresees.
  const std::int64_t steps = rows / (2 * kRowGroup) * 2 * (padded / kStep);
  session.prefetch = Prefetch(panel.next, panel.next_bytes, steps);
  for (std::int64_t begin = 0; begin < padded; begin += width) {
    PreparedRows a = x;
    a.data += begin / kStep * x.step_stride;
    multiply_tiles(session, {a, rows, word_operand(values + begin * kPanel * 2, kPanel), kPanel,
                             lesser(width, padded - begin) / kStep, sums, kPanel, begin != 0});
  }
}

// `first_row` is a multiple of 16.
void multiply_tile_panel(const PreparedRows& x, std::int64_t first_row, std::int64_t rows,
                         const PanelView& panel, float* sums, void* scratch) {
  const RowForm form = tile_row_form(panel);
  if (form != RowForm::kTiles) {
    multiply_panel<PairVector, PairStep>(x, first_row, rows, panel, sums, scratch);
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
  TileSession session;
  multiply_tiles(session, {rows, kTileKeys, word_operand(queries, columns), columns, width / kStep,
                           scores, columns, false});
}

// The probabilities become rows of tiles, [columns][keys] bf16: then the values, whose rows need
// only be interleaved, are the weights, and no transposition of the much larger V is needed. The
// pairs wait where the scores were: pair i takes the place of key i, which has been read by then.
class TileProbabilities {
 public:
  TileProbabilities(const SoftmaxTile& tile, std::int64_t column) : tile_(tile), column_(column) {}
  void operator()(std::int64_t pair, __m512 even, __m512 odd) const {
    _mm512_storeu_si512(place_of(pair), narrow_pairs(even, odd));
  }
  void finish() const {
    auto* rows = static_cast<std::uint16_t*>(tile_.probabilities) + column_ * tile_.keys;
    for (std::int64_t pair = 0; pair < tile_.keys / 2; pair += 16) {
      __m512i words[16];
      for (int i = 0; i < 16; ++i) words[i] = _mm512_loadu_si512(place_of(pair + i));
      transpose_words(words);
      for (int i = 0; i < 16; ++i) {
        _mm512_storeu_si512(rows + i * tile_.keys + 2 * pair, words[i]);
      }
    }
  }

 private:
  float* place_of(std::int64_t pair) const { return tile_.scores + pair * tile_.columns + column_; }
  const SoftmaxTile& tile_;
  std::int64_t column_;
};

void add_value_tiles(const void* probabilities, const ValueTile& values, std::int64_t keys,
                     std::int64_t columns, std::int64_t width, float* output) {
  const PreparedRows rows{static_cast<const std::byte*>(probabilities), keys * 2, kTileRowBytes,
                          kRowGroup * keys * 2};
  constexpr std::int64_t kTileBytes = 16 * kTileRowBytes;
  constexpr std::int64_t kVectorBytes = kTileKeys / kStep * kTileBytes;
  const std::int64_t block_bytes = width / kValueGroup * kVectorBytes;
  const TileOperand operand{static_cast<const std::byte*>(values.data), kTileRowBytes, kVectorBytes,
                            kTileBytes, block_bytes - kTileBytes};
  TileSession session;
  multiply_tiles(session, {rows, columns, operand, width, keys / kStep, output, width, true});
}

}  // namespace

const Kernels& amx_kernels() {
  static const Kernels kTable = [] {
    Kernels table = wide_table<PairVector>("amx");
    table.row_form = tile_row_form;
    table.prepared_bytes = tile_bytes;
    table.prepared_rows = tile_rows;
    table.prepare_group = prepare_tile_group;
    table.panel_product = multiply_tile_panel;
    table.product_rows = kPairProductRows;
    table.values_per_word = 2;
    table.tile_blocks = kPairTileBlocks;
    table.split_keys = kPairSplitKeys;
    table.keys_are_values = false;
    table.pack_queries = pack_query_pairs;
    table.prepare_keys = keys_in_place;
    table.score_keys = score_key_tiles;
    table.pack_values = interleave_values;
    table.softmax_tile = softmax<PairVector, true, TileProbabilities>;
    table.add_values = add_value_tiles;
    table.merge_splits = merge<PairVector, true>;
    table.write_attention = write_columns<PairVector, true>;
    return table;
  }();
  return kTable;
}

}  // namespace etap::cpu
