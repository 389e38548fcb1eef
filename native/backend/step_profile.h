// Where the time of a step went on one rank, and what its decode attention read.
#pragma once

#include <cstdint>

namespace etap {

// The twin of `PROFILE_FIELDS` in src/executor/step-batch.ts. Microseconds, but for the bytes.
struct StepProfile {
  float latent_attention = 0;  // the ETAP kernel alone
  float attention = 0;         // the rest of attention: projections of heads, cache writes, prefill
  float experts = 0;           // routing and routed experts
  float linear = 0;            // every other matrix product
  float reduce = 0;            // sums over ranks, waits for them included
  float other = 0;             // norms, embedding, copies to the host
  float sampling = 0;
  // Latent KV that the ETAP kernel must read: each absorbed segment its context, once a layer.
  float latent_bytes = 0;
};
inline constexpr std::int64_t kProfileFields = 8;
static_assert(sizeof(StepProfile) == kProfileFields * sizeof(float));

}  // namespace etap
