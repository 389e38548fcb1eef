// A stand-in for the transformer whose logits are a hash of the tokens it finds in the KV cache
// through the block table: wrong tables, chunks or slots change what is sampled.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "runtime/rank_model.h"
#include "runtime/step_batch.h"

namespace etap::test {

struct FakeOptions {
  std::int64_t vocab_size;
  std::int64_t block_count;
  std::int64_t logit_row_capacity;
  std::int32_t nan_token = -1;    // a row whose last token is this one has a NaN
  std::int32_t throw_token = -1;  // computing this token throws, on the last rank
};

class FakeModel final : public RankModel {
 public:
  FakeModel(const FakeOptions& options, Communicator& communicator)
      : options_(options),
        communicator_(communicator),
        cache_(static_cast<std::size_t>(options.block_count * kBlockSize), kPoison) {}

  std::int64_t weight_bytes() const override { return 1000; }
  StepProfile profile() const override { return {.linear = 7, .latent_bytes = 1e12F}; }

  void forward(const ForwardBatch& batch) override {
    std::vector<std::uint64_t> hashes(batch.tokens.size());
    std::size_t row = 0;
    for (const SequenceRows& sequence : batch.sequences) {
      for (std::int32_t i = 0; i < sequence.query_length; ++i, ++row) {
        const std::int64_t position = std::int64_t{sequence.context_before} + i;
        at(sequence, position) = batch.tokens[row];
        if (batch.tokens[row] == options_.throw_token &&
            communicator_.rank() == communicator_.size() - 1) {
          throw Error("ETAP_ERR_STEP_FAILED", "the fake model was told to fail");
        }
        hashes[row] = hash(sequence, position);
      }
    }
    kept_.clear();
    for (const std::int32_t wanted : batch.logit_rows) {
      const auto index = static_cast<std::size_t>(wanted);
      kept_.push_back({hashes[index], batch.tokens[index] == options_.nan_token});
    }
    communicator_.barrier();
  }

  void logits(std::int64_t first, std::int64_t count, float* logits) override {
    if (count > options_.logit_row_capacity) throw std::runtime_error("too many rows of logits");
    const auto width = static_cast<std::size_t>(options_.vocab_size);
    std::vector<float> share(static_cast<std::size_t>(count) * width);
    for (std::size_t i = 0; i < share.size(); ++i) {
      const Kept& kept = kept_.at(static_cast<std::size_t>(first) + i / width);
      Random random(kept.hash + i % width);
      share[i] =
          static_cast<float>(random.uniform() * 6.0) / static_cast<float>(communicator_.size());
      if (kept.is_nan && i % width == width / 2) share[i] = NAN;
    }
    communicator_.all_reduce(share.data(), share.size());
    if (logits != nullptr) std::copy(share.begin(), share.end(), logits);
  }

 private:
  static constexpr std::int32_t kPoison = -77;
  struct Kept {
    std::uint64_t hash;
    bool is_nan;
  };

  std::int32_t& at(const SequenceRows& sequence, std::int64_t position) {
    const std::int64_t block = sequence.block_table[position / kBlockSize];
    return cache_.at(static_cast<std::size_t>(block * kBlockSize + position % kBlockSize));
  }

  std::uint64_t hash(const SequenceRows& sequence, std::int64_t position) {
    std::uint64_t value = 1469598103934665603u;
    for (std::int64_t i = 0; i <= position; ++i) {
      const std::int32_t token = at(sequence, i);
      if (token == kPoison) throw std::runtime_error("an unwritten slot was read");
      value = Random(value ^ static_cast<std::uint64_t>(token)).next();
    }
    return value;
  }

  FakeOptions options_;
  Communicator& communicator_;
  std::vector<std::int32_t> cache_;
  std::vector<Kept> kept_;
};

}  // namespace etap::test
