// Chooses the next token from a row of logits. Order: penalties, logit bias, allowed tokens and
// mask, temperature, top-k, top-p, min-p; then one draw keyed by (seed, position). Ranks are by
// (logit, lowest id first), so every filter keeps a definite set and the result of a row is a pure
// function of its inputs.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sampling/log_probs.h"
#include "sampling/params.h"
#include "sampling/row_passes.h"
#include "sampling/token_history.h"

namespace etap {

struct SampleRequest {
  std::span<const float> logits;  // [vocab]
  const SamplingParams* params;
  const TokenHistory* history = nullptr;          // needed with penalties only
  const std::uint32_t* mask = nullptr;            // [ceil(vocab / 32)] allowed-token bits, or none
  std::span<const std::int32_t> suppressed = {};  // not sampled unless nothing else is allowed
  std::int64_t position = 0;                      // of the token to be sampled, in its sequence
};

struct SampleResult {
  std::int32_t token = -1;
  // False when a logit is NaN or infinite or no token is allowed; there is then no token.
  bool finite = false;
};

// Keeps its scratch between rows; one for each thread.
class Sampler {
 public:
  // Fills `log_probs` when the parameters ask for log-probabilities.
  SampleResult sample(const SampleRequest& request, const LogProbsOut& log_probs);

  // Log-probability of `token` and of the `top_count` best; false when a logit is not finite.
  bool score(std::span<const float> logits, std::int32_t token, std::int32_t top_count,
             const LogProbsOut& log_probs);

  // What the last sample() above the greedy temperature drew from: ids ascending and their weights
  // (probabilities up to a factor). Empty ids stand for the whole vocabulary.
  std::span<const std::int32_t> kept_ids() const { return ids_; }
  std::span<const float> kept_weights() const { return weights_; }

 private:
  struct Ranked {
    float logit;
    std::int32_t id;
    float weight;
  };

  std::int32_t choose(const SampleRequest& request);
  std::span<const float> adjust(const SampleRequest& request);
  void restrict_to_allowed(const SampleRequest& request);
  void suppress(std::span<const std::int32_t> tokens);
  void keep_top_k(std::size_t count);
  void keep_top_p(double mass);
  void keep_min_p(double share);
  // Keeps the tokens that rank at or above `last`.
  void cut_below(const Ranked& last);
  template <typename Keep>
  void keep_if(const Keep& keep);

  // Scan of the row to choose from: the raw one, or the adjusted one.
  RowScan scan_{};
  std::vector<float> block_max_;
  std::vector<float> adjusted_;
  std::vector<float> saved_;

  // The tokens left, ascending: all of row_ while ids_ is empty.
  std::span<const float> row_;
  std::vector<std::int32_t> ids_;
  std::vector<float> logits_;   // of ids_
  std::vector<float> weights_;  // of ids_, or of row_
  std::vector<Ranked> ranked_;
  std::vector<float> bounds_;
  LogProbs log_probs_;
};

}  // namespace etap
