// The memory of StepBatch and StepResult: one allocation for the life of an executor, which
// JavaScript sees as one ArrayBuffer.
#pragma once

#include <array>
#include <cstdint>

#include "runtime/step_batch.h"

namespace etap {

struct ArenaSizes {
  std::int64_t slots;
  std::int64_t tokens;  // most in one step
  std::int64_t deltas;  // most in one step
  std::int64_t vocab_size;

  std::int64_t mask_words() const { return (vocab_size + 31) / 32; }
};

class StepArena {
 public:
  // Arrays in the order of StepBatch and StepResult.
  enum Array {
    kSequences,
    kTokens,
    kDeltas,
    kMasks,
    kOutTokens,
    kOutFinite,
    kOutLogprobs,
    kOutTopIds,
    kOutTopLogprobs,
    kOutPromptLogprobs,
    kOutPromptTopIds,
    kOutPromptTopLogprobs,
    kOutProfile,
    kArrayCount
  };
  struct Extent {
    std::int64_t offset_bytes;
    std::int64_t length;  // elements of 4 bytes
  };

  // Throws ETAP_ERR_OUT_OF_MEMORY.
  explicit StepArena(const ArenaSizes& sizes);
  ~StepArena();
  StepArena(const StepArena&) = delete;
  StepArena& operator=(const StepArena&) = delete;

  std::byte* data() const { return data_; }
  std::int64_t bytes() const { return bytes_; }
  const std::array<Extent, kArrayCount>& extents() const { return extents_; }

  // The counts must fit the sizes.
  StepBatch batch(const StepCounts& counts) const;
  StepResult result(const StepCounts& counts) const;

 private:
  template <typename T>
  std::span<T> view(Array array, std::int64_t elements) const;

  std::byte* data_ = nullptr;
  std::int64_t bytes_ = 0;
  std::array<Extent, kArrayCount> extents_{};
};

}  // namespace etap
