// Products with packed weights: the weights lie on the M side of the matrix
// instruction, the few rows of activations on its N side, so that a decode step
// pads rows to 8 and reads each weight once, straight into registers, in the
// order in which it lies in memory.
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

// kTiles tiles of weights by kColumns groups of 8 rows of x, per warp; kWarps
// warps side by side. kStages blocks of a warp's columns are on their way while
// one multiplies; 0: x is loaded as it is needed, for want of registers.
template <MatrixForm kForm, int kTiles, int kColumns, int kWarps, int kStages>
struct PackedProduct {
  static constexpr int kThreads = kBlockGroups * kWarps * kLanes;
  static constexpr int kTileRowsX = kColumns * kTileColumns;
  static constexpr bool kScaled = kForm == MatrixForm::kE4m3;
  static constexpr bool kStagedX = kStages > 0;
  static constexpr int kStageCount = kStagedX ? kStages : 1;
  static constexpr int kSums = kTiles * kColumns;
  using Block = WeightBlock<kForm>;

  struct Lane {
    int group;   // g of fragments.cuh
    int within;  // q
    int blocks;  // which blocks of columns this warp sums
    int warp;    // which tiles
  };

  // What a warp multiplies: its tiles of the matrix, its rows of x.
  struct Operands {
    MatrixView matrix;
    int first_tile;
    int tiles;
    const std::uint16_t* rows[kColumns];
    bool aligned;
  };

  struct Stage {
    Block weights[kTiles];
    float scales[kTiles][2];
    uint4 x[kStagedX ? kColumns : 1][kSpansPerBlock];
  };

  static __device__ __forceinline__ int block_begin(const MatrixView& matrix, int block) {
    return block == 0 ? 0 : matrix.first_columns + (block - 1) * kBlockColumns;
  }
  static __device__ __forceinline__ int block_width(const MatrixView& matrix, int block) {
    return min(block == 0 ? matrix.first_columns : kBlockColumns,
               matrix.columns - block_begin(matrix, block));
  }

  static __device__ __forceinline__ uint4 load_x(const Operands& operands, const Lane& lane, int c,
                                                 int block, int span) {
    const int begin = block_begin(operands.matrix, block);
    const int width = block_width(operands.matrix, block);
    const int column = span * kSpan + lane.within * kLaneValues;
    if (operands.aligned && width == kBlockColumns) {
      if (operands.rows[c] == nullptr) return make_uint4(0, 0, 0, 0);
      return *reinterpret_cast<const uint4*>(operands.rows[c] + begin + column);
    }
    return load_values(operands.rows[c], begin + column, width - column, operands.aligned);
  }

  // Everything that the block needs, at once, so that its latencies overlap.
  static __device__ __forceinline__ void load_stage(const Operands& operands, const Lane& lane,
                                                    int block, Stage& stage) {
    if (block >= operands.matrix.blocks) return;
#pragma unroll
    for (int t = 0; t < kTiles; ++t) {
      const int tile = operands.first_tile + t;
      if (tile >= operands.tiles) {
#pragma unroll
        for (int i = 0; i < Block::kLoads; ++i) stage.weights[t].words[i] = make_uint4(0, 0, 0, 0);
        stage.scales[t][0] = stage.scales[t][1] = 0.0f;
        continue;
      }
      const std::int64_t tile_block =
          static_cast<std::int64_t>(tile) * operands.matrix.blocks + block;
      const uint4* words =
          reinterpret_cast<const uint4*>(static_cast<const std::uint8_t*>(operands.matrix.values) +
                                         tile_block * kTileBlockBytes<kForm>) +
          threadIdx.x % kLanes;
#pragma unroll
      for (int i = 0; i < Block::kLoads; ++i) {
        stage.weights[t].words[i] = load_once(words + i * kLanes);
      }
      if constexpr (kScaled) {
        const float* scales = operands.matrix.scales + tile_block * kTileRows + lane.group;
        stage.scales[t][0] = scales[0];
        stage.scales[t][1] = scales[kTileRows / 2];
      }
    }
    if constexpr (kStagedX) {
#pragma unroll
      for (int c = 0; c < kColumns; ++c) {
#pragma unroll
        for (int span = 0; span < kSpansPerBlock; ++span) {
          stage.x[c][span] = load_x(operands, lane, c, block, span);
        }
      }
    }
  }

  // sums (+)= the block's products; in 8 bits the block's own sum is scaled row
  // by row first.
  static __device__ __forceinline__ void multiply_stage(const Operands& operands, const Lane& lane,
                                                        int block, const Stage& stage,
                                                        float (&sums)[kSums][4]) {
    float parts[kSums][4] = {};
#pragma unroll
    for (int span = 0; span < kSpansPerBlock; ++span) {
      uint4 x[kColumns];
#pragma unroll
      for (int c = 0; c < kColumns; ++c) {
        if constexpr (kStagedX) {
          x[c] = stage.x[c][span];
        } else {
          x[c] = load_x(operands, lane, c, block, span);
        }
      }
#pragma unroll
      for (int t = 0; t < kTiles; ++t) {
        uint4 row;
        uint4 row8;
        stage.weights[t].span(span, row, row8);
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
#pragma unroll
        for (int c = 0; c < kColumns; ++c) {
          float(&sum)[4] = sums[t * kColumns + c];
          const float(&part)[4] = parts[t * kColumns + c];
#pragma unroll
          for (int i = 0; i < 4; ++i) sum[i] = fmaf(stage.scales[t][i / 2], part[i], sum[i]);
        }
      }
    }
  }

  // Adds the sums of the warps that share a product, in order; warp 0 of them
  // has the result.
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

    Operands operands{matrix, first_tile, tiles, {}, false};
    operands.aligned = x_aligned && matrix.first_columns % kLaneValues == 0;
#pragma unroll
    for (int c = 0; c < kColumns; ++c) {
      const int within = c * kTileColumns + lane.group;
      operands.rows[c] = within < rows.count
                             ? static_cast<const std::uint16_t*>(product.x) +
                                   map_row(product.x_rows, rows.first + within) * product.x_stride +
                                   rows.group * product.x_group_stride
                             : nullptr;
    }
    float sums[kSums][4] = {};
    Stage stages[kStageCount];
#pragma unroll
    for (int i = 0; i < kStageCount; ++i) {
      load_stage(operands, lane, lane.blocks + i * kBlockGroups, stages[i]);
    }
    constexpr int kAhead = kStageCount * kBlockGroups;
#pragma unroll 1
    for (int first = lane.blocks; first < matrix.blocks; first += kAhead) {
#pragma unroll
      for (int i = 0; i < kStageCount; ++i) {
        const int block = first + i * kBlockGroups;
        if (block >= matrix.blocks) break;
        multiply_stage(operands, lane, block, stages[i], sums);
        load_stage(operands, lane, block + kAhead, stages[i]);
      }
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
