#include "backend/cpu/backend.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "backend/cpu/context.h"
#include "backend/cpu/expanded_attention.h"
#include "backend/cpu/experts.h"
#include "backend/cpu/features.h"
#include "backend/cpu/latent_attention.h"
#include "backend/cpu/latent_cache.h"
#include "backend/cpu/linear.h"
#include "backend/cpu/packed_matrix.h"
#include "backend/cpu/routing.h"
#include "base/check.h"
#include "base/error.h"
#include "base/float_bits.h"

namespace etap {
namespace cpu {
namespace {

// Rows of one item where an operation works row by row.
constexpr std::int64_t kRowsPerItem = 16;

struct PageBuffer final : Buffer {
  PageBuffer(DType dtype, std::int64_t rows, std::int64_t columns)
      : memory(static_cast<std::size_t>(rows * columns) * dtype_bytes(dtype)) {
    view_ = {memory.data(), dtype, rows, columns, columns};
  }
  Memory memory;
};

template <typename T>
T* row_of(const TensorView& view, std::int64_t row) {
  return static_cast<T*>(view.data) + row * view.stride;
}

std::byte* row_bytes(const TensorView& view, std::int64_t row) {
  return static_cast<std::byte*>(view.row_range(row, 1).data);
}

std::vector<float> floats_of(const HostTensor& tensor) {
  const auto count = static_cast<std::size_t>(element_count(tensor.shape()));
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = load_float(tensor.dtype(), tensor.data<std::byte>(), i);
  }
  return values;
}

class CpuBackend final : public Backend {
 public:
  CpuBackend(int thread_count, const Kernels& kernels)
      : pool_(thread_count), scratch_(thread_count), context_{kernels, pool_, scratch_} {}

  std::string description() const override {
    const int threads = pool_.thread_count();
    return "cpu (" + std::string(context_.kernels.name) + ", " + std::to_string(threads) +
           (threads == 1 ? " thread)" : " threads)");
  }
  std::string isa() const override { return context_.kernels.name; }
  DType activation_dtype() const override { return DType::kBF16; }

  std::unique_ptr<Buffer> allocate(DType dtype, std::int64_t rows, std::int64_t columns) override {
    return std::make_unique<PageBuffer>(dtype, rows, columns);
  }
  std::unique_ptr<LatentCache> allocate_cache(std::int64_t layers, std::int64_t blocks,
                                              std::int64_t width) override {
    return std::make_unique<PagedCache>(layers, blocks, width);
  }

  WeightHandle upload_vector(const std::string&, const HostTensor& values) override {
    return std::make_unique<VectorWeight>(floats_of(values));
  }
  WeightHandle upload_embedding(const std::string&, const HostTensor& values) override {
    return std::make_unique<EmbeddingWeight>(values);
  }
  WeightHandle upload_linear(const std::string& name, const HostMatrix& matrix) override {
    return std::make_unique<LinearWeight>(PackedMatrix(pool_, name, matrix));
  }
  WeightHandle upload_gated(const std::string& name, const HostMatrix& gate,
                            const HostMatrix& up) override {
    return std::make_unique<LinearWeight>(PackedMatrix(pool_, name, gate, up));
  }
  WeightHandle upload_heads(const std::string& name, const HostHeadProjections& heads) override {
    return pack_heads(pool_, name, heads);
  }
  WeightHandle bind_experts(std::vector<ExpertWeights> experts) override {
    return std::make_unique<ExpertsWeight>(std::move(experts));
  }
  WeightHandle upload_rope(const HostTensor& cos, const HostTensor& sin) override {
    return std::make_unique<RopeWeight>(cos, sin);
  }

  void begin_step(const StepLayout& layout) override {
    layout_ = layout;
    absorbed_rows_.clear();
    bool leading = true;
    for (const AttentionSegment& segment : layout.absorbed) {
      leading = leading && segment.row == segment.packed_row;
      for (std::int32_t i = 0; i < segment.count; ++i) absorbed_rows_.push_back(segment.row + i);
    }
    // Null where row i of the absorbed rows is row i of the step.
    absorbed_index_ = leading ? nullptr : absorbed_rows_.data();
  }

