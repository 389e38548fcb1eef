#include "sampling/token_history.h"

namespace etap {

TokenHistory::TokenHistory(std::span<const std::int32_t> tokens, std::int64_t prompt_token_count) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    Entry& known = entry(tokens[i]);
    if (static_cast<std::int64_t>(i) >= prompt_token_count) ++known.completion_count;
  }
}

void TokenHistory::add_completion_token(std::int32_t token) {
  ++entry(token).completion_count;
}

void TokenHistory::apply_penalties(const SamplingParams& params, std::span<float> logits) const {
  const auto repetition = static_cast<float>(params.repetition_penalty);
  const auto frequency = static_cast<float>(params.frequency_penalty);
  const auto presence = static_cast<float>(params.presence_penalty);
  for (const Entry& known : entries_) {
    float& logit = logits[static_cast<std::size_t>(known.token)];
    logit = logit > 0.0F ? logit / repetition : logit * repetition;
    if (known.completion_count > 0) {
      logit -= frequency * static_cast<float>(known.completion_count);
      logit -= presence;
    }
  }
}

TokenHistory::Entry& TokenHistory::entry(std::int32_t token) {
  const auto [found, is_new] = index_.try_emplace(token, entries_.size());
  if (is_new) entries_.push_back({token, 0});
  return entries_[found->second];
}

}  // namespace etap
