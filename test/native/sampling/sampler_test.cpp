#include "sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "test.h"

namespace etap {

namespace {

constexpr std::uint64_t kSeed = 4711;

SampleResult sample(Sampler& sampler, const SampleRequest& request) {
  return sampler.sample(request, {});
}

std::int32_t greedy(const SampleRequest& request) {
  Sampler sampler;
  return sample(sampler, request).token;
}

SamplingParams greedy_params() {
  SamplingParams params;
  params.temperature = 0.0;
  return params;
}

// The kept set by full sort in double: what the filters mean.
std::map<std::int32_t, double> naive_distribution(const std::vector<float>& logits,
                                                  const SamplingParams& params) {
  struct Token {
    std::int32_t id;
    float logit;
    double weight;
  };
  std::vector<Token> tokens;
  const auto max = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double weight = std::exp((static_cast<double>(logits[i]) - max) / params.temperature);
    tokens.push_back({static_cast<std::int32_t>(i), logits[i], weight});
  }
  std::stable_sort(tokens.begin(), tokens.end(),
                   [](const Token& a, const Token& b) { return a.logit > b.logit; });
  if (params.top_k > 0 && static_cast<std::size_t>(params.top_k) < tokens.size()) {
    tokens.resize(static_cast<std::size_t>(params.top_k));
  }
  const auto total = [&] {
    double sum = 0.0;
    for (const Token& token : tokens) sum += token.weight;
    return sum;
  };
  if (params.top_p < 1.0) {
    const double target = params.top_p * total();
    double sum = 0.0;
    std::size_t count = 0;
    while (count < tokens.size() && sum < target) sum += tokens[count++].weight;
    tokens.resize(std::max<std::size_t>(count, 1));
  }
  std::erase_if(tokens, [&](const Token& token) { return token.weight < params.min_p; });
  std::map<std::int32_t, double> kept;
  const double sum = total();
  for (const Token& token : tokens) kept[token.id] = token.weight / sum;
  return kept;
}

std::map<std::int32_t, double> kept_of(const Sampler& sampler) {
  std::map<std::int32_t, double> kept;
  double sum = 0.0;
  for (const float weight : sampler.kept_weights()) sum += static_cast<double>(weight);
  for (std::size_t i = 0; i < sampler.kept_weights().size(); ++i) {
    const std::int32_t id =
        sampler.kept_ids().empty() ? static_cast<std::int32_t>(i) : sampler.kept_ids()[i];
    kept[id] = static_cast<double>(sampler.kept_weights()[i]) / sum;
  }
  return kept;
}

}  // namespace

TEST("greedy takes the highest logit, ties to the lowest id") {
  const SamplingParams params = greedy_params();
  std::vector<float> logits(1000, 0.0F);
  logits[700] = 5.0F;
  logits[130] = 5.0F;
  logits[900] = 5.0F;
  CHECK_EQ(greedy({logits, &params}), 130);
  logits[999] = 6.0F;
  CHECK_EQ(greedy({logits, &params}), 999);
  CHECK_EQ(greedy({std::vector<float>(100, -3.0F), &params}), 0);
}

TEST("a row with NaN or infinity gives no token") {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    for (const double temperature : {0.0, 1.0}) {
      SamplingParams params;
      params.temperature = temperature;
      std::vector<float> logits(100, 0.0F);
      logits[42] = bad;
      Sampler sampler;
      const SampleResult result = sample(sampler, {logits, &params});
      CHECK(!result.finite);
      CHECK_EQ(result.token, -1);
    }
  }
}

TEST("penalties, bias, allowed tokens and mask shape the choice in this order") {
  SamplingParams params = greedy_params();
  const std::vector<float> logits = {5.0F, 4.0F, 3.0F, 2.0F};
  params.repetition_penalty = 2.0;
  const TokenHistory history(std::vector<std::int32_t>{0}, 1);
  CHECK_EQ(greedy({logits, &params, &history}), 1);
  params.logit_bias = {{0, 2.0F}};  // 5 / 2 + 2 = 4.5; the other order would give 3.5
  CHECK_EQ(greedy({logits, &params, &history}), 0);
  params.restricted = true;
  params.allowed_tokens = {2, 3};
  CHECK_EQ(greedy({logits, &params, &history}), 2);
  const std::uint32_t mask = 0b1001;
  CHECK_EQ(greedy({logits, &params, &history, &mask}), 3);
}

TEST("suppressed tokens come last, and a row with nothing allowed gives no token") {
  const SamplingParams params = greedy_params();
  const std::vector<float> logits = {5.0F, 4.0F, 3.0F};
  const std::vector<std::int32_t> stops = {0, 1, 0};
  CHECK_EQ(greedy({logits, &params, nullptr, nullptr, stops}), 2);
  const std::uint32_t only_stops = 0b011;
  CHECK_EQ(greedy({logits, &params, nullptr, &only_stops, stops}), 0);
  const std::uint32_t nothing = 0;
  Sampler sampler;
  CHECK(!sample(sampler, {logits, &params, nullptr, &nothing, stops}).finite);
}

