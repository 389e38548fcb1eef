// Absorbed attention over the latent cache, in the transposed form (ETAP, arXiv 2506.01969): the
// heads of a row lie on the lanes, so one walk over the cache serves all of them.
#pragma once

#include <cstdint>
#include <span>

#include "backend/backend.h"
#include "backend/cpu/context.h"
#include "backend/cpu/latent_cache.h"

namespace etap::cpu {

// Keys of one split. Splits begin at multiples of this and are merged in ascending order, so the
// result depends on neither the number of threads nor on what else is in the batch.
inline constexpr std::int64_t kSplitKeys = 1024;

void latent_attention(const Context& context, const AttentionShape& shape,
                      std::span<const AttentionSegment> segments, const TensorView& q_latent,
                      const PagedCache& cache, std::int64_t layer, const TensorView& o_latent);

}  // namespace etap::cpu
