#include "model/config.h"

#include <cmath>
#include <functional>

#include "temporary_folder.h"
#include "test.h"

namespace etap {

namespace {

constexpr const char* kCode = "ETAP_ERR_MODEL_CONFIG";

ModelConfig parse(const std::string& fields) {
  return parse_model_config('{' + fields + '}', "config.json");
}
ModelConfig parse_v3(const std::string& fields) {
  return parse(R"("model_type":"deepseek_v3",)" + fields);
}
ModelConfig parse_v2(const std::string& fields) {
  return parse(R"("model_type":"deepseek_v2","num_experts_per_tok":6,)" + fields);
}

bool near(double a, double b) {
  return std::abs(a - b) < 1e-6;
}

constexpr const char* kR1Rope =
    R"("rope_scaling":{"beta_fast":32,"beta_slow":1,"factor":40,"mscale":1.0,
       "mscale_all_dim":1.0,"original_max_position_embeddings":4096,"type":"yarn"})";

}  // namespace

TEST("absent fields of deepseek_v3 take the defaults of Hugging Face") {
  const ModelConfig config = parse(R"("model_type":"deepseek_v3")");
  CHECK_EQ(config.vocab_size, 129280);
  CHECK_EQ(config.hidden_size, 7168);
  CHECK_EQ(config.layer_count, 61);
  CHECK_EQ(config.head_count, 128);
  CHECK_EQ(config.q_lora_rank, 1536);
  CHECK_EQ(config.latent_width(), 576);
  CHECK_EQ(config.routed_expert_count, 256);
  CHECK_EQ(config.experts_per_token, 8);
  CHECK_EQ(config.group_count, 8);
  CHECK_EQ(config.topk_group, 4);
  CHECK(config.topk_method == TopkMethod::kNoauxTc);
  CHECK(config.scoring == Scoring::kSigmoid);
  CHECK(config.norm_topk_prob);
  CHECK_EQ(config.routed_scaling_factor, 2.5);
  CHECK_EQ(config.rms_norm_eps, 1e-6);
  CHECK(!config.yarn.enabled);
  CHECK(!config.fp8_weights);
  CHECK(!config.is_moe_layer(2));
  CHECK(config.is_moe_layer(3));
  CHECK(near(config.softmax_scale(), 1.0 / std::sqrt(192.0)));
}

TEST("absent fields of deepseek_v2 take the defaults of Hugging Face") {
  const ModelConfig config = parse_v2(R"("q_lora_rank":null)");
  CHECK_EQ(config.vocab_size, 102400);
  CHECK_EQ(config.q_lora_rank, 0);
  CHECK_EQ(config.routed_expert_count, 64);
  CHECK_EQ(config.shared_expert_count, 2);
  CHECK_EQ(config.first_dense_layers, 0);
  CHECK(config.topk_method == TopkMethod::kGreedy);
  CHECK(config.scoring == Scoring::kSoftmax);
  CHECK(!config.norm_topk_prob);
  CHECK_EQ(config.routed_scaling_factor, 1.0);
}

TEST("a model without routed experts is dense") {
  const ModelConfig config = parse_v3(R"("n_routed_experts":null,"n_shared_experts":null)");
  CHECK_EQ(config.routed_expert_count, 0);
  CHECK_EQ(config.experts_per_token, 0);
  CHECK(!config.is_moe_layer(10));
}

TEST("greedy routing ignores groups") {
  const ModelConfig config = parse_v2(R"("topk_method":"greedy","n_group":7,"topk_group":3)");
  CHECK_EQ(config.group_count, 1);
  CHECK_EQ(config.topk_group, 1);
}

TEST("moe_layer_freq spaces the MoE layers") {
  const ModelConfig config = parse_v2(R"("first_k_dense_replace":1,"moe_layer_freq":2)");
  CHECK(!config.is_moe_layer(0));
  CHECK(!config.is_moe_layer(1));
  CHECK(config.is_moe_layer(2));
  CHECK(!config.is_moe_layer(3));
}

