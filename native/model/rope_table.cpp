#include "model/rope_table.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace etap {
namespace {

// The (fractional) index of the frequency that turns `rotations` times in the original context.
double correction_dim(double rotations, double dim, double theta, double original_positions) {
  return dim * std::log(original_positions / (rotations * 2.0 * std::numbers::pi)) /
         (2.0 * std::log(theta));
}

// 0 below `low`, 1 above `high`, linear between.
std::vector<float> ramp(double low, double high, std::int64_t count) {
  if (low == high) high += 0.001;  // as in the reference: a step instead of a division by zero
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i) {
    const float value =
        (static_cast<float>(i) - static_cast<float>(low)) / static_cast<float>(high - low);
    values.push_back(std::clamp(value, 0.0F, 1.0F));
  }
  return values;
}

}  // namespace

std::vector<float> rope_frequencies(const ModelConfig& config) {
  const std::int64_t dim = config.qk_rope_head_dim;
  const auto wide_dim = static_cast<double>(dim);
  const YarnConfig& yarn = config.yarn;
  double first = correction_dim(yarn.beta_fast, wide_dim, config.rope_theta,
                                yarn.original_max_position_embeddings);
  double last = correction_dim(yarn.beta_slow, wide_dim, config.rope_theta,
                               yarn.original_max_position_embeddings);
  if (yarn.truncate) {
    first = std::floor(first);
    last = std::ceil(last);
  }
  const std::vector<float> interpolated =
      ramp(std::max(first, 0.0), std::min(last, wide_dim - 1.0), dim / 2);
  std::vector<float> frequencies;
  for (std::int64_t i = 0; i < dim / 2; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(dim);
    const auto power =
        static_cast<float>(std::pow(config.rope_theta, static_cast<double>(exponent)));
    const float plain = 1.0F / power;
    if (!yarn.enabled) {
      frequencies.push_back(plain);
      continue;
    }
    const float kept = 1.0F - interpolated[static_cast<std::size_t>(i)];
    const float stretched = 1.0F / (static_cast<float>(yarn.factor) * power);
    frequencies.push_back(stretched * (1.0F - kept) + plain * kept);
  }
  return frequencies;
}

RopeTable make_rope_table(const ModelConfig& config, std::int64_t positions) {
  const std::vector<float> frequencies = rope_frequencies(config);
  const float factor =
      config.yarn.enabled ? static_cast<float>(config.yarn.attention_factor) : 1.0F;
  const auto half = static_cast<std::int64_t>(frequencies.size());
  RopeTable table{HostTensor(DType::kF32, {positions, half}),
                  HostTensor(DType::kF32, {positions, half})};
  for (std::int64_t position = 0; position < positions; ++position) {
    for (std::int64_t i = 0; i < half; ++i) {
      const float angle = static_cast<float>(position) * frequencies[static_cast<std::size_t>(i)];
      const auto cos = static_cast<float>(std::cos(static_cast<double>(angle)));
      const auto sin = static_cast<float>(std::sin(static_cast<double>(angle)));
      table.cos.data<float>()[position * half + i] = cos * factor;
      table.sin.data<float>()[position * half + i] = sin * factor;
    }
  }
  return table;
}

}  // namespace etap
