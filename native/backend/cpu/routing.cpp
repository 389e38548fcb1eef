#include "backend/cpu/routing.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace etap::cpu {
namespace {

constexpr float kNegativeInfinity = -std::numeric_limits<float>::infinity();
constexpr std::int64_t kRowsPerItem = 16;

// Index of the largest value; the lowest where several are equal. NaN is never larger.
std::int64_t largest_index(const float* values, std::int64_t count) {
  std::int64_t best = 0;
  for (std::int64_t i = 1; i < count; ++i) {
    if (values[i] > values[best] || (std::isnan(values[best]) && !std::isnan(values[i]))) best = i;
  }
  return best;
}

void score(const RoutingParams& params, const float* logits, std::vector<float>& scores) {
  scores.assign(logits, logits + params.experts);
  if (params.sigmoid) {
    for (float& value : scores) value = 1.0F / (1.0F + std::exp(-value));
    return;
  }
  const float largest = *std::max_element(scores.begin(), scores.end());
  float sum = 0.0F;
  for (float& value : scores) sum += (value = std::exp(value - largest));
  for (float& value : scores) value /= sum;
}

float group_score(const RoutingParams& params, const float* members, std::int64_t count) {
  const std::int64_t best = largest_index(members, count);
  if (!params.group_by_top_two || count < 2) return members[best];
  float second = kNegativeInfinity;
  for (std::int64_t i = 0; i < count; ++i) {
    if (i != best) second = std::max(second, members[i]);
  }
  return members[best] + second;
}

// Minus infinity for every expert outside the kept groups.
void mask_groups(const RoutingParams& params, std::vector<float>& ranked) {
  const std::int64_t size = params.experts / params.groups;
  std::vector<float> groups(static_cast<std::size_t>(params.groups));
  for (std::int64_t group = 0; group < params.groups; ++group) {
    groups[static_cast<std::size_t>(group)] =
        group_score(params, ranked.data() + group * size, size);
  }
  std::vector<bool> kept(groups.size(), false);
  for (std::int64_t i = 0; i < params.groups_kept; ++i) {
    const auto best = static_cast<std::size_t>(largest_index(groups.data(), params.groups));
    kept[best] = true;
    groups[best] = kNegativeInfinity;
  }
  for (std::size_t expert = 0; expert < ranked.size(); ++expert) {
    if (!kept[expert / static_cast<std::size_t>(size)]) ranked[expert] = kNegativeInfinity;
  }
}

void choose_row(const RoutingParams& params, const float* logits, const float* bias,
                std::int32_t* chosen, float* weights) {
  std::vector<float> scores;
  score(params, logits, scores);
  std::vector<float> ranked = scores;
  for (std::size_t i = 0; bias != nullptr && i < ranked.size(); ++i) ranked[i] += bias[i];
  if (params.groups > 1) mask_groups(params, ranked);
  float sum = 0.0F;
  for (std::int64_t i = 0; i < params.experts_per_token; ++i) {
    const std::int64_t best = largest_index(ranked.data(), params.experts);
    ranked[static_cast<std::size_t>(best)] = kNegativeInfinity;
    chosen[i] = static_cast<std::int32_t>(best);
    weights[i] = scores[static_cast<std::size_t>(best)];
    sum += weights[i];
  }
  const float divisor = params.normalize ? sum + 1e-20F : 1.0F;
  for (std::int64_t i = 0; i < params.experts_per_token; ++i) {
    weights[i] = weights[i] / divisor * params.scaling_factor;
  }
}

}  // namespace

void Routing::choose(const Context& context, const RoutingParams& params, const TensorView& logits,
                     const float* bias) {
  const std::int64_t per_row = params.experts_per_token;
  chosen_.resize(static_cast<std::size_t>(logits.rows * per_row));
  chosen_weights_.resize(chosen_.size());
  const std::int64_t items = (logits.rows + kRowsPerItem - 1) / kRowsPerItem;
  context.pool.parallel_for(items, [&](std::int64_t item, int) {
    const std::int64_t end = std::min(logits.rows, (item + 1) * kRowsPerItem);
    for (std::int64_t row = item * kRowsPerItem; row < end; ++row) {
      choose_row(params, static_cast<const float*>(logits.data) + row * logits.stride, bias,
                 chosen_.data() + row * per_row, chosen_weights_.data() + row * per_row);
    }
  });
  group_by_expert(params.experts, logits.rows, per_row);
}

void Routing::group_by_expert(std::int64_t experts, std::int64_t row_count, std::int64_t per_row) {
  std::vector<std::int64_t> next(static_cast<std::size_t>(experts) + 1, 0);
  for (std::int32_t expert : chosen_) ++next[static_cast<std::size_t>(expert) + 1];
  active_.clear();
  first_pair_.clear();
  for (std::size_t expert = 0; expert < static_cast<std::size_t>(experts); ++expert) {
    if (next[expert + 1] > 0) {
      active_.push_back(static_cast<std::int32_t>(expert));
      first_pair_.push_back(next[expert]);
    }
    next[expert + 1] += next[expert];
  }
  first_pair_.push_back(next.back());
  rows_.resize(chosen_.size());
  weights_.resize(chosen_.size());
  for (std::int64_t row = 0; row < row_count; ++row) {
    for (std::int64_t i = 0; i < per_row; ++i) {
      const auto choice = static_cast<std::size_t>(row * per_row + i);
      const auto pair = static_cast<std::size_t>(next[static_cast<std::size_t>(chosen_[choice])]++);
      rows_[pair] = static_cast<std::int32_t>(row);
      weights_[pair] = chosen_weights_[choice];
    }
  }
}

}  // namespace etap::cpu
