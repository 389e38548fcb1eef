#include "runtime/step_arena.h"

#include <sys/mman.h>

#include <string>

#include "base/check.h"
#include "base/error.h"

namespace etap {

namespace {

constexpr std::int64_t kElementBytes = 4;
constexpr std::int64_t kCacheLineBytes = 64;

}  // namespace

StepArena::StepArena(const ArenaSizes& sizes) {
  const std::array<std::int64_t, kArrayCount> lengths = {
      sizes.slots * kSequenceFields,
      sizes.tokens,
      sizes.deltas * kDeltaFields,
      sizes.slots * sizes.mask_words(),
      sizes.slots,
      sizes.slots,
      sizes.slots,
      sizes.slots * kTopLogprobsMax,
      sizes.slots * kTopLogprobsMax,
      sizes.tokens,
      sizes.tokens * kTopLogprobsMax,
      sizes.tokens * kTopLogprobsMax,
      kProfileFields,
  };
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    extents_[i] = {bytes_, lengths[i]};
    const std::int64_t used = lengths[i] * kElementBytes;
    bytes_ += (used + kCacheLineBytes - 1) / kCacheLineBytes * kCacheLineBytes;
  }
  // Mapped rather than allocated: most of it is room for the worst case and is never touched.
  void* memory = ::mmap(nullptr, static_cast<std::size_t>(bytes_), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    throw Error("ETAP_ERR_OUT_OF_MEMORY",
                "cannot map " + std::to_string(bytes_) +
                    " bytes for step inputs and outputs; lower engine.maxSequences or "
                    "engine.stepTokenCapacity");
  }
  data_ = static_cast<std::byte*>(memory);
}

StepArena::~StepArena() {
  ::munmap(data_, static_cast<std::size_t>(bytes_));
}

template <typename T>
std::span<T> StepArena::view(Array array, std::int64_t elements) const {
  static_assert(sizeof(T) % kElementBytes == 0);
  const Extent& extent = extents_[array];
  ETAP_CHECK(elements * static_cast<std::int64_t>(sizeof(T)) <= extent.length * kElementBytes,
             "a step is larger than its arena");
  return {reinterpret_cast<T*>(data_ + extent.offset_bytes), static_cast<std::size_t>(elements)};
}

StepBatch StepArena::batch(const StepCounts& counts) const {
  return {view<const SequenceFields>(kSequences, counts.sequences),
          view<const std::int32_t>(kTokens, counts.tokens),
          view<const BlockDelta>(kDeltas, counts.deltas),
          view<const std::uint32_t>(kMasks, extents_[kMasks].length)};
}

StepResult StepArena::result(const StepCounts& counts) const {
  const std::int64_t rows = counts.sequences;
  return {view<std::int32_t>(kOutTokens, rows),
          view<std::int32_t>(kOutFinite, rows),
          view<float>(kOutLogprobs, rows),
          view<std::int32_t>(kOutTopIds, rows * kTopLogprobsMax),
          view<float>(kOutTopLogprobs, rows * kTopLogprobsMax),
          view<float>(kOutPromptLogprobs, counts.tokens),
          view<std::int32_t>(kOutPromptTopIds, counts.tokens * kTopLogprobsMax),
          view<float>(kOutPromptTopLogprobs, counts.tokens * kTopLogprobsMax),
          view<StepProfile>(kOutProfile, 1).data()};
}

}  // namespace etap
