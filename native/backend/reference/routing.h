// Choice of experts, as its definition reads.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/backend.h"

namespace etap::reference {

struct Choice {
  std::int64_t expert;
  float weight;
};

// One row: logits [experts]; bias [experts] or null. Ties go to the lowest id.
std::vector<Choice> choose_experts(const RoutingParams& params, const float* logits,
                                   const float* bias);

}  // namespace etap::reference