TEST("an adjustment that overflows gives no token") {
  SamplingParams params = greedy_params();
  params.logit_bias = {{0, std::numeric_limits<float>::max()}};
  Sampler sampler;
  const std::vector<float> logits = {3e38F, 0.0F};
  CHECK(!sample(sampler, {logits, &params}).finite);
}

TEST("the filters keep the set of a full sort, over random rows and parameters") {
  std::cout << "seed " << kSeed << '\n';
  test::Random random(kSeed);
  Sampler sampler;
  for (int round = 0; round < 2000; ++round) {
    const std::int64_t vocab = 1 + random.below(round % 10 == 0 ? 9000 : 300);
    SamplingParams params;
    params.temperature = 0.05 + random.uniform() * 2.0;
    if (random.below(2) == 0) params.top_k = 1 + random.below(vocab + 10);
    if (random.below(2) == 0) params.top_p = 0.02 + random.uniform() * 0.97;
    if (random.below(3) == 0) params.min_p = random.uniform();
    params.seed = round;
    const double spread = random.below(4) == 0 ? 0.0 : random.uniform() * 20.0;
    std::vector<float> logits(static_cast<std::size_t>(vocab));
    for (float& logit : logits) {
      logit = static_cast<float>(random.uniform() * spread);
      // Coarse values make ties.
      if (round % 3 == 0) logit = std::round(logit);
    }
    const SampleResult result = sample(sampler, {logits, &params});
    const auto expected = naive_distribution(logits, params);
    const auto kept = kept_of(sampler);
    double difference = 0.0;
    for (const auto& [id, share] : expected) {
      difference = std::max(difference, std::abs(share - (kept.contains(id) ? kept.at(id) : 0.0)));
    }
    for (const auto& [id, share] : kept) {
      if (!expected.contains(id)) difference = std::max(difference, share);
    }
    CHECK(result.finite);
    CHECK(expected.contains(result.token));
    if (difference > 1e-5) {
      test::fail(__FILE__, __LINE__,
                 "round " + std::to_string(round) + " differs by " + std::to_string(difference));
    }
  }
}

TEST("draws follow the distribution") {
  SamplingParams params;
  params.temperature = 0.7;
  params.top_k = 5;
  params.top_p = 0.97;
  const std::vector<float> logits = {1.0F, 2.0F, 0.5F, 1.5F, -1.0F, 0.0F, 1.9F};
  const auto expected = naive_distribution(logits, params);
  constexpr int kDraws = 20000;
  std::map<std::int32_t, int> counts;
  Sampler sampler;
  for (int position = 0; position < kDraws; ++position) {
    SampleRequest request{logits, &params};
    request.position = position;
    ++counts[sample(sampler, request).token];
  }
  double chi_square = 0.0;
  for (const auto& [id, share] : expected) {
    const double wanted = share * kDraws;
    chi_square += (counts[id] - wanted) * (counts[id] - wanted) / wanted;
  }
  CHECK_EQ(counts.size(), expected.size());
  // 99.9 % of true samples with 4 degrees of freedom stay below this.
  CHECK(chi_square < 18.5);
}

TEST("a draw depends on seed and position, not on what the sampler did before") {
  test::Random random(5);
  std::vector<float> logits(3000);
  for (float& logit : logits) logit = static_cast<float>(random.uniform() * 5.0);
  SamplingParams params;
  params.seed = 99;
  SampleRequest request{logits, &params};
  std::vector<std::int32_t> first;
  Sampler sampler;
  for (request.position = 0; request.position < 50; ++request.position) {
    first.push_back(sample(sampler, request).token);
  }
  SamplingParams other = params;
  other.top_k = 3;
  for (request.position = 50; request.position-- > 0;) {
    Sampler fresh;
    CHECK_EQ(sample(fresh, request).token, first[static_cast<std::size_t>(request.position)]);
    SampleRequest noise = request;
    noise.params = &other;
    sample(sampler, noise);
    CHECK_EQ(sample(sampler, request).token, first[static_cast<std::size_t>(request.position)]);
  }
}

TEST("extreme temperatures are safe") {
  const std::vector<float> logits = {1e30F, -1e30F, 9.9e29F};
  Sampler sampler;
  for (const double temperature : {1e-300, 1e-5, 1e-3, 1.0, 1e6, 1e300}) {
    SamplingParams params;
    params.temperature = temperature;
    params.top_p = 0.9;
    const SampleResult result = sample(sampler, {logits, &params});
    CHECK(result.finite);
    CHECK(result.token >= 0 && result.token < 3);
  }
}

}  // namespace etap
