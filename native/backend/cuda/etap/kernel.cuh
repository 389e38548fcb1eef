// MLA decode attention, transposed (ETAP, arXiv 2506.01969): S^T = K Q^T and O^T = V^T P^T, so that
// the KV length lies on the 64-wide M side of wgmma and the few query rows on its N side.
//
// A CTA is one producer warpgroup and two consumer warpgroups around a ring of KV chunks. Each
// consumer group takes every other tile of an item and keeps a whole O^T of its own; the two are
// merged once per item. The phases of a tile, in order: compute_scores, mask_scores,
// update_softmax, clear_tail, accumulate_output. docs/etap.md derives the design.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "backend/cuda/etap/kernel_params.h"
#include "backend/cuda/etap/traits.h"
#include "backend/cuda/sm90.cuh"

namespace etap::cuda {

namespace kernel {

inline constexpr float kNegativeInfinity = -__builtin_huge_valf();
inline constexpr float kLn2 = 0.6931471805599453f;

// Named barriers; 0 is __syncthreads.
inline constexpr int kGroupBarrier = 1;  // + consumer group: the 128 threads of one
inline constexpr int kMergeBarrier = 3;  // both consumer groups

__device__ __forceinline__ int lane_index() {
  return static_cast<int>(threadIdx.x) % kWarpThreads;
}
__device__ __forceinline__ int warp_in_group() {
  return static_cast<int>(threadIdx.x) % kWarpgroupThreads / kWarpThreads;
}

// ---- Shared memory -----------------------------------------------------------------------------

// Addresses within the CTA's shared memory.
template <typename Traits>
struct SharedMemory {
  std::uint32_t base;

  __device__ std::uint32_t chunk(int slot) const {
    return base + Traits::kRingOffset + static_cast<std::uint32_t>(slot) * kChunkBytes;
  }
  __device__ std::uint32_t query() const { return base + Traits::kQueryOffset; }
  __device__ std::uint32_t weights(int group) const {
    return base + Traits::kWeightOffset + static_cast<std::uint32_t>(group) * Traits::kWeightBytes;
  }
  __device__ std::uint32_t barrier(int index) const {
    return base + Traits::kBarrierOffset +
           static_cast<std::uint32_t>(index) * Traits::kBarrierBytes;
  }
  __device__ std::uint32_t chunk_full(int slot) const { return barrier(slot); }
  __device__ std::uint32_t chunk_empty(int slot) const {
    return barrier(Traits::kRingChunks + slot);
  }
  __device__ std::uint32_t query_full() const { return barrier(2 * Traits::kRingChunks); }
  __device__ std::uint32_t query_empty() const { return barrier(2 * Traits::kRingChunks + 1); }
};

extern __shared__ __align__(kSwizzleAtomBytes) std::uint8_t shared_bytes[];

// [warp][row] of one group: what its warps tell each other.
template <typename Traits>
__device__ __forceinline__ float* exchange_buffer(int group) {
  return reinterpret_cast<float*>(shared_bytes + Traits::kExchangeOffset) +
         group * kWarpgroupWarps * Traits::kRows;
}

// [row] of one group: maximum (0) or sum (1) of its softmax.
template <typename Traits>
__device__ __forceinline__ float* statistic_buffer(int group, int which) {
  return reinterpret_cast<float*>(shared_bytes + Traits::kStatisticOffset) +
         (group * 2 + which) * Traits::kRows;
}

// A place in the ring: slot, and the parity of the phase in which it is filled.
template <typename Traits>
struct RingCursor {
  int slot = 0;
  std::uint32_t parity = 0;

  __device__ RingCursor() {}
  // The first chunk of the CTA's `tile`-th tile.
  __device__ explicit RingCursor(std::uint32_t tile)
      : slot(static_cast<int>(tile * kChunksPerTile % Traits::kRingChunks)),
        parity(tile * kChunksPerTile / Traits::kRingChunks & 1u) {}

