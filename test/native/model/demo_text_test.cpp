// The bundled model's greedy text: the same from plain C++ as from the CPU's best kernels, or,
// where the environment says ETAP_TEST_BACKEND=cuda, from the cuda backend.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "support/model_runner.h"
#include "test.h"

namespace etap::test {
namespace {

const std::filesystem::path kDemo = std::filesystem::path(ETAP_SOURCE_DIR) / "models" / "demo";
constexpr std::int32_t kPromptTokens = 40;
constexpr std::int32_t kNewTokens = 24;
constexpr std::size_t kSequences = 6;

std::int32_t best_token(const float* row, std::int64_t count) {
  return static_cast<std::int32_t>(std::max_element(row, row + count) - row);
}

// By how much the best logit leads the second best.
float lead(const float* row, std::int64_t count) {
  float best = row[0];
  float second = -1e30F;
  for (std::int64_t i = 1; i < count; ++i) {
    second = std::max(second, std::min(best, row[i]));
    best = std::max(best, row[i]);
  }
  return best - second;
}

struct Generation {
  std::vector<RunnerSequence> sequences;
  std::vector<float> least_lead;  // over the tokens of a sequence
};

// All sequences in one batch, token by token: every step but the first is a decode step.
Generation generate(const std::string& backend, const std::string& isa) {
  RunnerOptions options;
  options.backend = backend;
  options.backend_options.isa = isa;
  ModelRunner runner(kDemo, options);
  const std::int64_t vocab = runner.config().vocab_size;
  Random random(11);
  Generation result;
  for (std::size_t i = 0; i < kSequences; ++i) {
    RunnerSequence sequence;
    sequence.prompt_length = kPromptTokens + static_cast<std::int32_t>(i) * 7;
    for (std::int32_t t = 0; t < sequence.prompt_length; ++t) {
      sequence.tokens.push_back(static_cast<std::int32_t>(random.below(vocab / 2)));
    }
    sequence.block_table = consecutive_blocks(static_cast<std::int32_t>(1 + 4 * i), 200);
    const std::vector<float> rows = runner.run(sequence, 1000);
    const float* last = rows.data() + (sequence.prompt_length - 1) * vocab;
    result.least_lead.push_back(lead(last, vocab));
    sequence.tokens.push_back(best_token(last, vocab));
    result.sequences.push_back(sequence);
  }
  for (std::int32_t step = 1; step < kNewTokens; ++step) {
    std::vector<RunnerChunk> chunks;
    for (const RunnerSequence& sequence : result.sequences) {
      const auto end = static_cast<std::int32_t>(sequence.tokens.size());
      chunks.push_back({&sequence, end - 1, end});
    }
    const std::vector<float> rows = runner.step(chunks);
    for (std::size_t i = 0; i < kSequences; ++i) {
      const float* row = rows.data() + static_cast<std::int64_t>(i) * vocab;
      result.least_lead[i] = std::min(result.least_lead[i], lead(row, vocab));
      result.sequences[i].tokens.push_back(best_token(row, vocab));
    }
  }
  return result;
}

// Random prompts leave some near ties, which rounding may break either way; from there on the texts
// differ. Where the CPU's best token leads clearly at every step, the text must be the same.
constexpr float kClearLead = 0.25F;

TEST("the demo model's greedy text is the CPU's") {
  const char* name = std::getenv("ETAP_TEST_BACKEND");
  const Generation expected = generate("cpu", "");
  const Generation actual = name == nullptr ? generate("cpu", "scalar") : generate(name, "");
  std::size_t equal = 0;
  for (std::size_t i = 0; i < kSequences; ++i) {
    const bool same = actual.sequences[i].tokens == expected.sequences[i].tokens;
    equal += same ? 1 : 0;
    if (!same && expected.least_lead[i] > kClearLead) {
      fail(__FILE__, __LINE__, "sequence " + std::to_string(i) + " has another text");
    }
  }
  std::cout << "     " << equal << " of " << kSequences << " texts are equal\n";
  CHECK(equal * 2 > kSequences);
}

}  // namespace
}  // namespace etap::test
