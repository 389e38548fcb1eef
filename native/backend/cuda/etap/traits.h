// Types and shared-memory plan of one instance of the decode kernel.
#pragma once

#include <cstdint>

#include "backend/cuda/etap/layout.h"

namespace etap::cuda {

// T: __nv_bfloat16 or __half. kRowCount: query rows of one CTA, 8, 16, 24 or 32 (wgmma's N).
// kClusterSize: CTAs that share one KV stream, each with its own kRowCount rows; 1, 2 or 4.
template <typename T, int kRowCount, int kClusterSize>
struct DecodeTraits {
  static_assert(kRowCount % kRowsStep == 0 && kRowCount <= kRowsPerCtaMax);
  static_assert(kClusterSize <= kClusterMax);

  using Element = T;
  static constexpr int kRows = kRowCount;
  static constexpr int kCluster = kClusterSize;

  // Registers of one thread: accumulators of S^T and of one 64-value block of O^T, and the query
  // rows (columns of both) whose softmax state it keeps.
  static constexpr int kFragment = kMmaM * kRows / kWarpgroupThreads;
  static constexpr int kThreadColumns = kRows / 4;

  // Shared memory: KV ring | Q | P^T of each consumer group | exchange buffers | barriers.
  static constexpr int kQueryChunkBytes = kRows * kChunkRowBytes;
  static constexpr int kQueryBytes = kQueryChunkBytes * kChunksPerTile;
  static constexpr int kWeightBytes = kRows * kChunkRowBytes;
  static constexpr int kExchangeFloats = kConsumerGroups * kWarpgroupWarps * kRows;
  static constexpr int kStatisticFloats = kConsumerGroups * 2 * kRows;
  static constexpr int kBarrierBytes = 8;
  static constexpr int kControlBytes = 2048;

  static constexpr int kRingChunks =
      (kSharedBytesMax - kQueryBytes - kConsumerGroups * kWeightBytes - kControlBytes) /
      kChunkBytes;
  static constexpr int kRingOffset = 0;
  static constexpr int kQueryOffset = kRingOffset + kRingChunks * kChunkBytes;
  static constexpr int kWeightOffset = kQueryOffset + kQueryBytes;
  static constexpr int kExchangeOffset = kWeightOffset + kConsumerGroups * kWeightBytes;
  static constexpr int kStatisticOffset = kExchangeOffset + kExchangeFloats * 4;
  static constexpr int kBarrierOffset = kStatisticOffset + kStatisticFloats * 4;
  static constexpr int kBarrierCount = 2 * kRingChunks + 2;
  static constexpr int kSharedBytes = kExchangeOffset + kControlBytes;

  static_assert(kBarrierOffset + kBarrierCount * kBarrierBytes <= kSharedBytes);
  static_assert(kBarrierOffset % kBarrierBytes == 0);
  static_assert(kSharedBytes <= kSharedBytesMax);
  static_assert(kQueryOffset % kSwizzleAtomBytes == 0 && kWeightOffset % kSwizzleAtomBytes == 0);
  // One whole tile per consumer group must fit, with room for the copy engine to run ahead.
  static_assert(kRingChunks > kConsumerGroups * kChunksPerTile);

  // At the end of an item the space of Q serves the two groups to exchange halves of O^T, two
  // blocks in each direction at a time, and then to turn O^T into rows of the output.
  static constexpr int kMergeBlocks = 2;
  static constexpr int kMergeBytes = kMergeBlocks * kFragment * kWarpgroupThreads * 4;
  static constexpr int kOutputRowBytes = kLatentDim * kElementBytes + 16;  // +16: no bank conflicts
  static_assert(kConsumerGroups * kMergeBytes <= kQueryBytes);
  static_assert(kRows * kOutputRowBytes <= kQueryBytes);
};

}  // namespace etap::cuda
