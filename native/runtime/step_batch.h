// Input and output of one step as flat arrays in one arena; the twin of src/executor/step-batch.ts,
// which documents every field. src/executor/native-executor.ts compares the numbers at start.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "backend/step_profile.h"

namespace etap {

inline constexpr std::int64_t kBlockSize = 64;
inline constexpr std::int64_t kTopLogprobsMax = 20;

struct SequenceFields {
  std::int32_t slot;
  std::int32_t epoch;
  std::int32_t context_before;
  std::int32_t query_length;
  std::int32_t sample;
  std::int32_t mask_row;
  std::int32_t token_offset;
  std::int32_t prompt_logprobs;
};
inline constexpr std::int64_t kSequenceFields = 8;
static_assert(sizeof(SequenceFields) == kSequenceFields * sizeof(std::int32_t));
static_assert(offsetof(SequenceFields, context_before) == 2 * sizeof(std::int32_t));
static_assert(offsetof(SequenceFields, mask_row) == 5 * sizeof(std::int32_t));
static_assert(offsetof(SequenceFields, prompt_logprobs) == 7 * sizeof(std::int32_t));

struct BlockDelta {
  std::int32_t slot;
  std::int32_t block_index;
  std::int32_t block_id;
};
inline constexpr std::int64_t kDeltaFields = 3;
static_assert(sizeof(BlockDelta) == kDeltaFields * sizeof(std::int32_t));
static_assert(offsetof(BlockDelta, block_id) == 2 * sizeof(std::int32_t));

// What the other side filled in.
struct StepCounts {
  std::int64_t sequences;
  std::int64_t tokens;
  std::int64_t deltas;
};

// What to compute, cut to the counts.
struct StepBatch {
  std::span<const SequenceFields> sequences;
  std::span<const std::int32_t> tokens;
  std::span<const BlockDelta> deltas;
  std::span<const std::uint32_t> masks;  // [slots, mask words]
};

// What came out; rows of sequences and of tokens.
struct StepResult {
  std::span<std::int32_t> tokens;
  std::span<std::int32_t> finite;
  std::span<float> logprobs;
  std::span<std::int32_t> top_ids;
  std::span<float> top_logprobs;
  std::span<float> prompt_logprobs;
  std::span<std::int32_t> prompt_top_ids;
  std::span<float> prompt_top_logprobs;
  StepProfile* profile;  // of rank 0
};

}  // namespace etap
