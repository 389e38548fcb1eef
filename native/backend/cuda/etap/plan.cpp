#include "backend/cuda/etap/plan.h"

#include <algorithm>

namespace etap::cuda {
namespace {

// Appends one item per pass over the query rows.
void append_split(Plan& plan, int passes, const WorkItem& first) {
  for (int pass = 0; pass < passes; ++pass) {
    plan.items.push_back(first);
    plan.items.back().pass = pass;
  }
}

void plan_fixed(Plan& plan, std::span<const std::int32_t> context_lengths, int passes) {
  for (std::size_t request = 0; request < context_lengths.size(); ++request) {
    const int length = context_lengths[request];
    const int blocks = context_blocks(length);
    const int split_blocks = fixed_split_blocks(blocks);
    const int split_count = fixed_split_count(blocks);
    const int slot_begin = plan.slot_begin.back();
    for (int split = 0; split < split_count; ++split) {
      const int begin = split * split_blocks;
      append_split(plan, passes,
                   {.request = static_cast<std::int32_t>(request),
                    .pass = 0,
                    .block_begin = begin,
                    .block_count = std::min(split_blocks, blocks - begin),
                    .slot = split_count > 1 ? slot_begin + split : kNoSlot,
                    .context_length = length,
                    .reserved = {}});
    }
    plan.slot_begin.push_back(slot_begin + (split_count > 1 ? split_count : 0));
  }
  // Longest first: the workers that take one item more than others take a short one.
  std::stable_sort(plan.items.begin(), plan.items.end(), [](const WorkItem& a, const WorkItem& b) {
    return a.block_count > b.block_count;
  });
}

void plan_balanced(Plan& plan, std::span<const std::int32_t> context_lengths, int passes,
                   int worker_count) {
  const int total = plan.header.total_blocks;
  plan.worker_begin.assign(static_cast<std::size_t>(worker_count) + 1, 0);
  int position = 0;  // of the request's first block, all contexts laid end to end
  int worker = 0;
  for (std::size_t request = 0; request < context_lengths.size(); ++request) {
    const int blocks = context_blocks(context_lengths[request]);
    const int slot_begin = plan.slot_begin.back();
    const int end = position + blocks;
    const bool whole = blocks == 0 || share_of(position, worker_count, total) ==
                                          share_of(end - 1, worker_count, total);
    int split = 0;
    for (int begin = position; begin < end; ++split) {
      while (share_begin(worker + 1, worker_count, total) <= begin) {
        plan.worker_begin[static_cast<std::size_t>(++worker)] = static_cast<int>(plan.items.size());
      }
      const int stop = std::min(end, share_begin(worker + 1, worker_count, total));
      append_split(plan, passes,
                   {.request = static_cast<std::int32_t>(request),
                    .pass = 0,
                    .block_begin = begin - position,
                    .block_count = stop - begin,
                    .slot = whole ? kNoSlot : slot_begin + split,
                    .context_length = context_lengths[request],
                    .reserved = {}});
      begin = stop;
    }
    plan.slot_begin.push_back(slot_begin + (whole ? 0 : split));
    position = end;
  }
  while (worker < worker_count) {
    plan.worker_begin[static_cast<std::size_t>(++worker)] = static_cast<int>(plan.items.size());
  }
}

}  // namespace

PlanCapacity plan_capacity(const DecodeShape& shape, const DecodeLimits& limits, int worker_count) {
  // A request of b blocks is cut into at most max(8, b / 32 + 1) pieces, or by every border between
  // workers.
  const auto blocks = static_cast<int>(limits.context_tokens / kBlockTokens) + limits.batch;
  const int fixed = limits.batch * (kSplitTarget + 1) + blocks / kSplitBlocksMax;
  const int balanced = limits.batch + worker_count;
  const int slots = std::max(fixed, balanced);
  return {slots * row_layout(shape.rows()).passes, slots};
}

Plan make_plan(std::span<const std::int32_t> context_lengths, int passes, SplitPolicy policy,
               int worker_count) {
  Plan plan;
  plan.slot_begin.push_back(0);
  for (const std::int32_t length : context_lengths) {
    plan.header.total_blocks += context_blocks(length);
  }
  if (policy == SplitPolicy::kFixed) {
    plan_fixed(plan, context_lengths, passes);
  } else {
    plan_balanced(plan, context_lengths, passes, worker_count);
  }
  plan.header.item_count = static_cast<int>(plan.items.size());
  plan.header.slot_count = plan.slot_begin.back();
  return plan;
}

}  // namespace etap::cuda
