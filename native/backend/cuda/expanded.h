// Attention of prompt rows: keys and values are projected up from the cache in chunks, then
// attended to, sequence by sequence.
#pragma once

#include "backend/cuda/heap.h"
#include "backend/cuda/memory.h"
#include "backend/cuda/step_arrays.h"
#include "backend/cuda/weights.h"

namespace etap::cuda {

class ExpandedAttention {
 public:
  void run(const AttentionShape& shape, const StepArrays& step, const TensorView& q,
           const HeadsWeight& heads, const std::uint16_t* cache, const TensorView& out,
           cudaStream_t stream);

 private:
  struct Segment;
  void project(const AttentionShape& shape, const HeadsWeight& heads, const std::uint16_t* cache,
               const std::int32_t* blocks, int key_count, cudaStream_t stream);

  GrowingArray<std::uint16_t> keys_;    // [heads, capacity, nope]
  GrowingArray<std::uint16_t> values_;  // [heads, value, capacity]
  GrowingArray<float> state_;
  std::int64_t key_capacity_ = 0;
};

}  // namespace etap::cuda
