#include "model/workspace.h"

namespace etap {

Workspace::Workspace(Backend& backend, const ModelConfig& config, const RankShape& shape,
                     std::int64_t rows, std::int64_t logit_rows) {
  const AttentionShape& heads = shape.attention;
  const DType narrow = backend.activation_dtype();
  const auto allocate = [&](DType dtype, std::int64_t columns) {
    return backend.allocate(dtype, rows, columns);
  };
  residual = allocate(DType::kF32, config.hidden_size);
  delta = allocate(DType::kF32, config.hidden_size);
  normed = allocate(narrow, config.hidden_size);
  if (config.routed_expert_count > 0) {
    wide_normed = allocate(DType::kF32, config.hidden_size);
    router = allocate(DType::kF32, config.routed_expert_count);
  }
  if (config.q_lora_rank > 0) {
    q_low = allocate(DType::kF32, config.q_lora_rank);
    q_low_normed = allocate(narrow, config.q_lora_rank);
  }
  q = allocate(narrow, heads.heads * heads.query_width());
  kv = allocate(DType::kF32, heads.cache_width());
  q_latent = allocate(narrow, heads.heads * heads.cache_width());
  o_latent = allocate(narrow, heads.heads * heads.latent);
  attention = allocate(narrow, heads.heads * heads.value);
  gated = allocate(narrow, shape.intermediate);
  last = allocate(narrow, config.hidden_size);
  logits = backend.allocate(DType::kF32, logit_rows, shape.vocabulary);
}

std::int64_t Workspace::bytes(const ModelConfig& config, const RankShape& shape, std::int64_t rows,
                              std::int64_t logit_rows) {
  constexpr std::int64_t kValueBytes = 4;
  const AttentionShape& heads = shape.attention;
  const std::int64_t columns =
      5 * config.hidden_size + config.routed_expert_count + 2 * config.q_lora_rank +
      heads.cache_width() +
      heads.heads * (heads.query_width() + heads.cache_width() + heads.latent + heads.value) +
      shape.intermediate;
  return kValueBytes * (rows * columns + logit_rows * shape.vocabulary);
}

}  // namespace etap
