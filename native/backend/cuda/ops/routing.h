// Choice of experts, and the grouping of rows by expert: all on the device, so that the host never
// waits for the choice. Capacities depend on the number of rows alone.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "backend/backend.h"
#include "backend/cuda/ops/matrix.h"

namespace etap::cuda {

inline constexpr int kExpertsMax = 1024;

// Device arrays of one choice. A pair is one chosen expert of one row; pairs of one expert follow
// each other, experts ascending.
struct RoutingArrays {
  std::int32_t* chosen;       // [rows, per row] expert
  float* weights;             // [rows, per row]
  std::int32_t* pair_rows;    // [pairs] row of x
  std::int32_t* choice_pair;  // [rows, per row] where the choice went
  RowTile* tiles;             // [tile_capacity(...)]
  std::int32_t* tile_count;
};

// Most tiles that `pairs` pairs of `experts` experts can make.
int routing_tile_capacity(int pairs, int experts, int rows_per_tile);

// logits [rows, experts] fp32; bias [experts] or null. Ties go to the lowest id.
void choose_experts(const RoutingParams& params, const TensorView& logits, const float* bias,
                    const RoutingArrays& arrays, cudaStream_t stream);

// Groups the pairs by expert and cuts each expert's into tiles.
void group_pairs(int experts, int pairs, int per_row, int rows_per_tile,
                 const RoutingArrays& arrays, cudaStream_t stream);

// out[row] (+)= sum over the row's choices, in order, of weight * pair_out[pair]; all fp32.
void combine_experts(const RoutingArrays& arrays, int per_row, const float* pair_out,
                     bool accumulate, const TensorView& out, cudaStream_t stream);

}  // namespace etap::cuda
