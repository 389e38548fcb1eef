// Products of activations with packed matrices. Threads own panels of outputs; the summed dimension
// is never split, so results do not depend on the number of threads or rows.
#pragma once

#include <cstdint>

#include "backend/backend.h"
#include "backend/cpu/context.h"
#include "backend/cpu/packed_matrix.h"

namespace etap::cpu {

// Most rows prepared at once.
inline constexpr std::int64_t kRowBlock = 2048;

// out = x W^T, or the gated product where the matrix is gated.
void linear(const Context& context, const TensorView& x, const PackedMatrix& matrix,
            const TensorView& out);

// One matrix for each head: head h reads columns [h * x_width, ...) of x and writes columns
// [h * out_width, ...) of out (bf16). `x_rows`, `out_rows`: which rows (null: 0, 1, ...).
struct HeadProduct {
  TensorView x;
  std::int64_t x_width;
  const std::int32_t* x_rows;
  TensorView out;
  std::int64_t out_width;
  const std::int32_t* out_rows;
  std::int64_t rows;
};
void head_linear(const Context& context, const HeadProduct& product,
                 const std::vector<PackedMatrix>& matrices);

// The rows [first, first + rows) of prepared x times one panel, in chunks that fit `sums`.
struct PanelJob {
  PreparedRows x;
  std::int64_t rows;
  PanelView panel;
  PanelOutput out;
};
std::size_t panel_scratch_bytes(const Kernels& kernels, std::int64_t rows, std::int64_t columns);
void run_panel(const Kernels& kernels, const PanelJob& job, std::byte* scratch);

// Where a row lies, and how prepared_bytes / prepare_group see it.
RowSource row_source(const TensorView& x, const std::int32_t* rows);

}  // namespace etap::cpu
