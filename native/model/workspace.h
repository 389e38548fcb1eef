// Activations of one forward pass, allocated once for the largest step and shared by all layers.
#pragma once

#include <memory>

#include "backend/backend.h"
#include "model/config.h"
#include "model/rank_shape.h"

namespace etap {

struct Workspace {
  Workspace(Backend& backend, const ModelConfig& config, const RankShape& shape, std::int64_t rows,
            std::int64_t logit_rows);

  // Bytes that all buffers of a rank take at most, whatever the activation type.
  static std::int64_t bytes(const ModelConfig& config, const RankShape& shape, std::int64_t rows,
                            std::int64_t logit_rows);

  using BufferHandle = std::unique_ptr<Buffer>;
  BufferHandle residual;      // [rows, hidden] fp32
  BufferHandle delta;         // [rows, hidden] fp32: what a block adds to the residual
  BufferHandle normed;        // [rows, hidden] activation type
  BufferHandle wide_normed;   // [rows, hidden] fp32, for the router; null in a dense model
  BufferHandle router;        // [rows, experts] fp32; null in a dense model
  BufferHandle q_low;         // [rows, q_lora_rank] fp32; null where q_proj is direct
  BufferHandle q_low_normed;  // [rows, q_lora_rank] activation type; null likewise
  BufferHandle q;             // [rows, heads * (nope + rope)] activation type
  BufferHandle kv;            // [rows, latent + rope] fp32
  BufferHandle q_latent;      // [rows, heads * (latent + rope)] activation type
  BufferHandle o_latent;      // [rows, heads * latent] activation type
  BufferHandle attention;     // [rows, heads * value] activation type
  BufferHandle gated;         // [rows, intermediate] activation type
  BufferHandle last;          // [rows, hidden] activation type: the rows whose logits are wanted
  BufferHandle logits;        // [logit rows, vocabulary] fp32
};

}  // namespace etap
