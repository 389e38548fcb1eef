// Mixture of experts of one layer: router, routed experts, shared experts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "backend/backend.h"
#include "comm/communicator.h"
#include "model/config.h"
#include "model/mlp.h"
#include "model/weight_reader.h"
#include "model/workspace.h"

namespace etap {

RoutingParams routing_params(const ModelConfig& config);

class Moe {
 public:
  // `prefix` is "model.layers.N.mlp.".
  Moe(Backend& backend, WeightReader& reader, const Communicator& communicator,
      const ModelConfig& config, const std::string& prefix);

  // workspace.normed and .wide_normed -> workspace.delta (this rank's part of the sum over ranks).
  void forward(Backend& backend, Workspace& workspace, std::int64_t rows) const;

  std::int64_t weight_bytes() const;

 private:
  RoutingParams routing_;
  WeightHandle router_;
  WeightHandle router_bias_;  // null unless the model has one
  std::optional<Mlp> shared_;
  WeightHandle experts_;
};

}  // namespace etap
