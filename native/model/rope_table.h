// cos and sin of the rotary position embedding, plain or YaRN. Follows Hugging Face transformers
// (modeling_rope_utils.py) to the rounding: frequencies and angles are fp32 there, so at long
// contexts exact angles would be other angles.
#pragma once

#include <cstdint>
#include <vector>

#include "base/tensor.h"
#include "model/config.h"

namespace etap {

struct RopeTable {
  HostTensor cos;  // [positions, rope / 2] fp32, times the attention factor
  HostTensor sin;
};

// [rope / 2] angle per position.
std::vector<float> rope_frequencies(const ModelConfig& config);
RopeTable make_rope_table(const ModelConfig& config, std::int64_t positions);

}  // namespace etap
