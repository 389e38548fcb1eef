#include "backend/cuda/cuda_check.h"
#include "backend/cuda/etap/metadata.h"
#include "backend/cuda/sm90.cuh"

namespace etap::cuda {
namespace {

constexpr int kThreads = 1024;
constexpr int kWarps = kThreads / kWarpThreads;
constexpr int kRequestsPerThread = kBatchMax / kThreads;
static_assert(kRequestsPerThread * kThreads == kBatchMax);

// Sum of `value` over the threads before this one; `total` gets the sum over all.
__device__ int exclusive_sum(int value, int& total) {
  __shared__ int warp_sums[kWarps];
  const int lane = static_cast<int>(threadIdx.x) % kWarpThreads;
  const int warp = static_cast<int>(threadIdx.x) / kWarpThreads;
  int inclusive = value;
  for (int offset = 1; offset < kWarpThreads; offset *= 2) {
    const int before = __shfl_up_sync(0xFFFFFFFFu, inclusive, offset);
    if (lane >= offset) inclusive += before;
  }
  __syncthreads();  // warp_sums of an earlier call have been read
  if (lane == kWarpThreads - 1) warp_sums[warp] = inclusive;
  __syncthreads();
  int before = 0;
  total = 0;
  for (int w = 0; w < kWarps; ++w) {
    if (w < warp) before += warp_sums[w];
    total += warp_sums[w];
  }
  return before + inclusive - value;
}

// One thread's requests: consecutive, so that prefix sums run in request order.
struct Requests {
  int begin;
  int count;
  int lengths[kRequestsPerThread];
};

__device__ Requests load_requests(const PlanRequest& request) {
  Requests mine;
  mine.begin = static_cast<int>(threadIdx.x) * kRequestsPerThread;
  mine.count = min(max(request.batch - mine.begin, 0), kRequestsPerThread);
  for (int r = 0; r < kRequestsPerThread; ++r) {
    mine.lengths[r] = r < mine.count ? request.context_lengths[mine.begin + r] : 0;
  }
  return mine;
}

__device__ void write_item(const PlanArrays& plan, int index, const WorkItem& item) {
  if (index >= plan.capacity.items || item.slot >= plan.capacity.slots) __trap();
  plan.items[index] = item;
}

// Splits of each request's own length, longest pieces first (a counting sort by piece size).
__device__ void plan_fixed(const PlanRequest& request, const PlanArrays& plan, const Requests& mine,
                           PlanHeader& header) {
  __shared__ int cursor[kSplitBlocksMax + 1];  // by piece size: count, then next item index
  for (int size = static_cast<int>(threadIdx.x); size <= kSplitBlocksMax; size += kThreads) {
    cursor[size] = 0;
  }
  __syncthreads();
  int slots = 0;
  for (int r = 0; r < mine.count; ++r) {
    const int blocks = context_blocks(mine.lengths[r]);
    const int split_blocks = fixed_split_blocks(blocks);
    const int splits = fixed_split_count(blocks);
    if (splits == 0) continue;
    if (splits > 1) slots += splits;
    atomicAdd(&cursor[split_blocks], splits - 1);
    atomicAdd(&cursor[blocks - (splits - 1) * split_blocks], 1);
  }
  int slot = exclusive_sum(slots, header.slot_count);
  if (threadIdx.x == 0) {
    int before = 0;
    for (int size = kSplitBlocksMax; size >= 0; --size) {
      const int count = cursor[size];
      cursor[size] = before;
      before += count;
    }
    header.item_count = before * request.passes;
  }
  __syncthreads();
  for (int r = 0; r < mine.count; ++r) {
    const int blocks = context_blocks(mine.lengths[r]);
    const int split_blocks = fixed_split_blocks(blocks);
    const int splits = fixed_split_count(blocks);
    plan.slot_begin[mine.begin + r] = slot;
    if (splits == 0) continue;
    const int last_size = blocks - (splits - 1) * split_blocks;
    const int full_begin = splits > 1 ? atomicAdd(&cursor[split_blocks], splits - 1) : 0;
    const int last_begin = atomicAdd(&cursor[last_size], 1);
    for (int split = 0; split < splits; ++split) {
      const bool last = split == splits - 1;
      const int index = (last ? last_begin : full_begin + split) * request.passes;
      for (int pass = 0; pass < request.passes; ++pass) {
        write_item(plan, index + pass,
                   {mine.begin + r,
                    pass,
                    split * split_blocks,
                    last ? last_size : split_blocks,
                    splits > 1 ? slot + split : kNoSlot,
                    mine.lengths[r],
                    {0, 0}});
      }
    }
    if (splits > 1) slot += splits;
  }
}

// Equal shares of all blocks. Pieces are numbered in the order of their position, so that a
// worker's are consecutive.
__device__ void plan_balanced(const PlanRequest& request, const PlanArrays& plan,
                              const Requests& mine, PlanHeader& header) {
  const int workers = request.worker_count;
  const int total = header.total_blocks;
  int blocks_before = 0;
  for (int r = 0; r < mine.count; ++r) blocks_before += context_blocks(mine.lengths[r]);
  int unused = 0;
  const int first_position = exclusive_sum(blocks_before, unused);

  int position = first_position;
  int pieces = 0;
  int slots = 0;
  for (int r = 0; r < mine.count; ++r) {
    const int blocks = context_blocks(mine.lengths[r]);
    if (blocks == 0) continue;
    const int count =
        share_of(position + blocks - 1, workers, total) - share_of(position, workers, total) + 1;
    pieces += count;
    if (count > 1) slots += count;
    position += blocks;
  }
  int piece = exclusive_sum(pieces, header.item_count);
  int slot = exclusive_sum(slots, header.slot_count);
  header.item_count *= request.passes;

  position = first_position;
  for (int r = 0; r < mine.count; ++r) {
    plan.slot_begin[mine.begin + r] = slot;
    const int blocks = context_blocks(mine.lengths[r]);
    if (blocks == 0) continue;
    const int end = position + blocks;
    const int first_worker = share_of(position, workers, total);
    const int last_worker = share_of(end - 1, workers, total);
    const bool whole = first_worker == last_worker;
    for (int worker = first_worker; worker <= last_worker; ++worker, ++piece) {
      const int share = share_begin(worker, workers, total);
      const int begin = max(position, share);
      const int stop = min(end, share_begin(worker + 1, workers, total));
      for (int pass = 0; pass < request.passes; ++pass) {
        write_item(plan, piece * request.passes + pass,
                   {mine.begin + r,
                    pass,
                    begin - position,
                    stop - begin,
                    whole ? kNoSlot : slot + worker - first_worker,
                    mine.lengths[r],
                    {0, 0}});
      }
      if (begin == share) plan.worker_begin[worker] = piece * request.passes;
    }
    if (!whole) slot += last_worker - first_worker + 1;
    position = end;
  }
  // Workers without a share point at the next one's first piece: nobody else writes their entry,
  // since a piece that begins at their border belongs to the last worker that begins there.
  __syncthreads();
  for (int worker = static_cast<int>(threadIdx.x); worker <= workers; worker += kThreads) {
    const int share = share_begin(worker, workers, total);
    if (share == total) {
      plan.worker_begin[worker] = header.item_count;
    } else if (share_of(share, workers, total) != worker) {
      plan.worker_begin[worker] = plan.worker_begin[share_of(share, workers, total)];
    }
  }
}

__global__ void __launch_bounds__(kThreads)
    metadata_kernel(const PlanRequest request, const PlanArrays plan) {
  sm90::wait_for_previous_kernel();
  sm90::allow_next_kernel();
  const Requests mine = load_requests(request);
  PlanHeader result{};
  int blocks = 0;
  for (int r = 0; r < mine.count; ++r) blocks += context_blocks(mine.lengths[r]);
  exclusive_sum(blocks, result.total_blocks);
  if (request.policy == SplitPolicy::kFixed) {
    plan_fixed(request, plan, mine, result);
  } else if (result.total_blocks > 0) {
    plan_balanced(request, plan, mine, result);
  } else {
    for (int worker = static_cast<int>(threadIdx.x); worker <= request.worker_count;
         worker += kThreads) {
      plan.worker_begin[worker] = 0;
    }
    for (int r = 0; r < mine.count; ++r) plan.slot_begin[mine.begin + r] = 0;
  }
  if (threadIdx.x == 0) {
    *plan.header = result;
    plan.slot_begin[request.batch] = result.slot_count;
  }
}

}  // namespace

void launch_metadata(const PlanRequest& request, const PlanArrays& plan, cudaStream_t stream) {
  metadata_kernel<<<1, kThreads, 0, stream>>>(request, plan);
  CUDA_CHECK(cudaGetLastError());
}

}  // namespace etap::cuda
