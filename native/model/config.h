// The model's hyper-parameters, read from config.json and validated.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace etap {

enum class Scoring { kSoftmax, kSigmoid };
enum class TopkMethod { kGreedy, kGroupLimitedGreedy, kNoauxTc };

// Long-context rotary embedding (arXiv 2309.00071), with the defaults of Hugging Face.
struct YarnConfig {
  bool enabled = false;
  double factor = 1.0;
  double original_max_position_embeddings = 4096;
  double beta_fast = 32.0;
  double beta_slow = 1.0;
  // Weight of ln(factor) in the softmax scale; 0 leaves the scale alone.
  double mscale_all_dim = 0.0;
  // Multiplies cos and sin: m(mscale) / m(mscale_all_dim) where both are given, else m(1), with
  // m(x) = 0.1 x ln(factor) + 1.
  double attention_factor = 1.0;
  // Round the borders of the ramp to whole dimensions.
  bool truncate = true;
};

struct ModelConfig {
  std::string model_type;  // deepseek_v2 | deepseek_v3
  std::int64_t vocab_size;
  std::int64_t hidden_size;
  std::int64_t layer_count;
  std::int64_t head_count;
  std::int64_t q_lora_rank;  // 0: q_proj is direct
  std::int64_t kv_lora_rank;
  std::int64_t qk_nope_head_dim;
  std::int64_t qk_rope_head_dim;
  std::int64_t v_head_dim;
  std::int64_t intermediate_size;
  std::int64_t moe_intermediate_size;
  std::int64_t routed_expert_count;  // 0: every layer is dense
  std::int64_t shared_expert_count;
  std::int64_t experts_per_token;
  std::int64_t first_dense_layers;
  std::int64_t moe_layer_frequency;
  std::int64_t group_count;
  std::int64_t topk_group;
  TopkMethod topk_method;
  Scoring scoring;
  bool norm_topk_prob;
  double routed_scaling_factor;
  bool tie_word_embeddings;
  bool attention_bias;
  std::int64_t max_position_embeddings;
  double rms_norm_eps;
  double rope_theta;
  YarnConfig yarn;
  // FP8 weights with one fp32 scale for each 128 x 128 block.
  bool fp8_weights;

  std::int64_t latent_width() const { return kv_lora_rank + qk_rope_head_dim; }
  std::int64_t qk_head_dim() const { return qk_nope_head_dim + qk_rope_head_dim; }
  bool is_moe_layer(std::int64_t layer) const {
    return routed_expert_count > 0 && layer >= first_dense_layers &&
           layer % moe_layer_frequency == 0;
  }
  // qk_head_dim^-0.5, times m^2 under YaRN with mscale_all_dim.
  double softmax_scale() const;
};

// Reads config.json of a checkpoint folder. Throws ETAP_ERR_CHECKPOINT when it cannot be read and
// ETAP_ERR_MODEL_CONFIG naming the field, the value found and what is allowed.
ModelConfig load_model_config(const std::filesystem::path& folder);

// The same on JSON text; `file_name` is for messages.
ModelConfig parse_model_config(std::string_view json, const std::string& file_name);

}  // namespace etap
