// Attention without the ETAP kernel: the expanded form of prompt tokens, and the absorbed form for
// widths that the ETAP kernel does not take.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "backend/backend.h"
#include "backend/cuda/host_device.h"

namespace etap::cuda {

inline constexpr int kValueSlab = 128;  // value columns of one CTA

// Floats that a row and head keep between two passes: maximum and sum for each slab, and the
// output.
ETAP_HOST_DEVICE constexpr std::int64_t expanded_state_width(std::int64_t value) {
  return (value + kValueSlab - 1) / kValueSlab * 2 + value;
}

// One pass over keys [key_begin, key_begin + key_count) of one sequence, whose projected keys and
// values are in `keys` and `values`. Passes follow each other in order of their keys; the state
// between them is exact, so their number changes no bit.
struct ExpandedPass {
  const std::uint16_t* q;  // the segment's first row
  std::int64_t q_stride;
  std::uint16_t* out;
  std::int64_t out_stride;
  const std::uint16_t* keys;    // [heads, key_capacity, nope] bf16
  const std::uint16_t* values;  // [heads, value, key_capacity] bf16
  std::int64_t key_capacity;    // a multiple of 64
  const std::uint16_t* cache;   // of the layer: [slots, latent + rope]
  const std::int32_t* block_table;
  float* state;   // [count, heads, expanded_state_width]; null with a single pass
  int count;      // rows
  int position;   // of the first row
  int key_begin;  // a multiple of 64
  int key_count;
  bool first;
  bool last;
};
void attend_expanded(const AttentionShape& shape, const ExpandedPass& pass, cudaStream_t stream);

// Absorbed rows; row r sees keys [0, context_lengths[r]).
struct AbsorbedRows {
  const std::uint16_t* q_latent;  // [rows, heads, latent + rope]
  std::uint16_t* o_latent;        // [rows, heads, latent]
  const std::uint16_t* cache;
  const std::int32_t* block_table;  // [rows, block_table_stride]
  std::int64_t block_table_stride;
  const std::int32_t* context_lengths;
  int rows;
};
void attend_absorbed(const AttentionShape& shape, const AbsorbedRows& rows, cudaStream_t stream);

}  // namespace etap::cuda
