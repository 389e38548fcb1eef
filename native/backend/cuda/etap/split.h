// How one request's context is cut over the GPU: pure functions of its own length, the same on host
// and device. Partial results are merged in ascending order of their split, so a request's bits
// depend on nothing but itself.
#pragma once

#include "backend/cuda/etap/layout.h"

namespace etap::cuda {

ETAP_HOST_DEVICE constexpr int ceil_div(int a, int b) {
  return (a + b - 1) / b;
}

// Short contexts are cut in eight so that few requests fill many SMs; long ones into pieces of
// 2,048 tokens, where the partial results cost less than 3 % of the KV traffic. Even numbers give
// both consumer groups the same number of tiles.
inline constexpr int kSplitBlocksMin = 2;
inline constexpr int kSplitBlocksMax = 32;
inline constexpr int kSplitTarget = 8;

ETAP_HOST_DEVICE constexpr int fixed_split_blocks(int block_count) {
  int split_blocks = kSplitBlocksMin;
  while (split_blocks < kSplitBlocksMax && split_blocks * kSplitTarget < block_count) {
    split_blocks *= 2;
  }
  return split_blocks;
}

ETAP_HOST_DEVICE constexpr int context_blocks(int context_length) {
  return ceil_div(context_length, kBlockTokens);
}

ETAP_HOST_DEVICE constexpr int fixed_split_count(int block_count) {
  return ceil_div(block_count, fixed_split_blocks(block_count));
}

// Under the balanced policy worker w of n takes the blocks [share_begin(w), share_begin(w + 1)) of
// all contexts laid end to end.
ETAP_HOST_DEVICE constexpr int share_begin(int worker, int worker_count, int total_blocks) {
  return static_cast<int>(static_cast<long long>(total_blocks) * worker / worker_count);
}

// The worker whose share holds block `block`: the last one whose share begins at or before it.
ETAP_HOST_DEVICE constexpr int share_of(int block, int worker_count, int total_blocks) {
  int worker = static_cast<int>((static_cast<long long>(block) * worker_count) / total_blocks);
  while (worker + 1 < worker_count && share_begin(worker + 1, worker_count, total_blocks) <= block)
    ++worker;
  while (share_begin(worker, worker_count, total_blocks) > block) --worker;
  return worker;
}

}  // namespace etap::cuda