  void embedding(const Weight& table, std::int64_t first_token, const TensorView& out) override {
    const auto& weight = static_cast<const EmbeddingWeight&>(table);
    for_rows(out.rows, [&](std::int64_t row) {
      const std::int64_t id = layout_.tokens[static_cast<std::size_t>(row)] - first_token;
      float* target = row_of<float>(out, row);
      if (id < 0 || id >= weight.tokens) {
        std::fill(target, target + out.columns, 0.0F);
        return;
      }
      const std::int64_t first = id * weight.columns;
      for (std::int64_t i = 0; i < weight.columns; ++i) {
        target[i] =
            load_float(weight.dtype, weight.values.data(), static_cast<std::size_t>(first + i));
      }
    });
  }

  void rmsnorm(const TensorView& x, const Weight& weight, float epsilon,
               const TensorView& out) override {
    const float* factors = static_cast<const VectorWeight&>(weight).values.data();
    for_rows(x.rows, [&](std::int64_t row) {
      context_.kernels.rmsnorm(row_of<float>(x, row), factors, epsilon, x.columns,
                               row_bytes(out, row), out.dtype);
    });
  }

  void add_rmsnorm(const TensorView& residual, const TensorView& delta, const Weight& weight,
                   float epsilon, const TensorView& out) override {
    const float* factors = static_cast<const VectorWeight&>(weight).values.data();
    for_rows(residual.rows, [&](std::int64_t row) {
      float* x = row_of<float>(residual, row);
      context_.kernels.add(x, row_of<float>(delta, row), residual.columns);
      context_.kernels.rmsnorm(x, factors, epsilon, residual.columns, row_bytes(out, row),
                               out.dtype);
    });
  }

  void linear(const TensorView& x, const Weight& weight, const TensorView& out) override {
    cpu::linear(context_, x, static_cast<const LinearWeight&>(weight).matrix, out);
  }
  void gated_linear(const TensorView& x, const Weight& gate_up, const TensorView& out) override {
    cpu::linear(context_, x, static_cast<const LinearWeight&>(gate_up).matrix, out);
  }

  void rotate_queries(const AttentionShape& shape, const Weight& rope,
                      const TensorView& q) override {
    for_rows(q.rows, [&](std::int64_t row) {
      for (std::int64_t head = 0; head < shape.heads; ++head) {
        std::uint16_t* values =
            row_of<std::uint16_t>(q, row) + head * shape.query_width() + shape.nope;
        rotate(rope, row, values, DType::kBF16, values);
      }
    });
  }

  void write_latent(const AttentionShape& shape, const TensorView& kv, const Weight& norm,
                    float epsilon, const Weight& rope, LatentCache& cache,
                    std::int64_t layer) override {
    const float* factors = static_cast<const VectorWeight&>(norm).values.data();
    for_rows(kv.rows, [&](std::int64_t row) {
      const float* values = row_of<float>(kv, row);
      std::uint16_t* slot = static_cast<PagedCache&>(cache).token(
          layer, layout_.slots[static_cast<std::size_t>(row)]);
      context_.kernels.rmsnorm(values, factors, epsilon, shape.latent, slot, DType::kBF16);
      rotate(rope, row, values + shape.latent, DType::kF32, slot + shape.latent);
    });
  }

  void expanded_attention(const AttentionShape& shape, const TensorView& q, const Weight& heads,
                          const LatentCache& cache, std::int64_t layer,
                          const TensorView& out) override {
    cpu::expanded_attention(context_, shape, layout_.expanded, q,
                            static_cast<const HeadsWeight&>(heads),
                            static_cast<const PagedCache&>(cache), layer, out);
  }

  void absorb_queries(const AttentionShape& shape, const TensorView& q, const Weight& heads,
                      const TensorView& q_latent) override {
    head_linear(context_,
                {q, shape.query_width(), absorbed_index_, q_latent, shape.cache_width(), nullptr,
                 layout_.absorbed_rows},
                static_cast<const HeadsWeight&>(heads).absorb);
    for_rows(layout_.absorbed_rows, [&](std::int64_t row) {
      const std::int64_t source_row = absorbed_rows_[static_cast<std::size_t>(row)];
      for (std::int64_t head = 0; head < shape.heads; ++head) {
        std::memcpy(
            row_of<std::uint16_t>(q_latent, row) + head * shape.cache_width() + shape.latent,
            row_of<std::uint16_t>(q, source_row) + head * shape.query_width() + shape.nope,
            static_cast<std::size_t>(shape.rope) * 2);
      }
    });
  }

