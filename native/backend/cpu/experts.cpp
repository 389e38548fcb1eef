#include "backend/cpu/experts.h"

#include <algorithm>
#include <vector>

#include "backend/cpu/linear.h"

namespace etap::cpu {
namespace {

// Rows of one expert, prepared for its matrix.
struct ExpertRows {
  RowForm form;
  RowSource source;
  std::int64_t rows;
  std::size_t bytes;   // of scratch; 0: used as they lie
  std::size_t offset;  // into the scratch
  PreparedRows prepared;
};

std::int64_t group_count(std::int64_t rows) {
  return (rows + kRowGroup - 1) / kRowGroup;
}

// Which active expert an item belongs to, given the first item of each.
std::size_t owner_of(const std::vector<std::int64_t>& first_items, std::int64_t item) {
  const auto after = std::upper_bound(first_items.begin(), first_items.end(), item);
  return static_cast<std::size_t>(after - first_items.begin()) - 1;
}

// Prepares the rows of all active experts, in parallel.
void prepare_all(const Context& context, Scratch::Use use, std::int64_t columns,
                 std::vector<ExpertRows>& all) {
  const Kernels& kernels = context.kernels;
  std::size_t bytes = 0;
  std::vector<std::int64_t> first_groups;
  std::int64_t groups = 0;
  for (ExpertRows& expert : all) {
    expert.bytes = kernels.prepared_bytes(expert.form, expert.source, expert.rows, columns);
    expert.offset = bytes;
    bytes += (expert.bytes + 63) / 64 * 64;
    first_groups.push_back(groups);
    if (expert.bytes > 0) groups += group_count(expert.rows);
  }
  std::byte* scratch = bytes > 0 ? context.scratch.shared(use, bytes) : nullptr;
  context.pool.parallel_for(groups, [&](std::int64_t item, int) {
    // Experts that need no preparation begin where the next one does: take the last.
    const std::size_t index = owner_of(first_groups, item);
    const ExpertRows& expert = all[index];
    kernels.prepare_group(expert.form, expert.source, expert.rows, columns,
                          item - first_groups[index], scratch + expert.offset);
  });
  for (ExpertRows& expert : all) {
    const std::byte* place = expert.bytes > 0 ? scratch + expert.offset : nullptr;
    expert.prepared = kernels.prepared_rows(expert.form, expert.source, columns, place);
  }
}

// A single row is used where it lies.
RowSource expert_source(const TensorView& x, const std::int32_t* rows, std::int64_t count) {
  if (count > 1) return row_source(x, rows);
  return row_source(x.row_range(rows[0], 1), nullptr);
}

class ExpertRun {
 public:
  ExpertRun(const Context& context, const Routing& routing, const ExpertsWeight& experts)
      : context_(context), routing_(routing), experts_(experts) {}

  // The gated inner rows of all pairs.
  TensorView gate(const TensorView& x) {
    const std::vector<std::int32_t>& active = routing_.active_experts();
    const PackedMatrix& first = experts_.gate_up(active.front());
    std::vector<ExpertRows> rows;
    for (std::size_t i = 0; i < active.size(); ++i) {
      const std::int64_t pair = routing_.first_pair(i);
      const std::int64_t count = routing_.first_pair(i + 1) - pair;
      rows.push_back({context_.kernels.row_form(experts_.gate_up(active[i]).panel(0)),
                      expert_source(x, routing_.rows() + pair, count),
                      count,
                      0,
                      0,
                      {}});
    }
    prepare_all(context_, Scratch::kRows, first.columns(), rows);
    TensorView inner{nullptr, DType::kBF16, routing_.pair_count(), first.outputs(),
                     (first.outputs() + 31) / 32 * 32};
    inner.data = context_.scratch.shared(Scratch::kInner,
                                         static_cast<std::size_t>(inner.rows * inner.stride) * 2);
    const std::int64_t panels = first.panel_count();
    const std::size_t bytes =
        panel_scratch_bytes(context_.kernels, routing_.pair_count(), first.columns());
    const auto items = static_cast<std::int64_t>(active.size()) * panels;
    context_.pool.parallel_for(items, [&](std::int64_t item, int thread) {
      const auto index = static_cast<std::size_t>(item / panels);
      const PackedMatrix& matrix = experts_.gate_up(active[index]);
      const std::int64_t column = item % panels * matrix.panel_width();
      const TensorView target = inner.row_range(routing_.first_pair(index), rows[index].rows);
      const PanelOutput out{Epilogue::kGated,
                            static_cast<std::uint16_t*>(target.data) + column,
                            DType::kBF16,
                            target.stride,
                            nullptr,
                            nullptr,
                            matrix.panel_width(item % panels)};
      run_panel(context_.kernels,
                {rows[index].prepared, rows[index].rows,
                 matrix.panel(item % panels, context_.pool.thread_count()), out},
                context_.scratch.of_thread(thread, bytes));
    });
    return inner;
  }

  // Every item owns 64 columns of the output and adds the experts to them one after another.
  void down(const TensorView& inner, bool accumulate, const TensorView& out) {
    const std::vector<std::int32_t>& active = routing_.active_experts();
    const PackedMatrix& first = experts_.down(active.front());
    std::vector<ExpertRows> rows;
    for (std::size_t i = 0; i < active.size(); ++i) {
      const std::int64_t pair = routing_.first_pair(i);
      const std::int64_t count = routing_.first_pair(i + 1) - pair;
      rows.push_back({context_.kernels.row_form(experts_.down(active[i]).panel(0)),
                      row_source(inner.row_range(pair, count), nullptr),
                      count,
                      0,
                      0,
                      {}});
    }
    prepare_all(context_, Scratch::kInnerRows, first.columns(), rows);
    const std::size_t bytes =
        panel_scratch_bytes(context_.kernels, routing_.pair_count(), first.columns());
    context_.pool.parallel_for(first.panel_count(), [&](std::int64_t panel, int thread) {
      auto* columns = static_cast<float*>(out.data) + panel * first.panel_width();
      const std::int64_t width = first.panel_width(panel);
      for (std::int64_t row = 0; !accumulate && row < out.rows; ++row) {
        std::fill(columns + row * out.stride, columns + row * out.stride + width, 0.0F);
      }
      std::byte* scratch = context_.scratch.of_thread(thread, bytes);
      for (std::size_t i = 0; i < active.size(); ++i) {
        const std::int64_t pair = routing_.first_pair(i);
        const PanelOutput target{
            Epilogue::kAddScaled,      columns, DType::kF32, out.stride, routing_.rows() + pair,
            routing_.weights() + pair, width};
        run_panel(context_.kernels,
                  {rows[i].prepared, rows[i].rows, experts_.down(active[i]).panel(panel), target},
                  scratch);
      }
    });
  }

 private:
  const Context& context_;
  const Routing& routing_;
  const ExpertsWeight& experts_;
};

}  // namespace

void run_experts(const Context& context, const Routing& routing, const TensorView& x,
                 const ExpertsWeight& experts, bool accumulate, const TensorView& out) {
  ExpertRun run(context, routing, experts);
  const TensorView inner = run.gate(x);
  run.down(inner, accumulate, out);
}

}  // namespace etap::cpu
