// cos and sin of the rotary embedding against values computed from the formulas of transformers.
#include "model/rope_table.h"

#include <cmath>
#include <string>

#include "test.h"

namespace etap::test {
namespace {

ModelConfig rope_config(std::int64_t dim, double theta) {
  ModelConfig config{};
  config.qk_rope_head_dim = dim;
  config.rope_theta = theta;
  return config;
}

// DeepSeek-R1: factor 40 over 4096 positions; the ramp runs from frequency 10 to 23.
ModelConfig r1_config() {
  ModelConfig config = rope_config(64, 10000.0);
  config.yarn.enabled = true;
  config.yarn.factor = 40.0;
  config.yarn.original_max_position_embeddings = 4096;
  config.yarn.beta_fast = 32;
  config.yarn.beta_slow = 1;
  config.yarn.attention_factor = 1.0;
  return config;
}

bool close(double a, double b) {
  return std::abs(a - b) <= 1e-6 * std::abs(b);
}

TEST("plain frequencies are powers of theta") {
  const std::vector<float> frequencies = rope_frequencies(rope_config(8, 10000.0));
  CHECK_EQ(frequencies.size(), std::size_t{4});
  CHECK(close(static_cast<double>(frequencies[0]), 1.0));
  CHECK(close(static_cast<double>(frequencies[1]), 0.1));
  CHECK(close(static_cast<double>(frequencies[2]), 0.01));
  CHECK(close(static_cast<double>(frequencies[3]), 0.001));
}

TEST("YaRN keeps fast frequencies, divides slow ones by the factor, and ramps between") {
  const std::vector<float> plain = rope_frequencies(rope_config(64, 10000.0));
  const std::vector<float> yarn = rope_frequencies(r1_config());
  for (std::size_t i = 0; i < 32; ++i) {
    const double kept = i <= 10 ? 1.0 : i >= 23 ? 0.0 : 1.0 - (static_cast<double>(i) - 10) / 13;
    const double expected = static_cast<double>(plain[i]) * (kept + (1.0 - kept) / 40.0);
    if (!close(static_cast<double>(yarn[i]), expected)) {
      fail(__FILE__, __LINE__, "frequency " + std::to_string(i));
    }
  }
}

TEST("equal betas make the ramp a step") {
  ModelConfig config = r1_config();
  config.yarn.beta_fast = 1;
  config.yarn.truncate = false;
  const std::vector<float> frequencies = rope_frequencies(config);
  const std::vector<float> plain = rope_frequencies(rope_config(64, 10000.0));
  CHECK(close(static_cast<double>(frequencies[22]), static_cast<double>(plain[22])));
  CHECK(close(static_cast<double>(frequencies[23]), static_cast<double>(plain[23]) / 40.0));
}

TEST("the table holds cos and sin of fp32 angles, times the attention factor") {
  ModelConfig config = r1_config();
  config.yarn.attention_factor = 0.5;
  const std::vector<float> frequencies = rope_frequencies(config);
  const RopeTable table = make_rope_table(config, 3000);
  CHECK_EQ(shape_string(table.cos.shape()), std::string("[3000, 32]"));
  for (const std::int64_t position : {0, 1, 2999}) {
    for (const std::int64_t i : {0, 11, 31}) {
      const float angle = static_cast<float>(position) * frequencies[static_cast<std::size_t>(i)];
      const auto cos = static_cast<float>(std::cos(static_cast<double>(angle)));
      const auto sin = static_cast<float>(std::sin(static_cast<double>(angle)));
      CHECK_EQ(table.cos.data<float>()[position * 32 + i], cos * 0.5F);
      CHECK_EQ(table.sin.data<float>()[position * 32 + i], sin * 0.5F);
    }
  }
}

}  // namespace
}  // namespace etap::test
