// How much memory a rank's weights will take once they are loaded, from the checkpoint's headers.
#pragma once

#include <cstdint>

#include "model/config.h"
#include "weights/checkpoint.h"

namespace etap {

// In what form a backend keeps weights.
enum class WeightForm {
  kStored,  // as stored, in panels of 64 outputs with an fp32 scale for each FP8 row and block
  kWide,    // fp32
};

// Bytes on the rank that has the largest share: at least what Transformer::weight_bytes() will be,
// and no more than the padding of small matrices above it. Counts every copy that is made (kv_b in
// both directions, a tied embedding twice, the router in fp32, FP8 scales by row, the rotary table)
// and leaves out what is not loaded (multi-token prediction).
std::int64_t resident_weight_bytes(const ModelConfig& config, const Checkpoint& checkpoint,
                                   int rank_count, WeightForm form);

}  // namespace etap