TEST("YaRN of DeepSeek-R1, in the old and the new form") {
  const std::string renamed =
      R"("rope_parameters":{"rope_theta":10000,"rope_type":"yarn","factor":40,"mscale":1.0,
         "mscale_all_dim":1.0,"original_max_position_embeddings":4096})";
  for (const std::string& rope : {std::string(kR1Rope), renamed}) {
    const ModelConfig config = parse_v3(R"("max_position_embeddings":163840,)" + rope);
    CHECK(config.yarn.enabled);
    CHECK_EQ(config.yarn.factor, 40.0);
    CHECK_EQ(config.yarn.beta_fast, 32.0);
    CHECK_EQ(config.yarn.beta_slow, 1.0);
    CHECK_EQ(config.yarn.original_max_position_embeddings, 4096.0);
    CHECK_EQ(config.yarn.attention_factor, 1.0);
    CHECK_EQ(config.rope_theta, 10000.0);
    CHECK(near(config.softmax_scale(), 0.135234));
  }
}

TEST("YaRN of DeepSeek-V2-Lite") {
  const ModelConfig config = parse_v2(
      R"("rope_scaling":{"type":"yarn","factor":40,"mscale":0.707,"mscale_all_dim":0.707,
         "original_max_position_embeddings":4096})");
  CHECK(near(config.softmax_scale(), 0.114721));
  CHECK_EQ(config.yarn.attention_factor, 1.0);
}

TEST("YaRN without mscale_all_dim scales cos and sin instead of the softmax") {
  const ModelConfig config = parse_v3(R"("rope_scaling":{"type":"yarn","factor":40,"mscale":0.707,
                   "original_max_position_embeddings":4096})");
  CHECK(near(config.yarn.attention_factor, 0.1 * std::log(40.0) + 1.0));
  CHECK(near(config.softmax_scale(), 1.0 / std::sqrt(192.0)));
}

TEST("YaRN takes the factor from the lengths when it is null, and a given attention factor") {
  const ModelConfig config =
      parse_v3(R"("max_position_embeddings":8192,"rope_scaling":{"rope_type":"yarn","factor":null,
                   "attention_factor":1.25,"original_max_position_embeddings":2048})");
  CHECK_EQ(config.yarn.factor, 4.0);
  CHECK_EQ(config.yarn.attention_factor, 1.25);
}

TEST("rope_scaling null and type default leave the rotation plain") {
  CHECK(!parse_v3(R"("rope_scaling":null)").yarn.enabled);
  const ModelConfig config =
      parse_v3(R"("rope_parameters":{"rope_type":"default","rope_theta":50000})");
  CHECK(!config.yarn.enabled);
  CHECK_EQ(config.rope_theta, 50000.0);
}

TEST("FP8 weights in blocks of 128 x 128 are the only quantization") {
  CHECK(parse_v3(R"("quantization_config":{"quant_method":"fp8","fmt":"e4m3",
                    "activation_scheme":"dynamic","weight_block_size":[128,128]})")
            .fp8_weights);
  CHECK_ERROR(parse_v3(R"("quantization_config":{"quant_method":"awq","bits":4})"), kCode,
              "quantization_config.quant_method is \"awq\"", "expected \"fp8\"");
  CHECK_ERROR(parse_v3(R"("quantization_config":{"quant_method":"fp8"})"), kCode,
              "weight_block_size is missing", "[128, 128]");
  CHECK_ERROR(parse_v3(R"("quantization_config":{"quant_method":"fp8",
                          "weight_block_size":[64,128]})"),
              kCode, "is [64, 128]");
  CHECK_ERROR(parse_v3(R"("quantization_config":{"quant_method":"fp8","fmt":"e5m2",
                          "weight_block_size":[128,128]})"),
              kCode, "fmt is \"e5m2\"");
}

