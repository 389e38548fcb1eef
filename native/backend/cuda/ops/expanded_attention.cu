#include "backend/cuda/launch.cuh"
#include "backend/cuda/ops/attention.h"
#include "backend/cuda/ops/fragments.cuh"

namespace etap::cuda {
namespace {

constexpr int kWarps = 4;
constexpr int kThreads = kWarps * kLanes;
constexpr int kQueryRows = kWarps * kTileRows;
constexpr int kTileKeys = 64;
constexpr int kKeyTiles = kTileKeys / kTileColumns;  // of 8 keys, in S
constexpr int kValueTiles = kValueSlab / kTileColumns;
constexpr float kLog2E = 1.4426950408889634f;
constexpr float kNegativeInfinity = -__builtin_huge_valf();

// Which key of a tile is column n of product j of S. Chosen so that a lane's P, which it holds in
// columns 2 q + {0, 1} of four products, covers 8 neighbouring keys: a span of P V^T.
__device__ int key_of(int product, int column) {
  return product / 4 * kSpan + column / 2 * kLaneValues + product % 4 * 2 + column % 2;
}

struct Aligned {
  bool q;
  bool rotary_q;
  bool keys;
  bool rotary_keys;
};

// Two rows (g and g + 8) of one warp's 16.
struct RowState {
  float maximum[2];
  float sum[2];
  float out[kValueTiles][4];
};

struct Lane {
  int group;   // g of fragments.cuh
  int within;  // q
  int head;
  int first_row;  // of the warp
  int slab;       // first value column of the CTA
};

__device__ const std::uint16_t* query_row(const AttentionShape& shape, const ExpandedPass& pass,
                                          const Lane& lane, int row) {
  if (row >= pass.count) return nullptr;
  return pass.q + row * pass.q_stride + lane.head * (shape.nope + shape.rope);
}

// The rotary part of a key in the cache; null past the pass.
__device__ const std::uint16_t* rotary_row(const AttentionShape& shape, const ExpandedPass& pass,
                                           int key) {
  if (key >= pass.key_count) return nullptr;
  const int absolute = pass.key_begin + key;
  const std::int64_t slot =
      static_cast<std::int64_t>(pass.block_table[absolute / static_cast<int>(kBlockTokens)]) *
          kBlockTokens +
      absolute % kBlockTokens;
  return pass.cache + slot * (shape.latent + shape.rope) + shape.latent;
}

// scores[j] += q k^T over one part of the width, `width` wide, for the tile at `key`.
template <typename KeyRow>
__device__ void add_scores(const std::uint16_t* const (&queries)[2], std::int64_t offset,
                           std::int64_t width, bool q_aligned, bool k_aligned, const Lane& lane,
                           const KeyRow& key_row, float (&scores)[kKeyTiles][4]) {
  const std::uint16_t* keys[kKeyTiles];
#pragma unroll
  for (int j = 0; j < kKeyTiles; ++j) keys[j] = key_row(key_of(j, lane.group));
  for (std::int64_t begin = 0; begin < width; begin += kSpan) {
    const std::int64_t column = begin + lane.within * kLaneValues;
    const std::int64_t left = width - column;
    const uint4 row = load_values(queries[0], offset + column, left, q_aligned);
    const uint4 row8 = load_values(queries[1], offset + column, left, q_aligned);
#pragma unroll
    for (int j = 0; j < kKeyTiles; ++j) {
      multiply_span(scores[j], row, row8, load_values(keys[j], column, left, k_aligned));
    }
  }
}

// S of 16 rows and 64 keys, in log2 units, masked.
__device__ void compute_scores(const AttentionShape& shape, const ExpandedPass& pass,
                               const Aligned& aligned, const Lane& lane, int key,
                               float (&scores)[kKeyTiles][4]) {
  const std::uint16_t* const queries[2] = {
      query_row(shape, pass, lane, lane.first_row + lane.group),
      query_row(shape, pass, lane, lane.first_row + lane.group + kTileRows / 2)};
#pragma unroll
  for (int j = 0; j < kKeyTiles; ++j) {
    for (int i = 0; i < 4; ++i) scores[j][i] = 0.0f;
  }
  const std::uint16_t* projected = pass.keys + (lane.head * pass.key_capacity + key) * shape.nope;
  add_scores(
      queries, 0, shape.nope, aligned.q, aligned.keys, lane,
      [&](int k) { return key + k < pass.key_count ? projected + k * shape.nope : nullptr; },
      scores);
  add_scores(
      queries, shape.nope, shape.rope, aligned.rotary_q, aligned.rotary_keys, lane,
      [&](int k) { return rotary_row(shape, pass, key + k); }, scores);
  const float scale = shape.softmax_scale * kLog2E;
#pragma unroll
  for (int j = 0; j < kKeyTiles; ++j) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int row = lane.first_row + lane.group + i / 2 * (kTileRows / 2);
      const int absolute = pass.key_begin + key + key_of(j, lane.within * 2 + i % 2);
      scores[j][i] = absolute <= pass.position + row ? scores[j][i] * scale : kNegativeInfinity;
    }
  }
}

