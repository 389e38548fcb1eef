// Log-probabilities of a row of raw logits: before penalties, temperature and filters.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sampling/row_passes.h"

namespace etap {

// The best of one row, written by LogProbs.
struct LogProbsOut {
  float* logprob;                   // of the token asked for
  std::span<std::int32_t> top_ids;  // descending, ties to the lowest id; -1 past `top_count`
  std::span<float> top_logprobs;    // 0 past `top_count`
};

// Keeps its scratch between rows; one for each thread.
class LogProbs {
 public:
  // log softmax(logits)[token] and the `top_count` best. `scan` and `block_max` are scan_row's of
  // the same row, which must be finite.
  void compute(std::span<const float> logits, const RowScan& scan, std::span<const float> block_max,
               std::int32_t token, std::int32_t top_count, const LogProbsOut& out);

 private:
  struct Candidate {
    float logit;
    std::int32_t id;
  };
  std::vector<float> weights_;
  std::vector<float> bounds_;
  std::vector<Candidate> candidates_;
};

}  // namespace etap
