#include "runtime/step_check.h"

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace etap {

namespace {

Error step_error(const std::string& what) {
  return Error("ETAP_ERR_STEP_FAILED", what);
}

void check_count(std::string_view name, std::int64_t count, std::int64_t max) {
  if (count >= 0 && count <= max) return;
  throw step_error("the step has " + std::to_string(count) + ' ' + std::string(name) +
                   ", expected 0 to " + std::to_string(max));
}

// Checks one sequence of a step; everything it says begins with the sequence.
class SequenceCheck {
 public:
  SequenceCheck(const SequenceFields& fields, std::size_t index, const StepBatch& batch,
                SlotTable& slots)
      : fields_(fields), index_(index), batch_(batch), slots_(slots) {}

  // `token_offset` is where the sequence before it ended.
  void run(std::int64_t token_offset) const {
    const Slot* slot = slots_.find(fields_.slot);
    if (slot == nullptr) fail("slot", fields_.slot, "an admitted slot");
    if (fields_.epoch != slot->params.epoch) {
      fail("epoch", fields_.epoch, std::to_string(slot->params.epoch));
    }
    range("query_length", fields_.query_length, 1,
          static_cast<std::int64_t>(batch_.tokens.size()) - token_offset);
    range("context_before", fields_.context_before, 0,
          slots_.limits().max_model_len - fields_.query_length);
    range("token_offset", fields_.token_offset, token_offset, token_offset);
    range("sample", fields_.sample, 0, 1);
    range("mask_row", fields_.mask_row, -1, slots_.limits().slot_count - 1);
    range("prompt_logprobs", fields_.prompt_logprobs, 0, 1);
    if (fields_.prompt_logprobs == 1 && slot->params.sampling.prompt_logprobs < 0) {
      fail("prompt_logprobs", 1, "0, because the sequence did not ask for them at admission");
    }
    check_tokens(*slot);
    const std::int64_t end = std::int64_t{fields_.context_before} + fields_.query_length;
    const std::int64_t blocks = (end + kBlockSize - 1) / kBlockSize;
    if (blocks > slot->block_count) {
      fail("context length", end,
           "at most the " + std::to_string(slot->block_count * kBlockSize) +
               " tokens of its block table");
    }
    if (fields_.sample == 1 && end != slot->known_tokens()) {
      fail("context length", end,
           std::to_string(slot->known_tokens()) + ", all known tokens, because a token is sampled");
    }
  }

 private:
  [[noreturn]] void fail(std::string_view field, std::int64_t found,
                         const std::string& allowed) const {
    throw step_error("sequence " + std::to_string(index_) + " of the step (slot " +
                     std::to_string(fields_.slot) + "): " + std::string(field) + " is " +
                     std::to_string(found) + ", expected " + allowed);
  }

  void range(std::string_view field, std::int64_t value, std::int64_t min, std::int64_t max) const {
    if (value >= min && value <= max) return;
    fail(field, value,
         min == max ? std::to_string(min) : std::to_string(min) + " to " + std::to_string(max));
  }

  // The executor knows every token of the sequence: others would mean that scheduler and executor
  // have parted.
  void check_tokens(const Slot& slot) const {
    const std::int64_t end = std::int64_t{fields_.context_before} + fields_.query_length;
    if (end > slot.known_tokens()) {
      fail("context length", end,
           "at most the " + std::to_string(slot.known_tokens()) + " known tokens");
    }
    const auto offset = static_cast<std::size_t>(fields_.token_offset);
    for (std::size_t i = 0; i < static_cast<std::size_t>(fields_.query_length); ++i) {
      const std::size_t position = static_cast<std::size_t>(fields_.context_before) + i;
      if (batch_.tokens[offset + i] != slot.params.tokens[position]) {
        fail("the token at position " + std::to_string(position), batch_.tokens[offset + i],
             std::to_string(slot.params.tokens[position]) + ", the token known");
      }
    }
  }

  const SequenceFields& fields_;
  const std::size_t index_;
  const StepBatch& batch_;
  SlotTable& slots_;
};

}  // namespace

void check_counts(const StepCounts& counts, const StepCounts& capacity) {
  check_count("sequences", counts.sequences, capacity.sequences);
  check_count("tokens", counts.tokens, capacity.tokens);
  check_count("block-table entries", counts.deltas, capacity.deltas);
}

void apply_and_check_step(const StepBatch& batch, SlotTable& slots) {
  for (const BlockDelta& delta : batch.deltas) slots.apply(delta);
  std::vector<bool> seen(static_cast<std::size_t>(slots.limits().slot_count), false);
  std::int64_t token_offset = 0;
  for (std::size_t i = 0; i < batch.sequences.size(); ++i) {
    const SequenceFields& fields = batch.sequences[i];
    SequenceCheck(fields, i, batch, slots).run(token_offset);
    if (seen[static_cast<std::size_t>(fields.slot)]) {
      throw step_error("slot " + std::to_string(fields.slot) + " is in the step twice");
    }
    seen[static_cast<std::size_t>(fields.slot)] = true;
    token_offset += fields.query_length;
  }
  if (token_offset != static_cast<std::int64_t>(batch.tokens.size())) {
    throw step_error("the sequences of the step have " + std::to_string(token_offset) +
                     " tokens, but the step says " + std::to_string(batch.tokens.size()));
  }
}

}  // namespace etap
