// Compares the engine's logits with those of Hugging Face transformers on the same weights.
//   golden_logits FOLDER [--backend cpu|reference] [--isa NAME|all] [--ranks N]
// FOLDER is test/golden/logits or one case of it. Prints one line for each case whose heads divide
// among the ranks. Exits with 1 when a bound is broken: reference max |difference| <= 1e-3; cpu
// argmax equal at 99.5 % of the positions of all cases and mean KL <= 1e-3 in each.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "support/model_runner.h"
#include "weights/file.h"
#include "weights/json_reader.h"
#include "weights/safetensors.h"

namespace etap::test {
namespace {

constexpr double kReferenceDifferenceMax = 1e-3;
constexpr double kMeanDivergenceMax = 1e-3;
constexpr double kArgmaxShareMin = 0.995;
constexpr std::int64_t kJsonBytesMax = 1'000'000;
// The prompt is computed in chunks that are no multiple of anything.
constexpr std::int32_t kChunk = 47;

struct Prompt {
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t> greedy;  // what transformers generates next
  std::vector<float> logits;         // [ids, vocab]
};

struct Score {
  double difference_max = 0.0;
  double divergence_sum = 0.0;  // KL(golden || ours), natural log
  std::int64_t rows = 0;
  std::int64_t argmax_equal = 0;
  std::int64_t greedy_rows = 0;
  std::int64_t greedy_equal = 0;

