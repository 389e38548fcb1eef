#include "sampling/log_probs.h"

#include <algorithm>
#include <cmath>

namespace etap {

void LogProbs::compute(std::span<const float> logits, const RowScan& scan,
                       std::span<const float> block_max, std::int32_t token, std::int32_t top_count,
                       const LogProbsOut& out) {
  weights_.resize(logits.size());
  exp_row(logits, scan.max, 1.0F, weights_);
  const auto max = static_cast<double>(scan.max);
  const double log_sum = std::log(sum_row(weights_));
  const auto log_prob = [&](float logit) {
    return static_cast<float>(static_cast<double>(logit) - max - log_sum);
  };
  *out.logprob = log_prob(logits[static_cast<std::size_t>(token)]);

  std::fill(out.top_ids.begin(), out.top_ids.end(), -1);
  std::fill(out.top_logprobs.begin(), out.top_logprobs.end(), 0.0F);
  const std::size_t wanted =
      std::min({static_cast<std::size_t>(top_count), logits.size(), out.top_ids.size()});
  if (wanted == 0) return;
  const float bound = lower_bound_of_best(block_max, wanted, bounds_);
  candidates_.clear();
  for (std::size_t block = 0; block < block_max.size(); ++block) {
    if (block_max[block] < bound) continue;
    const std::size_t end = std::min((block + 1) * kScanBlock, logits.size());
    for (std::size_t i = block * kScanBlock; i < end; ++i) {
      if (logits[i] >= bound) candidates_.push_back({logits[i], static_cast<std::int32_t>(i)});
    }
  }
  std::partial_sort(candidates_.begin(), candidates_.begin() + static_cast<std::ptrdiff_t>(wanted),
                    candidates_.end(), [](const Candidate& a, const Candidate& b) {
                      return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
                    });
  for (std::size_t i = 0; i < wanted; ++i) {
    out.top_ids[i] = candidates_[i].id;
    out.top_logprobs[i] = log_prob(candidates_[i].logit);
  }
}

}  // namespace etap
