// What the executor knows of each admitted sequence: sampling parameters, known tokens and the
// block table. Slots are independent: one may be admitted or released while a step computes others.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/step_batch.h"
#include "sampling/params.h"
#include "sampling/token_history.h"

namespace etap {

// The native form of SlotParams in src/executor/executor.ts.
struct SlotParams {
  std::int32_t epoch = 0;
  SamplingParams sampling;
  std::int64_t prompt_token_count = 0;
  std::vector<std::int32_t> tokens;
  std::int64_t min_tokens = 0;
  std::vector<std::int32_t> stop_tokens;
};

struct Slot {
  bool admitted = false;
  SlotParams params;  // params.tokens grows by every sampled token
  std::int64_t block_count = 0;
  std::optional<TokenHistory> history;

  std::int64_t known_tokens() const { return static_cast<std::int64_t>(params.tokens.size()); }
};

struct SlotLimits {
  std::int64_t slot_count;
  std::int64_t vocab_size;
  std::int64_t max_model_len;
  std::int64_t block_count;

  std::int64_t blocks_per_sequence() const { return (max_model_len + kBlockSize - 1) / kBlockSize; }
};

class SlotTable {
 public:
  explicit SlotTable(const SlotLimits& limits);

  // Throws ETAP_ERR_INVALID_REQUEST naming the field that is out of range, and ETAP_ERR_INTERNAL
  // for a slot that does not exist or is taken.
  void admit(std::int64_t slot, SlotParams params);
  // Throws ETAP_ERR_INTERNAL for a slot that was not admitted.
  void release(std::int64_t slot);

  // nullptr when there is no such slot or nobody is in it.
  Slot* find(std::int64_t slot);

  // Throws ETAP_ERR_STEP_FAILED when the entry is out of range or leaves a gap.
  void apply(const BlockDelta& delta);
  // [blocks_per_sequence]
  const std::int32_t* block_table(std::int64_t slot) const;

  const SlotLimits& limits() const { return limits_; }

 private:
  SlotLimits limits_;
  std::vector<Slot> slots_;
  std::vector<std::int32_t> block_tables_;  // [slots, blocks_per_sequence]
};

}  // namespace etap
