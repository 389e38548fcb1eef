// Products with packed weights: the weights lie on the M side of the matrix instruction, the few
// rows of activations on its N side, so that a decode step pads rows to 8 and reads each weight
// once, straight into registers, in the order in which it lies in memory.
#pragma once

#include "backend/cuda/ops/fragments.cuh"
#include "backend/cuda/ops/product.cuh"

namespace etap::cuda {

inline constexpr int kSpansPerBlock = kBlockColumns / kSpan;

// One tile of 16 rows x 128 columns, as one lane holds it.
template <MatrixForm kForm>
struct WeightBlock;

template <>
struct WeightBlock<MatrixForm::kBf16> {
  static constexpr int kLoads = 2 * kSpansPerBlock;
  uint4 words[kLoads];

  __device__ void span(int index, uint4& row, uint4& row8) const {
    row = words[2 * index];
    row8 = words[2 * index + 1];
  }
};

template <>
struct WeightBlock<MatrixForm::kE4m3> {
  static constexpr int kLoads = kSpansPerBlock;
  uint4 words[kLoads];

  __device__ void span(int index, uint4& row, uint4& row8) const {
    const uint4 bytes = words[index];
    widen_e4m3(bytes.x, row.x, row8.x);
    widen_e4m3(bytes.y, row.y, row8.y);
    widen_e4m3(bytes.z, row.z, row8.z);
    widen_e4m3(bytes.w, row.w, row8.w);
  }
};

template <MatrixForm kForm>
inline constexpr int kTileBlockBytes = WeightBlock<kForm>::kLoads* kLanes * 16;

// kTiles tiles of weights by kColumns groups of 8 rows of x, per warp; kWarps warps side by side.
template <MatrixForm kForm, int kTiles, int kColumns, int kWarps>
struct PackedProduct {
  static constexpr int kThreads = kBlockGroups * kWarps * kLanes;
  static constexpr int kTileRowsX = kColumns * kTileColumns;
  static constexpr bool kScaled = kForm == MatrixForm::kE4m3;
  // Where registers allow it the next block is on its way while this one multiplies.
  static constexpr bool kAhead = kTiles == 1;
  static constexpr int kSums = kTiles * kColumns;
  using Block = WeightBlock<kForm>;

  struct Lane {
    int group;   // g of fragments.cuh
    int within;  // q
    int blocks;  // which blocks of columns this warp sums
    int warp;    // which tiles
  };

  static __device__ void load_block(const MatrixView& matrix, int tile, int tiles, int block,
                                    Block& out) {
    if (tile >= tiles || block >= matrix.blocks) {
#pragma unroll
      for (int i = 0; i < Block::kLoads; ++i) out.words[i] = make_uint4(0, 0, 0, 0);
      return;
    }
    const auto* source =
        static_cast<const std::uint8_t*>(matrix.values) +
        (static_cast<std::int64_t>(tile) * matrix.blocks + block) * kTileBlockBytes<kForm>;
    const uint4* words = reinterpret_cast<const uint4*>(source) + threadIdx.x % kLanes;
#pragma unroll
    for (int i = 0; i < Block::kLoads; ++i) out.words[i] = load_once(words + i * kLanes);
  }

  // sums (+)= the block's products; in 8 bits the block's own sum is scaled row by row first.
  static __device__ void multiply_block(const MatrixView& matrix, const Lane& lane, int first_tile,
                                        int tiles, int block, const Block (&weights)[kTiles],
                                        const std::uint16_t* const (&rows)[kColumns], bool aligned,
                                        float (&sums)[kSums][4]) {
    const int begin = block == 0 ? 0 : matrix.first_columns + (block - 1) * kBlockColumns;
    const int width =
        min(block == 0 ? matrix.first_columns : kBlockColumns, matrix.columns - begin);
    float parts[kSums][4] = {};
#pragma unroll
    for (int span = 0; span < kSpansPerBlock; ++span) {
      if (span * kSpan >= width) break;
      const int column = span * kSpan + lane.within * kLaneValues;
      uint4 x[kColumns];
#pragma unroll
      for (int c = 0; c < kColumns; ++c) {
        x[c] = load_values(rows[c], begin + column, width - column, aligned);
      }
#pragma unroll
      for (int t = 0; t < kTiles; ++t) {
        uint4 row;
        uint4 row8;
        weights[t].span(span, row, row8);
#pragma unroll
        for (int c = 0; c < kColumns; ++c) {
          multiply_span(kScaled ? parts[t * kColumns + c] : sums[t * kColumns + c], row, row8,
                        x[c]);
        }
      }
    }
    if constexpr (kScaled) {
#pragma unroll
      for (int t = 0; t < kTiles; ++t) {
        if (first_tile + t >= tiles) break;
        const float* scales =
            matrix.scales +
            (static_cast<std::int64_t>(first_tile + t) * matrix.blocks + block) * kTileRows;
        const float scale = scales[lane.group];
        const float scale8 = scales[lane.group + kTileRows / 2];
#pragma unroll
        for (int c = 0; c < kColumns; ++c) {
          float(&sum)[4] = sums[t * kColumns + c];
          const float(&part)[4] = parts[t * kColumns + c];
          sum[0] = fmaf(scale, part[0], sum[0]);
          sum[1] = fmaf(scale, part[1], sum[1]);
          sum[2] = fmaf(scale8, part[2], sum[2]);
          sum[3] = fmaf(scale8, part[3], sum[3]);
        }
      }
    }
  }