  void add(const Score& other) {
    difference_max = std::max(difference_max, other.difference_max);
    divergence_sum += other.divergence_sum;
    rows += other.rows;
    argmax_equal += other.argmax_equal;
    greedy_rows += other.greedy_rows;
    greedy_equal += other.greedy_equal;
  }
  double divergence_mean() const { return divergence_sum / static_cast<double>(rows); }
};

std::vector<std::int32_t> read_ids(const JsonValue& prompt, const char* key) {
  std::vector<std::int32_t> ids;
  for (const JsonValue& id : *prompt.find(key)->as_array()) {
    ids.push_back(static_cast<std::int32_t>(*id.as_integer()));
  }
  return ids;
}

std::vector<Prompt> read_prompts(const std::filesystem::path& folder) {
  const JsonValue json = parse_json(read_text_file(folder / "golden.json", kJsonBytesMax));
  const File file(folder / "logits.safetensors");
  const std::vector<SafetensorsEntry> entries = read_safetensors_header(file);
  std::vector<Prompt> prompts;
  for (const JsonValue& item : *json.find("prompts")->as_array()) {
    Prompt prompt{read_ids(item, "ids"), read_ids(item, "greedy"), {}};
    for (const SafetensorsEntry& entry : entries) {
      if (entry.name != *item.find("tensor")->as_string()) continue;
      prompt.logits.resize(static_cast<std::size_t>(element_count(entry.shape)));
      file.read(entry.file_offset, prompt.logits.data(), static_cast<std::size_t>(entry.bytes));
    }
    prompts.push_back(std::move(prompt));
  }
  return prompts;
}

std::int64_t argmax(const float* row, std::int64_t count) {
  return std::max_element(row, row + count) - row;
}

double log_sum_exp(const float* row, std::int64_t count) {
  const auto largest = static_cast<double>(*std::max_element(row, row + count));
  double sum = 0.0;
  for (std::int64_t i = 0; i < count; ++i) sum += std::exp(static_cast<double>(row[i]) - largest);
  return largest + std::log(sum);
}

double divergence(const float* golden, const float* ours, std::int64_t count) {
  const double golden_norm = log_sum_exp(golden, count);
  const double our_norm = log_sum_exp(ours, count);
  double sum = 0.0;
  for (std::int64_t i = 0; i < count; ++i) {
    const double golden_log = static_cast<double>(golden[i]) - golden_norm;
    const double our_log = static_cast<double>(ours[i]) - our_norm;
    sum += std::exp(golden_log) * (golden_log - our_log);
  }
  return sum;
}

// The prompt's logits, then the continuation of transformers fed token by token as generated ones:
// the argmax after each must be the next.
Score score_prompt(ModelRunner& runner, const Prompt& prompt) {
  const std::int64_t vocab = runner.config().vocab_size;
  RunnerSequence sequence{prompt.ids, static_cast<std::int32_t>(prompt.ids.size()), {}};
  sequence.tokens.insert(sequence.tokens.end(), prompt.greedy.begin(), prompt.greedy.end());
  const auto total = static_cast<std::int32_t>(sequence.tokens.size());
  sequence.block_table = consecutive_blocks(1, total);
  Score score;
  score.rows = sequence.prompt_length;
  score.greedy_rows = static_cast<std::int64_t>(prompt.greedy.size());
  for (std::int32_t begin = 0; begin < total;) {
    const bool prefill = begin < sequence.prompt_length;
    const std::int32_t end = prefill ? std::min(begin + kChunk, sequence.prompt_length) : begin + 1;
    const std::vector<float> logits = runner.step({{&sequence, begin, end}});
    for (std::int32_t position = begin; position < end; ++position) {
      const float* ours = logits.data() + (position - begin) * vocab;
      if (position < sequence.prompt_length) {
        const float* golden = prompt.logits.data() + position * vocab;
        for (std::int64_t i = 0; i < vocab; ++i) {
          score.difference_max =
              std::max(score.difference_max, std::abs(static_cast<double>(golden[i] - ours[i])));
        }
        score.divergence_sum += divergence(golden, ours, vocab);
        score.argmax_equal += argmax(golden, vocab) == argmax(ours, vocab) ? 1 : 0;
      }
      const std::int32_t next = position + 1;
      if (next >= sequence.prompt_length && next < total) {
        const auto index = static_cast<std::size_t>(next);
        score.greedy_equal += argmax(ours, vocab) == sequence.tokens[index] ? 1 : 0;
      }
    }
    begin = end;
  }
  return score;
}

Score score_case(const std::filesystem::path& folder, const RunnerOptions& options) {
  ModelRunner runner(folder, options);
  Score score;
  for (const Prompt& prompt : read_prompts(folder)) score.add(score_prompt(runner, prompt));
  return score;
}

void print_row(const std::string& name, const Score& score) {
  std::printf("%-32s %6lld  %9.2e  %9.2e  %7.2f %%  %4lld / %lld\n", name.c_str(),
              static_cast<long long>(score.rows), score.difference_max, score.divergence_mean(),
              100.0 * static_cast<double>(score.argmax_equal) / static_cast<double>(score.rows),
              static_cast<long long>(score.greedy_equal),
              static_cast<long long>(score.greedy_rows));
}

std::vector<std::filesystem::path> case_folders(const std::filesystem::path& root) {
  if (std::filesystem::exists(root / "golden.json")) return {root};
  std::vector<std::filesystem::path> folders;
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    if (std::filesystem::exists(entry.path() / "golden.json")) folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

bool within_bounds(const Score& score, const RunnerOptions& options) {
  if (options.backend == "reference") return score.difference_max <= kReferenceDifferenceMax;
  return score.divergence_mean() <= kMeanDivergenceMax;
}

int compare(const std::filesystem::path& root, const RunnerOptions& options) {
  const std::vector<std::filesystem::path> folders = case_folders(root);
  if (folders.empty()) {
    throw Error("ETAP_ERR_CONFIG", "no folder with golden.json in " + root.string());
  }
  std::printf("%s\n%-32s %6s  %9s  %9s  %9s  %s\n",
              create_backend(options.backend, options.backend_options)->description().c_str(),
              "case", "rows", "max |d|", "mean KL", "argmax", "greedy");
  Score all;
  bool good = true;
  for (const std::filesystem::path& folder : folders) {
    if (load_model_config(folder).head_count % options.ranks != 0) continue;
    const Score score = score_case(folder, options);
    print_row(folder.filename().string(), score);
    good = good && within_bounds(score, options);
    all.add(score);
  }
  print_row("all", all);
  const auto share = static_cast<double>(all.argmax_equal) / static_cast<double>(all.rows);
  good = good && share >= kArgmaxShareMin;
  std::printf("%s\n", good ? "within bounds" : "OUT OF BOUNDS");
  return good ? 0 : 1;
}

// Every instruction set of this machine where `isa` is "all".
int compare_isas(const std::filesystem::path& root, RunnerOptions options) {
  if (options.backend_options.isa != "all") return compare(root, options);
  int worst = 0;
  for (const std::string& isa : available_cpu_isas()) {
    options.backend_options.isa = isa;
    worst = std::max(worst, compare(root, options));
  }
  return worst;
}

}  // namespace
}  // namespace etap::test

int main(int argc, char** argv) {
  etap::test::RunnerOptions options;
  std::filesystem::path root;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const bool has_value = i + 1 < argc;
    if (argument == "--backend" && has_value) {
      options.backend = argv[++i];
    } else if (argument == "--isa" && has_value) {
      options.backend_options.isa = argv[++i];
    } else if (argument == "--ranks" && has_value) {
      options.ranks = std::stoi(argv[++i]);
    } else {
      root = argument;
    }
  }
  try {
    return etap::test::compare_isas(root, options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "golden_logits: %s\n", error.what());
    return 2;
  }
}
