// Absorbed attention over the latent cache (ETAP, arXiv 2506.01969): one walk over the cache serves
// all heads of a row. The keys of a sequence are cut into splits of fixed length, which are merged
// in ascending order: the result depends on neither the number of threads nor on what else is in
// the batch.
#pragma once

#include <cstdint>
#include <span>

#include "backend/backend.h"
#include "backend/cpu/context.h"
#include "backend/cpu/latent_cache.h"

namespace etap::cpu {

void latent_attention(const Context& context, const AttentionShape& shape,
                      std::span<const AttentionSegment> segments, const TensorView& q_latent,
                      const PagedCache& cache, std::int64_t layer, const TensorView& o_latent);

}  // namespace etap::cpu
