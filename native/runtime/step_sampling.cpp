#include "runtime/step_sampling.h"

#include <algorithm>
#include <atomic>

namespace etap {

namespace {

// Fewer logits than this are sampled faster than another thread wakes (about 20 us).
constexpr std::int64_t kParallelLogitsMin = 1 << 16;

}  // namespace

void clear_result(const StepBatch& batch, const StepResult& result) {
  std::fill(result.tokens.begin(), result.tokens.end(), -1);
  std::fill(result.finite.begin(), result.finite.end(), 1);
  std::fill(result.logprobs.begin(), result.logprobs.end(), 0.0F);
  std::fill(result.top_ids.begin(), result.top_ids.end(), -1);
  std::fill(result.top_logprobs.begin(), result.top_logprobs.end(), 0.0F);
  *result.profile = {};
  for (const SequenceFields& fields : batch.sequences) {
    if (fields.prompt_logprobs == 0) continue;
    const auto first = static_cast<std::size_t>(fields.token_offset);
    const auto count = static_cast<std::size_t>(fields.query_length);
    const auto top = [](auto values, std::size_t begin, std::size_t size) {
      return values.subspan(begin * kTopLogprobsMax, size * kTopLogprobsMax);
    };
    std::ranges::fill(result.prompt_logprobs.subspan(first, count), 0.0F);
    std::ranges::fill(top(result.prompt_top_ids, first, count), -1);
    std::ranges::fill(top(result.prompt_top_logprobs, first, count), 0.0F);
  }
}

StepSampling::StepSampling(int thread_count, std::int64_t vocab_size)
    : vocab_size_(vocab_size),
      pool_(thread_count),
      samplers_(static_cast<std::size_t>(thread_count)) {}

std::span<const std::int32_t> StepSampling::plan(const StepBatch& batch, SlotTable& slots) {
  rows_.clear();
  row_indices_.clear();
  for (std::size_t i = 0; i < batch.sequences.size(); ++i) {
    const SequenceFields& fields = batch.sequences[i];
    const Slot& slot = *slots.find(fields.slot);
    for (std::int32_t j = fields.prompt_logprobs == 1 ? 0 : fields.query_length - 1;
         j < fields.query_length; ++j) {
      const std::int64_t position = std::int64_t{fields.context_before} + j;
      const std::int64_t next = position + 1;
      const bool is_last = j + 1 == fields.query_length;
      const bool is_scored = fields.prompt_logprobs == 1 && next < slot.params.prompt_token_count;
      if (!is_scored && !(is_last && fields.sample == 1)) continue;
      // Both cannot be: a token is sampled only after the last known one.
      const std::int32_t prompt_token =
          is_scored ? slot.params.tokens[static_cast<std::size_t>(next)] : -1;
      rows_.push_back({i, position, prompt_token});
      row_indices_.push_back(fields.token_offset + j);
    }
  }
  return row_indices_;
}

void StepSampling::take(const StepBatch& batch, SlotTable& slots, std::int64_t first,
                        std::span<const float> logits, const StepResult& result) {
  const std::int64_t count = static_cast<std::int64_t>(logits.size()) / vocab_size_;
  const auto take_row = [&](std::int64_t i, int thread) {
    const auto index = static_cast<std::size_t>(first + i);
    const Row& row = rows_[index];
    const auto width = static_cast<std::size_t>(vocab_size_);
    const std::span<const float> row_logits =
        logits.subspan(static_cast<std::size_t>(i) * width, width);
    Sampler& sampler = samplers_[static_cast<std::size_t>(thread)];
    if (row.prompt_token < 0) {
      sample_row(row, batch, slots, row_logits, result, sampler);
    } else {
      const auto token_row = static_cast<std::size_t>(row_indices_[index]);
      score_row(row, token_row, batch, slots, row_logits, result, sampler);
    }
  };
  if (count * vocab_size_ >= kParallelLogitsMin) {
    pool_.parallel_for(count, take_row);
  } else {
    for (std::int64_t i = 0; i < count; ++i) take_row(i, 0);
  }
}

void StepSampling::sample_row(const Row& row, const StepBatch& batch, SlotTable& slots,
                              std::span<const float> logits, const StepResult& result,
                              Sampler& sampler) {
  const SequenceFields& fields = batch.sequences[row.sequence];
  Slot& slot = *slots.find(fields.slot);
  const SlotParams& params = slot.params;
  if (params.sampling.has_penalties() && !slot.history) {
    slot.history.emplace(params.tokens, params.prompt_token_count);
  }
  SampleRequest request{logits, &params.sampling};
  request.position = row.position + 1;
  if (slot.history) request.history = &*slot.history;
  if (fields.mask_row >= 0) {
    const auto words = static_cast<std::size_t>((vocab_size_ + 31) / 32);
    request.mask = batch.masks.data() + static_cast<std::size_t>(fields.mask_row) * words;
  }
  if (request.position - params.prompt_token_count < params.min_tokens) {
    request.suppressed = params.stop_tokens;
  }
  const std::size_t top = row.sequence * kTopLogprobsMax;
  const LogProbsOut log_probs{&result.logprobs[row.sequence],
                              result.top_ids.subspan(top, kTopLogprobsMax),
                              result.top_logprobs.subspan(top, kTopLogprobsMax)};
  const SampleResult sampled = sampler.sample(request, log_probs);
  if (!sampled.finite) {
    std::atomic_ref(result.finite[row.sequence]).store(0);
    return;
  }
  result.tokens[row.sequence] = sampled.token;
  slot.params.tokens.push_back(sampled.token);
  if (slot.history) slot.history->add_completion_token(sampled.token);
}

void StepSampling::score_row(const Row& row, std::size_t token_row, const StepBatch& batch,
                             SlotTable& slots, std::span<const float> logits,
                             const StepResult& result, Sampler& sampler) {
  const Slot& slot = *slots.find(batch.sequences[row.sequence].slot);
  const std::size_t top = token_row * kTopLogprobsMax;
  const LogProbsOut log_probs{&result.prompt_logprobs[token_row],
                              result.prompt_top_ids.subspan(top, kTopLogprobsMax),
                              result.prompt_top_logprobs.subspan(top, kTopLogprobsMax)};
  if (!sampler.score(logits, row.prompt_token, slot.params.sampling.prompt_logprobs, log_probs)) {
    // Several rows of one sequence may find this at once.
    std::atomic_ref(result.finite[row.sequence]).store(0);
  }
}

}  // namespace etap
