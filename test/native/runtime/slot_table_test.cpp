#include "runtime/slot_table.h"

#include <functional>

#include "test.h"

namespace etap {

namespace {

constexpr SlotLimits kLimits{4, 100, 200, 50};
constexpr const char* kRequest = "ETAP_ERR_INVALID_REQUEST";
constexpr const char* kInternal = "ETAP_ERR_INTERNAL";
constexpr const char* kStep = "ETAP_ERR_STEP_FAILED";

SlotParams three_tokens() {
  SlotParams params;
  params.prompt_token_count = 3;
  params.tokens = {1, 2, 3};
  return params;
}

void admit_with(const std::function<void(SlotParams&)>& change) {
  SlotTable table(kLimits);
  SlotParams params = three_tokens();
  change(params);
  table.admit(0, std::move(params));
}

}  // namespace

TEST("a slot is admitted once and again after its release") {
  SlotTable table(kLimits);
  CHECK(table.find(1) == nullptr);
  table.admit(1, three_tokens());
  CHECK_EQ(table.find(1)->known_tokens(), 3);
  CHECK_ERROR(table.admit(1, three_tokens()), kInternal, "slot 1 is taken");
  table.apply({1, 0, 7});
  table.release(1);
  CHECK(table.find(1) == nullptr);
  CHECK_ERROR(table.release(1), kInternal, "slot 1 is not admitted");
  table.admit(1, three_tokens());
  CHECK_EQ(table.find(1)->block_count, 0);
  CHECK_ERROR(table.admit(4, three_tokens()), kInternal, "slot 4 does not exist");
  CHECK_ERROR(table.release(-1), kInternal, "slot -1");
}

TEST("parameters out of range are refused by name") {
  const auto refused = [](const std::function<void(SlotParams&)>& change,
                          const std::string& message) {
    CHECK_ERROR(admit_with(change), kRequest, message);
  };
  refused([](SlotParams& p) { p.sampling.temperature = -0.1; }, "temperature is -0.1, expected");
  refused([](SlotParams& p) { p.sampling.temperature = NAN; }, "temperature is");
  refused([](SlotParams& p) { p.sampling.top_k = -1; }, "topK is -1");
  refused([](SlotParams& p) { p.sampling.top_p = 1.5; },
          "topP is 1.5, expected a number from 0 to 1");
  refused([](SlotParams& p) { p.sampling.min_p = -1; }, "minP is -1");
  refused([](SlotParams& p) { p.sampling.repetition_penalty = 0; }, "repetitionPenalty is 0");
  refused([](SlotParams& p) { p.sampling.frequency_penalty = INFINITY; }, "frequencyPenalty");
  refused([](SlotParams& p) { p.sampling.presence_penalty = -101; }, "presencePenalty is -101");
  refused([](SlotParams& p) { p.sampling.logit_bias = {{100, 1.0F}}; }, "logitBias[] is 100");
  refused([](SlotParams& p) { p.sampling.logit_bias = {{1, NAN}}; }, "logitBias is");
  refused([](SlotParams& p) { p.sampling.allowed_tokens = {-1}; }, "allowedTokenIds[] is -1");
  refused([](SlotParams& p) { p.sampling.restricted = true; }, "allowedTokenIds is empty");
  refused([](SlotParams& p) { p.sampling.top_logprobs = 21; }, "topLogprobs is 21");
  refused([](SlotParams& p) { p.sampling.prompt_logprobs = 21; }, "promptLogprobs is 21");
  refused([](SlotParams& p) { p.tokens.clear(); }, "number of tokens is 0");
  refused([](SlotParams& p) { p.tokens.resize(201); }, "number of tokens is 201");
  refused([](SlotParams& p) { p.tokens[1] = 100; }, "an id from 0 to 99");
  refused([](SlotParams& p) { p.prompt_token_count = 4; }, "promptTokenCount is 4");
  refused([](SlotParams& p) { p.prompt_token_count = 0; }, "promptTokenCount is 0");
  refused([](SlotParams& p) { p.min_tokens = -1; }, "minTokens is -1");
  refused([](SlotParams& p) { p.stop_tokens = {100}; }, "stopTokenIds[] is 100");
}

TEST("a refused admission leaves the slot free") {
  SlotTable table(kLimits);
  SlotParams wrong = three_tokens();
  wrong.sampling.top_k = -1;
  CHECK_ERROR(table.admit(0, wrong), kRequest, "topK");
  CHECK(table.find(0) == nullptr);
}

TEST("block tables grow in order, entries may be rewritten") {
  SlotTable table(kLimits);
  table.admit(2, three_tokens());
  table.apply({2, 0, 7});
  table.apply({2, 1, 8});
  table.apply({2, 0, 9});
  CHECK_EQ(table.block_table(2)[0], 9);
  CHECK_EQ(table.block_table(2)[1], 8);
  CHECK_EQ(table.find(2)->block_count, 2);
  CHECK_ERROR(table.apply({2, 3, 7}), kStep, "index 3, expected at most 2");
  CHECK_ERROR(table.apply({2, -1, 7}), kStep, "index -1");
  CHECK_ERROR(table.apply({2, 2, 0}), kStep, "block id 0, expected 1 to 49");
  CHECK_ERROR(table.apply({2, 2, 50}), kStep, "block id 50");
  CHECK_ERROR(table.apply({1, 0, 7}), kStep, "slot 1, which is not admitted");
  CHECK_ERROR(table.apply({99, 0, 7}), kStep, "slot 99");
  table.apply({2, 2, 7});
  table.apply({2, 3, 7});
  CHECK_ERROR(table.apply({2, 4, 7}), kStep, "index 4, expected at most 3");
}

}  // namespace etap
