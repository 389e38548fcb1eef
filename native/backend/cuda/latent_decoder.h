// Absorbed attention through the ETAP kernel, as the backend uses it: every absorbed row is a
// request with one query token.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <memory>
#include <span>

#include "backend/backend.h"

namespace etap::cuda {

struct LatentRows {
  const std::uint16_t* q_latent;  // [rows, heads, 576] bf16
  std::uint16_t* o_latent;        // [rows, heads, 512] bf16
  const std::uint16_t* cache;     // of the layer: [blocks, 64, 576] bf16
  std::int64_t block_count;
  const std::int32_t* block_table;  // [rows, block_table_stride]
  std::int64_t block_table_stride;
};

class LatentDecoder {
 public:
  virtual ~LatentDecoder() = default;
  // Once per step. `device_lengths` [rows] holds what `lengths` does and keeps it until the step's
  // last layer has run.
  virtual void plan(std::span<const std::int32_t> lengths, const std::int32_t* device_lengths,
                    cudaStream_t stream) = 0;
  // Whether the calls that plan and decode make depend on nothing of `lengths` but their number.
  virtual bool calls_are_fixed(std::span<const std::int32_t> lengths) const = 0;
  // One layer over the planned rows.
  virtual void decode(const LatentRows& rows, cudaStream_t stream) = 0;
};

// Null where the ETAP kernel does not take the shape: another width than 512 + 64, or more than 128
// heads.
std::unique_ptr<LatentDecoder> make_latent_decoder(const AttentionShape& shape);

}  // namespace etap::cuda
