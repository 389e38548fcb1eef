// How many KV blocks there is memory for, and how long a context may then be: pure arithmetic.
#pragma once

#include <cstdint>

namespace etap {

struct MemoryNeeds {
  std::int64_t available_bytes;     // of one rank's device
  std::int64_t weight_bytes;        // of one rank
  std::int64_t activation_bytes;    // of one rank: buffers of one step
  std::int64_t kv_bytes_per_token;  // of one rank
  double spare_share;               // of what the weights leave, for the KV cache
  std::int64_t kv_memory_bytes;     // asked for; 0: choose
  std::int64_t max_model_len;       // asked for; 0: choose
  std::int64_t max_positions;       // of the model
  std::int64_t slot_count;
};

struct MemoryPlan {
  std::int64_t block_count;  // the null block included
  std::int64_t max_model_len;
};

// Throws ETAP_ERR_OUT_OF_MEMORY with the figures when weights and the KV cache of one sequence do
// not fit, ETAP_ERR_CONFIG when the context asked for is longer than the model's.
MemoryPlan plan_memory(const MemoryNeeds& needs);

}  // namespace etap
