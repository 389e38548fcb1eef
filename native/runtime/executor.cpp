#include "runtime/executor.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/error.h"
#include "runtime/step_check.h"

namespace etap {

namespace {

ArenaSizes arena_sizes(const ExecutorLimits& limits) {
  const std::int64_t slots = limits.slots.slot_count;
  return {slots, limits.step_token_capacity, slots * limits.slots.blocks_per_sequence(),
          limits.slots.vocab_size};
}

}  // namespace

Executor::Executor(const ExecutorLimits& limits, const RankModelFactory& factory)
    : limits_(limits),
      arena_(std::make_shared<StepArena>(arena_sizes(limits))),
      slots_(limits.slots),
      sampling_(limits.sampling_thread_count, limits.slots.vocab_size),
      logits_(static_cast<std::size_t>(limits.logit_row_capacity * limits.slots.vocab_size)),
      team_(limits.rank_count),
      communicators_(static_cast<std::size_t>(limits.rank_count)),
      models_(static_cast<std::size_t>(limits.rank_count)) {
  team_.run([&](int rank) {
    const auto index = static_cast<std::size_t>(rank);
    communicators_[index] = team_.group().member(rank);
    models_[index] = factory(*communicators_[index]);
  });
}

std::int64_t Executor::weight_bytes() const {
  std::int64_t bytes = 0;
  for (const auto& model : models_) bytes += model->weight_bytes();
  return bytes;
}

void Executor::step(const StepCounts& counts) {
  if (failed_) {
    throw Error("ETAP_ERR_STEP_FAILED", "an earlier step failed; the engine must be restarted");
  }
  failed_ = true;
  run_step(counts);
  failed_ = false;
}

void Executor::run_step(const StepCounts& counts) {
  const ArenaSizes sizes = arena_sizes(limits_);
  check_counts(counts, {sizes.slots, sizes.tokens, sizes.deltas});
  const StepBatch batch = arena_->batch(counts);
  const StepResult result = arena_->result(counts);
  apply_and_check_step(batch, slots_);
  clear_result(batch, result);
  if (batch.sequences.empty()) return;

  sequences_.clear();
  for (const SequenceFields& fields : batch.sequences) {
    const Slot& slot = *slots_.find(fields.slot);
    sequences_.push_back({fields.context_before, fields.query_length,
                          static_cast<std::int32_t>(slot.params.prompt_token_count),
                          slots_.block_table(fields.slot)});
  }
  const ForwardBatch forward{batch.tokens, sequences_, sampling_.plan(batch, slots_)};
  team_.run([&](int rank) { run_rank(rank, batch, forward, result); });
  for (std::size_t i = 0; i < result.finite.size(); ++i) {
    if (result.finite[i] == 0) result.tokens[i] = -1;
  }
}

void Executor::run_rank(int rank, const StepBatch& batch, const ForwardBatch& forward,
                        const StepResult& result) {
  RankModel& model = *models_[static_cast<std::size_t>(rank)];
  model.forward(forward);
  const auto total = static_cast<std::int64_t>(forward.logit_rows.size());
  std::chrono::duration<float, std::micro> sampling{};
  for (std::int64_t first = 0; first < total; first += limits_.logit_row_capacity) {
    const std::int64_t count = std::min(limits_.logit_row_capacity, total - first);
    model.logits(first, count, rank == 0 ? logits_.data() : nullptr);
    if (rank != 0) continue;
    const std::int64_t values = count * limits_.slots.vocab_size;
    const auto begin = std::chrono::steady_clock::now();
    sampling_.take(batch, slots_, first, {logits_.data(), static_cast<std::size_t>(values)},
                   result);
    sampling += std::chrono::steady_clock::now() - begin;
  }
  if (rank != 0) return;
  *result.profile = model.profile();
  result.profile->sampling = sampling.count();
}

}  // namespace etap