// Over the four lanes that share a row.
template <typename Combine>
__device__ float combine_row(float value, const Combine& combine) {
  value = combine(value, shuffle_xor(value, 1));
  return combine(value, shuffle_xor(value, 2));
}

// Turns scores into weights relative to the new maximum; rescales what was summed so far.
__device__ void update_softmax(float (&scores)[kKeyTiles][4], RowState& state) {
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    float maximum = kNegativeInfinity;
#pragma unroll
    for (int j = 0; j < kKeyTiles; ++j) {
      maximum = fmaxf(maximum, fmaxf(scores[j][2 * h], scores[j][2 * h + 1]));
    }
    maximum = combine_row(maximum, [](float a, float b) { return fmaxf(a, b); });
    maximum = fmaxf(maximum, state.maximum[h]);
    // Rows past the end of the segment see keys too, so the maximum is finite after the first tile.
    const float rescale = power_of_two(state.maximum[h] - maximum);
    state.maximum[h] = maximum;
    float sum = 0.0f;
#pragma unroll
    for (int j = 0; j < kKeyTiles; ++j) {
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        float& score = scores[j][2 * h + e];
        score = power_of_two(score - maximum);
        sum += score;
      }
    }
    sum = combine_row(sum, [](float a, float b) { return a + b; });
    state.sum[h] = fmaf(state.sum[h], rescale, sum);
#pragma unroll
    for (int tile = 0; tile < kValueTiles; ++tile) {
      state.out[tile][2 * h] *= rescale;
      state.out[tile][2 * h + 1] *= rescale;
    }
  }
}

__device__ void accumulate_output(const AttentionShape& shape, const ExpandedPass& pass,
                                  const Lane& lane, int key, const float (&scores)[kKeyTiles][4],
                                  RowState& state) {
  const std::uint16_t* values =
      pass.values + (lane.head * shape.value + lane.slab) * pass.key_capacity + key;
  const std::int64_t columns = shape.value - lane.slab;
#pragma unroll
  for (int span = 0; span < kTileKeys / kSpan; ++span) {
    const float(&p)[kKeyTiles][4] = scores;
    const int j = span * 4;
    const uint4 row =
        make_uint4(pack_bf16(p[j][0], p[j][1]), pack_bf16(p[j + 1][0], p[j + 1][1]),
                   pack_bf16(p[j + 2][0], p[j + 2][1]), pack_bf16(p[j + 3][0], p[j + 3][1]));
    const uint4 row8 =
        make_uint4(pack_bf16(p[j][2], p[j][3]), pack_bf16(p[j + 1][2], p[j + 1][3]),
                   pack_bf16(p[j + 2][2], p[j + 2][3]), pack_bf16(p[j + 3][2], p[j + 3][3]));
    const int within = span * kSpan + lane.within * kLaneValues;
#pragma unroll
    for (int tile = 0; tile < kValueTiles; ++tile) {
      const int column = tile * kTileColumns + lane.group;
      const std::uint16_t* source =
          column < columns ? values + column * pass.key_capacity : nullptr;
      multiply_span(state.out[tile], row, row8,
                    load_values(source, within, pass.key_count - key - within, true));
    }
  }
}

__device__ float* state_row(const AttentionShape& shape, const ExpandedPass& pass, const Lane& lane,
                            int row) {
  return pass.state + (static_cast<std::int64_t>(row) * shape.heads + lane.head) *
                          expanded_state_width(shape.value);
}

// Each slab of value columns keeps statistics of its own, so that none reads what another writes.
__device__ int statistics_of(const Lane& lane) {
  return lane.slab / kValueSlab * 2;
}
__device__ int output_of(const AttentionShape& shape, int column) {
  return static_cast<int>((shape.value + kValueSlab - 1) / kValueSlab) * 2 + column;
}

