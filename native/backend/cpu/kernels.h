// The kernels of one instruction set, behind plain function pointers: each ISA file is compiled
// with its own flags and exports one table; cpu_features.cpp picks one at start.
//
// Layouts. A weight is packed in panels of 64 outputs; bf16 and e4m3 panels are [columns /
// 2][64][2], fp16 and fp32 panels [columns][64]; columns are padded with zeros to a multiple of 32.
// A "word" is four bytes: two bf16 values that lie next to each other along the summed dimension
// (kPairs), or one fp32 value (kWide). Attention works transposed (ETAP): queries lie on the lanes,
// keys are broadcast.
//
// Every output element is summed in one fixed order, which depends on neither the number of rows
// nor on how they are grouped: that is what makes results equal for any batch and any chunking.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/dtype.h"

namespace etap::cpu {

inline constexpr std::int64_t kPanel = 64;        // outputs of one packed panel
inline constexpr std::int64_t kLanes = 16;        // fp32 lanes of a kernel vector
inline constexpr std::int64_t kColumnAlign = 32;  // columns of a packed weight are padded to this
inline constexpr std::int64_t kRowGroup = 16;     // rows prepared together
inline constexpr std::int64_t kQueryPanel = 64;   // most query columns in one attention call

// How rows are handed to panel_product.
enum class RowForm { kWide, kPairs, kTiles };

// Rows of activations: row i begins at element rows[i] (or i, where null) * stride.
struct RowSource {
  const void* base;
  DType dtype;  // kBF16 or kF32
  std::int64_t stride;
  const std::int32_t* rows;
};

// Rows in the form of a kernel. kWide, kPairs: words, row by row. kTiles: 32 values of a row are 64
// bytes; strides lead to the next row, the next 32 values and the next 16 rows.
struct PreparedRows {
  const std::byte* data;
  std::int64_t row_stride;    // bytes
  std::int64_t step_stride;   // bytes; kTiles only
  std::int64_t group_stride;  // bytes from one group of 16 rows to the next
};

// One panel of a packed weight.
struct PanelView {
  DType dtype;
  const void* values;
  const float* scales;  // [scale blocks][64]; null unless e4m3
  std::int64_t columns;
  std::int64_t first_scale_columns;  // columns of the first scale block; the others have 128
  bool tiles;                        // scale blocks begin at multiples of 32
  // What to fetch into the second-level cache meanwhile: the same part of the panel that is likely
  // to come next. Null: nothing.
  const std::byte* next;
  std::int64_t next_bytes;
};

// Where the outputs of a panel go. kGated: the panel holds 32 gates and their 32 factors.
enum class Epilogue { kStore, kGated, kAddScaled };

struct PanelOutput {
  Epilogue epilogue;
  void* base;                // of the panel's first output in row 0
  DType dtype;               // kF32, or kBF16
  std::int64_t stride;       // elements
  const std::int32_t* rows;  // output row of each row; null: its index
  const float* factors;      // kAddScaled: out += factor[row] * value
  std::int64_t width;        // outputs to write, <= 64 (kGated: <= 32)
};

// The maximum of a column that has seen no key: so low that a rescale from it gives zero.
inline constexpr float kNoKeys = -1e30F;

// What up to 64 query columns have gathered from the keys so far.
struct AttentionState {
  float* maximum;  // [columns], of the scores in units of log2; kNoKeys at first
  float* sum;      // [columns] of the powers
  float* output;   // [width, columns] or [columns, width], as the kernels like it
};

// One tile of keys against up to 64 query columns.
struct SoftmaxTile {
  float* scores;                // [keys, columns]; overwritten
  std::int64_t keys;            // multiple of 64
  std::int64_t columns;         // multiple of 16
  const std::int32_t* visible;  // [columns] keys of the tile which the column sees; null: all
  float scale_log2;             // softmax scale * log2(e)
  AttentionState state;         // its output is rescaled where a maximum grew
  std::int64_t width;           // padded width of the output
  void* probabilities;          // keys * columns values, in the form that add_values takes
};

// Packed values of one tile, or rows of fp32 words.
struct ValueTile {
  const void* data;
  std::int64_t stride;  // words from one key to the next, where the values are rows
  // What to fetch into the second-level cache meanwhile. Null: nothing.
  const std::byte* next;
  std::int64_t next_bytes;
};

struct Kernels {
  const char* name;

