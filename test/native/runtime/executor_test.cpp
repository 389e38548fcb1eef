#include "runtime/executor.h"

#include <map>
#include <optional>

#include "test.h"

#include "fake_model.h"

namespace etap {

namespace {

using test::FakeModel;
using test::FakeOptions;

constexpr std::int64_t kVocab = 101;
constexpr const char* kStep = "ETAP_ERR_STEP_FAILED";

struct Setup {
  int ranks = 1;
  int threads = 1;
  std::int64_t logit_rows = 8;
  std::int64_t vocab = kVocab;
  FakeOptions fake{kVocab, 64, 8};
};

std::unique_ptr<Executor> make_executor(const Setup& setup = {}) {
  const ExecutorLimits limits{
      {4, setup.vocab, 512, 64}, 256, setup.logit_rows, setup.ranks, setup.threads};
  FakeOptions fake = setup.fake;
  fake.logit_row_capacity = setup.logit_rows;
  fake.vocab_size = setup.vocab;
  return std::make_unique<Executor>(limits, [fake](Communicator& communicator) {
    return std::make_unique<FakeModel>(fake, communicator);
  });
}

SlotParams slot_params(std::int32_t epoch, std::vector<std::int32_t> tokens) {
  SlotParams params;
  params.epoch = epoch;
  params.prompt_token_count = static_cast<std::int64_t>(tokens.size());
  params.tokens = std::move(tokens);
  params.sampling.seed = epoch;
  return params;
}

std::vector<std::int32_t> prompt(std::int32_t seed, std::size_t size) {
  test::Random random(static_cast<std::uint64_t>(seed));
  std::vector<std::int32_t> tokens(size);
  for (std::int32_t& token : tokens) token = static_cast<std::int32_t>(random.below(90));
  return tokens;
}

// Fills the arena as the engine does.
class Filler {
 public:
  explicit Filler(Executor& executor) : executor_(executor) {}

  void clear() { counts_ = {0, 0, 0}; }

  // Adds the next `count` tokens of a sequence, and blocks for them from the sequence's own range.
  void add(std::int32_t slot, std::int32_t epoch, const std::vector<std::int32_t>& tokens,
           std::int64_t before, std::int64_t count, bool sample, bool prompt_logprobs = false,
           std::int32_t mask_row = -1) {
    const std::int64_t had = (before + kBlockSize - 1) / kBlockSize;
    const std::int64_t needs = (before + count + kBlockSize - 1) / kBlockSize;
    for (std::int64_t block = had; block < needs; ++block) {
      write(StepArena::kDeltas, counts_.deltas * kDeltaFields,
            {slot, static_cast<std::int32_t>(block),
             slot * 10 + 9 - static_cast<std::int32_t>(block)});
      ++counts_.deltas;
    }
    write(StepArena::kSequences, counts_.sequences * kSequenceFields,
          {slot, epoch, static_cast<std::int32_t>(before), static_cast<std::int32_t>(count),
           sample ? 1 : 0, mask_row, static_cast<std::int32_t>(counts_.tokens),
           prompt_logprobs ? 1 : 0});
    ++counts_.sequences;
    for (std::int64_t i = 0; i < count; ++i) {
      write(StepArena::kTokens, counts_.tokens++, {tokens[static_cast<std::size_t>(before + i)]});
    }
  }

  void write(StepArena::Array array, std::int64_t at, const std::vector<std::int32_t>& values) {
    std::byte* base = executor_.arena().data() + executor_.arena().extents()[array].offset_bytes;
    std::copy(values.begin(), values.end(), reinterpret_cast<std::int32_t*>(base) + at);
  }

  StepResult run() {
    executor_.step(counts_);
    return executor_.arena().result(counts_);
  }

