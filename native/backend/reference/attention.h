// Attention over the latent cache in its two forms, one (row, head) at a time.
#pragma once

#include "backend/reference/storage.h"

namespace etap::reference {

void expanded_attention(const AttentionShape& shape, std::span<const AttentionSegment> segments,
                        const TensorView& q, const HeadsWeight& heads, const FloatCache& cache,
                        std::int64_t layer, const TensorView& out);

void latent_attention(const AttentionShape& shape, std::span<const AttentionSegment> segments,
                      const TensorView& q_latent, const FloatCache& cache, std::int64_t layer,
                      const TensorView& o_latent);

}  // namespace etap::reference
