// kv_b_proj taken apart by head: W_UK, which absorbs into the query, and W_UV, which projects the
// latent output up (DeepSeek-V2, arXiv 2405.04434, section 2.1).
#pragma once

#include <string>

#include "backend/backend.h"
#include "model/partition.h"
#include "model/weight_reader.h"

namespace etap {

// `name` [all_heads * (nope + value), latent]; the heads [heads.begin, heads.end) of it.
HostHeadProjections read_head_projections(WeightReader& reader, const std::string& name,
                                          std::int64_t all_heads, Range heads,
                                          const AttentionShape& shape);

}  // namespace etap
