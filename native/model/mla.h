// Multi-head latent attention of one layer (DeepSeek-V2, arXiv 2405.04434, section 2.1).
#pragma once

#include <cstdint>
#include <string>

#include "backend/backend.h"
#include "model/config.h"
#include "model/weight_reader.h"
#include "model/workspace.h"

namespace etap {

class Mla {
 public:
  // `prefix` is "model.layers.N.self_attn.".
  Mla(Backend& backend, WeightReader& reader, const ModelConfig& config, const RankShape& shape,
      const std::string& prefix);

  // workspace.normed -> workspace.delta (this rank's part of the sum over ranks); writes the latent
  // KV of every row to `layer` of the cache.
  void forward(Backend& backend, Workspace& workspace, const StepLayout& step, const Weight& rope,
               LatentCache& cache, std::int64_t layer) const;

  std::int64_t weight_bytes() const;

 private:
  void project_queries(Backend& backend, Workspace& workspace, std::int64_t rows) const;

  AttentionShape shape_;
  WeightHandle q_a_;  // null where q_proj is direct
  WeightHandle q_a_norm_;
  WeightHandle q_b_;  // or q_proj
  WeightHandle kv_a_;
  WeightHandle kv_a_norm_;
  WeightHandle heads_;  // W_UK and W_UV
  WeightHandle o_;
};

}  // namespace etap