__device__ void load_state(const AttentionShape& shape, const ExpandedPass& pass, const Lane& lane,
                           RowState& state) {
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    state.maximum[h] = kNegativeInfinity;
    state.sum[h] = 0.0f;
#pragma unroll
    for (int tile = 0; tile < kValueTiles; ++tile) {
      state.out[tile][2 * h] = 0.0f;
      state.out[tile][2 * h + 1] = 0.0f;
    }
    const int row = lane.first_row + lane.group + h * (kTileRows / 2);
    if (pass.first || row >= pass.count) continue;
    const float* saved = state_row(shape, pass, lane, row);
    state.maximum[h] = saved[statistics_of(lane)];
    state.sum[h] = saved[statistics_of(lane) + 1];
#pragma unroll
    for (int tile = 0; tile < kValueTiles; ++tile) {
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        const int column = lane.slab + tile * kTileColumns + lane.within * 2 + e;
        if (column < shape.value) state.out[tile][2 * h + e] = saved[output_of(shape, column)];
      }
    }
  }
}

__device__ void store_rows(const AttentionShape& shape, const ExpandedPass& pass, const Lane& lane,
                           const RowState& state) {
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const int row = lane.first_row + lane.group + h * (kTileRows / 2);
    if (row >= pass.count) continue;
    float* saved = pass.last ? nullptr : state_row(shape, pass, lane, row);
    std::uint16_t* target = pass.out + row * pass.out_stride + lane.head * shape.value;
    if (!pass.last && lane.within == 0) {
      saved[statistics_of(lane)] = state.maximum[h];
      saved[statistics_of(lane) + 1] = state.sum[h];
    }
    const float factor = 1.0f / state.sum[h];
#pragma unroll
    for (int tile = 0; tile < kValueTiles; ++tile) {
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        const int column = lane.slab + tile * kTileColumns + lane.within * 2 + e;
        if (column >= shape.value) continue;
        const float value = state.out[tile][2 * h + e];
        if (pass.last) {
          target[column] = bf16_bits(value * factor);
        } else {
          saved[output_of(shape, column)] = value;
        }
      }
    }
  }
}

__global__ void __launch_bounds__(kThreads)
    expanded_kernel(const AttentionShape shape, const ExpandedPass pass, const Aligned aligned) {
  const int thread = static_cast<int>(threadIdx.x);
  const Lane lane{thread % kLanes / 4, thread % 4, static_cast<int>(blockIdx.y),
                  static_cast<int>(blockIdx.x) * kQueryRows + thread / kLanes * kTileRows,
                  static_cast<int>(blockIdx.z) * kValueSlab};
  if (lane.first_row >= pass.count) return;
  RowState state;
  load_state(shape, pass, lane, state);
  const int last_row = min(lane.first_row + kTileRows, pass.count) - 1;
  const int visible = min(pass.key_count, pass.position + last_row + 1 - pass.key_begin);
  for (int key = 0; key < visible; key += kTileKeys) {
    float scores[kKeyTiles][4];
    compute_scores(shape, pass, aligned, lane, key, scores);
    update_softmax(scores, state);
    accumulate_output(shape, pass, lane, key, scores, state);
  }
  store_rows(shape, pass, lane, state);
}

bool on_16_bytes(const void* pointer, std::int64_t stride, std::int64_t second_stride) {
  return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0 && stride % kLaneValues == 0 &&
         second_stride % kLaneValues == 0;
}

}  // namespace

void attend_expanded(const AttentionShape& shape, const ExpandedPass& pass, cudaStream_t stream) {
  const std::int64_t width = shape.query_width();
  const bool q = on_16_bytes(pass.q, pass.q_stride, width);
  const Aligned aligned{q, q && shape.nope % kLaneValues == 0,
                        on_16_bytes(pass.keys, shape.nope, 0),
                        on_16_bytes(pass.cache, shape.latent, shape.cache_width())};
  const dim3 grid(static_cast<unsigned>((pass.count + kQueryRows - 1) / kQueryRows),
                  static_cast<unsigned>(shape.heads),
                  static_cast<unsigned>((shape.value + kValueSlab - 1) / kValueSlab));
  launch(expanded_kernel, grid, kThreads, stream, shape, pass, aligned);
}

}  // namespace etap::cuda