 private:
  Executor& executor_;
  StepCounts counts_{0, 0, 0};
};

// Computes a prompt in chunks and then `count` tokens one by one; the completion.
std::vector<std::int32_t> generate(Executor& executor, std::int32_t slot, SlotParams params,
                                   std::int64_t chunk, std::size_t count) {
  std::vector<std::int32_t> tokens = params.tokens;
  const std::int32_t epoch = params.epoch;
  executor.admit(slot, std::move(params));
  Filler filler(executor);
  std::int64_t computed = 0;
  std::vector<std::int32_t> completion;
  while (completion.size() < count) {
    const std::int64_t left = static_cast<std::int64_t>(tokens.size()) - computed;
    const std::int64_t take = std::min(left, chunk);
    filler.clear();
    filler.add(slot, epoch, tokens, computed, take, take == left);
    const StepResult result = filler.run();
    computed += take;
    if (take < left) continue;
    tokens.push_back(result.tokens[0]);
    completion.push_back(result.tokens[0]);
  }
  executor.release(slot);
  return completion;
}

// Four sequences in one step sample what each samples alone.
void check_step_of_four(Executor& executor) {
  std::map<std::int32_t, std::vector<std::int32_t>> tokens;
  std::map<std::int32_t, std::vector<std::int32_t>> expected;
  for (std::int32_t slot = 0; slot < 4; ++slot) {
    tokens[slot] = prompt(slot, static_cast<std::size_t>(30 + slot));
    expected[slot] = generate(executor, slot, slot_params(slot, tokens[slot]), 1000, 3);
    executor.admit(slot, slot_params(slot, tokens[slot]));
  }
  Filler filler(executor);
  for (std::size_t step = 0; step < 3; ++step) {
    filler.clear();
    for (std::int32_t slot = 3; slot >= 0; --slot) {
      const auto size = static_cast<std::int64_t>(tokens[slot].size());
      const std::int64_t before = step == 0 ? 0 : size - 1;
      filler.add(slot, slot, tokens[slot], before, size - before, true);
    }
    const StepResult result = filler.run();
    for (std::int32_t slot = 0; slot < 4; ++slot) {
      const std::int32_t token = result.tokens[static_cast<std::size_t>(3 - slot)];
      CHECK_EQ(token, expected[slot][step]);
      tokens[slot].push_back(token);
    }
  }
}

}  // namespace

TEST("sampled tokens do not depend on chunks, ranks, threads or the slot") {
  const auto base = make_executor();
  const std::vector<std::int32_t> expected =
      generate(*base, 0, slot_params(3, prompt(1, 150)), 150, 20);
  for (const std::int64_t chunk : {1, 7, 64, 65}) {
    CHECK(generate(*base, 2, slot_params(3, prompt(1, 150)), chunk, 20) == expected);
  }
  Setup other;
  other.ranks = 3;
  other.threads = 2;
  const auto team = make_executor(other);
  CHECK(generate(*team, 1, slot_params(3, prompt(1, 150)), 40, 20) == expected);
  CHECK_EQ(team->weight_bytes(), 3000);
}

TEST("sequences of one step do not disturb each other") {
  check_step_of_four(*make_executor());
  // Large enough for several threads to sample at once.
  Setup large;
  large.threads = 3;
  large.vocab = 20000;
  check_step_of_four(*make_executor(large));
}

TEST("a sequence that was preempted goes on with the same tokens and penalties") {
  const auto executor = make_executor();
  SlotParams params = slot_params(5, prompt(2, 70));
  params.sampling.temperature = 1.5;
  params.sampling.frequency_penalty = 0.7;
  params.sampling.repetition_penalty = 1.3;
  params.min_tokens = 15;
  params.stop_tokens = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  const std::vector<std::int32_t> whole = generate(*executor, 0, params, 1000, 24);
  for (std::size_t i = 0; i < 15; ++i) CHECK(whole[i] < 1 || whole[i] > 10);
  for (const std::size_t cut : {1u, 9u, 20u}) {
    SlotParams rest = params;
    rest.tokens.insert(rest.tokens.end(), whole.begin(),
                       whole.begin() + static_cast<std::ptrdiff_t>(cut));
    const std::vector<std::int32_t> tail = generate(*executor, 3, rest, 33, 24 - cut);
    CHECK(std::equal(tail.begin(), tail.end(), whole.begin() + static_cast<std::ptrdiff_t>(cut)));
  }
}

TEST("a step tells where its time went, an empty one that none did") {
  Setup setup;
  setup.ranks = 2;
  const auto executor = make_executor(setup);
  const std::vector<std::int32_t> tokens = prompt(1, 20);
  executor->admit(0, slot_params(0, tokens));
  Filler filler(*executor);
  filler.add(0, 0, tokens, 0, 20, true);
  const StepProfile profile = *filler.run().profile;
  CHECK_EQ(profile.linear, 7.0F);
  CHECK_EQ(profile.latent_bytes, 1e12F);
  CHECK(profile.sampling > 0);
  filler.clear();
  CHECK_EQ(filler.run().profile->linear, 0.0F);
}

TEST("a NaN row ends its own sequence only") {
  Setup setup;
  setup.fake.nan_token = 95;
  const auto executor = make_executor(setup);
  const std::vector<std::int32_t> sound = prompt(1, 20);
  std::vector<std::int32_t> poisoned = prompt(2, 20);
  poisoned.back() = 95;
  const std::int32_t expected = generate(*executor, 0, slot_params(1, sound), 100, 1)[0];
  executor->admit(0, slot_params(1, sound));
  executor->admit(1, slot_params(2, poisoned));
  Filler filler(*executor);
  filler.add(1, 2, poisoned, 0, 20, true);
  filler.add(0, 1, sound, 0, 20, true);
  const StepResult result = filler.run();
  CHECK_EQ(result.finite[0], 0);
  CHECK_EQ(result.tokens[0], -1);
  CHECK_EQ(result.finite[1], 1);
  CHECK_EQ(result.tokens[1], expected);
}

TEST("prompt log-probabilities are the same in any chunks and with few rows of logits") {
  const std::vector<std::int32_t> tokens = prompt(3, 100);
  SlotParams params = slot_params(1, tokens);
  params.sampling.prompt_logprobs = 3;
  params.sampling.top_logprobs = 2;
  std::vector<float> expected;
  for (const std::int64_t rows : {256, 5, 1}) {
    for (const std::int64_t chunk : {100, 31}) {
      Setup setup;
      setup.logit_rows = rows;
      const auto executor = make_executor(setup);
      executor->admit(0, params);
      Filler filler(*executor);
      std::vector<float> logprobs;
      for (std::int64_t before = 0; before < 100; before += chunk) {
        const std::int64_t count = std::min<std::int64_t>(chunk, 100 - before);
        filler.clear();
        filler.add(0, 1, tokens, before, count, before + count == 100, true);
        const StepResult result = filler.run();
        for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
          logprobs.push_back(result.prompt_logprobs[i]);
          const bool has_next = before + static_cast<std::int64_t>(i) + 1 < 100;
          const std::size_t top = i * kTopLogprobsMax;
          CHECK_EQ(result.prompt_top_ids[top] >= 0, has_next);
          CHECK_EQ(result.prompt_top_ids[top + 2] >= 0, has_next);
          CHECK_EQ(result.prompt_top_ids[top + 3], -1);
        }
        if (before + count < 100) {
          CHECK_EQ(result.tokens[0], -1);
          continue;
        }
        CHECK(result.tokens[0] >= 0);
        CHECK(result.logprobs[0] < 0.0F);
        CHECK(result.top_ids[1] >= 0);
        CHECK_EQ(result.top_ids[2], -1);
      }
      CHECK_EQ(logprobs.back(), 0.0F);
      if (expected.empty()) expected = logprobs;
      CHECK(logprobs == expected);
    }
  }
  CHECK(expected.front() < 0.0F);
}

