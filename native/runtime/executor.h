// Runs step batches on the tensor-parallel ranks of one model and samples. One step at a time, from
// one thread; the ranks and the sampling threads are its own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "runtime/rank_model.h"
#include "runtime/rank_team.h"
#include "runtime/slot_table.h"
#include "runtime/step_arena.h"
#include "runtime/step_sampling.h"

namespace etap {

struct ExecutorLimits {
  SlotLimits slots;
  std::int64_t step_token_capacity;
  std::int64_t logit_row_capacity;  // rows of logits held at a time
  int rank_count;
  int sampling_thread_count;
};

class Executor {
 public:
  // Makes the models of all ranks at once. Throws what the factory throws.
  Executor(const ExecutorLimits& limits, const RankModelFactory& factory);

  const ExecutorLimits& limits() const { return limits_; }
  StepArena& arena() { return *arena_; }
  // The arena outlives the executor while JavaScript holds its ArrayBuffer.
  std::shared_ptr<StepArena> shared_arena() const { return arena_; }
  // Of all ranks together.
  std::int64_t weight_bytes() const;

  // May be called from another thread while a step runs that does not name the slot.
  void admit(std::int64_t slot, SlotParams params) { slots_.admit(slot, std::move(params)); }
  void release(std::int64_t slot) { slots_.release(slot); }

  // Computes the arena's batch into the arena's result.
  // Throws ETAP_ERR_STEP_FAILED, or what a rank throws; the executor is then unusable.
  void step(const StepCounts& counts);

 private:
  void run_step(const StepCounts& counts);
  void run_rank(int rank, const StepBatch& batch, const ForwardBatch& forward,
                const StepResult& result);

  ExecutorLimits limits_;
  std::shared_ptr<StepArena> arena_;
  SlotTable slots_;
  StepSampling sampling_;
  std::vector<float> logits_;  // [logit_row_capacity, vocab]
  std::vector<SequenceRows> sequences_;
  bool failed_ = false;

  // Models end before the team, whose group their communicators belong to.
  RankTeam team_;
  std::vector<std::unique_ptr<Communicator>> communicators_;
  std::vector<std::unique_ptr<RankModel>> models_;
};

}  // namespace etap
