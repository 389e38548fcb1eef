// What both kinds of product share: finding rows, storing results.
#pragma once

#include <cstdint>

#include "backend/cuda/ops/matrix.h"
#include "backend/cuda/ops/primitives.cuh"

namespace etap::cuda {

__device__ __forceinline__ std::int64_t map_row(const RowMap& map, int row) {
  if (map.index == nullptr) return row;
  if (map.block_shift == 0) return map.index[row];
  const int within = row & ((1 << map.block_shift) - 1);
  return (static_cast<std::int64_t>(map.index[row >> map.block_shift]) << map.block_shift) + within;
}

// The rows and the matrix of one CTA.
struct ProductTile {
  int group;
  int first;
  int count;  // 0: nothing to do
};

__device__ __forceinline__ ProductTile product_tile(const Product& product, int tile_rows) {
  if (product.tiles == nullptr) {
    const int first = static_cast<int>(blockIdx.y) * tile_rows;
    return {static_cast<int>(blockIdx.z), first, min(tile_rows, product.rows - first)};
  }
  if (static_cast<int>(blockIdx.y) >= *product.tile_count) return {0, 0, 0};
  const RowTile tile = product.tiles[blockIdx.y];
  return {tile.group, tile.first, tile.count};
}

// silu(gate) * up; exact at both ends.
__device__ __forceinline__ float gate_value(float gate, float up) {
  return gate / (1.0f + expf(-gate)) * up;
}

__device__ __forceinline__ void store_value(const Product& product, int group, int row,
                                            std::int64_t out_row, int output, float value) {
  const std::int64_t offset = group * product.out_group_stride;
  if (product.store == Store::kF32) {
    static_cast<float*>(product.out)[out_row * product.out_stride + offset + output] = value;
  } else if (product.store == Store::kBf16) {
    static_cast<std::uint16_t*>(product.out)[out_row * product.out_stride + offset + output] =
        bf16_bits(value);
  } else {
    static_cast<std::uint16_t*>(product.out)[offset + output * product.out_stride + row] =
        bf16_bits(value);
  }
}

}  // namespace etap::cuda
