#include "model/config.h"

#include <cmath>
#include <optional>

#include "base/error.h"
#include "weights/file.h"
#include "weights/json_reader.h"

namespace etap {

namespace {

constexpr std::int64_t kConfigBytesMax = 16'000'000;
constexpr std::int64_t kFp8BlockSize = 128;
constexpr double kMax = 1e12;

// What a field may be; generous, so that arithmetic on the values cannot overflow.
struct Range {
  std::int64_t min;
  std::int64_t max;
};
constexpr Range kVocab{1, 1 << 20};
constexpr Range kWidth{1, 1 << 17};
constexpr Range kRank{1, 1 << 14};
constexpr Range kHeadDim{1, 1 << 12};
constexpr Range kLayers{1, 1 << 10};
constexpr Range kHeads{1, 1 << 12};
constexpr Range kExperts{0, 1 << 13};
constexpr Range kPositions{1, 1 << 24};

// Reads the fields of one JSON object; absent and null fields take the default.
class Fields {
 public:
  Fields(const JsonValue& object, const std::string& file_name, std::string prefix = "")
      : object_(object), file_name_(file_name), prefix_(std::move(prefix)) {}

  [[noreturn]] void fail(std::string_view key, const std::string& found,
                         const std::string& allowed) const {
    throw Error("ETAP_ERR_MODEL_CONFIG", file_name_ + ": " + prefix_ + std::string(key) + " is " +
                                             found + ", expected " + allowed);
  }

  // nullptr when absent or null.
  const JsonValue* find(std::string_view key) const {
    const JsonValue* value = object_.find(key);
    return value == nullptr || value->is_null() ? nullptr : value;
  }

  bool is_null(std::string_view key) const {
    const JsonValue* value = object_.find(key);
    return value != nullptr && value->is_null();
  }

  std::int64_t integer(std::string_view key, Range range,
                       std::optional<std::int64_t> fallback) const {
    const JsonValue* value = find(key);
    const std::string allowed =
        "an integer from " + std::to_string(range.min) + " to " + std::to_string(range.max);
    if (value == nullptr) {
      if (!fallback) fail(key, "missing", allowed);
      return *fallback;
    }
    const std::int64_t* found = value->as_integer();
    if (found == nullptr || *found < range.min || *found > range.max) {
      fail(key, value->describe(), allowed);
    }
    return *found;
  }

  double number(std::string_view key, double min, double fallback) const {
    const JsonValue* value = find(key);
    if (value == nullptr) return fallback;
    double found = 0;
    if (!value->as_number(found) || !(found >= min && found <= kMax)) {
      fail(key, value->describe(), "a number of at least " + JsonValue(min).describe());
    }
    return found;
  }

  bool boolean(std::string_view key, bool fallback) const {
    const JsonValue* value = find(key);
    if (value == nullptr) return fallback;
    if (value->as_bool() == nullptr) fail(key, value->describe(), "true or false");
    return *value->as_bool();
  }

  std::string text(std::string_view key, const std::string& fallback) const {
    const JsonValue* value = find(key);
    if (value == nullptr) return fallback;
    if (value->as_string() == nullptr) fail(key, value->describe(), "a string");
    return *value->as_string();
  }

