// Turns a batch of sequences into the flat rows of a step, and decides which path each row takes
// through attention.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/backend.h"
#include "model/transformer.h"

namespace etap {

// Outside strict mode a prompt segment with fewer rows than this takes the absorbed path: below it,
// projecting the keys and values up costs more than it saves (171 for the widths of DeepSeek-R1).
inline constexpr std::int32_t kExpandedRowsMin = 171;

class StepRows {
 public:
  explicit StepRows(bool strict) : strict_(strict) {}

  // The layout points into this object and into `batch`; both must outlive its use.
  const StepLayout& build(const ForwardBatch& batch);

 private:
  void add_sequence(const SequenceRows& sequence, std::int32_t first_row);
  void add_segment(std::vector<AttentionSegment>& segments, std::int32_t& packed_rows,
                   const SequenceRows& sequence, std::int32_t first_row, std::int32_t begin,
                   std::int32_t end);

  bool strict_;
  std::vector<std::int32_t> positions_;
  std::vector<std::int64_t> slots_;
  std::vector<AttentionSegment> expanded_;
  std::vector<AttentionSegment> absorbed_;
  std::int32_t expanded_rows_ = 0;
  std::int32_t absorbed_rows_ = 0;
  StepLayout layout_{};
};

}  // namespace etap