  // --- products with packed weights
  // The form that a panel wants its rows in.
  RowForm (*row_form)(const PanelView& panel);
  // Bytes that `rows` rows take when prepared; 0 where they can be used as they lie.
  std::size_t (*prepared_bytes)(RowForm form, const RowSource& source, std::int64_t rows,
                                std::int64_t columns);
  // Rows used as they lie (`scratch` null), or where prepare_group puts them.
  PreparedRows (*prepared_rows)(RowForm form, const RowSource& source, std::int64_t columns,
                                const void* scratch);
  // Prepares rows [16 group, ...) of `rows`.
  void (*prepare_group)(RowForm form, const RowSource& source, std::int64_t rows,
                        std::int64_t columns, std::int64_t group, void* scratch);
  std::int64_t product_rows;  // rows that panel_product likes to be given at a time
  // sums [rows, 64] fp32 = rows of x times the panel. `scratch` holds kProductScratch bytes.
  void (*panel_product)(const PreparedRows& x, std::int64_t first_row, std::int64_t rows,
                        const PanelView& panel, float* sums, void* scratch);
  void (*write_panel)(const float* sums, std::int64_t first_row, std::int64_t rows,
                      const PanelOutput& out);

  // --- transposed attention
  // Widths are padded with zeros: of keys and queries to a multiple of 32, of values to one of 16.
  std::int64_t values_per_word;  // 2 (pairs) or 1 (wide)
  std::int64_t tile_blocks;      // blocks of 64 keys in one softmax tile: 1, 2 or 4
  // Keys of one split, whose result is computed by one thread: so many that merging costs little. A
  // multiple of 256.
  std::int64_t split_keys;
  // Prepared keys serve as values too, where the values are their first columns.
  bool keys_are_values;
  // [padded width / values per word][columns] words from `count` queries of `width` values.
  void (*pack_queries)(const std::uint16_t* const* queries, std::int64_t count,
                       std::int64_t columns, std::int64_t width, void* out);
  // 64 keys as score_keys takes them: where they lie, or copied to `scratch` [64, padded width]
  // words of four bytes; copies of those from `valid` on are zero.
  const void* (*prepare_keys)(const std::uint16_t* keys, std::int64_t stride, std::int64_t valid,
                              std::int64_t width, void* scratch, std::int64_t* stride_bytes);
  // scores [64, columns] = keys times queries.
  void (*score_keys)(const void* keys, std::int64_t stride_bytes, const void* queries,
                     std::int64_t columns, std::int64_t width, float* scores);
  // 64 rows of values, of which `valid` are read and the rest zero: 64 / values per word * width
  // words.
  void (*pack_values)(const std::uint16_t* values, std::int64_t stride, std::int64_t valid,
                      std::int64_t width, void* out);
  void (*softmax_tile)(const SoftmaxTile& tile);
  // output += probabilities times values.
  void (*add_values)(const void* probabilities, const ValueTile& values, std::int64_t keys,
                     std::int64_t columns, std::int64_t width, float* output);
  // total = total and `split` together, in this order.
  void (*merge_splits)(const AttentionState& total, const AttentionState& split,
                       std::int64_t columns, std::int64_t width);
  // targets[i] [values] bf16 = output of column i / its sum.
  void (*write_attention)(const AttentionState& state, std::int64_t count, std::int64_t columns,
                          std::int64_t width, std::int64_t values, std::uint16_t* const* targets);

  // --- rows
  void (*rmsnorm)(const float* x, const float* weight, float epsilon, std::int64_t count, void* out,
                  DType out_dtype);
  void (*add)(float* x, const float* delta, std::int64_t count);
  // Pairs (i, i + half) of 2 * half values, turned; in place for bf16 queries.
  void (*rotate)(const void* x, DType dtype, const float* cos, const float* sin, std::int64_t half,
                 std::uint16_t* out);
};

// Bytes of scratch that one panel_product call needs.
inline constexpr std::size_t kProductScratch = 64 * 1024;

const Kernels& scalar_kernels();
const Kernels& avx2_kernels();
const Kernels& avx512_kernels();
const Kernels& avx512_bf16_kernels();
const Kernels& amx_kernels();

}  // namespace etap::cpu