 private:
  const JsonValue& object_;
  const std::string& file_name_;
  std::string prefix_;
};

void read_sizes(const Fields& fields, bool v3, ModelConfig& config) {
  config.vocab_size = fields.integer("vocab_size", kVocab, v3 ? 129280 : 102400);
  config.hidden_size = fields.integer("hidden_size", kWidth, v3 ? 7168 : 4096);
  config.layer_count = fields.integer("num_hidden_layers", kLayers, v3 ? 61 : 32);
  config.head_count = fields.integer("num_attention_heads", kHeads, v3 ? 128 : 32);
  config.q_lora_rank =
      fields.is_null("q_lora_rank") ? 0 : fields.integer("q_lora_rank", kRank, 1536);
  config.kv_lora_rank = fields.integer("kv_lora_rank", kRank, 512);
  config.qk_nope_head_dim = fields.integer("qk_nope_head_dim", kHeadDim, 128);
  config.qk_rope_head_dim = fields.integer("qk_rope_head_dim", kHeadDim, 64);
  config.v_head_dim = fields.integer("v_head_dim", kHeadDim, 128);
  config.intermediate_size = fields.integer("intermediate_size", kWidth, v3 ? 18432 : 11008);
  config.max_position_embeddings =
      fields.integer("max_position_embeddings", kPositions, v3 ? 4096 : 2048);
  config.rms_norm_eps = fields.number("rms_norm_eps", 0.0, 1e-6);
  config.tie_word_embeddings = fields.boolean("tie_word_embeddings", false);
  config.attention_bias = fields.boolean("attention_bias", false);
  if (config.qk_rope_head_dim % 2 != 0) {
    fields.fail("qk_rope_head_dim", std::to_string(config.qk_rope_head_dim), "an even number");
  }
}

TopkMethod read_topk_method(const Fields& fields, bool v3) {
  const std::string name = fields.text("topk_method", v3 ? "noaux_tc" : "greedy");
  if (name == "greedy") return TopkMethod::kGreedy;
  if (name == "group_limited_greedy") return TopkMethod::kGroupLimitedGreedy;
  if (name == "noaux_tc") return TopkMethod::kNoauxTc;
  fields.fail("topk_method", '"' + name + '"',
              "\"greedy\", \"group_limited_greedy\" or \"noaux_tc\"");
}

Scoring read_scoring(const Fields& fields, bool v3) {
  const std::string name = fields.text("scoring_func", v3 ? "sigmoid" : "softmax");
  if (name == "softmax") return Scoring::kSoftmax;
  if (name == "sigmoid") return Scoring::kSigmoid;
  fields.fail("scoring_func", '"' + name + '"', "\"softmax\" or \"sigmoid\"");
}

void read_experts(const Fields& fields, bool v3, ModelConfig& config) {
  const Range positive{1, kExperts.max};
  config.routed_expert_count = fields.is_null("n_routed_experts")
                                   ? 0
                                   : fields.integer("n_routed_experts", kExperts, v3 ? 256 : 64);
  config.shared_expert_count = fields.is_null("n_shared_experts")
                                   ? 0
                                   : fields.integer("n_shared_experts", kExperts, v3 ? 1 : 2);
  config.first_dense_layers = fields.integer("first_k_dense_replace", {0, kLayers.max}, v3 ? 3 : 0);
  config.moe_layer_frequency = fields.integer("moe_layer_freq", {1, kLayers.max}, 1);
  config.moe_intermediate_size = fields.integer("moe_intermediate_size", kWidth, v3 ? 2048 : 1407);
  config.topk_method = read_topk_method(fields, v3);
  config.scoring = read_scoring(fields, v3);
  config.norm_topk_prob = fields.boolean("norm_topk_prob", v3);
  config.routed_scaling_factor = fields.number("routed_scaling_factor", 0.0, v3 ? 2.5 : 1.0);
  config.group_count = fields.integer("n_group", positive, v3 ? 8 : 1);
  config.topk_group = fields.integer("topk_group", positive, v3 ? 4 : 1);
  if (config.routed_expert_count == 0) {
    config.experts_per_token = 0;
    return;
  }
  const auto fallback = v3 ? std::optional<std::int64_t>(8) : std::nullopt;
  config.experts_per_token =
      fields.integer("num_experts_per_tok", {1, config.routed_expert_count}, fallback);
  if (config.topk_method == TopkMethod::kGreedy) {
    config.group_count = 1;
    config.topk_group = 1;
  }
  if (config.routed_expert_count % config.group_count != 0) {
    fields.fail("n_group", std::to_string(config.group_count),
                "a divisor of n_routed_experts " + std::to_string(config.routed_expert_count));
  }
  if (config.topk_group > config.group_count) {
    fields.fail("topk_group", std::to_string(config.topk_group),
                "at most n_group " + std::to_string(config.group_count));
  }
  const std::int64_t group_size = config.routed_expert_count / config.group_count;
  if (config.topk_method == TopkMethod::kNoauxTc && group_size < 2) {
    fields.fail("n_group", std::to_string(config.group_count),
                "groups of at least 2 experts (noaux_tc scores a group by its best two)");
  }
  if (config.experts_per_token > config.topk_group * group_size) {
    fields.fail("num_experts_per_tok", std::to_string(config.experts_per_token),
                "at most the " + std::to_string(config.topk_group * group_size) +
                    " experts of topk_group groups");
  }
}

double yarn_m(double factor, double mscale) {
  return factor <= 1.0 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

// Older files have rope_theta and rope_scaling {type, ...}, newer ones rope_parameters {rope_type,
// rope_theta, ...}.
void read_rope(const Fields& fields, const std::string& file_name, ModelConfig& config) {
  config.rope_theta = fields.number("rope_theta", 1.0, 10000.0);
  const char* key = fields.find("rope_parameters") != nullptr ? "rope_parameters" : "rope_scaling";
  const JsonValue* rope_json = fields.find(key);
  if (rope_json == nullptr) return;
  if (rope_json->as_object() == nullptr) {
    fields.fail(key, rope_json->describe(), "an object or null");
  }
  const Fields rope(*rope_json, file_name, std::string(key) + ".");
  config.rope_theta = rope.number("rope_theta", 1.0, config.rope_theta);
  const std::string type = rope.text("rope_type", rope.text("type", "default"));
  if (type == "default") return;
  if (type != "yarn") rope.fail("rope_type", '"' + type + '"', "\"default\" or \"yarn\"");

  const auto positions = static_cast<double>(config.max_position_embeddings);
  YarnConfig& yarn = config.yarn;
  yarn.enabled = true;
  yarn.original_max_position_embeddings =
      rope.number("original_max_position_embeddings", 1.0, positions);
  yarn.factor = rope.number("factor", 1.0, positions / yarn.original_max_position_embeddings);
  yarn.beta_fast = rope.number("beta_fast", 1e-6, 32.0);
  yarn.beta_slow = rope.number("beta_slow", 1e-6, 1.0);
  yarn.truncate = rope.boolean("truncate", true);
  yarn.mscale_all_dim = rope.number("mscale_all_dim", 0.0, 0.0);
  const double mscale = rope.number("mscale", 0.0, 0.0);
  const double inferred =
      mscale != 0.0 && yarn.mscale_all_dim != 0.0
          ? yarn_m(yarn.factor, mscale) / yarn_m(yarn.factor, yarn.mscale_all_dim)
          : yarn_m(yarn.factor, 1.0);
  yarn.attention_factor = rope.number("attention_factor", 1e-6, inferred);
}

void read_quantization(const Fields& fields, const std::string& file_name, ModelConfig& config) {
  config.fp8_weights = false;
  const JsonValue* json = fields.find("quantization_config");
  if (json == nullptr) return;
  const Fields quantization(*json, file_name, "quantization_config.");
  const std::string method = quantization.text("quant_method", "");
  if (method != "fp8") {
    quantization.fail("quant_method", '"' + method + '"',
                      "\"fp8\" (DeepSeek's e4m3 weights with 128 x 128 blocks); use a bf16 or FP8 "
                      "checkpoint of this model");
  }
  const std::string format = quantization.text("fmt", "e4m3");
  if (format != "e4m3") quantization.fail("fmt", '"' + format + '"', "\"e4m3\"");
  const JsonValue* block = quantization.find("weight_block_size");
  const JsonValue::Array* sizes = block == nullptr ? nullptr : block->as_array();
  std::string found = block == nullptr ? "missing" : block->describe();
  bool is_block = sizes != nullptr && sizes->size() == 2;
  if (is_block) {
    found = '[' + (*sizes)[0].describe() + ", " + (*sizes)[1].describe() + ']';
    for (const JsonValue& size : *sizes) {
      is_block = is_block && size.as_integer() != nullptr && *size.as_integer() == kFp8BlockSize;
    }
  }
  if (!is_block) {
    quantization.fail("weight_block_size", found, "[128, 128], the only FP8 scaling supported");
  }
  config.fp8_weights = true;
}

// Things that would change the arithmetic and that no DeepSeek checkpoint uses.
void check_unsupported(const Fields& fields) {
  const std::string activation = fields.text("hidden_act", "silu");
  if (activation != "silu") fields.fail("hidden_act", '"' + activation + '"', "\"silu\"");
  if (fields.boolean("mlp_bias", false)) fields.fail("mlp_bias", "true", "false");
  if (!fields.boolean("rope_interleave", true)) {
    fields.fail("rope_interleave", "false", "true (weights as DeepSeek publishes them)");
  }
}

}  // namespace

double ModelConfig::softmax_scale() const {
  const double scale = 1.0 / std::sqrt(static_cast<double>(qk_head_dim()));
  if (!yarn.enabled || yarn.mscale_all_dim == 0.0) return scale;
  const double m = yarn_m(yarn.factor, yarn.mscale_all_dim);
  return scale * m * m;
}

ModelConfig parse_model_config(std::string_view json, const std::string& file_name) {
  JsonValue root;
  try {
    root = parse_json(json);
  } catch (const JsonError& error) {
    throw Error("ETAP_ERR_MODEL_CONFIG", file_name + ": " + error.what());
  }
  if (root.as_object() == nullptr) {
    throw Error("ETAP_ERR_MODEL_CONFIG",
                file_name + ": the file holds " + root.describe() + ", expected an object");
  }
  const Fields fields(root, file_name);
  ModelConfig config{};
  config.model_type = fields.text("model_type", "");
  const bool v3 = config.model_type == "deepseek_v3";
  if (!v3 && config.model_type != "deepseek_v2") {
    fields.fail("model_type", '"' + config.model_type + '"',
                "\"deepseek_v2\" or \"deepseek_v3\" (DeepSeek V2, V3, R1, V3.1 and kin)");
  }
  check_unsupported(fields);
  read_sizes(fields, v3, config);
  read_experts(fields, v3, config);
  read_rope(fields, file_name, config);
  read_quantization(fields, file_name, config);
  return config;
}

ModelConfig load_model_config(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "config.json";
  return parse_model_config(read_text_file(file, kConfigBytesMax), file.string());
}

}  // namespace etap
