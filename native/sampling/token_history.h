// Which tokens a sequence already has, for penalties.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "sampling/params.h"

namespace etap {

class TokenHistory {
 public:
  // `tokens` are the prompt, then completion tokens sampled before a preemption.
  TokenHistory(std::span<const std::int32_t> tokens, std::int64_t prompt_token_count);

  void add_completion_token(std::int32_t token);

  // Repetition penalty over all tokens (positive logits are divided, others multiplied), then
  // frequency and presence penalty over completion tokens, in place.
  void apply_penalties(const SamplingParams& params, std::span<float> logits) const;

 private:
  struct Entry {
    std::int32_t token;
    std::int32_t completion_count;
  };
  Entry& entry(std::int32_t token);

  std::vector<Entry> entries_;
  std::unordered_map<std::int32_t, std::size_t> index_;
};

}  // namespace etap
