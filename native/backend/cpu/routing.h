// Choice of experts for every row, and the rows of every expert.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/backend.h"
#include "backend/cpu/context.h"

namespace etap::cpu {

class Routing {
 public:
  // Chooses for each row of `logits` [rows, experts] fp32; `bias` [experts] or null.
  void choose(const Context& context, const RoutingParams& params, const TensorView& logits,
              const float* bias);

  // Experts with at least one row, ascending.
  const std::vector<std::int32_t>& active_experts() const { return active_; }
  std::int64_t pair_count() const { return static_cast<std::int64_t>(rows_.size()); }
  // The rows of active_experts()[i] are pairs [first_pair(i), first_pair(i + 1)), rows ascending.
  std::int64_t first_pair(std::size_t i) const { return first_pair_[i]; }
  // [pairs] row and weight of each pair.
  const std::int32_t* rows() const { return rows_.data(); }
  const float* weights() const { return weights_.data(); }

 private:
  void group_by_expert(std::int64_t experts, std::int64_t row_count, std::int64_t per_row);

  std::vector<std::int32_t> chosen_;   // [rows, experts per token]
  std::vector<float> chosen_weights_;  // likewise
  std::vector<std::int32_t> active_;
  std::vector<std::int64_t> first_pair_;  // [active experts + 1]
  std::vector<std::int32_t> rows_;
  std::vector<float> weights_;
};

}  // namespace etap::cpu
