// The sampler against the exact distributions of test/golden/sampling.json, computed in float64;
// tools/golden/README.md says how.
#include <algorithm>
#include <string>
#include <vector>

#include "sampling/philox.h"
#include "sampling/sampler.h"
#include "test.h"
#include "weights/file.h"
#include "weights/json_reader.h"

namespace etap {

namespace {

constexpr const char* kGoldenFile = ETAP_SOURCE_DIR "/test/golden/sampling.json";
constexpr std::int64_t kGoldenBytesMax = 10'000'000;
constexpr double kProbabilityTolerance = 1e-6;
// Float weights below e^-87 are zero.
constexpr double kSmallestProbability = 1e-30;

const JsonValue& golden() {
  static const JsonValue root = parse_json(read_text_file(kGoldenFile, kGoldenBytesMax));
  return root;
}

double number(const JsonValue& object, const char* key) {
  double value = 0.0;
  CHECK(object.find(key)->as_number(value));
  return value;
}

template <typename T>
std::vector<T> numbers(const JsonValue& array) {
  std::vector<T> result;
  for (const JsonValue& item : *array.as_array()) {
    double value = 0.0;
    CHECK(item.as_number(value));
    result.push_back(static_cast<T>(value));
  }
  return result;
}

std::vector<std::int32_t> ids(const JsonValue& object, const char* key) {
  return numbers<std::int32_t>(*object.find(key));
}

struct GoldenCase {
  explicit GoldenCase(const JsonValue& json)
      : name(*json.find("name")->as_string()),
        logits(numbers<float>(*json.find("logits"))),
        suppressed(ids(json, "suppressed")),
        history(ids(json, "prompt"), static_cast<std::int64_t>(ids(json, "prompt").size())) {
    for (const std::int32_t token : ids(json, "completion")) history.add_completion_token(token);
    params.temperature = number(json, "temperature");
    params.top_k = *json.find("top_k")->as_integer();
    params.top_p = number(json, "top_p");
    params.min_p = number(json, "min_p");
    params.repetition_penalty = number(json, "repetition_penalty");
    params.frequency_penalty = number(json, "frequency_penalty");
    params.presence_penalty = number(json, "presence_penalty");
    for (const JsonValue& bias : *json.find("logit_bias")->as_array()) {
      const std::vector<double> pair = numbers<double>(bias);
      params.logit_bias.push_back(
          {static_cast<std::int32_t>(pair[0]), static_cast<float>(pair[1])});
    }
    params.restricted = !json.find("allowed_tokens")->is_null();
    if (params.restricted) params.allowed_tokens = ids(json, "allowed_tokens");
    expected.assign(logits.size(), 0.0);
    const JsonValue& wanted = *json.find("expected");
    const std::vector<std::int32_t> kept = ids(wanted, "ids");
    const std::vector<double> probabilities = numbers<double>(*wanted.find("probabilities"));
    for (std::size_t i = 0; i < kept.size(); ++i) {
      expected[static_cast<std::size_t>(kept[i])] = probabilities[i];
    }
  }

  SampleResult sample(Sampler& sampler, std::int64_t seed, std::int64_t position) {
    params.seed = seed;
    SampleRequest request{logits, &params};
    request.history = &history;
    request.suppressed = suppressed;
    request.position = position;
    return sampler.sample(request, {});
  }

  std::string name;
  std::vector<float> logits;
  std::vector<std::int32_t> suppressed;
  TokenHistory history;
  SamplingParams params;
  std::vector<double> expected;  // [vocab]
};

// What the last draw of `sampler` was made from, over the whole vocabulary.
std::vector<double> drawn_from(const Sampler& sampler, std::size_t vocab) {
  std::vector<double> probabilities(vocab, 0.0);
  double sum = 0.0;
  for (const float weight : sampler.kept_weights()) sum += static_cast<double>(weight);
  for (std::size_t i = 0; i < sampler.kept_weights().size(); ++i) {
    const auto id =
        sampler.kept_ids().empty() ? i : static_cast<std::size_t>(sampler.kept_ids()[i]);
    probabilities[id] = static_cast<double>(sampler.kept_weights()[i]) / sum;
  }
  return probabilities;
}

}  // namespace

TEST("draws from the golden distributions") {
  Sampler sampler;
  for (const JsonValue& json : *golden().find("cases")->as_array()) {
    GoldenCase golden_case(json);
    if (golden_case.params.temperature < kGreedyTemperature) continue;
    CHECK(golden_case.sample(sampler, 0, 0).finite);
    const std::vector<double> found = drawn_from(sampler, golden_case.expected.size());
    for (std::size_t id = 0; id < found.size(); ++id) {
      const double wanted = golden_case.expected[id];
      const bool kept_alike = (found[id] > kSmallestProbability) == (wanted > kSmallestProbability);
      if (kept_alike && std::abs(found[id] - wanted) <= kProbabilityTolerance) continue;
      test::fail(__FILE__, __LINE__,
                 golden_case.name + ": token " + std::to_string(id) + " has probability " +
                     std::to_string(found[id]) + ", expected " + std::to_string(wanted));
    }
  }
}

TEST("draws the golden tokens") {
  Sampler sampler;
  for (const JsonValue& json : *golden().find("cases")->as_array()) {
    GoldenCase golden_case(json);
    for (const JsonValue& draw : *json.find("draws")->as_array()) {
      const std::int64_t seed = *draw.find("seed")->as_integer();
      const SampleResult result =
          golden_case.sample(sampler, seed, *draw.find("position")->as_integer());
      const std::int64_t wanted = *draw.find("token")->as_integer();
      if (result.token == wanted) continue;
      test::fail(__FILE__, __LINE__,
                 golden_case.name + ": seed " + std::to_string(seed) + " gave token " +
                     std::to_string(result.token) + ", expected " + std::to_string(wanted));
    }
  }
}

TEST("has the golden uniform draws") {
  for (const JsonValue& draw : *golden().find("uniform_draws")->as_array()) {
    CHECK_EQ(uniform_draw(*draw.find("seed")->as_integer(), *draw.find("position")->as_integer()),
             number(draw, "draw"));
  }
}

}  // namespace etap
