#include "model/rank_shape.h"

#include <algorithm>

#include "model/partition.h"

namespace etap {

RankShape rank_shape(const ModelConfig& config, int ranks, int rank) {
  const Range heads = partition_heads(config.head_count, ranks, rank);
  RankShape shape{};
  shape.attention = {
      heads.size(),      config.qk_nope_head_dim, config.qk_rope_head_dim,
      config.v_head_dim, config.kv_lora_rank,     static_cast<float>(config.softmax_scale())};
  shape.first_head = heads.begin;
  shape.intermediate = 1;
  for (std::int64_t layer = 0; layer < config.layer_count; ++layer) {
    const std::int64_t columns = config.is_moe_layer(layer)
                                     ? config.shared_expert_count * config.moe_intermediate_size
                                     : config.intermediate_size;
    if (columns == 0) continue;
    shape.intermediate =
        std::max(shape.intermediate, partition_columns(columns, ranks, rank).size());
  }
  shape.vocabulary = (config.vocab_size + ranks - 1) / ranks;
  return shape;
}

}  // namespace etap
