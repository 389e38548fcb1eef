#include "backend/cuda/mixture.h"

#include <algorithm>

#include "base/check.h"

namespace etap::cuda {
namespace {

// Rows that run together: bounds the outputs of all pairs, which are held until they are summed.
constexpr std::int64_t kRowsMax = 1024;

}  // namespace

void Mixture::route(const RoutingParams& params, const TensorView& logits, const float* bias,
                    cudaStream_t stream) {
  ETAP_CHECK(params.experts <= kExpertsMax, "more experts than the routing kernel takes");
  per_row_ = static_cast<int>(params.experts_per_token);
  const auto choices = static_cast<std::size_t>(logits.rows * per_row_);
  RoutingArrays arrays{};
  arrays.chosen = chosen_.get(choices);
  arrays.weights = weights_.get(choices);
  choose_experts(params, logits, bias, arrays, stream);
}

std::int64_t Mixture::generation() const {
  return chosen_.generation() + weights_.generation() + pair_rows_.generation() +
         choice_pair_.generation() + tiles_.generation() + tile_count_.generation() +
         inner_.generation() + pair_out_.generation();
}

void Mixture::run(const TensorView& x, const ExpertsWeight& experts, bool accumulate,
                  const TensorView& out, cudaStream_t stream) {
  for (std::int64_t row = 0; row < x.rows; row += kRowsMax) {
    const std::int64_t count = std::min(kRowsMax, x.rows - row);
    run_rows(x.row_range(row, count), experts, row, accumulate, out.row_range(row, count), stream);
  }
}

void Mixture::run_rows(const TensorView& x, const ExpertsWeight& experts, std::int64_t first_row,
                       bool accumulate, const TensorView& out, cudaStream_t stream) {
  const int pairs = static_cast<int>(x.rows) * per_row_;
  const int expert_count = experts.gate_up.count;
  // About the rows of one expert; at most those of the step.
  const int hint = std::min(static_cast<int>(x.rows), std::max(8, 2 * pairs / expert_count));
  const bool plain = experts.gate_up.form == MatrixForm::kF32;
  const int rows_per_tile = tile_rows(experts.gate_up.form, hint);
  ETAP_CHECK(plain == (experts.down.form == MatrixForm::kF32),
             "experts whose matrices are of different kinds");
  RoutingArrays arrays{};
  arrays.chosen = chosen_.get(0) + first_row * per_row_;
  arrays.weights = weights_.get(0) + first_row * per_row_;
  arrays.pair_rows = pair_rows_.get(static_cast<std::size_t>(pairs));
  arrays.choice_pair = choice_pair_.get(static_cast<std::size_t>(pairs));
  const int capacity = routing_tile_capacity(pairs, expert_count, rows_per_tile);
  arrays.tiles = tiles_.get(static_cast<std::size_t>(capacity));
  arrays.tile_count = tile_count_.get(1);
  group_pairs(expert_count, pairs, per_row_, rows_per_tile, arrays, stream);

  const std::int64_t inner_width = experts.gate_up.widest.outputs;
  Product gate{};
  gate.form = experts.gate_up.form;
  gate.gated = true;
  gate.matrix = experts.gate_up.widest;
  gate.matrices = experts.gate_up.views;
  gate.x = x.data;
  gate.x_wide = x.dtype == DType::kF32;
  gate.x_stride = x.stride;
  gate.x_rows = {arrays.pair_rows, 0};
  gate.out = inner_.get(static_cast<std::size_t>(pairs * inner_width));
  gate.store = Store::kBf16;
  gate.out_stride = inner_width;
  gate.tiles = arrays.tiles;
  gate.tile_count = arrays.tile_count;
  gate.tile_capacity = capacity;
  multiply(gate, hint, stream);

  Product down{};
  down.form = experts.down.form;
  down.matrix = experts.down.widest;
  down.matrices = experts.down.views;
  down.x = inner_.get(0);
  down.x_stride = inner_width;
  down.out = pair_out_.get(static_cast<std::size_t>(pairs * out.columns));
  down.out_stride = out.columns;
  down.tiles = arrays.tiles;
  down.tile_count = arrays.tile_count;
  down.tile_capacity = capacity;
  multiply(down, hint, stream);

  combine_experts(arrays, per_row_, pair_out_.get(0), accumulate, out, stream);
}

}  // namespace etap::cuda
