// The second half of a step: which rows need logits, and from logits to the step's result.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "runtime/slot_table.h"
#include "runtime/step_batch.h"
#include "sampling/sampler.h"

namespace etap {

// Sets every output of the step to "nothing": token -1, finite, no log-probabilities, no time.
void clear_result(const StepBatch& batch, const StepResult& result);

class StepSampling {
 public:
  // `thread_count` threads sample rows; rows are independent, so it never changes a result.
  StepSampling(int thread_count, std::int64_t vocab_size);

  // Lists the rows of a checked step that need logits and returns their indices among its tokens,
  // ascending: prompt rows whose log-probabilities are wanted, and the last row of every sequence
  // that samples.
  std::span<const std::int32_t> plan(const StepBatch& batch, SlotTable& slots);

  // Takes the logits [count, vocab] of planned rows [first, first + count): samples, scores, writes
  // the result and adds sampled tokens to their slots.
  void take(const StepBatch& batch, SlotTable& slots, std::int64_t first,
            std::span<const float> logits, const StepResult& result);

 private:
  struct Row {
    std::size_t sequence;
    std::int64_t position;      // of the row's token
    std::int32_t prompt_token;  // the token that follows in the prompt, or -1 to sample
  };

  void sample_row(const Row& row, const StepBatch& batch, SlotTable& slots,
                  std::span<const float> logits, const StepResult& result, Sampler& sampler);
  void score_row(const Row& row, std::size_t token_row, const StepBatch& batch, SlotTable& slots,
                 std::span<const float> logits, const StepResult& result, Sampler& sampler);

  std::int64_t vocab_size_;
  ThreadPool pool_;
  std::vector<Sampler> samplers_;  // one for each thread
  std::vector<Row> rows_;
  std::vector<std::int32_t> row_indices_;
};

}  // namespace etap
