// How one sequence's next token is chosen; the native form of src/sampling-params.ts, validated by
// runtime/slot_table.cpp.
#pragma once

#include <cstdint>
#include <vector>

namespace etap {

struct LogitBias {
  std::int32_t token;
  float bias;
};

struct SamplingParams {
  // Below kGreedyTemperature: the highest logit, ties to the lowest id.
  double temperature = 1.0;
  std::int64_t top_k = 0;  // 0: all
  double top_p = 1.0;
  double min_p = 0.0;
  double repetition_penalty = 1.0;
  double frequency_penalty = 0.0;
  double presence_penalty = 0.0;
  std::int64_t seed = 0;
  std::vector<LogitBias> logit_bias;
  bool restricted = false;  // only `allowed_tokens` may be sampled
  std::vector<std::int32_t> allowed_tokens;
  std::int32_t top_logprobs = -1;     // -1: none; n: the token's own and the n best
  std::int32_t prompt_logprobs = -1;  // the same for prompt tokens

  bool has_penalties() const {
    return repetition_penalty != 1.0 || frequency_penalty != 0.0 || presence_penalty != 0.0;
  }
};

// Dividing by less would overflow, and so cold a distribution has one token anyway.
inline constexpr double kGreedyTemperature = 1e-5;

}  // namespace etap
