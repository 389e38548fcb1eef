// Expanded attention for prompt rows: keys and values of every head are projected up from the
// latent cache, tile by tile, and a running softmax carries each query along the tiles.
#pragma once

#include <cstdint>
#include <span>

#include "backend/backend.h"
#include "backend/cpu/context.h"
#include "backend/cpu/latent_cache.h"
#include "backend/cpu/packed_matrix.h"

namespace etap::cpu {

void expanded_attention(const Context& context, const AttentionShape& shape,
                        std::span<const AttentionSegment> segments, const TensorView& q,
                        const HeadsWeight& heads, const PagedCache& cache, std::int64_t layer,
                        const TensorView& out);

}  // namespace etap::cpu