  void latent_attention(const AttentionShape& shape, const TensorView& q_latent,
                        const LatentCache& cache, std::int64_t layer,
                        const TensorView& o_latent) override {
    cpu::latent_attention(context_, shape, layout_.absorbed, q_latent,
                          static_cast<const PagedCache&>(cache), layer, o_latent);
  }

  void project_values(const AttentionShape& shape, const TensorView& o_latent, const Weight& heads,
                      const TensorView& out) override {
    head_linear(
        context_,
        {o_latent, shape.latent, nullptr, out, shape.value, absorbed_index_, layout_.absorbed_rows},
        static_cast<const HeadsWeight&>(heads).value);
  }

  void route(const RoutingParams& params, const TensorView& logits, const Weight* bias) override {
    const float* values =
        bias == nullptr ? nullptr : static_cast<const VectorWeight*>(bias)->values.data();
    routing_.choose(context_, params, logits, values);
  }

  void experts(const TensorView& x, const Weight& experts, bool accumulate,
               const TensorView& out) override {
    run_experts(context_, routing_, x, static_cast<const ExpertsWeight&>(experts), accumulate, out);
  }

  void gather_logit_rows(const TensorView& x, const TensorView& out) override {
    const std::size_t bytes = static_cast<std::size_t>(out.columns) * dtype_bytes(out.dtype);
    for (std::int64_t row = 0; row < out.rows; ++row) {
      const std::int64_t source = layout_.logit_rows[static_cast<std::size_t>(row)];
      std::memcpy(row_bytes(out, row), row_bytes(x, source), bytes);
    }
  }

  void all_reduce(Communicator& communicator, const TensorView& x) override {
    ETAP_CHECK(x.stride == x.columns, "all_reduce: rows must be contiguous");
    communicator.all_reduce(row_of<float>(x, 0), static_cast<std::size_t>(x.rows * x.columns));
  }

  void read_back(const TensorView& x, float* host) override {
    for (std::int64_t row = 0; row < x.rows; ++row) {
      std::copy(row_of<float>(x, row), row_of<float>(x, row) + x.columns, host + row * x.columns);
    }
  }

 private:
  template <typename Body>
  void for_rows(std::int64_t rows, const Body& body) {
    pool_.parallel_for((rows + kRowsPerItem - 1) / kRowsPerItem, [&](std::int64_t item, int) {
      const std::int64_t end = std::min(rows, (item + 1) * kRowsPerItem);
      for (std::int64_t row = item * kRowsPerItem; row < end; ++row) body(row);
    });
  }

  // Turns one head's rotary values by the angle of the row's position.
  void rotate(const Weight& rope, std::int64_t row, const void* values, DType dtype,
              std::uint16_t* out) const {
    const auto& table = static_cast<const RopeWeight&>(rope);
    const std::int64_t position = layout_.positions[static_cast<std::size_t>(row)];
    ETAP_CHECK(position < table.positions, "a position past the end of the rope table");
    context_.kernels.rotate(values, dtype, table.cos.data() + position * table.half,
                            table.sin.data() + position * table.half, table.half, out);
  }

  ThreadPool pool_;
  Scratch scratch_;
  Context context_;
  StepLayout layout_{};
  std::vector<std::int32_t> absorbed_rows_;  // step rows of the absorbed rows
  const std::int32_t* absorbed_index_ = nullptr;
  Routing routing_;
};

}  // namespace
}  // namespace cpu

std::unique_ptr<Backend> create_cpu_backend(int thread_count, const std::string& isa) {
  const int threads = thread_count > 0 ? thread_count : cpu::usable_core_count();
  return std::make_unique<cpu::CpuBackend>(threads, cpu::choose_kernels(isa));
}

}  // namespace etap