TEST("a token mask is taken from its row") {
  const auto executor = make_executor();
  const std::vector<std::int32_t> tokens = prompt(1, 5);
  executor->admit(0, slot_params(1, tokens));
  Filler filler(*executor);
  filler.write(StepArena::kMasks, 2 * 4, {0, 1 << 10, 0, 0});
  filler.add(0, 1, tokens, 0, 5, true, false, 2);
  CHECK_EQ(filler.run().tokens[0], 42);
}

TEST("a stale epoch and a step after a failure are refused") {
  const auto executor = make_executor();
  const std::vector<std::int32_t> tokens = prompt(1, 5);
  executor->admit(0, slot_params(1, tokens));
  executor->release(0);
  executor->admit(0, slot_params(2, tokens));
  Filler filler(*executor);
  filler.add(0, 1, tokens, 0, 5, true);
  CHECK_ERROR(filler.run(), kStep, "epoch is 1, expected 2");
  filler.clear();
  CHECK_ERROR(filler.run(), kStep, "an earlier step failed");
}

TEST("a rank that fails fails the step with its own message") {
  Setup setup;
  setup.ranks = 3;
  setup.fake.throw_token = 95;
  const auto executor = make_executor(setup);
  std::vector<std::int32_t> tokens = prompt(1, 10);
  tokens[3] = 95;
  executor->admit(0, slot_params(1, tokens));
  Filler filler(*executor);
  filler.add(0, 1, tokens, 0, 10, true);
  CHECK_ERROR(filler.run(), kStep, "the fake model was told to fail");
}

TEST("an empty step only applies block-table entries") {
  const auto executor = make_executor();
  CHECK_EQ(Filler(*executor).run().tokens.size(), 0u);
}

}  // namespace etap
