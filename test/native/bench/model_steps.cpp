// Times whole steps of a checkpoint: prefill in chunks, then decode at several depths and batches.
//   model_steps FOLDER [--isa NAME] [--threads N] [--depth TOKENS]
// Wall time, median of several steps; the first is dropped.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "support/model_runner.h"

namespace etap::bench {
namespace {

using test::ModelRunner;
using test::RunnerChunk;
using test::RunnerOptions;
using test::RunnerSequence;

constexpr std::int32_t kChunk = 2048;
constexpr int kSteps = 15;

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median_seconds(int runs, const auto& run) {
  run();
  std::vector<double> times;
  for (int i = 0; i < runs; ++i) {
    const double begin = wall_seconds();
    run();
    times.push_back(wall_seconds() - begin);
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

RunnerSequence sequence_of(std::int32_t tokens, std::int32_t first_block, std::int64_t vocab) {
  RunnerSequence sequence;
  std::uint32_t state = 7 + static_cast<std::uint32_t>(first_block);
  for (std::int32_t i = 0; i < tokens; ++i) {
    state = state * 1664525U + 1013904223U;
    sequence.tokens.push_back(static_cast<std::int32_t>((state >> 8) % vocab));
  }
  sequence.prompt_length = tokens;
  sequence.block_table = test::consecutive_blocks(first_block, tokens);
  return sequence;
}

void time_prefill(ModelRunner& runner, const RunnerSequence& sequence) {
  for (const std::int32_t rows : {64, 512, 2048}) {
    if (rows > static_cast<std::int32_t>(sequence.tokens.size())) continue;
    const double seconds = median_seconds(5, [&] { runner.forward({{&sequence, 0, rows}}); });
    std::printf("prefill %5d rows            %9.2f ms  %8.0f tok/s\n", rows, seconds * 1e3,
                rows / seconds);
  }
  const auto total = static_cast<std::int32_t>(sequence.tokens.size());
  const double begin = wall_seconds();
  for (std::int32_t row = 0; row < total; row += kChunk) {
    runner.forward({{&sequence, row, std::min(total, row + kChunk)}});
  }
  const double seconds = wall_seconds() - begin;
  std::printf("prefill %5d rows, chunks    %9.2f ms  %8.0f tok/s\n", total, seconds * 1e3,
              total / seconds);
}

// Every sequence of the batch reads the keys of the one that was prefilled, and writes its own last
// block.
void time_decode(ModelRunner& runner, RunnerSequence sequence, std::int32_t depth, int batch) {
  sequence.prompt_length = 0;
  std::vector<RunnerChunk> chunks(static_cast<std::size_t>(batch),
                                  RunnerChunk{&sequence, depth - 1, depth});
  const double seconds = median_seconds(kSteps, [&] { runner.step(chunks); });
  std::printf("decode, depth %5d, batch %2d %9.2f ms  %8.1f tok/s\n", depth, batch, seconds * 1e3,
              batch / seconds);
}

int run(const std::string& folder, const RunnerOptions& options, std::int32_t depth) {
  ModelRunner runner(folder, options);
  std::printf("%s, weights %.0f MB\n", runner.description().c_str(),
              1e-6 * static_cast<double>(runner.weight_bytes()));
  const RunnerSequence sequence = sequence_of(depth, 1, runner.config().vocab_size);
  time_prefill(runner, sequence);
  for (const std::int32_t context : {1, 512, 4096, 16384, 32768}) {
    if (context > depth) continue;
    for (const int batch : {1, 8, 16, 32}) time_decode(runner, sequence, context, batch);
  }
  return 0;
}

}  // namespace
}  // namespace etap::bench

int main(int argc, char** argv) {
  etap::test::RunnerOptions options;
  std::string folder;
  std::int32_t depth = 4096;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const bool has_value = i + 1 < argc;
    if (argument == "--isa" && has_value) {
      options.backend_options.isa = argv[++i];
    } else if (argument == "--threads" && has_value) {
      options.backend_options.thread_count = std::stoi(argv[++i]);
    } else if (argument == "--depth" && has_value) {
      depth = std::stoi(argv[++i]);
    } else {
      folder = argument;
    }
  }
  options.block_count = depth / 64 + 2;
  options.step_token_capacity = 2048;
  return etap::bench::run(folder, options, depth);
}