  __device__ void advance(int chunks = 1) {
    slot += chunks;
    if (slot >= Traits::kRingChunks) {
      slot -= Traits::kRingChunks;
      parity ^= 1u;
    }
  }
};

template <typename Traits>
__device__ __forceinline__ void init_barriers(const SharedMemory<Traits>& smem) {
  for (int slot = 0; slot < Traits::kRingChunks; ++slot) {
    sm90::mbarrier_init(smem.chunk_full(slot), 1);
    // Each warp of the group that used the chunk, in every CTA that the next copy will write to.
    sm90::mbarrier_init(smem.chunk_empty(slot), kWarpgroupWarps * Traits::kCluster);
  }
  sm90::mbarrier_init(smem.query_full(), 1);
  sm90::mbarrier_init(smem.query_empty(), kConsumerGroups * kWarpgroupWarps);
  sm90::fence_mbarrier_init();
}

// ---- Work --------------------------------------------------------------------------------------

struct WorkRange {
  int begin;
  int end;
  int stride;
};

template <typename Traits>
__device__ __forceinline__ WorkRange work_range(const DecodeKernelParams& params) {
  const int worker = static_cast<int>(blockIdx.x) / Traits::kCluster;
  if (params.worker_begin != nullptr) {
    return {params.worker_begin[worker], params.worker_begin[worker + 1], 1};
  }
  return {worker, params.header->item_count, static_cast<int>(gridDim.x) / Traits::kCluster};
}

__device__ __forceinline__ WorkItem load_item(const DecodeKernelParams& params, int index) {
  const int4* words = reinterpret_cast<const int4*>(params.items + index);
  const int4 a = words[0];
  const int4 b = words[1];
  return {a.x, a.y, a.z, a.w, b.x, b.y, {0, 0}};
}

// First query row of this CTA in an item.
template <typename Traits>
__device__ __forceinline__ int row_begin(const WorkItem& item) {
  const int rank = Traits::kCluster == 1 ? 0 : sm90::cluster_rank();
  return (item.pass * Traits::kCluster + rank) * Traits::kRows;
}

// ---- Producer ----------------------------------------------------------------------------------

// Copies producer `number`'s chunks of one tile: every kKvProducers-th. In a cluster the CTAs take
// turns too: each copies every kCluster-th chunk into the shared memory of all.
template <typename Traits>
__device__ __forceinline__ void load_tile(const DecodeKernelParams& params,
                                          const SharedMemory<Traits>& smem, int number, int turn,
                                          RingCursor<Traits>& cursor, int block) {
  constexpr auto kEveryCta = static_cast<std::uint16_t>((1 << Traits::kCluster) - 1);
#pragma unroll
  for (int i = 0; i < kChunksPerTile / kKvProducers; ++i) {
    const int chunk = number + i * kKvProducers;
    const std::uint32_t full = smem.chunk_full(cursor.slot);
    const std::uint32_t destination = smem.chunk(cursor.slot);
    sm90::mbarrier_wait(smem.chunk_empty(cursor.slot), cursor.parity ^ 1u);
    sm90::mbarrier_arrive_expect_tx(full, kChunkBytes);
    if constexpr (Traits::kCluster == 1) {
      sm90::tma_load_3d(destination, &params.kv_map, full, chunk_column(chunk), 0, block,
                        sm90::kEvictFirst);
    } else if ((turn + chunk) % Traits::kCluster == sm90::cluster_rank()) {
      sm90::tma_load_3d_multicast(destination, &params.kv_map, full, chunk_column(chunk), 0, block,
                                  kEveryCta, sm90::kEvictFirst);
    }
    cursor.advance(kKvProducers);
  }
}

// One thread of each of the first warps: keeps the ring full, running ahead over the ends of items.
template <typename Traits>
__device__ __forceinline__ void produce_kv(const DecodeKernelParams& params,
                                           const SharedMemory<Traits>& smem, int number,
                                           const WorkRange& work) {
  RingCursor<Traits> cursor;
  cursor.advance(number);
  int turn = 0;
#pragma unroll 1
  for (int index = work.begin; index < work.end; index += work.stride) {
    const WorkItem item = load_item(params, index);
    const std::int32_t* blocks =
        params.block_table + static_cast<std::int64_t>(item.request) * params.block_table_stride +
        item.block_begin;
    int block = blocks[0];
#pragma unroll 1
    for (int tile = 0; tile < item.block_count; ++tile, ++turn) {
      // Read one tile ahead, so that the copies never wait for the table.
      const int next = tile + 1 < item.block_count ? blocks[tile + 1] : 0;
      load_tile(params, smem, number, turn, cursor, block);
      block = next;
    }
  }
}

// One thread of another warp, so that a Q still in use never holds up the ring.
template <typename Traits>
__device__ __forceinline__ void produce_query(const DecodeKernelParams& params,
                                              const SharedMemory<Traits>& smem,
                                              const WorkRange& work) {
  std::uint32_t parity = 1;
#pragma unroll 1
  for (int index = work.begin; index < work.end; index += work.stride) {
    const WorkItem item = load_item(params, index);
    sm90::mbarrier_wait(smem.query_empty(), parity);
    parity ^= 1u;
    sm90::mbarrier_arrive_expect_tx(smem.query_full(), Traits::kQueryBytes);
#pragma unroll 1
    for (int chunk = 0; chunk < kChunksPerTile; ++chunk) {
      sm90::tma_load_3d(smem.query() + chunk * Traits::kQueryChunkBytes, &params.query_map,
                        smem.query_full(), chunk_column(chunk), row_begin<Traits>(item),
                        item.request, sm90::kEvictLast);
    }
  }
}

// ---- Consumer: one tile ------------------------------------------------------------------------

// Softmax state of the query rows whose columns of S^T and O^T the thread holds. `maximum` is the
// same in all threads of the group; `sum` covers the thread's own keys only.
template <typename Traits>
struct Softmax {
  float maximum[Traits::kThreadColumns];
  float sum[Traits::kThreadColumns];
};

// One warp has finished with a chunk.
template <typename Traits>
__device__ __forceinline__ void release_chunk(const SharedMemory<Traits>& smem, int slot) {
  if constexpr (Traits::kCluster == 1) {
    if (lane_index() == 0) sm90::mbarrier_arrive(smem.chunk_empty(slot));
  } else {
    if (lane_index() < Traits::kCluster) {
      sm90::mbarrier_arrive_at(smem.chunk_empty(slot), lane_index());
    }
  }
}

// S^T [64 keys, rows] = K Q^T, chunk by chunk as they arrive. Frees the rotary chunk.
template <typename Traits>
__device__ __forceinline__ void compute_scores(const SharedMemory<Traits>& smem,
                                               RingCursor<Traits> cursor,
                                               float (&scores)[Traits::kFragment]) {
  using Mma = sm90::Wgmma<typename Traits::Element, Traits::kRows, 0>;
  const std::uint64_t query = operand_descriptor(smem.query());
  const int rope_slot = cursor.slot;
  sm90::wgmma_fence_accumulators(scores);
#pragma unroll
  for (int chunk = 0; chunk < kChunksPerTile; ++chunk) {
    sm90::mbarrier_wait(smem.chunk_full(cursor.slot), cursor.parity);
    const std::uint64_t keys = operand_descriptor(smem.chunk(cursor.slot));
    sm90::wgmma_fence();
#pragma unroll
    for (int step = 0; step < kMmaStepsPerChunk; ++step) {
      const std::uint32_t offset = step * kKMajorStepBytes;
      Mma::issue(scores, advance_descriptor(keys, offset),
                 advance_descriptor(query, chunk * Traits::kQueryChunkBytes + offset),
                 chunk + step > 0);
    }
    sm90::wgmma_commit();
    cursor.advance();
  }
  sm90::wgmma_wait<0>();
  sm90::wgmma_fence_accumulators(scores);
  release_chunk(smem, rope_slot);
}

// Hides keys past the end of the context and, for query_length > 1, those that come after a row's
// own token. Only the last tiles of a context need it.
template <typename Traits>
__device__ __forceinline__ void mask_scores(const DecodeKernelParams& params, const WorkItem& item,
                                            int key_begin, float (&scores)[Traits::kFragment]) {
#pragma unroll
  for (int i = 0; i < Traits::kFragment; ++i) {
    const int row = row_begin<Traits>(item) + fragment_column(lane_index(), i);
    const int key = key_begin + fragment_row(warp_in_group(), lane_index(), i);
    if (key >= visible_keys(item.context_length, params.query_length, row / params.heads)) {
      scores[i] = kNegativeInfinity;
    }
  }
}

// The maximum of each column over the group's 64 keys.
template <typename Traits>
__device__ __forceinline__ void column_maximum(int group, const float (&scores)[Traits::kFragment],
                                               float (&maximum)[Traits::kThreadColumns]) {
  float* exchange = exchange_buffer<Traits>(group);
  const int lane = lane_index();
#pragma unroll
  for (int c = 0; c < Traits::kThreadColumns; ++c) {
    const int i = (c >> 1) * 4 + (c & 1);
    float value = fmaxf(scores[i], scores[i + 2]);
#pragma unroll
    for (int mask = 4; mask < kWarpThreads; mask *= 2) {
      value = fmaxf(value, __shfl_xor_sync(0xFFFFFFFFu, value, mask));
    }
    if (lane < 4) exchange[warp_in_group() * Traits::kRows + thread_column(lane, c)] = value;
  }
  sm90::named_barrier_sync(kGroupBarrier + group, kWarpgroupThreads);
#pragma unroll
  for (int c = 0; c < Traits::kThreadColumns; ++c) {
    float value = exchange[thread_column(lane, c)];
#pragma unroll
    for (int warp = 1; warp < kWarpgroupWarps; ++warp) {
      value = fmaxf(value, exchange[warp * Traits::kRows + thread_column(lane, c)]);
    }
    maximum[c] = value;
  }
}

// Writes the group's P^T, one 128-byte row of 64 keys per query row.
template <typename Traits>
__device__ __forceinline__ void store_weights(std::uint32_t weights,
                                              const float (&scores)[Traits::kFragment]) {
  using T = typename Traits::Element;
  const std::uint32_t address = weights + weight_store_byte(warp_in_group(), lane_index());
#pragma unroll
  for (int j = 0; j + 1 < Traits::kRows / 8; j += 2) {
    sm90::stmatrix_transposed_x4(address + j * kSwizzleAtomBytes,
                                 sm90::pack<T>(scores[4 * j], scores[4 * j + 1]),
                                 sm90::pack<T>(scores[4 * j + 2], scores[4 * j + 3]),
                                 sm90::pack<T>(scores[4 * j + 4], scores[4 * j + 5]),
                                 sm90::pack<T>(scores[4 * j + 6], scores[4 * j + 7]));
  }
  if constexpr (Traits::kRows / 8 % 2 == 1) {
    constexpr int j = Traits::kRows / 8 - 1;
    // Only lanes 0..15 give an address here.
    sm90::stmatrix_transposed_x2(address + j * kSwizzleAtomBytes,
                                 sm90::pack<T>(scores[4 * j], scores[4 * j + 1]),
                                 sm90::pack<T>(scores[4 * j + 2], scores[4 * j + 3]));
  }
}

// Turns S^T into P^T relative to the new running maximum, and rescales what was summed so far.
template <typename Traits>
__device__ __forceinline__ void update_softmax(const DecodeKernelParams& params,
                                               const SharedMemory<Traits>& smem, int group,
                                               Softmax<Traits>& softmax,
                                               float (&scores)[Traits::kFragment],
                                               float (&out)[kLatentChunks][Traits::kFragment]) {
  float tile_maximum[Traits::kThreadColumns];
  column_maximum<Traits>(group, scores, tile_maximum);
  float rescale[Traits::kThreadColumns];
  bool rescale_needed = false;
#pragma unroll
  for (int c = 0; c < Traits::kThreadColumns; ++c) {
    const float maximum = fmaxf(softmax.maximum[c], tile_maximum[c] * params.scale_log2);
    // A row that has seen no key yet: any finite reference makes all its weights 0.
    const float reference = maximum == kNegativeInfinity ? 0.0f : maximum;
    rescale[c] = sm90::exp2_approximate(softmax.maximum[c] - reference);
    rescale_needed |= softmax.maximum[c] != maximum;
    softmax.maximum[c] = maximum;
    const int i = (c >> 1) * 4 + (c & 1);
    scores[i] = sm90::exp2_approximate(fmaf(scores[i], params.scale_log2, -reference));
    scores[i + 2] = sm90::exp2_approximate(fmaf(scores[i + 2], params.scale_log2, -reference));
    softmax.sum[c] = softmax.sum[c] * rescale[c] + (scores[i] + scores[i + 2]);
  }
  store_weights<Traits>(smem.weights(group), scores);
  if (__any_sync(0xFFFFFFFFu, rescale_needed)) {
#pragma unroll
    for (int block = 0; block < kLatentChunks; ++block) {
#pragma unroll
      for (int i = 0; i < Traits::kFragment; ++i) {
        out[block][i] *= rescale[(i >> 2) * 2 + (i & 1)];
      }
    }
  }
}

// Zeroes the latent rows past the end of the context: their weights are 0, but 0 x NaN is NaN.
template <typename Traits>
__device__ __forceinline__ void clear_tail(const SharedMemory<Traits>& smem,
                                           RingCursor<Traits> cursor, int valid_keys) {
  constexpr int kUnit = sizeof(uint4);
  const int thread = static_cast<int>(threadIdx.x) % kWarpgroupThreads;
  const int tail_begin = valid_keys * kChunkRowBytes;
#pragma unroll 1
  for (int chunk = 1; chunk < kChunksPerTile; ++chunk) {
    cursor.advance();
    std::uint8_t* bytes = shared_bytes + Traits::kRingOffset + cursor.slot * kChunkBytes;
    for (int at = tail_begin + thread * kUnit; at < kChunkBytes; at += kWarpgroupThreads * kUnit) {
      *reinterpret_cast<uint4*>(bytes + at) = make_uint4(0, 0, 0, 0);
    }
  }
}

// O^T [512, rows] += V^T P^T, one 64-value block per latent chunk. V^T is the chunk itself, read
// with the other dimension contiguous. Frees the latent chunks as their products retire.
template <typename Traits>
__device__ __forceinline__ void accumulate_output(const SharedMemory<Traits>& smem, int group,
                                                  RingCursor<Traits> cursor,
                                                  float (&out)[kLatentChunks][Traits::kFragment]) {
  using Mma = sm90::Wgmma<typename Traits::Element, Traits::kRows, 1>;
  const std::uint64_t weights = operand_descriptor(smem.weights(group));
  int slots[kLatentChunks];
#pragma unroll
  for (int block = 0; block < kLatentChunks; ++block) {
    sm90::wgmma_fence_accumulators(out[block]);
  }
  sm90::wgmma_fence();
#pragma unroll
  for (int block = 0; block < kLatentChunks; ++block) {
    cursor.advance();
    slots[block] = cursor.slot;
    const std::uint64_t values = operand_descriptor(smem.chunk(cursor.slot));
#pragma unroll
    for (int step = 0; step < kMmaStepsPerTile; ++step) {
      Mma::issue(out[block], advance_descriptor(values, step * kMnMajorStepBytes),
                 advance_descriptor(weights, step * kKMajorStepBytes), 1);
    }
    sm90::wgmma_commit();
  }
  sm90::wgmma_wait<6>();
  release_chunk(smem, slots[0]);
  release_chunk(smem, slots[1]);
  sm90::wgmma_wait<4>();
  release_chunk(smem, slots[2]);
  release_chunk(smem, slots[3]);
  sm90::wgmma_wait<2>();
  release_chunk(smem, slots[4]);
  release_chunk(smem, slots[5]);
  sm90::wgmma_wait<0>();
  release_chunk(smem, slots[6]);
  release_chunk(smem, slots[7]);
#pragma unroll
  for (int block = 0; block < kLatentChunks; ++block) {
    sm90::wgmma_fence_accumulators(out[block]);
  }
}

template <typename Traits>
__device__ __forceinline__ void consume_tile(const DecodeKernelParams& params,
                                             const SharedMemory<Traits>& smem, int group,
                                             const WorkItem& item, int tile,
                                             const RingCursor<Traits>& cursor,
                                             Softmax<Traits>& softmax,
                                             float (&out)[kLatentChunks][Traits::kFragment]) {
  float scores[Traits::kFragment];
  compute_scores(smem, cursor, scores);
  const int key_begin = (item.block_begin + tile) * kBlockTokens;
  const int valid_keys = item.context_length - key_begin;
  if (valid_keys - (params.query_length - 1) < kBlockTokens) {
    mask_scores<Traits>(params, item, key_begin, scores);
  }
  update_softmax(params, smem, group, softmax, scores, out);
  if (valid_keys < kBlockTokens) clear_tail(smem, cursor, valid_keys);
  sm90::fence_async_shared();
  sm90::named_barrier_sync(kGroupBarrier + group, kWarpgroupThreads);
  accumulate_output(smem, group, cursor, out);
}

// ---- Consumer: the end of an item --------------------------------------------------------------

// Adds the sums of the group's threads, in a fixed order, and shows the group's statistics to the
// other group.
template <typename Traits>
__device__ __forceinline__ void publish_statistics(int group, Softmax<Traits>& softmax) {
  float* exchange = exchange_buffer<Traits>(group);
  const int lane = lane_index();
#pragma unroll
  for (int c = 0; c < Traits::kThreadColumns; ++c) {
#pragma unroll
    for (int mask = 4; mask < kWarpThreads; mask *= 2) {
      softmax.sum[c] += __shfl_xor_sync(0xFFFFFFFFu, softmax.sum[c], mask);
    }
    if (lane < 4) {
      exchange[warp_in_group() * Traits::kRows + thread_column(lane, c)] = softmax.sum[c];
    }
  }
  sm90::named_barrier_sync(kGroupBarrier + group, kWarpgroupThreads);
#pragma unroll
  for (int c = 0; c < Traits::kThreadColumns; ++c) {
    const int row = thread_column(lane, c);
    float sum = exchange[row];
#pragma unroll
    for (int warp = 1; warp < kWarpgroupWarps; ++warp) sum += exchange[warp * Traits::kRows + row];
    softmax.sum[c] = sum;
    if (warp_in_group() == 0 && lane < 4) {
      statistic_buffer<Traits>(group, 0)[row] = softmax.maximum[c];
      statistic_buffer<Traits>(group, 1)[row] = sum;
    }
  }
}

// Merges the two groups' results, group 0's first. Each group ends with the sum of one half of O^T
// in out[0..3]: group 0 the lower 256 values, group 1 the upper.
template <typename Traits>
__device__ __forceinline__ void merge_groups(int group, Softmax<Traits>& softmax,
                                             float (&out)[kLatentChunks][Traits::kFragment]) {
  constexpr int kHalf = kLatentChunks / 2;
  const int lane = lane_index();
  const int other = 1 - group;
  float own_scale[Traits::kThreadColumns];
  float other_scale[Traits::kThreadColumns];
  publish_statistics(group, softmax);
  sm90::named_barrier_sync(kMergeBarrier, kConsumerThreads);  // both are done with Q as well
#pragma unroll
  for (int c = 0; c < Traits::kThreadColumns; ++c) {
    const int row = thread_column(lane, c);
    const float other_maximum = statistic_buffer<Traits>(other, 0)[row];
    const float other_sum = statistic_buffer<Traits>(other, 1)[row];
    const float maximum = fmaxf(softmax.maximum[c], other_maximum);
    const float reference = maximum == kNegativeInfinity ? 0.0f : maximum;
    own_scale[c] = sm90::exp2_approximate(softmax.maximum[c] - reference);
    other_scale[c] = sm90::exp2_approximate(other_maximum - reference);
    softmax.maximum[c] = maximum;
    // Addition commutes, so both groups get the same bits.
    softmax.sum[c] =
        __fadd_rn(__fmul_rn(softmax.sum[c], own_scale[c]), __fmul_rn(other_sum, other_scale[c]));
  }
  if (group == 1) {
#pragma unroll
    for (int block = 0; block < kHalf; ++block) {
#pragma unroll
      for (int i = 0; i < Traits::kFragment; ++i) {
        const float upper = out[block + kHalf][i];
        out[block + kHalf][i] = out[block][i];
        out[block][i] = upper;
      }
    }
  }
  float* space = reinterpret_cast<float*>(shared_bytes + Traits::kQueryOffset);
  constexpr int kSpaceFloats = Traits::kMergeBytes / 4;
  const int thread = static_cast<int>(threadIdx.x) % kWarpgroupThreads;
#pragma unroll
  for (int round = 0; round < kHalf; round += Traits::kMergeBlocks) {
#pragma unroll
    for (int k = 0; k < Traits::kMergeBlocks * Traits::kFragment; ++k) {
      const int block = round + k / Traits::kFragment;
      space[group * kSpaceFloats + k * kWarpgroupThreads + thread] =
          out[kHalf + block][k % Traits::kFragment];
    }
    sm90::named_barrier_sync(kMergeBarrier, kConsumerThreads);
#pragma unroll
    for (int k = 0; k < Traits::kMergeBlocks * Traits::kFragment; ++k) {
      const int i = k % Traits::kFragment;
      const int c = (i >> 2) * 2 + (i & 1);
      float& own = out[round + k / Traits::kFragment][i];
      const float received = space[other * kSpaceFloats + k * kWarpgroupThreads + thread];
      own = __fadd_rn(__fmul_rn(own, own_scale[c]), __fmul_rn(received, other_scale[c]));
    }
    sm90::named_barrier_sync(kMergeBarrier, kConsumerThreads);
  }
}

// One of several splits: unnormalised O in fp32 and its statistics, for the combine kernel.
template <typename Traits>
__device__ __forceinline__ void write_partial(
    const DecodeKernelParams& params, const WorkItem& item, int group,
    const Softmax<Traits>& softmax, const float (&out)[kLatentChunks][Traits::kFragment]) {
  const int rows = params.heads * params.query_length;
  const int lane = lane_index();
  const std::int64_t slot_row = static_cast<std::int64_t>(item.slot) * params.padded_rows;
#pragma unroll
  for (int c = 0; c < Traits::kThreadColumns; ++c) {
    const int row = row_begin<Traits>(item) + thread_column(lane, c);
    if (row >= rows) continue;
    if (group == 0 && warp_in_group() == 0 && lane < 4) {
      params.partial_statistics[slot_row + row] = make_float2(softmax.maximum[c], softmax.sum[c]);
    }
    float* line = params.partial_out + (slot_row + row) * kLatentDim + group * (kLatentDim / 2) +
                  fragment_row(warp_in_group(), lane, 0);
#pragma unroll
    for (int block = 0; block < kLatentChunks / 2; ++block) {
      const int i = (c >> 1) * 4 + (c & 1);
      line[block * kMmaM] = out[block][i];
      line[block * kMmaM + 8] = out[block][i + 2];
    }
  }
}

// Turns the group's half of O^T into rows of the output, in the space of Q.
template <typename Traits>
__device__ __forceinline__ void stage_output(const SharedMemory<Traits>& smem, int group,
                                             const Softmax<Traits>& softmax,
                                             const float (&out)[kLatentChunks][Traits::kFragment]) {
  using T = typename Traits::Element;
  const int lane = lane_index();
#pragma unroll
  for (int j = 0; j < Traits::kRows / 8; ++j) {
    const float scale0 = softmax.sum[2 * j] > 0 ? 1.0f / softmax.sum[2 * j] : 0.0f;
    const float scale1 = softmax.sum[2 * j + 1] > 0 ? 1.0f / softmax.sum[2 * j + 1] : 0.0f;
#pragma unroll
    for (int block = 0; block < kLatentChunks / 2; ++block) {
      const float* o = &out[block][4 * j];
      const int column =
          group * (kLatentDim / 2) + block * kMmaM + warp_in_group() * 16 + (lane >> 3 & 1) * 8;
      sm90::stmatrix_transposed_x2(
          smem.query() + (j * 8 + (lane & 7)) * Traits::kOutputRowBytes + column * kElementBytes,
          sm90::pack<T>(o[0] * scale0, o[1] * scale1), sm90::pack<T>(o[2] * scale0, o[3] * scale1));
    }
  }
}

// The only split of its request: the output itself.
template <typename Traits>
__device__ __forceinline__ void write_output(const DecodeKernelParams& params,
                                             const SharedMemory<Traits>& smem, const WorkItem& item,
                                             int group, const Softmax<Traits>& softmax,
                                             const float (&out)[kLatentChunks][Traits::kFragment]) {
  constexpr int kUnit = sizeof(uint4);
  constexpr int kGroupBytes = kLatentDim / 2 * kElementBytes;
  static_assert(kGroupBytes == kWarpThreads * kUnit);
  const int rows = params.heads * params.query_length;
  const int first_row = row_begin<Traits>(item);
  const std::int64_t request_row = static_cast<std::int64_t>(item.request) * rows;
  const int lane = lane_index();
  stage_output(smem, group, softmax, out);
  if (params.lse != nullptr && group == 0 && warp_in_group() == 0 && lane < 4) {
#pragma unroll
    for (int c = 0; c < Traits::kThreadColumns; ++c) {
      const int row = first_row + thread_column(lane, c);
      if (row < rows) {
        params.lse[request_row + row] = (softmax.maximum[c] + log2f(softmax.sum[c])) * kLn2;
      }
    }
  }
  sm90::named_barrier_sync(kGroupBarrier + group, kWarpgroupThreads);
  const int byte = group * kGroupBytes + lane * kUnit;
#pragma unroll 1
  for (int r = warp_in_group(); r < Traits::kRows && first_row + r < rows; r += kWarpgroupWarps) {
    const auto* staged = reinterpret_cast<const uint4*>(shared_bytes + Traits::kQueryOffset +
                                                        r * Traits::kOutputRowBytes + byte);
    auto* line = static_cast<std::uint8_t*>(params.out) +
                 (request_row + first_row + r) * kLatentDim * kElementBytes + byte;
    *reinterpret_cast<uint4*>(line) = *staged;
  }
}

template <typename Traits>
__device__ __forceinline__ void finish_item(const DecodeKernelParams& params,
                                            const SharedMemory<Traits>& smem, const WorkItem& item,
                                            int group, Softmax<Traits>& softmax,
                                            float (&out)[kLatentChunks][Traits::kFragment]) {
  merge_groups<Traits>(group, softmax, out);
  if (item.slot == kNoSlot) {
    write_output(params, smem, item, group, softmax, out);
  } else {
    write_partial(params, item, group, softmax, out);
  }
  // The space of Q was used through ordinary accesses; the copy engine writes it next.
  sm90::fence_async_shared();
  __syncwarp();
  if (lane_index() == 0) sm90::mbarrier_arrive(smem.query_empty());
}

template <typename Traits>
__device__ __forceinline__ void consume(const DecodeKernelParams& params,
                                        const SharedMemory<Traits>& smem, int group,
                                        const WorkRange& work) {
  float out[kLatentChunks][Traits::kFragment];
  Softmax<Traits> softmax;
  std::uint32_t tile_base = 0;  // tiles of earlier items of this CTA
  std::uint32_t query_parity = 0;
#pragma unroll 1
  for (int index = work.begin; index < work.end; index += work.stride) {
    const WorkItem item = load_item(params, index);
#pragma unroll
    for (int c = 0; c < Traits::kThreadColumns; ++c) {
      softmax.maximum[c] = kNegativeInfinity;
      softmax.sum[c] = 0;
    }
#pragma unroll
    for (int i = 0; i < kLatentChunks * Traits::kFragment; ++i) {
      out[i / Traits::kFragment][i % Traits::kFragment] = 0;
    }
    sm90::mbarrier_wait(smem.query_full(), query_parity);
    query_parity ^= 1u;
#pragma unroll 1
    for (int tile = group; tile < item.block_count; tile += kConsumerGroups) {
      const RingCursor<Traits> cursor(tile_base + static_cast<std::uint32_t>(tile));
      consume_tile(params, smem, group, item, tile, cursor, softmax, out);
    }
    tile_base += static_cast<std::uint32_t>(item.block_count);
    finish_item(params, smem, item, group, softmax, out);
  }
}

}  // namespace kernel

// Grid: a multiple of the cluster size, at most one CTA per SM.
template <typename Traits>
__global__ void __launch_bounds__(kCtaThreads, 1)
    mla_decode_kernel(const __grid_constant__ DecodeKernelParams params) {
  using namespace kernel;
  const SharedMemory<Traits> smem{sm90::smem_address(shared_bytes)};
  const int warpgroup = static_cast<int>(threadIdx.x) / kWarpgroupThreads;
  if (threadIdx.x == 0) {
    if (smem.base % kSwizzleAtomBytes != 0) __trap();
    sm90::prefetch_tensor_map(&params.kv_map);
    sm90::prefetch_tensor_map(&params.query_map);
    init_barriers(smem);
  }
  if constexpr (Traits::kCluster == 1) {
    __syncthreads();
  } else {
    sm90::cluster_sync();
  }
  sm90::wait_for_previous_kernel();
  sm90::allow_next_kernel();

  if (warpgroup == 0) {
    sm90::register_allocation_decrease<kProducerRegisters>();
    const WorkRange work = work_range<Traits>(params);
    const int warp = warp_in_group();
    if (sm90::elect_one()) {
      if (warp < kKvProducers) {
        produce_kv(params, smem, warp, work);
      } else {
        produce_query(params, smem, work);
      }
    }
  } else {
    sm90::register_allocation_increase<kConsumerRegisters>();
    consume(params, smem, warpgroup - 1, work_range<Traits>(params));
  }
  // No CTA may leave while another can still write to its shared memory or signal its barriers.
  if constexpr (Traits::kCluster > 1) {
    __syncwarp();
    sm90::cluster_sync();
  }
}

}  // namespace etap::cuda
