#include "support/model_runner.h"

#include <algorithm>
#include <exception>
#include <numeric>
#include <thread>

namespace etap::test {

ModelRunner::ModelRunner(const std::filesystem::path& folder, const RunnerOptions& options)
    : config_(load_model_config(folder)),
      group_(options.ranks),
      ranks_(static_cast<std::size_t>(options.ranks)) {
  const Checkpoint checkpoint = Checkpoint::open(folder);
  const TransformerOptions transformer_options{options.block_count, options.step_token_capacity,
                                               options.step_token_capacity,
                                               options.step_token_capacity, options.strict};
  on_ranks([&](std::size_t index) {
    Rank& rank = ranks_[index];
    BackendOptions backend_options = options.backend_options;
    backend_options.rank = static_cast<int>(index);
    backend_options.rank_count = options.ranks;
    rank.backend = create_backend(options.backend, backend_options);
    rank.communicator = group_.member(static_cast<int>(index));
    rank.transformer =
        std::make_unique<Transformer>(config_, checkpoint, *rank.backend, *rank.communicator,
                                      transformer_options, LoadProgress{});
  });
}

ModelRunner::~ModelRunner() = default;

std::string ModelRunner::description() const {
  return ranks_.front().backend->description();
}

std::int64_t ModelRunner::weight_bytes() const {
  return ranks_.front().transformer->weight_bytes();
}

template <typename Body>
void ModelRunner::on_ranks(const Body& body) {
  std::vector<std::exception_ptr> failures(ranks_.size());
  const auto guarded = [&](std::size_t index) {
    try {
      body(index);
    } catch (...) {
      failures[index] = std::current_exception();
      group_.abort();
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t index = 1; index < ranks_.size(); ++index) threads.emplace_back(guarded, index);
  guarded(0);
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

std::vector<float> ModelRunner::step(const std::vector<RunnerChunk>& chunks) {
  std::vector<float> logits;
  run_step(chunks, &logits);
  return logits;
}

void ModelRunner::run_step(const std::vector<RunnerChunk>& chunks, std::vector<float>* logits) {
  std::vector<std::int32_t> tokens;
  std::vector<SequenceRows> sequences;
  for (const RunnerChunk& chunk : chunks) {
    const RunnerSequence& sequence = *chunk.sequence;
    tokens.insert(tokens.end(), sequence.tokens.begin() + chunk.begin,
                  sequence.tokens.begin() + chunk.end);
    sequences.push_back({chunk.begin, chunk.end - chunk.begin, sequence.prompt_length,
                         sequence.block_table.data()});
  }
  std::vector<std::int32_t> logit_rows(logits == nullptr ? 0 : tokens.size());
  std::iota(logit_rows.begin(), logit_rows.end(), 0);
  const ForwardBatch batch{tokens, sequences, logit_rows};
  const auto rows = static_cast<std::int64_t>(logit_rows.size());
  if (logits != nullptr) logits->resize(static_cast<std::size_t>(rows * config_.vocab_size));
  on_ranks([&](std::size_t index) {
    Transformer& transformer = *ranks_[index].transformer;
    transformer.forward(batch);
    transformer.logits(0, rows, index == 0 && rows > 0 ? logits->data() : nullptr);
  });
}

std::vector<float> ModelRunner::run(const RunnerSequence& sequence, std::int32_t chunk_size) {
  std::vector<float> logits;
  const auto count = static_cast<std::int32_t>(sequence.tokens.size());
  for (std::int32_t begin = 0; begin < count; begin += chunk_size) {
    const std::vector<float> rows = step({{&sequence, begin, std::min(begin + chunk_size, count)}});
    logits.insert(logits.end(), rows.begin(), rows.end());
  }
  return logits;
}

std::vector<std::int32_t> consecutive_blocks(std::int32_t first, std::int64_t tokens) {
  std::vector<std::int32_t> blocks(
      static_cast<std::size_t>((tokens + kBlockTokens - 1) / kBlockTokens));
  std::iota(blocks.begin(), blocks.end(), first);
  return blocks;
}

}  // namespace etap::test