  // Adds the sums of the warps that share a product, in order; warp 0 of them has the result.
  static __device__ void merge(const Lane& lane, float (&sums)[kSums][4]) {
    __shared__ float4 exchange[kWarps][kSums][kLanes];
    const int own = static_cast<int>(threadIdx.x) % kLanes;
#pragma unroll 1
    for (int source = 1; source < kBlockGroups; ++source) {
      __syncthreads();
      if (lane.blocks == source) {
#pragma unroll
        for (int i = 0; i < kSums; ++i) {
          exchange[lane.warp][i][own] = make_float4(sums[i][0], sums[i][1], sums[i][2], sums[i][3]);
        }
      }
      __syncthreads();
      if (lane.blocks == 0) {
#pragma unroll
        for (int i = 0; i < kSums; ++i) {
          const float4 other = exchange[lane.warp][i][own];
          sums[i][0] += other.x;
          sums[i][1] += other.y;
          sums[i][2] += other.z;
          sums[i][3] += other.w;
        }
      }
    }
  }

  static __device__ void store(const Product& product, const MatrixView& matrix,
                               const ProductTile& rows, const Lane& lane, int first_tile,
                               const float (&sums)[kSums][4]) {
#pragma unroll
    for (int c = 0; c < kColumns; ++c) {
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        const int within = c * kTileColumns + lane.within * 2 + e;
        if (within >= rows.count) continue;
        const int row = rows.first + within;
        const std::int64_t out_row = map_row(product.out_rows, row);
#pragma unroll
        for (int t = 0; t < kTiles; ++t) {
          const float(&sum)[4] = sums[t * kColumns + c];
          if (product.gated) {
            const int output = (first_tile + t) * (kTileRows / 2) + lane.group;
            if (output < matrix.outputs) {
              store_value(product, rows.group, row, out_row, output,
                          gate_value(sum[e], sum[2 + e]));
            }
            continue;
          }
          const int output = (first_tile + t) * kTileRows + lane.group;
          if (output < matrix.outputs) {
            store_value(product, rows.group, row, out_row, output, sum[e]);
          }
          if (output + kTileRows / 2 < matrix.outputs) {
            store_value(product, rows.group, row, out_row, output + kTileRows / 2, sum[2 + e]);
          }
        }
      }
    }
  }

  static __device__ void run(const Product& product, bool x_aligned) {
    const ProductTile rows = product_tile(product, kTileRowsX);
    if (rows.count <= 0) return;
    const MatrixView matrix =
        product.matrices == nullptr ? product.matrix : product.matrices[rows.group];
    const int thread = static_cast<int>(threadIdx.x);
    const Lane lane{thread % kLanes / 4, thread % 4, thread / kLanes % kBlockGroups,
                    thread / kLanes / kBlockGroups};
    const int tile_outputs = product.gated ? kTileRows / 2 : kTileRows;
    const int tiles = (matrix.outputs + tile_outputs - 1) / tile_outputs;
    const int first_tile = (static_cast<int>(blockIdx.x) * kWarps + lane.warp) * kTiles;

    const std::uint16_t* x_rows[kColumns];
#pragma unroll
    for (int c = 0; c < kColumns; ++c) {
      const int within = c * kTileColumns + lane.group;
      x_rows[c] = within < rows.count
                      ? static_cast<const std::uint16_t*>(product.x) +
                            map_row(product.x_rows, rows.first + within) * product.x_stride +
                            rows.group * product.x_group_stride
                      : nullptr;
    }
    const bool aligned = x_aligned && matrix.first_columns % kLaneValues == 0;
    float sums[kSums][4] = {};
    Block next[kTiles];
    if constexpr (kAhead) load_block(matrix, first_tile, tiles, lane.blocks, next[0]);
#pragma unroll 1
    for (int block = lane.blocks; block < matrix.blocks; block += kBlockGroups) {
      Block weights[kTiles];
      if constexpr (kAhead) {
        weights[0] = next[0];
        load_block(matrix, first_tile, tiles, block + kBlockGroups, next[0]);
      } else {
#pragma unroll
        for (int t = 0; t < kTiles; ++t) {
          load_block(matrix, first_tile + t, tiles, block, weights[t]);
        }
      }
      multiply_block(matrix, lane, first_tile, tiles, block, weights, x_rows, aligned, sums);
    }
    merge(lane, sums);
    if (lane.blocks == 0) store(product, matrix, rows, lane, first_tile, sums);
  }
};

template <typename Kernel>
__global__ void __launch_bounds__(Kernel::kThreads)
    packed_product_kernel(const Product product, const bool x_aligned) {
  Kernel::run(product, x_aligned);
}

}  // namespace etap::cuda
