#include "backend/cuda/step_arrays.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace etap::cuda {
namespace {

std::int64_t block_count(std::int64_t context) {
  return (context + kBlockTokens - 1) / kBlockTokens;
}

std::int64_t context_of(const AttentionSegment& segment) {
  return static_cast<std::int64_t>(segment.position) + segment.count;
}

}  // namespace

StepArrays::StepArrays() {
  CUDA_CHECK(cudaEventCreateWithFlags(&copied_, cudaEventDisableTiming));
}

StepArrays::~StepArrays() {
  cudaEventDestroy(copied_);
}

void StepArrays::begin(const StepLayout& layout, cudaStream_t stream) {
  CUDA_CHECK(cudaEventSynchronize(copied_));
  layout_ = layout;
  tokens_.assign(layout.tokens);
  positions_.assign(layout.positions);
  slots_.assign(layout.slots);
  logit_rows_.assign(layout.logit_rows);
  add_absorbed(layout);
  add_expanded(layout);
  tokens_.copy(stream);
  positions_.copy(stream);
  slots_.copy(stream);
  logit_rows_.copy(stream);
  absorbed_index_.copy(stream);
  context_lengths_.copy(stream);
  absorbed_blocks_.copy(stream);
  expanded_blocks_.copy(stream);
  CUDA_CHECK(cudaEventRecord(copied_, stream));
}

std::int64_t StepArrays::generation() const {
  return tokens_.generation() + positions_.generation() + slots_.generation() +
         logit_rows_.generation() + absorbed_index_.generation() + context_lengths_.generation() +
         absorbed_blocks_.generation() + expanded_blocks_.generation();
}

void StepArrays::add_absorbed(const StepLayout& layout) {
  const auto rows = static_cast<std::size_t>(layout.absorbed_rows);
  std::int64_t blocks = 0;
  for (const AttentionSegment& segment : layout.absorbed) {
    blocks = std::max(blocks, block_count(context_of(segment)));
  }
  // Rounded up, so that steps of one shape stay of one shape while contexts grow.
  blocks = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(blocks)));
  absorbed_stride_ = blocks;
  std::int32_t* index = absorbed_index_.prepare(rows);
  std::int32_t* lengths = context_lengths_.prepare(rows);
  std::int32_t* tables = absorbed_blocks_.prepare(rows * static_cast<std::size_t>(blocks));
  for (const AttentionSegment& segment : layout.absorbed) {
    for (std::int32_t i = 0; i < segment.count; ++i) {
      const std::int64_t packed = segment.packed_row + i;
      ETAP_CHECK(packed < layout.absorbed_rows, "an absorbed row past the packed ones");
      index[packed] = segment.row + i;
      lengths[packed] = segment.position + i + 1;
      const std::int64_t used = block_count(lengths[packed]);
      std::int32_t* table = tables + packed * blocks;
      std::copy(segment.block_table, segment.block_table + used, table);
      std::fill(table + used, table + blocks, 0);
    }
  }
}

void StepArrays::add_expanded(const StepLayout& layout) {
  expanded_begin_.clear();
  std::size_t total = 0;
  for (const AttentionSegment& segment : layout.expanded) {
    expanded_begin_.push_back(total);
    total += static_cast<std::size_t>(block_count(context_of(segment)));
  }
  std::int32_t* tables = expanded_blocks_.prepare(total);
  for (std::size_t i = 0; i < expanded_begin_.size(); ++i) {
    const AttentionSegment& segment = layout.expanded[i];
    std::copy(segment.block_table, segment.block_table + block_count(context_of(segment)),
              tables + expanded_begin_[i]);
  }
}

}  // namespace etap::cuda
