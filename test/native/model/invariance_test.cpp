// The whole model, bit for bit: a token's logits do not depend on chunks, batch, block table,
// thread count, or on whether the sequence was computed at once or recomputed.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "support/model_runner.h"
#include "test.h"

namespace etap::test {
namespace {

const std::filesystem::path kGolden =
    std::filesystem::path(ETAP_SOURCE_DIR) / "test" / "golden" / "logits";
// Between them: every weight type, both q forms, all routings, real attention widths.
const std::vector<std::string> kModels = {"v2-group-limited-yarn-bf16", "v2-mscale-differs-fp16",
                                          "v3-fp8-partial-blocks", "v3-kernel-shape-fp8",
                                          "v3-direct-q-eps-fp32"};

// The cpu backend with each instruction set of this machine, or, where the environment says
// ETAP_TEST_BACKEND=cuda, the cuda backend.
bool testing_cuda() {
  const char* name = std::getenv("ETAP_TEST_BACKEND");
  return name != nullptr && std::string(name) == "cuda";
}

std::vector<std::string> subjects() {
  return testing_cuda() ? std::vector<std::string>{"cuda"} : available_cpu_isas();
}

// `threads`: of the cpu backend; an empty subject: its best instruction set.
RunnerOptions options_of(const std::string& subject, int threads, int ranks = 1) {
  RunnerOptions options;
  if (testing_cuda()) {
    options.backend = "cuda";
  } else {
    options.backend_options.isa = subject;
    options.backend_options.thread_count = threads;
  }
  options.ranks = ranks;
  options.block_count = 200;
  return options;
}

// `prompt` prompt tokens and `generated` generated ones in blocks of its own.
RunnerSequence random_sequence(Random& random, std::int64_t vocab, std::int32_t prompt,
                               std::int32_t generated, std::int32_t first_block) {
  RunnerSequence sequence;
  sequence.prompt_length = prompt;
  for (std::int32_t i = 0; i < prompt + generated; ++i) {
    sequence.tokens.push_back(static_cast<std::int32_t>(random.below(vocab)));
  }
  sequence.block_table = consecutive_blocks(first_block, prompt + generated);
  std::reverse(sequence.block_table.begin(), sequence.block_table.end());
  return sequence;
}

void check_same(const std::vector<float>& actual, const std::vector<float>& expected,
                const std::string& what) {
  if (actual == expected) return;
  fail(__FILE__, __LINE__, what + ": other bits");
}

double relative_error(const std::vector<float>& actual, const std::vector<float>& expected) {
  double error = 0.0;
  double size = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double difference = static_cast<double>(actual[i]) - static_cast<double>(expected[i]);
    error += difference * difference;
    size += static_cast<double>(expected[i]) * static_cast<double>(expected[i]);
  }
  return std::sqrt(error / size);
}

template <typename Body>
void for_each_model_and_subject(const Body& body) {
  for (const std::string& model : kModels) {
    for (const std::string& subject : subjects()) body(model, subject);
  }
}

TEST("chunks of any size, across the end of the prompt too, give the same bits") {
  for_each_model_and_subject([](const std::string& model, const std::string& subject) {
    ModelRunner runner(kGolden / model, options_of(subject, 2));
    Random random(1);
    const RunnerSequence sequence = random_sequence(random, runner.config().vocab_size, 150, 30, 1);
    const std::vector<float> expected = runner.run(sequence, 1000);
    for (const std::int32_t chunk : {1, 7, 64, 100}) {
      check_same(runner.run(sequence, chunk), expected,
                 model + " " + subject + ", chunks of " + std::to_string(chunk));
    }
  });
}

TEST("long contexts: several splits and softmax tiles, in chunks") {
  for (const std::string& subject : subjects()) {
    RunnerOptions options = options_of(subject, 2);
    options.step_token_capacity = 2200;
    ModelRunner runner(kGolden / "v3-noaux-mtp-bf16", options);
    Random random(2);
    const RunnerSequence sequence =
        random_sequence(random, runner.config().vocab_size, 900, 1200, 3);
    const std::vector<float> expected = runner.run(sequence, 2200);
    for (const std::int32_t chunk : {333, 1024}) {
      check_same(runner.run(sequence, chunk), expected,
                 subject + ", chunks of " + std::to_string(chunk));
    }
  }
}

TEST("a sequence has the same bits alone and among up to 63 others") {
  for_each_model_and_subject([](const std::string& model, const std::string& subject) {
    ModelRunner runner(kGolden / model, options_of(subject, 2));
    const std::int64_t vocab = runner.config().vocab_size;
    Random random(3);
    std::vector<RunnerSequence> all;
    for (std::int32_t i = 0; i < 64; ++i) {
      const auto prompt = static_cast<std::int32_t>(1 + random.below(100));
      all.push_back(random_sequence(random, vocab, prompt, 2, 1 + 2 * i));
    }
    std::vector<std::vector<float>> alone;
    for (const RunnerSequence& sequence : all) {
      runner.run(sequence, 1000);
      const auto count = static_cast<std::int32_t>(sequence.tokens.size());
      alone.push_back(runner.step({{&sequence, count - 1, count}}));
    }
    for (const std::size_t batch : {2, 3, 16, 17, 64}) {
      std::vector<RunnerChunk> chunks;
      for (std::size_t i = 0; i < batch; ++i) {
        const RunnerSequence& sequence = all[(i * 5) % all.size()];
        const auto count = static_cast<std::int32_t>(sequence.tokens.size());
        chunks.push_back({&sequence, count - 1, count});
      }
      const std::vector<float> rows = runner.step(chunks);
      for (std::size_t i = 0; i < batch; ++i) {
        const auto begin = rows.begin() + static_cast<std::ptrdiff_t>(i) * vocab;
        check_same({begin, begin + vocab}, alone[(i * 5) % all.size()],
                   model + " " + subject + ", batch of " + std::to_string(batch));
      }
    }
  });
}

TEST("prefill and decode rows of several sequences share a step") {
  for_each_model_and_subject([](const std::string& model, const std::string& subject) {
    ModelRunner runner(kGolden / model, options_of(subject, 2));
    const std::int64_t vocab = runner.config().vocab_size;
    Random random(4);
    const RunnerSequence first = random_sequence(random, vocab, 80, 5, 1);
    const RunnerSequence second = random_sequence(random, vocab, 70, 3, 10);
    const std::vector<float> first_rows = runner.run(first, 1000);
    const std::vector<float> second_rows = runner.run(second, 1000);
    const std::vector<float> mixed = runner.step({{&first, 84, 85}, {&second, 33, 73}});
    std::vector<float> expected(first_rows.begin() + 84 * vocab, first_rows.end());
    expected.insert(expected.end(), second_rows.begin() + 33 * vocab, second_rows.end());
    check_same(mixed, expected, model + " " + subject);
  });
}

TEST("the number of threads does not change a bit") {
  for_each_model_and_subject([](const std::string& model, const std::string& subject) {
    std::vector<float> expected;
    for (const int threads : {1, 2, 5}) {
      ModelRunner runner(kGolden / model, options_of(subject, threads));
      Random random(5);
      const RunnerSequence sequence =
          random_sequence(random, runner.config().vocab_size, 140, 10, 1);
      const std::vector<float> rows = runner.run(sequence, 64);
      if (expected.empty()) expected = rows;
      check_same(rows, expected, model + " " + subject + ", threads " + std::to_string(threads));
    }
  });
}

TEST("tensor parallel: the same bits in every run, close to one rank") {
  for (const std::string& model : kModels) {
    std::vector<float> one_rank;
    for (const int ranks : {1, 2, 4}) {
      if (load_model_config(kGolden / model).head_count % ranks != 0) continue;
      std::vector<float> expected;
      for (int repeat = 0; repeat < 2; ++repeat) {
        ModelRunner runner(kGolden / model, options_of("", 1, ranks));
        Random random(6);
        const RunnerSequence sequence =
            random_sequence(random, runner.config().vocab_size, 90, 10, 1);
        const std::vector<float> rows = runner.run(sequence, repeat == 0 ? 1000 : 33);
        if (expected.empty()) expected = rows;
        check_same(rows, expected, model + ", ranks " + std::to_string(ranks));
      }
      if (one_rank.empty()) one_rank = expected;
      // Only roundings to bf16 differ, of values whose fp32 sums are grouped by rank.
      CHECK(relative_error(expected, one_rank) < 0.03);
    }
  }
}

TEST("outside strict mode the logits stay close") {
  RunnerOptions options = options_of("", 2);
  ModelRunner strict(kGolden / "v2-direct-q-greedy-bf16", options);
  options.strict = false;
  ModelRunner loose(kGolden / "v2-direct-q-greedy-bf16", options);
  Random random(7);
  const RunnerSequence sequence = random_sequence(random, strict.config().vocab_size, 100, 10, 1);
  const std::vector<float> expected = strict.run(sequence, 1000);
  const std::vector<float> rows = loose.run(sequence, 50);
  CHECK(rows != expected);
  CHECK(relative_error(rows, expected) < 0.05);
}

}  // namespace
}  // namespace etap::test
