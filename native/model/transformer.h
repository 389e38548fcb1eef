// One tensor-parallel rank of the model: loads its share of the weights and runs forward passes.
// Written once against backend/backend.h.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "comm/communicator.h"
#include "model/config.h"
#include "weights/checkpoint.h"

namespace etap {

class Backend;

// One sequence of a step. Tokens at positions [context_before, context_before + query_length).
struct SequenceRows {
  std::int32_t context_before;  // tokens whose latent KV is already in the cache
  std::int32_t query_length;    // >= 1
  // Positions below this are prompt tokens (expanded attention), the rest absorbed.
  std::int32_t prompt_length;
  const std::int32_t* block_table;  // [ceil((context_before + query_length) / 64)] block ids
};

struct ForwardBatch {
  std::span<const std::int32_t> tokens;      // [sum of query_length]
  std::span<const SequenceRows> sequences;   // in the order of `tokens`
  std::span<const std::int32_t> logit_rows;  // indices into `tokens`, ascending
};

struct TransformerOptions {
  std::int64_t block_count;          // KV blocks of 64 tokens; block 0 is the null block
  std::int64_t step_token_capacity;  // most tokens in one forward pass
  std::int64_t step_sequence_capacity;
  std::int64_t logit_row_capacity;  // most rows in one call of logits()
  // Same bits for a request whatever else is in the batch: fixed KV splits, fixed path by token
  // role.
  bool strict = true;
};

using LoadProgress = std::function<void(std::int64_t done_bytes)>;

class Transformer {
 public:
  // Throws ETAP_ERR_TENSOR, ETAP_ERR_OUT_OF_MEMORY.
  Transformer(const ModelConfig& config, const Checkpoint& checkpoint, Backend& backend,
              Communicator& communicator, const TransformerOptions& options,
              const LoadProgress& progress);
  ~Transformer();

  // Bytes of latent KV for one token over all layers of this rank.
  static std::int64_t kv_bytes_per_token(const ModelConfig& config);
  std::int64_t weight_bytes() const;

  // Writes the latent KV of every row into the cache and keeps the final hidden states of
  // `logit_rows` until the next forward pass.
  void forward(const ForwardBatch& batch);

  // Logits of logit_rows[first, first + count) of the last forward pass into `logits`
  // [count, vocab_size] fp32 on rank 0; other ranks pass nullptr. Called by every rank with the
  // same numbers; several calls, because a chunk with prompt log-probabilities wants a row for each
  // token.
  void logits(std::int64_t first, std::int64_t count, float* logits);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace etap
