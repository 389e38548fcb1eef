// Weight matrices in device memory, and the products that read them.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace etap::cuda {

enum class MatrixForm : std::uint8_t {
  kBf16,  // packed for 16x8x16 products
  kE4m3,  // the same in 8 bits, with a scale for each row and 128 columns
  kF32,   // plain rows: fp32 and fp16 weights, multiplied without rounding
};

// A matrix [outputs, columns]. Columns are cut into blocks of 128, of which the first may be
// narrower (HostMatrix). Packed: [tiles of 16 rows][blocks][16 x 128], each block in the order in
// which a warp loads it (fragments.cuh), zeros past the last row and column. A gated matrix holds 8
// gates and their 8 factors in each tile, and in plain rows all gates, then all factors; `outputs`
// counts its gates.
struct MatrixView {
  const void* values;
  const float* scales;  // e4m3: [tiles][blocks][16]
  std::int32_t outputs;
  std::int32_t columns;
  std::int32_t blocks;
  std::int32_t first_columns;
};

inline constexpr int kBlockColumns = 128;
// Warps that share one product: warp g sums the blocks g, g + 4, ...; the sums are then added in
// order. So the bits of a result depend on the number of columns alone.
inline constexpr int kBlockGroups = 4;

// Where row n of an operand lies: n itself, index[n], or in block index[n / 64].
struct RowMap {
  const std::int32_t* index = nullptr;
  int block_shift = 0;
};

// Consecutive rows of one expert.
struct RowTile {
  std::int32_t group;
  std::int32_t first;
  std::int32_t count;
  std::int32_t reserved;
};

enum class Store : std::uint8_t {
  kF32,             // out [rows, outputs] fp32
  kBf16,            // out [rows, outputs] bf16
  kTransposedBf16,  // out [outputs, rows] bf16
};

// out = x W^T, or silu(x W_gate^T) * (x W_up^T), of one matrix or of several groups.
struct Product {
  MatrixForm form;
  bool gated = false;
  MatrixView matrix{};                   // the widest, where there are several
  const MatrixView* matrices = nullptr;  // [groups] in device memory; null: `matrix` alone
  int groups = 1;

  const void* x = nullptr;  // [rows, columns] bf16; fp32 where `x_wide` (kF32 only)
  bool x_wide = false;
  std::int64_t x_stride = 0;
  std::int64_t x_group_stride = 0;  // elements from one group's columns to the next
  RowMap x_rows{};

  void* out = nullptr;
  Store store = Store::kF32;
  std::int64_t out_stride = 0;
  std::int64_t out_group_stride = 0;
  RowMap out_rows{};

  // Every group takes all `rows` rows; or, with `tiles` (device memory, from route), each tile is
  // of one group and has at most tile_rows(form, rows_hint) rows.
  int rows = 0;
  const RowTile* tiles = nullptr;
  const std::int32_t* tile_count = nullptr;
  int tile_capacity = 0;
};

// Rows that one CTA takes when a group has about `rows` of them.
int tile_rows(MatrixForm form, int rows);

// `hint`: about how many rows a group has; chooses the tile, never changes a bit of the result.
void multiply(const Product& product, int hint, cudaStream_t stream);

}  // namespace etap::cuda
