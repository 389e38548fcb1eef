#include "backend/cuda/ops/routing.h"

#include "backend/cuda/launch.cuh"
#include "backend/cuda/ops/primitives.cuh"

namespace etap::cuda {
namespace {

constexpr int kGroupThreads = 1024;
constexpr int kCombineThreads = 256;
constexpr float kNegativeInfinity = -__builtin_huge_valf();

struct Best {
  float value;
  int index;
};

// Orders like the values, NaN below all.
__device__ std::uint32_t ordered(float value) {
  if (value != value) return 0;
  const std::uint32_t bits = float_bits(value + 0.0f);
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

// The largest of values [begin, end), the first of equal ones, by a warp; the
// same in every lane.
__device__ Best best_of(const float* values, int begin, int end) {
  std::uint32_t key = 0;
  int index = end;
  for (int i = begin + static_cast<int>(threadIdx.x); i < end; i += kLanes) {
    const std::uint32_t candidate = ordered(values[i]);
    if (index == end || candidate > key) {
      key = candidate;
      index = i;
    }
  }
  const std::uint32_t largest = warp_maximum(index == end ? 0u : key);
  const bool holds = index != end && key == largest;
  index = static_cast<int>(warp_minimum(holds ? static_cast<std::uint32_t>(index) : 0xFFFFFFFFu));
  return {values[index], index};
}

__device__ void write_scores(const RoutingParams& params, const float* logits, float* scores) {
  const int count = static_cast<int>(params.experts);
  const int lane = static_cast<int>(threadIdx.x);
  if (params.sigmoid) {
    for (int i = lane; i < count; i += kLanes) scores[i] = 1.0f / (1.0f + expf(-logits[i]));
    return;
  }
  const float largest = best_of(logits, 0, count).value;
  float sum = 0.0f;
  for (int i = lane; i < count; i += kLanes) {
    scores[i] = expf(logits[i] - largest);
    sum += scores[i];
  }
  for (int mask = kLanes / 2; mask > 0; mask /= 2) sum += shuffle_xor(sum, mask);
  for (int i = lane; i < count; i += kLanes) scores[i] /= sum;
}

// Leaves minus infinity in `ranked` for every expert outside the kept groups.
// `groups`: space.
__device__ void mask_groups(const RoutingParams& params, float* ranked, float* groups) {
  const int size = static_cast<int>(params.experts / params.groups);
  const int count = static_cast<int>(params.groups);
  const int lane = static_cast<int>(threadIdx.x);
  for (int group = 0; group < count; ++group) {
    const Best best = best_of(ranked, group * size, (group + 1) * size);
    float score = best.value;
    if (params.group_by_top_two && size > 1) {
      __syncwarp();
      if (lane == 0) ranked[best.index] = kNegativeInfinity;
      __syncwarp();
      score += best_of(ranked, group * size, (group + 1) * size).value;
      __syncwarp();
      if (lane == 0) ranked[best.index] = best.value;
    }
    if (lane == 0) groups[group] = score;
    __syncwarp();
  }
  // A kept group is marked by NaN, which no later choice takes.
  for (int i = 0; i < params.groups_kept; ++i) {
    const int best = best_of(groups, 0, count).index;
    __syncwarp();
    if (lane == 0) groups[best] = __builtin_nanf("");
    __syncwarp();
  }
  for (int i = lane; i < params.experts; i += kLanes) {
    const float group = groups[i / size];
    if (group == group) ranked[i] = kNegativeInfinity;
  }
  __syncwarp();
}

// One warp for each row.
__global__ void __launch_bounds__(kLanes)
    choose_kernel(const RoutingParams params, const TensorView logits, const float* bias,
                  const RoutingArrays arrays) {
  __shared__ float scores[kExpertsMax];
  __shared__ float ranked[kExpertsMax];
  __shared__ float groups[kExpertsMax];
  const int row = static_cast<int>(blockIdx.x);
  const int lane = static_cast<int>(threadIdx.x);
  const int count = static_cast<int>(params.experts);
  const int per_row = static_cast<int>(params.experts_per_token);
  write_scores(params, static_cast<const float*>(logits.data) + row * logits.stride, scores);
  __syncwarp();
  for (int i = lane; i < count; i += kLanes) {
    ranked[i] = bias == nullptr ? scores[i] : scores[i] + bias[i];
  }
  __syncwarp();
  if (params.groups > 1) mask_groups(params, ranked, groups);
  std::int32_t* chosen = arrays.chosen + row * per_row;
  float* weights = arrays.weights + row * per_row;
  float sum = 0.0f;
  for (int i = 0; i < per_row; ++i) {
    const int best = best_of(ranked, 0, count).index;
    sum += scores[best];
    __syncwarp();
    if (lane == 0) {
      // NaN, not minus infinity: an expert is not chosen twice even when
      // nothing else is left.
      ranked[best] = __builtin_nanf("");
      chosen[i] = best;
      weights[i] = scores[best];
    }
    __syncwarp();
  }
  const float divisor = params.normalize ? sum + 1e-20f : 1.0f;
  for (int i = lane; i < per_row; i += kLanes) {
    weights[i] = weights[i] / divisor * params.scaling_factor;
  }
}

// Where each expert's pairs and tiles begin: sums of 32 experts each, then of
// those.
__device__ void place_experts(int experts, int rows_per_tile, const int* counts, int* next_pair,
                              int* first_tile, std::int32_t* tile_count) {
  constexpr int kSpans = kExpertsMax / kLanes;
  __shared__ int span_pairs[kSpans + 1];
  __shared__ int span_tiles[kSpans + 1];
  const auto tiles_of = [&](int count) { return (count + rows_per_tile - 1) / rows_per_tile; };
  const int thread = static_cast<int>(threadIdx.x);
  const int begin = thread * kLanes;
  const int end = min(experts, begin + kLanes);
  if (thread < kSpans) {
    int pairs = 0;
    int tiles = 0;
    for (int expert = begin; expert < end; ++expert) {
      pairs += counts[expert];
      tiles += tiles_of(counts[expert]);
    }
    span_pairs[thread] = pairs;
    span_tiles[thread] = tiles;
  }
  __syncthreads();
  if (thread == 0) {
    int pairs = 0;
    int tiles = 0;
    for (int span = 0; span < kSpans; ++span) {
      const int more_pairs = span_pairs[span];
      const int more_tiles = span_tiles[span];
      span_pairs[span] = pairs;
      span_tiles[span] = tiles;
      pairs += more_pairs;
      tiles += more_tiles;
    }
    *tile_count = tiles;
  }
  __syncthreads();
  if (thread < kSpans) {
    int pair = span_pairs[thread];
    int tile = span_tiles[thread];
    for (int expert = begin; expert < end; ++expert) {
      next_pair[expert] = pair;
      first_tile[expert] = tile;
      pair += counts[expert];
      tile += tiles_of(counts[expert]);
    }
  }
}

// One CTA. The order of an expert's pairs is free: each pair's result depends
// on its row alone.
__global__ void __launch_bounds__(kGroupThreads)
    group_kernel(const int experts, const int pairs, const int per_row, const int rows_per_tile,
                 const RoutingArrays arrays) {
  __shared__ int counts[kExpertsMax];
  __shared__ int next_pair[kExpertsMax];
  __shared__ int first_tile[kExpertsMax];
  const int thread = static_cast<int>(threadIdx.x);
  for (int i = thread; i < experts; i += kGroupThreads) counts[i] = 0;
  __syncthreads();
  for (int i = thread; i < pairs; i += kGroupThreads) atomicAdd(&counts[arrays.chosen[i]], 1);
  __syncthreads();
  place_experts(experts, rows_per_tile, counts, next_pair, first_tile, arrays.tile_count);
  __syncthreads();
  for (int expert = thread; expert < experts; expert += kGroupThreads) {
    for (int done = 0, tile = first_tile[expert]; done < counts[expert];
         done += rows_per_tile, ++tile) {
      arrays.tiles[tile] = {expert, next_pair[expert] + done,
                            min(rows_per_tile, counts[expert] - done), 0};
    }
  }
  __syncthreads();
  for (int i = thread; i < pairs; i += kGroupThreads) {
    const int pair = atomicAdd(&next_pair[arrays.chosen[i]], 1);
    arrays.pair_rows[pair] = i / per_row;
    arrays.choice_pair[i] = pair;
  }
}

__global__ void __launch_bounds__(kCombineThreads)
    combine_kernel(const RoutingArrays arrays, const int per_row, const float* pair_out,
                   const bool accumulate, const TensorView out) {
  const int row = static_cast<int>(blockIdx.y);
  const int column = static_cast<int>(blockIdx.x) * kCombineThreads + static_cast<int>(threadIdx.x);
  if (column >= out.columns) return;
  float* target = static_cast<float*>(out.data) + row * out.stride + column;
  float sum = accumulate ? *target : 0.0f;
  for (int i = 0; i < per_row; ++i) {
    const std::int64_t pair = arrays.choice_pair[row * per_row + i];
    sum = fmaf(arrays.weights[row * per_row + i], pair_out[pair * out.columns + column], sum);
  }
  *target = sum;
}

}  // namespace

int routing_tile_capacity(int pairs, int experts, int rows_per_tile) {
  // Every expert that has pairs leaves at most one tile partly filled.
  const int active = pairs < experts ? pairs : experts;
  return pairs / rows_per_tile + active;
}

void choose_experts(const RoutingParams& params, const TensorView& logits, const float* bias,
                    const RoutingArrays& arrays, cudaStream_t stream) {
  launch(choose_kernel, dim3(static_cast<unsigned>(logits.rows)), kLanes, stream, params, logits,
         bias, arrays);
}

void group_pairs(int experts, int pairs, int per_row, int rows_per_tile,
                 const RoutingArrays& arrays, cudaStream_t stream) {
  launch(group_kernel, dim3(1), kGroupThreads, stream, experts, pairs, per_row, rows_per_tile,
         arrays);
}

void combine_experts(const RoutingArrays& arrays, int per_row, const float* pair_out,
                     bool accumulate, const TensorView& out, cudaStream_t stream) {
  dim3 grid = grid_for(out.columns, kCombineThreads);
  grid.y = static_cast<unsigned>(out.rows);
  launch(combine_kernel, grid, kCombineThreads, stream, arrays, per_row, pair_out, accumulate, out);
}

}  // namespace etap::cuda
