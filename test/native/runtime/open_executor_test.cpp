// The executor with real transformers on the smallest reference checkpoints, so that the sanitizers
// see the whole native side; test/integration/native-logits.test.ts compares all cases.
#include "runtime/open_executor.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "test.h"
#include "weights/file.h"
#include "weights/json_reader.h"

namespace etap {

namespace {

const std::filesystem::path kGolden = std::filesystem::path(ETAP_SOURCE_DIR) / "test/golden/logits";
constexpr std::size_t kDecodeCount = 6;

std::vector<std::int32_t> token_list(const JsonValue& value) {
  std::vector<std::int32_t> tokens;
  for (const JsonValue& token : *value.as_array()) {
    tokens.push_back(static_cast<std::int32_t>(*token.as_integer()));
  }
  return tokens;
}

ExecutorOptions small_options(const std::string& name, int ranks) {
  ExecutorOptions options;
  options.model_folder = (kGolden / name).string();
  options.backend = "reference";
  options.thread_count = 2;
  options.rank_count = ranks;
  options.max_model_len = 256;
  options.slot_count = 2;
  options.step_token_capacity = 256;
  return options;
}

void write(Executor& executor, StepArena::Array array, const std::vector<std::int32_t>& values) {
  std::byte* base = executor.arena().data() + executor.arena().extents()[array].offset_bytes;
  std::copy(values.begin(), values.end(), reinterpret_cast<std::int32_t*>(base));
}

// The last prompt of a case, completed greedily in slot 0 over blocks 1, 2, ...
std::vector<std::int32_t> complete(Executor& executor, std::vector<std::int32_t> tokens) {
  SlotParams params;
  params.prompt_token_count = static_cast<std::int64_t>(tokens.size());
  params.tokens = tokens;
  params.sampling.temperature = 0.0;
  executor.admit(0, params);
  std::vector<std::int32_t> completion;
  std::int64_t computed = 0;
  while (completion.size() < kDecodeCount) {
    const auto end = static_cast<std::int64_t>(tokens.size());
    std::vector<std::int32_t> deltas;
    for (std::int64_t block = (computed + 63) / 64; block * 64 < end; ++block) {
      deltas.insert(deltas.end(),
                    {0, static_cast<std::int32_t>(block), static_cast<std::int32_t>(block + 1)});
    }
    write(executor, StepArena::kDeltas, deltas);
    write(executor, StepArena::kSequences,
          {0, 0, static_cast<std::int32_t>(computed), static_cast<std::int32_t>(end - computed), 1,
           -1, 0, 0});
    write(executor, StepArena::kTokens, {tokens.begin() + computed, tokens.end()});
    const StepCounts counts{1, end - computed, static_cast<std::int64_t>(deltas.size()) / 3};
    executor.step(counts);
    tokens.push_back(executor.arena().result(counts).tokens[0]);
    completion.push_back(tokens.back());
    computed = end;
  }
  executor.release(0);
  return completion;
}

}  // namespace

TEST("reference checkpoints are continued as golden.json says, on one rank and on two") {
  for (const char* name : {"v3-noaux-mtp-bf16", "v2-group-limited-yarn-bf16"}) {
    const JsonValue golden = parse_json(read_text_file(kGolden / name / "golden.json", 10'000'000));
    const JsonValue& prompt = golden.find("prompts")->as_array()->back();
    std::vector<std::int32_t> expected = token_list(*prompt.find("greedy"));
    expected.resize(kDecodeCount);
    for (const int ranks : {1, 2}) {
      std::int64_t done = 0;
      std::int64_t total = 0;
      const OpenedExecutor opened = open_executor(
          small_options(name, ranks), [&](const char*, std::int64_t bytes, std::int64_t all) {
            CHECK(bytes >= done);
            done = bytes;
            total = all;
          });
      CHECK_EQ(done, total);
      CHECK(total > 0);
      CHECK_EQ(opened.info.tensor_parallel_size, ranks);
      CHECK_EQ(opened.info.max_model_len, 256);
      CHECK_EQ(opened.info.dtype, "bf16");
      CHECK(complete(*opened.executor, token_list(*prompt.find("ids"))) == expected);
    }
  }
}

TEST("every kind of operation has its time, the ETAP kernel also its bytes") {
  const auto progress = [](const char*, std::int64_t, std::int64_t) {};
  const auto name = "v3-noaux-mtp-bf16";
  const auto opened = open_executor(small_options(name, 1), progress);
  complete(*opened.executor, {1, 2, 3, 4, 5});
  const StepProfile profile = *opened.executor->arena().result({1, 1, 0}).profile;
  for (const float micros : {profile.latent_attention, profile.attention, profile.experts,
                             profile.linear, profile.other, profile.sampling}) {
    CHECK(micros > 0);
  }
  CHECK_EQ(profile.reduce, 0.0F);
  // The last of the steps decodes one token: it reads itself and all before it.
  const std::int64_t context = 5 + static_cast<std::int64_t>(kDecodeCount) - 1;
  CHECK_EQ(static_cast<std::int64_t>(profile.latent_bytes),
           context * opened.info.kv_bytes_per_token);
}

TEST("loading ends when its progress is refused, on any rank") {
  for (const int ranks : {1, 2}) {
    CHECK_ERROR(open_executor(small_options("v3-noaux-mtp-bf16", ranks),
                              [](const char*, std::int64_t done, std::int64_t total) {
                                if (total > 0 && done > total / 2) {
                                  throw Error("ETAP_ERR_SHUTTING_DOWN", "enough");
                                }
                              }),
                "ETAP_ERR_SHUTTING_DOWN", "enough");
  }
}

TEST("options out of range are refused by their configuration name") {
  const auto open_with = [](void (*change)(ExecutorOptions&)) {
    ExecutorOptions options = small_options("v3-noaux-mtp-bf16", 1);
    change(options);
    open_executor(options, [](const char*, std::int64_t done, std::int64_t) {
      CHECK_EQ(done, 0);  // no weight was read
    });
  };
  const char* code = "ETAP_ERR_CONFIG";
  CHECK_ERROR(open_with([](ExecutorOptions& o) { o.rank_count = 0; }), code,
              "engine.tensorParallelSize is 0, expected 1 to 64");
  CHECK_ERROR(open_with([](ExecutorOptions& o) { o.slot_count = -1; }), code,
              "engine.maxSequences is -1");
  CHECK_ERROR(open_with([](ExecutorOptions& o) { o.max_model_len = 1 << 20; }), code,
              "model.maxModelLen is 1048576", "positions");
  CHECK_ERROR(open_with([](ExecutorOptions& o) { o.step_token_capacity = 65; }), code,
              "engine.stepTokenCapacity is 65", "engine.maxSequences (2)", "raise it to 66");
  CHECK_ERROR(open_with([](ExecutorOptions& o) { o.slot_count = 4000; }), code,
              "engine.maxSequences (4000)");
  CHECK_ERROR(open_with([](ExecutorOptions& o) { o.rank_count = 64; }), code, "heads");
  CHECK_ERROR(open_with([](ExecutorOptions& o) { o.backend = "tpu"; }), code, "\"tpu\"");
  CHECK_ERROR(open_with([](ExecutorOptions& o) { o.kv_memory_bytes = 1000; }),
              "ETAP_ERR_OUT_OF_MEMORY", "engine.kvMemoryBytes");
}

}  // namespace etap
