#include "model/step_rows.h"

#include <algorithm>

#include "base/check.h"

namespace etap {

const StepLayout& StepRows::build(const ForwardBatch& batch) {
  positions_.clear();
  slots_.clear();
  expanded_.clear();
  absorbed_.clear();
  expanded_rows_ = 0;
  absorbed_rows_ = 0;
  std::int32_t row = 0;
  for (const SequenceRows& sequence : batch.sequences) {
    add_sequence(sequence, row);
    row += sequence.query_length;
  }
  ETAP_CHECK(static_cast<std::size_t>(row) == batch.tokens.size(),
             "query lengths must add up to the tokens of the batch");
  layout_ = {batch.tokens, positions_,     slots_,          expanded_,
             absorbed_,    absorbed_rows_, batch.logit_rows};
  return layout_;
}

void StepRows::add_sequence(const SequenceRows& sequence, std::int32_t first_row) {
  ETAP_CHECK(sequence.query_length >= 1 && sequence.context_before >= 0, "empty sequence");
  const std::int32_t begin = sequence.context_before;
  const std::int32_t end = begin + sequence.query_length;
  for (std::int32_t position = begin; position < end; ++position) {
    const auto block = static_cast<std::int64_t>(sequence.block_table[position / kBlockTokens]);
    positions_.push_back(position);
    slots_.push_back(block * kBlockTokens + position % kBlockTokens);
  }
  // In strict mode the path of a row depends on its role alone: prompt tokens are expanded,
  // generated ones absorbed, also when both are recomputed in one chunk.
  std::int32_t border = std::clamp(sequence.prompt_length, begin, end);
  if (!strict_ && border - begin < kExpandedRowsMin) border = begin;
  add_segment(expanded_, expanded_rows_, sequence, first_row, begin, border);
  add_segment(absorbed_, absorbed_rows_, sequence, first_row, border, end);
}

void StepRows::add_segment(std::vector<AttentionSegment>& segments, std::int32_t& packed_rows,
                           const SequenceRows& sequence, std::int32_t first_row, std::int32_t begin,
                           std::int32_t end) {
  if (begin == end) return;
  segments.push_back({first_row + begin - sequence.context_before, packed_rows, end - begin, begin,
                      sequence.block_table});
  packed_rows += end - begin;
}

}  // namespace etap