TEST("a wrong value is named with what is allowed") {
  CHECK_ERROR(parse(R"("model_type":"llama")"), kCode, "config.json: model_type is \"llama\"",
              "deepseek_v3");
  CHECK_ERROR(parse(""), kCode, "model_type is \"\"");
  CHECK_ERROR(parse_v3(R"("hidden_size":"7168")"), kCode, "hidden_size is \"7168\"",
              "an integer from 1");
  CHECK_ERROR(parse_v3(R"("hidden_size":7168.5)"), kCode, "hidden_size is 7168.5");
  CHECK_ERROR(parse_v3(R"("num_hidden_layers":0)"), kCode, "num_hidden_layers is 0");
  CHECK_ERROR(parse_v3(R"("vocab_size":99999999999)"), kCode, "vocab_size is 99999999999");
  CHECK_ERROR(parse_v3(R"("qk_rope_head_dim":63)"), kCode, "qk_rope_head_dim is 63", "even");
  CHECK_ERROR(parse_v3(R"("n_group":7)"), kCode, "n_group is 7", "divisor");
  CHECK_ERROR(parse_v3(R"("n_group":256,"topk_group":8)"), kCode, "groups of at least 2");
  CHECK_ERROR(parse_v3(R"("topk_group":9)"), kCode, "topk_group is 9", "at most n_group 8");
  CHECK_ERROR(parse_v3(R"("num_experts_per_tok":200)"), kCode, "num_experts_per_tok is 200",
              "at most the 128");
  CHECK_ERROR(parse_v3(R"("topk_method":"best")"), kCode, "topk_method is \"best\"");
  CHECK_ERROR(parse_v3(R"("scoring_func":"relu")"), kCode, "scoring_func is \"relu\"");
  CHECK_ERROR(parse_v3(R"("hidden_act":"gelu")"), kCode, "hidden_act is \"gelu\"");
  CHECK_ERROR(parse_v3(R"("rope_scaling":{"type":"linear"})"), kCode,
              "rope_scaling.rope_type is \"linear\"");
  CHECK_ERROR(parse_v3(R"("rope_scaling":[1])"), kCode, "rope_scaling is an array");
  CHECK_ERROR(parse_v3(R"("rope_interleave":false)"), kCode, "rope_interleave is false");
  CHECK_ERROR(parse_v3(R"("rms_norm_eps":-1)"), kCode, "rms_norm_eps is -1");
  CHECK_ERROR(parse_v3(R"("tie_word_embeddings":1)"), kCode, "tie_word_embeddings is 1");
  CHECK_ERROR(parse(R"("model_type":"deepseek_v2")"), kCode, "num_experts_per_tok is missing");
  CHECK_ERROR(parse_model_config("[]", "f"), kCode, "an array");
  CHECK_ERROR(parse_model_config("{", "f"), kCode, "invalid JSON");
}

TEST("mutated configurations are read soundly or refused with a code") {
  constexpr std::uint64_t kSeed = 977;
  std::cout << "seed " << kSeed << '\n';
  const std::string sound =
      R"({"model_type":"deepseek_v3","vocab_size":128,"hidden_size":64,"num_hidden_layers":2,
          "q_lora_rank":null,"n_group":8,"topk_group":4,"num_experts_per_tok":8,)" +
      std::string(kR1Rope) +
      R"(,"quantization_config":{"quant_method":"fp8","weight_block_size":[128,128]}})";
  const std::vector<std::string> values = {"-1",   "0",   "1e308",    "9223372036854775807",
                                           "null", "[]",  "{}",       "\"\"",
                                           "true", "1.5", "\"yarn\"", "4096"};
  test::Random random(kSeed);
  int accepted = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text = sound;
    for (std::int64_t edit = random.below(3); edit >= 0; --edit) {
      // Another value after a colon, or another character anywhere.
      const auto at =
          static_cast<std::size_t>(random.below(static_cast<std::int64_t>(text.size())));
      const std::size_t colon = text.find(':', at);
      if (colon == std::string::npos || random.below(3) == 0) {
        text[at] = static_cast<char>(random.below(256));
        continue;
      }
      const std::size_t end = std::min(text.find_first_of(",}", colon), text.size());
      const auto pick =
          static_cast<std::size_t>(random.below(static_cast<std::int64_t>(values.size())));
      text.replace(colon + 1, end - colon - 1, values[pick]);
    }
    try {
      const ModelConfig config = parse_model_config(text, "config.json");
      ++accepted;
      CHECK(config.hidden_size > 0 && config.layer_count > 0 && config.head_count > 0);
      CHECK(std::isfinite(config.softmax_scale()) && config.softmax_scale() > 0.0);
      CHECK(std::isfinite(config.yarn.attention_factor) && config.yarn.attention_factor > 0.0);
      CHECK(config.experts_per_token <= config.routed_expert_count);
    } catch (const Error& error) {
      CHECK_EQ(error.code(), kCode);
    }
  }
  CHECK(accepted > 100 && accepted < 15000);
}

TEST("a folder without config.json is refused") {
  const test::TemporaryFolder folder;
  CHECK_ERROR(load_model_config(folder.path()), "ETAP_ERR_CHECKPOINT", "config.json");
  folder.write("config.json", R"({"model_type":"deepseek_v3"})");
  CHECK_EQ(load_model_config(folder.path()).layer_count, 61);
}

}  // namespace etap
