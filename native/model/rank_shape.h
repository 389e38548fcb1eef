// What of the model one tensor-parallel rank computes.
#pragma once

#include <cstdint>

#include "backend/backend.h"
#include "model/config.h"

namespace etap {

// The widths of one rank.
struct RankShape {
  AttentionShape attention;
  std::int64_t first_head;
  std::int64_t intermediate;  // the widest gated output of any layer
  std::int64_t vocabulary;    // the widest share of any rank
};

// Throws ETAP_ERR_CONFIG where the model cannot be shared among so many ranks.
RankShape rank_shape(const ModelConfig& config, int ranks, int rank);

}  // namespace etap
