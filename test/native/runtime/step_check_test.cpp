#include "runtime/step_check.h"

#include <functional>
#include <vector>

#include "test.h"

namespace etap {

namespace {

constexpr const char* kCode = "ETAP_ERR_STEP_FAILED";

// Two sequences: slot 0 computes its two known tokens and samples, slot 2 computes 70 of its 80.
struct Step {
  SlotTable slots{SlotLimits{3, 100, 128, 50}};
  std::vector<SequenceFields> sequences;
  std::vector<std::int32_t> tokens;
  std::vector<BlockDelta> deltas = {{0, 0, 1}, {2, 0, 2}, {2, 1, 3}};

  Step() {
    SlotParams first;
    first.epoch = 11;
    first.prompt_token_count = 2;
    first.tokens = {5, 6};
    slots.admit(0, first);
    SlotParams second;
    second.epoch = 12;
    second.prompt_token_count = 80;
    second.sampling.prompt_logprobs = 0;
    for (int i = 0; i < 80; ++i) second.tokens.push_back(i);
    slots.admit(2, second);
    sequences = {{0, 11, 0, 2, 1, -1, 0, 0}, {2, 12, 0, 70, 0, -1, 2, 1}};
    tokens = {5, 6};
    for (int i = 0; i < 70; ++i) tokens.push_back(i);
  }

  void check() { apply_and_check_step({sequences, tokens, deltas, {}}, slots); }
};

void refused(const std::function<void(Step&)>& change, const std::string& message) {
  Step step;
  change(step);
  CHECK_ERROR(step.check(), kCode, message);
}

}  // namespace

TEST("a sound step passes") {
  Step step;
  step.check();
  CHECK_EQ(step.slots.find(2)->block_count, 2);
}

TEST("a field out of range is named with its sequence") {
  refused([](Step& s) { s.sequences[0].slot = 1; }, "sequence 0 of the step (slot 1): slot is 1");
  refused([](Step& s) { s.sequences[0].slot = -5; }, "slot is -5");
  refused([](Step& s) { s.sequences[1].epoch = 11; },
          "sequence 1 of the step (slot 2): epoch is 11, expected 12");
  refused([](Step& s) { s.sequences[0].query_length = 0; }, "query_length is 0");
  refused([](Step& s) { s.sequences[1].query_length = 71; },
          "query_length is 71, expected 1 to 70");
  refused([](Step& s) { s.sequences[0].context_before = -1; }, "context_before is -1");
  refused([](Step& s) { s.sequences[1].context_before = 59; },
          "context_before is 59, expected 0 to 58");
  refused([](Step& s) { s.sequences[1].token_offset = 1; }, "token_offset is 1, expected 2");
  refused([](Step& s) { s.sequences[0].sample = 2; }, "sample is 2");
  refused([](Step& s) { s.sequences[0].mask_row = 3; }, "mask_row is 3, expected -1 to 2");
  refused([](Step& s) { s.sequences[0].mask_row = -2; }, "mask_row is -2");
  refused([](Step& s) { s.sequences[1].prompt_logprobs = 2; }, "prompt_logprobs is 2");
  refused([](Step& s) { s.sequences[0].prompt_logprobs = 1; }, "did not ask for them");
}

TEST("tokens must be those known, and all of them where one is sampled") {
  refused([](Step& s) { s.tokens[1] = 7; }, "the token at position 1 is 7, expected 6");
  refused([](Step& s) { s.sequences[1].context_before = 11; }, "at most the 80 known tokens");
  refused([](Step& s) { s.sequences[1].sample = 1; }, "context length is 70, expected 80");
  refused([](Step& s) { s.tokens.push_back(1); }, "have 72 tokens, but the step says 73");
}

TEST("the block table must cover the context, and a slot comes once") {
  refused([](Step& s) { s.deltas.pop_back(); }, "at most the 64 tokens of its block table");
  refused([](Step& s) { s.deltas.push_back({1, 0, 4}); }, "slot 1, which is not admitted");
  refused(
      [](Step& s) {
        s.sequences[1] = s.sequences[0];
        s.sequences[1].token_offset = 2;
        s.tokens = {5, 6, 5, 6};
      },
      "slot 0 is in the step twice");
}

TEST("counts beyond the arena are refused") {
  const StepCounts capacity{2, 10, 3};
  check_counts({2, 10, 3}, capacity);
  CHECK_ERROR(check_counts({3, 0, 0}, capacity), kCode, "3 sequences, expected 0 to 2");
  CHECK_ERROR(check_counts({0, 11, 0}, capacity), kCode, "11 tokens");
  CHECK_ERROR(check_counts({0, 0, -1}, capacity), kCode, "-1 block-table entries");
}

}  // namespace etap
