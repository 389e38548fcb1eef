#include "sampling/token_history.h"

#include "test.h"

namespace etap {

TEST("repetition penalty covers the prompt and the completion, once each token") {
  const std::vector<std::int32_t> tokens = {0, 1, 1, 0};
  TokenHistory history(tokens, 3);
  history.add_completion_token(2);
  SamplingParams params;
  params.repetition_penalty = 2.0;
  std::vector<float> logits = {4.0F, -4.0F, 1.0F, 4.0F};
  history.apply_penalties(params, logits);
  CHECK_EQ(logits[0], 2.0F);
  CHECK_EQ(logits[1], -8.0F);
  CHECK_EQ(logits[2], 0.5F);
  CHECK_EQ(logits[3], 4.0F);
}

TEST("frequency and presence penalties cover the completion only") {
  const std::vector<std::int32_t> tokens = {0, 1, 2, 2};
  TokenHistory history(tokens, 2);
  history.add_completion_token(2);
  history.add_completion_token(3);
  SamplingParams params;
  params.frequency_penalty = 0.5;
  params.presence_penalty = 0.25;
  std::vector<float> logits(5, 1.0F);
  history.apply_penalties(params, logits);
  CHECK_EQ(logits[0], 1.0F);
  CHECK_EQ(logits[1], 1.0F);
  CHECK_EQ(logits[2], 1.0F - 1.5F - 0.25F);
  CHECK_EQ(logits[3], 1.0F - 0.5F - 0.25F);
  CHECK_EQ(logits[4], 1.0F);
}

}  // namespace etap
