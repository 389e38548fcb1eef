// Runs a checkpoint step by step on one backend, with one thread for each tensor-parallel rank.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "backend/create.h"
#include "comm/local.h"
#include "model/config.h"
#include "model/transformer.h"

namespace etap::test {

struct RunnerOptions {
  std::string backend = "cpu";
  BackendOptions backend_options{};
  int ranks = 1;
  std::int64_t block_count = 64;
  std::int64_t step_token_capacity = 1024;
  bool strict = true;
};

// A sequence with its KV blocks, which the caller chooses.
struct RunnerSequence {
  std::vector<std::int32_t> tokens;
  std::int32_t prompt_length = 0;
  std::vector<std::int32_t> block_table;
};

// Computes tokens [begin, end) of a sequence; the KV of those before is in the cache.
struct RunnerChunk {
  const RunnerSequence* sequence;
  std::int32_t begin;
  std::int32_t end;
};

class ModelRunner {
 public:
  ModelRunner(const std::filesystem::path& folder, const RunnerOptions& options);
  ~ModelRunner();

  const ModelConfig& config() const { return config_; }
  std::string description() const;
  std::int64_t weight_bytes() const;

  // One step without logits.
  void forward(const std::vector<RunnerChunk>& chunks) { run_step(chunks, nullptr); }
  // One step: logits of every row, [rows, vocab_size].
  std::vector<float> step(const std::vector<RunnerChunk>& chunks);
  // The whole sequence in chunks of at most `chunk_size` tokens, alone: [tokens, vocab_size].
  std::vector<float> run(const RunnerSequence& sequence, std::int32_t chunk_size);

 private:
  struct Rank {
    std::unique_ptr<Backend> backend;
    std::unique_ptr<Communicator> communicator;
    std::unique_ptr<Transformer> transformer;
  };
  // `logits` null: none are computed.
  void run_step(const std::vector<RunnerChunk>& chunks, std::vector<float>* logits);
  // Calls body(rank index) on every rank at once; rethrows the first error.
  template <typename Body>
  void on_ranks(const Body& body);

  ModelConfig config_;
  LocalGroup group_;
  std::vector<Rank> ranks_;
};

// `count` blocks beginning with `first`: the plainest block table.
std::vector<std::int32_t> consecutive_blocks(std::int32_t first, std::int64_t tokens);

}  // namespace etap::test
