// Operations that treat each row alone. Launches only; shapes are those of backend.h.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "backend/backend.h"

namespace etap::cuda {

struct EmbeddingTable {
  const void* values;  // [tokens, columns]
  DType dtype;
  std::int64_t first_token;
  std::int64_t tokens;
};
void embed(const EmbeddingTable& table, const std::int32_t* tokens, const TensorView& out,
           cudaStream_t stream);

// `delta` null: plain rmsnorm; otherwise x += delta first, and x is written back.
struct NormArguments {
  float* x;
  std::int64_t x_stride;
  const float* delta;
  std::int64_t delta_stride;
  const float* weight;
  float epsilon;
};
void norm_rows(const NormArguments& arguments, const TensorView& out, cudaStream_t stream);

struct RopeTable {
  const float* cos;  // [positions, half]
  const float* sin;
  int half;
};
void rotate_heads(const AttentionShape& shape, const RopeTable& rope, const std::int32_t* positions,
                  const TensorView& q, cudaStream_t stream);

// One layer of the cache: [slots, latent + rope] bf16.
struct LatentWrite {
  const float* norm;
  float epsilon;
  RopeTable rope;
  const std::int32_t* positions;
  const std::int64_t* slots;
  std::uint16_t* cache;
};
void write_latent_rows(const AttentionShape& shape, const TensorView& kv,
                       const LatentWrite& arguments, cudaStream_t stream);

// q_latent[row, head, latent + i] = q[rows[row], head, nope + i], for i < rope.
void copy_rotary(const AttentionShape& shape, const TensorView& q, const std::int32_t* rows,
                 const TensorView& q_latent, cudaStream_t stream);

// out[i] = x[rows[i]]; both of one type.
void gather_rows(const TensorView& x, const std::int32_t* rows, const TensorView& out,
                 cudaStream_t stream);

}  // namespace etap::cuda
