// The work of one step: who attends to which blocks of which request. Made once per step by
// the metadata kernel (metadata.cu) and shared by all layers; make_plan is the same on the host, in
// plain C++, for tests and as the description of what the kernel must produce.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/cuda/etap/params.h"
#include "backend/cuda/etap/split.h"

namespace etap::cuda {

// One split of one request for one pass over its query rows. 32 bytes, read as two 16-byte words.
struct alignas(16) WorkItem {
  std::int32_t request;
  std::int32_t pass;         // which rows_per_pass() query rows
  std::int32_t block_begin;  // first KV block, an index into the request's block table
  std::int32_t block_count;
  std::int32_t slot;  // where the partial result goes; -1: the only split, write the output
  std::int32_t context_length;
  std::int32_t reserved[2];

  bool operator==(const WorkItem&) const = default;
};
static_assert(sizeof(WorkItem) == 32);

inline constexpr std::int32_t kNoSlot = -1;

// A worker is a cluster of CTAs. Under the fixed policy worker w of n takes items w, w + n, ...;
// under the balanced one, items [worker_begin[w], worker_begin[w + 1]).
struct PlanHeader {
  std::int32_t item_count;
  std::int32_t slot_count;
  std::int32_t total_blocks;
  std::int32_t reserved;
};

// How the query rows of a request are laid over CTAs: `passes` items of `rows` rows each. The
// passes of one split are neighbours in the list of items, so they run at the same time and the
// second finds the KV blocks in the L2 cache. (CTAs in a cluster that share one KV stream by
// multicast took 2.2 to 2.5 times as long at 48 to 128 rows on an H200.)
struct RowLayout {
  int rows;     // per CTA: 8, 16, 24 or 32
  int cluster;  // 1
  int passes;

  constexpr int rows_per_pass() const { return rows * cluster; }
  constexpr int padded_rows() const { return rows * cluster * passes; }
};
constexpr RowLayout row_layout(int rows) {
  const int passes = ceil_div(rows, kRowsPerCtaMax);
  return {ceil_div(ceil_div(rows, passes), kRowsStep) * kRowsStep, 1, passes};
}

// Most items and slots a step within the limits can need.
struct PlanCapacity {
  int items;
  int slots;
};
PlanCapacity plan_capacity(const DecodeShape& shape, const DecodeLimits& limits, int worker_count);

struct Plan {
  PlanHeader header{};
  std::vector<WorkItem> items;
  std::vector<std::int32_t> slot_begin;    // [batch + 1] request r's partials: [r], [r + 1]
  std::vector<std::int32_t> worker_begin;  // [worker_count + 1], balanced policy only
};

Plan make_plan(std::span<const std::int32_t> context_lengths, int passes, SplitPolicy policy,
               int worker_count);

}  // namespace etap::cuda
