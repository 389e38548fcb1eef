#include "backend/reference/routing.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace etap::reference {
namespace {

constexpr double kNegativeInfinity = -std::numeric_limits<double>::infinity();

std::vector<double> scores_of(const RoutingParams& params, const float* logits) {
  const auto count = static_cast<std::size_t>(params.experts);
  std::vector<double> scores(logits, logits + count);
  if (params.sigmoid) {
    for (double& score : scores) score = 1.0 / (1.0 + std::exp(-score));
    return scores;
  }
  const double largest = *std::max_element(scores.begin(), scores.end());
  for (double& score : scores) score = std::exp(score - largest);
  const double sum = std::accumulate(scores.begin(), scores.end(), 0.0);
  for (double& score : scores) score /= sum;
  return scores;
}

// Indices of the `count` largest values, best first; equal values in order of index.
std::vector<std::size_t> largest_indices(const std::vector<double>& values, std::int64_t count) {
  std::vector<std::size_t> indices(values.size());
  std::iota(indices.begin(), indices.end(), std::size_t{0});
  std::stable_sort(indices.begin(), indices.end(),
                   [&](std::size_t a, std::size_t b) { return values[a] > values[b]; });
  indices.resize(static_cast<std::size_t>(count));
  return indices;
}

// Sets the scores of all experts outside the kept groups to minus infinity.
void mask_groups(const RoutingParams& params, std::vector<double>& scores) {
  const auto group_size = static_cast<std::ptrdiff_t>(params.experts / params.groups);
  std::vector<double> group_scores;
  for (std::int64_t group = 0; group < params.groups; ++group) {
    const auto begin = scores.begin() + group * group_size;
    std::vector<double> members(begin, begin + group_size);
    std::sort(members.begin(), members.end(), std::greater<>());
    const bool two = params.group_by_top_two && group_size > 1;
    group_scores.push_back(two ? members[0] + members[1] : members[0]);
  }
  std::vector<bool> kept(static_cast<std::size_t>(params.groups), false);
  for (std::size_t group : largest_indices(group_scores, params.groups_kept)) kept[group] = true;
  for (std::size_t expert = 0; expert < scores.size(); ++expert) {
    if (!kept[expert / static_cast<std::size_t>(group_size)]) scores[expert] = kNegativeInfinity;
  }
}

}  // namespace

std::vector<Choice> choose_experts(const RoutingParams& params, const float* logits,
                                   const float* bias) {
  const std::vector<double> scores = scores_of(params, logits);
  std::vector<double> ranked = scores;
  for (std::size_t i = 0; bias != nullptr && i < ranked.size(); ++i) {
    ranked[i] += static_cast<double>(bias[i]);
  }
  if (params.groups > 1) mask_groups(params, ranked);
  const std::vector<std::size_t> chosen = largest_indices(ranked, params.experts_per_token);
  double divisor = 1.0;
  if (params.normalize) {
    divisor = 1e-20;
    for (std::size_t expert : chosen) divisor += scores[expert];
  }
  std::vector<Choice> choices;
  for (std::size_t expert : chosen) {
    const double weight = scores[expert] / divisor * static_cast<double>(params.scaling_factor);
    choices.push_back({static_cast<std::int64_t>(expert), static_cast<float>(weight)});
  }
  return choices;
}

}  // namespace etap::reference
