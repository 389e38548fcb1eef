#include "backend/cuda/latent_decoder.h"

#include <algorithm>
#include <vector>

#include "backend/cuda/etap/decoder.h"

namespace etap::cuda {
namespace {

// Rows that one decoder plans together: bounds its workspace, which grows with both.
constexpr int kQueryRowsMax = 4096;
constexpr std::int64_t kContextTokensMin = std::int64_t{1} << 20;

class EtapLatentDecoder final : public LatentDecoder {
 public:
  explicit EtapLatentDecoder(const AttentionShape& shape)
      : shape_{DType::kBF16, static_cast<int>(shape.heads), 1},
        limits_{kQueryRowsMax / static_cast<int>(shape.heads), kContextTokensMin},
        softmax_scale_(shape.softmax_scale) {}

  void plan(std::span<const std::int32_t> lengths, const std::int32_t* device_lengths,
            cudaStream_t stream) override {
    parts_.clear();
    for (std::size_t begin = 0; begin < lengths.size();) {
      const std::size_t end = part_end(lengths, begin);
      if (decoders_.size() == parts_.size()) {
        decoders_.push_back(std::make_unique<MlaDecoder>(shape_, limits_));
      }
      decoders_[parts_.size()]->plan(device_lengths + begin, static_cast<int>(end - begin), stream);
      parts_.push_back(begin);
      begin = end;
    }
  }

  bool calls_are_fixed(std::span<const std::int32_t> lengths) const override {
    return part_end(lengths, 0) == lengths.size();
  }

  void decode(const LatentRows& rows, cudaStream_t stream) override {
    for (std::size_t part = 0; part < parts_.size(); ++part) {
      const auto first = static_cast<std::int64_t>(parts_[part]);
      DecodeArguments arguments{};
      arguments.query = rows.q_latent + first * shape_.heads * (kLatent + kRope);
      arguments.kv = {rows.cache, rows.block_count};
      arguments.block_table = rows.block_table + first * rows.block_table_stride;
      arguments.block_table_stride = static_cast<int>(rows.block_table_stride);
      arguments.out = rows.o_latent + first * shape_.heads * kLatent;
      arguments.softmax_scale = softmax_scale_;
      decoders_[part]->decode(arguments, stream);
    }
  }

  static constexpr std::int64_t kLatent = 512;
  static constexpr std::int64_t kRope = 64;

 private:
  std::size_t part_end(std::span<const std::int32_t> lengths, std::size_t begin) const {
    std::int64_t tokens = 0;
    std::size_t end = begin;
    while (end < lengths.size() && end - begin < static_cast<std::size_t>(limits_.batch)) {
      tokens += lengths[end];
      if (tokens > limits_.context_tokens && end > begin) break;
      ++end;
    }
    return end;
  }

  DecodeShape shape_;
  DecodeLimits limits_;
  float softmax_scale_;
  std::vector<std::unique_ptr<MlaDecoder>> decoders_;
  std::vector<std::size_t> parts_;  // first row of each
};

}  // namespace

std::unique_ptr<LatentDecoder> make_latent_decoder(const AttentionShape& shape) {
  const bool fits = shape.latent == EtapLatentDecoder::kLatent &&
                    shape.rope == EtapLatentDecoder::kRope && shape.heads >= 1 &&
                    shape.heads <= 128;
  return fits ? std::make_unique<EtapLatentDecoder>(shape) : nullptr;
}

}  // namespace etap::cuda
