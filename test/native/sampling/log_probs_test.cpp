#include "sampling/log_probs.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sampling/sampler.h"
#include "test.h"

namespace etap {

namespace {

constexpr std::size_t kTopMax = 20;

struct Scored {
  float logprob = 0.0F;
  std::vector<std::int32_t> ids = std::vector<std::int32_t>(kTopMax, 99);
  std::vector<float> logprobs = std::vector<float>(kTopMax, 99.0F);
  LogProbsOut out() { return {&logprob, ids, logprobs}; }
};

}  // namespace

TEST("log-probabilities are those of a softmax in double") {
  test::Random random(11);
  Sampler sampler;
  for (const std::size_t vocab : {1u, 5u, 64u, 1000u, 20000u}) {
    std::vector<float> logits(vocab);
    for (float& logit : logits) logit = static_cast<float>(random.uniform() * 30.0 - 15.0);
    if (vocab > 10) logits[7] = logits[3];
    double sum = 0.0;
    for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
    std::vector<std::int32_t> order(vocab);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
      return logits[static_cast<std::size_t>(a)] > logits[static_cast<std::size_t>(b)];
    });
    for (const std::int32_t top : {0, 1, 7, 20}) {
      const auto token = static_cast<std::int32_t>(random.below(static_cast<std::int64_t>(vocab)));
      Scored scored;
      CHECK(sampler.score(logits, token, top, scored.out()));
      const auto expected = [&](std::int32_t id) {
        return static_cast<double>(logits[static_cast<std::size_t>(id)]) - std::log(sum);
      };
      CHECK(std::abs(static_cast<double>(scored.logprob) - expected(token)) < 3e-6);
      for (std::size_t i = 0; i < kTopMax; ++i) {
        const bool present = i < std::min<std::size_t>(static_cast<std::size_t>(top), vocab);
        CHECK_EQ(scored.ids[i], present ? order[i] : -1);
        const double logprob = present ? expected(order[i]) : 0.0;
        CHECK(std::abs(static_cast<double>(scored.logprobs[i]) - logprob) < 3e-6);
      }
    }
  }
}

TEST("a row that is not finite has no log-probabilities") {
  Sampler sampler;
  Scored scored;
  CHECK(!sampler.score(std::vector<float>{1.0F, NAN}, 0, 1, scored.out()));
}

TEST("sampled tokens report the raw distribution, whatever chose them") {
  Sampler sampler;
  SamplingParams params;
  params.temperature = 0.0;
  params.logit_bias = {{2, 50.0F}};
  params.top_logprobs = 2;
  const std::vector<float> logits = {1.0F, 3.0F, 0.0F, 2.0F};
  Scored scored;
  const SampleResult result = sampler.sample({logits, &params}, scored.out());
  CHECK_EQ(result.token, 2);
  const double sum = std::exp(1.0) + std::exp(3.0) + 1.0 + std::exp(2.0);
  CHECK(std::abs(static_cast<double>(scored.logprob) + std::log(sum)) < 1e-6);
  CHECK_EQ(scored.ids[0], 1);
  CHECK_EQ(scored.ids[1], 3);
  CHECK_EQ(scored.ids[2], -1);
}

}  // namespace etap
