// What the executor asks of one tensor-parallel rank: Transformer, or a stand-in in tests.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "backend/step_profile.h"
#include "comm/communicator.h"
#include "model/transformer.h"

namespace etap {

class RankModel {
 public:
  virtual ~RankModel() = default;
  // As in Transformer.
  virtual void forward(const ForwardBatch& batch) = 0;
  virtual void logits(std::int64_t first, std::int64_t count, float* logits) = 0;
  virtual std::int64_t weight_bytes() const = 0;
  // Of the latest step, sampling apart.
  virtual StepProfile profile() const { return {}; }
};

// Makes the model of the communicator's rank, on the thread of that rank.
using RankModelFactory = std::function<std::unique_ptr<RankModel>(Communicator& communicator)>;

}  // namespace etap
