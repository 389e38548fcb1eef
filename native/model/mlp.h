// The gated feed-forward block: down(silu(gate x) * up x). Dense layers and shared experts.
#pragma once

#include <cstdint>
#include <string>

#include "backend/backend.h"
#include "comm/communicator.h"
#include "model/weight_reader.h"

namespace etap {

// This rank's columns of one expert or feed-forward block: `prefix`{gate,up,down}_proj.weight.
ExpertWeights read_gated_block(Backend& backend, WeightReader& reader,
                               const Communicator& communicator, const std::string& prefix,
                               std::int64_t hidden, std::int64_t intermediate);

class Mlp {
 public:
  Mlp(Backend& backend, WeightReader& reader, const Communicator& communicator,
      const std::string& prefix, std::int64_t hidden, std::int64_t intermediate);

  // out (fp32) = this rank's part of the sum over ranks; `gated` is scratch.
  void forward(Backend& backend, const TensorView& x, const Buffer& gated,
               const TensorView& out) const;

  std::int64_t weight_bytes() const;

 private:
  std::int64_t intermediate_;  // of this rank
  ExpertWeights weights_;
};

}  // namespace etap
