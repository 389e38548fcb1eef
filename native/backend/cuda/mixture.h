// Routed experts: choice, grouping, the two products, and their weighted sum.
#pragma once

#include "backend/cuda/heap.h"
#include "backend/cuda/ops/routing.h"
#include "backend/cuda/weights.h"

namespace etap::cuda {

class Mixture {
 public:
  void route(const RoutingParams& params, const TensorView& logits, const float* bias,
             cudaStream_t stream);
  void run(const TensorView& x, const ExpertsWeight& experts, bool accumulate,
           const TensorView& out, cudaStream_t stream);

  // Changes when the address of some workspace does.
  std::int64_t generation() const;

 private:
  void run_rows(const TensorView& x, const ExpertsWeight& experts, std::int64_t first_row,
                bool accumulate, const TensorView& out, cudaStream_t stream);

  int per_row_ = 0;
  GrowingArray<std::int32_t> chosen_;
  GrowingArray<float> weights_;
  GrowingArray<std::int32_t> pair_rows_;
  GrowingArray<std::int32_t> choice_pair_;
  GrowingArray<RowTile> tiles_;
  GrowingArray<std::int32_t> tile_count_;
  GrowingArray<std::uint16_t> inner_;  // [pairs, inner] bf16
  GrowingArray<float> pair_out_;       // [pairs, hidden]
};

}  // namespace etap::cuda
