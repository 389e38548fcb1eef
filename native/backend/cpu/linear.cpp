#include "backend/cpu/linear.h"

#include <algorithm>

#include "backend/cpu/features.h"
#include "base/check.h"

namespace etap::cpu {
namespace {

// Wide matrices are walked in blocks of columns, and then the sums of many rows wait for the next
// block.
constexpr std::int64_t kWideChunkRows = 512;
constexpr std::int64_t kWideColumns = 4096;
// Rows are cut into parts that stay in the second-level cache while the panels pass, and into more
// parts where there are fewer items than this for each thread.
constexpr std::int64_t kItemsPerThread = 4;
constexpr std::int64_t kPartRowsMin = 128;

// Rows multiplied at a time.
std::int64_t chunk_rows(const Kernels& kernels, std::int64_t rows, std::int64_t columns) {
  return std::min(rows, columns > kWideColumns ? kWideChunkRows : kernels.product_rows);
}

std::int64_t group_count(std::int64_t rows) {
  return (rows + kRowGroup - 1) / kRowGroup;
}

// Prepares all rows for a panel of the matrix, in parallel.
PreparedRows prepare(const Context& context, const RowSource& source, std::int64_t rows,
                     const PackedMatrix& matrix) {
  const Kernels& kernels = context.kernels;
  const RowForm form = kernels.row_form(matrix.panel(0));
  const std::int64_t columns = matrix.columns();
  const std::size_t bytes = kernels.prepared_bytes(form, source, rows, columns);
  if (bytes == 0) return kernels.prepared_rows(form, source, columns, nullptr);
  std::byte* scratch = context.scratch.shared(Scratch::kRows, bytes);
  context.pool.parallel_for(group_count(rows), [&](std::int64_t group, int) {
    kernels.prepare_group(form, source, rows, columns, group, scratch);
  });
  return kernels.prepared_rows(form, source, columns, scratch);
}

TensorView panel_columns(const TensorView& out, std::int64_t first) {
  TensorView view = out;
  view.data =
      static_cast<std::byte*>(out.data) + first * static_cast<std::int64_t>(dtype_bytes(out.dtype));
  return view;
}

PanelOutput panel_output(const PackedMatrix& matrix, std::int64_t index, const TensorView& out,
                         const std::int32_t* out_rows) {
  const TensorView place = panel_columns(out, index * matrix.panel_width());
  return {matrix.gated() ? Epilogue::kGated : Epilogue::kStore,
          place.data,
          place.dtype,
          place.stride,
          out_rows,
          nullptr,
          matrix.panel_width(index)};
}

// A multiple of two groups, so that only the last part has odd groups.
std::int64_t rows_of_part(const Context& context, std::int64_t rows, const PackedMatrix& matrix) {
  constexpr std::int64_t kUnit = 2 * kRowGroup;
  const bool wide = context.kernels.row_form(matrix.panel(0)) == RowForm::kWide;
  const std::int64_t row_bytes = matrix.columns() * (wide ? 4 : 2);
  const std::int64_t cached = std::max(kPartRowsMin, second_level_cache_bytes() / 2 / row_bytes);
  const std::int64_t wanted = kItemsPerThread * context.pool.thread_count() / matrix.panel_count();
  const std::int64_t parts = std::max(
      {std::int64_t{1}, (rows + cached - 1) / cached, std::min(wanted, rows / kPartRowsMin)});
  return ((rows + parts - 1) / parts + kUnit - 1) / kUnit * kUnit;
}

void linear_block(const Context& context, const TensorView& x, const PackedMatrix& matrix,
                  const TensorView& out) {
  const PreparedRows prepared = prepare(context, row_source(x, nullptr), x.rows, matrix);
  const std::int64_t panels = matrix.panel_count();
  const std::int64_t part_rows = rows_of_part(context, x.rows, matrix);
  const std::int64_t parts = (x.rows + part_rows - 1) / part_rows;
  const std::size_t bytes =
      panel_scratch_bytes(context.kernels, std::min(part_rows, x.rows), matrix.columns());
  context.pool.parallel_for(panels * parts, [&](std::int64_t item, int thread) {
    const std::int64_t first = item / panels * part_rows;
    const std::int64_t rows = std::min(part_rows, x.rows - first);
    PreparedRows share = prepared;
    share.data += first / kRowGroup * prepared.group_stride;
    const TensorView place = out.row_range(first, rows);
    run_panel(context.kernels,
              {share, rows, matrix.panel(item % panels, context.pool.thread_count()),
               panel_output(matrix, item % panels, place, nullptr)},
              context.scratch.of_thread(thread, bytes));
  });
}

}  // namespace

RowSource row_source(const TensorView& x, const std::int32_t* rows) {
  return {x.data, x.dtype, x.stride, rows};
}

std::size_t panel_scratch_bytes(const Kernels& kernels, std::int64_t rows, std::int64_t columns) {
  Carver carver(nullptr);
  carver.take<float>(chunk_rows(kernels, rows, columns) * kPanel);
  carver.take<std::byte>(static_cast<std::int64_t>(kProductScratch));
  return carver.bytes();
}

void run_panel(const Kernels& kernels, const PanelJob& job, std::byte* scratch) {
  const std::int64_t chunk = chunk_rows(kernels, job.rows, job.panel.columns);
  Carver carver(scratch);
  auto* sums = carver.take<float>(chunk * kPanel);
  auto* product_scratch = carver.take<std::byte>(static_cast<std::int64_t>(kProductScratch));
  for (std::int64_t row = 0; row < job.rows; row += chunk) {
    const std::int64_t count = std::min(chunk, job.rows - row);
    PanelView panel = job.panel;
    panel.next_bytes = job.panel.next_bytes * count / job.rows;
    if (panel.next != nullptr) panel.next += job.panel.next_bytes * row / job.rows;
    kernels.panel_product(job.x, row, count, panel, sums, product_scratch);
    kernels.write_panel(sums, row, count, job.out);
  }
}

void linear(const Context& context, const TensorView& x, const PackedMatrix& matrix,
            const TensorView& out) {
  ETAP_CHECK(x.columns == matrix.columns() && out.columns == matrix.outputs(), "linear: widths");
  for (std::int64_t row = 0; row < x.rows; row += kRowBlock) {
    const std::int64_t count = std::min(kRowBlock, x.rows - row);
    linear_block(context, x.row_range(row, count), matrix, out.row_range(row, count));
  }
}

void head_linear(const Context& context, const HeadProduct& product,
                 const std::vector<PackedMatrix>& matrices) {
  const Kernels& kernels = context.kernels;
  const std::int64_t panels = matrices.front().panel_count();
  const std::int64_t columns = matrices.front().columns();
  const RowForm form = kernels.row_form(matrices.front().panel(0));
  const std::size_t row_bytes =
      kernels.prepared_bytes(form, row_source(product.x, product.x_rows), product.rows, columns);
  Carver count(nullptr);
  count.take<std::byte>(static_cast<std::int64_t>(row_bytes));
  const std::size_t bytes = count.bytes() + panel_scratch_bytes(kernels, product.rows, columns);
  const auto items = static_cast<std::int64_t>(matrices.size()) * panels;
  context.pool.parallel_for(items, [&](std::int64_t item, int thread) {
    const std::int64_t head = item / panels;
    const PackedMatrix& matrix = matrices[static_cast<std::size_t>(head)];
    const TensorView x = panel_columns(product.x, head * product.x_width);
    const TensorView out = panel_columns(product.out, head * product.out_width);
    const RowSource source = row_source(x, product.x_rows);
    Carver carver(context.scratch.of_thread(thread, bytes));
    auto* rows = carver.take<std::byte>(static_cast<std::int64_t>(row_bytes));
    for (std::int64_t group = 0; row_bytes > 0 && group < group_count(product.rows); ++group) {
      kernels.prepare_group(form, source, product.rows, columns, group, rows);
    }
    const PreparedRows prepared =
        kernels.prepared_rows(form, source, columns, row_bytes > 0 ? rows : nullptr);
    run_panel(kernels,
              {prepared, product.rows, matrix.panel(item % panels),
               panel_output(matrix, item % panels, out, product.out_rows)},
              carver.take<std::byte>(0));
  });
}

}  // namespace etap::cpu
