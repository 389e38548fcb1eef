#include "backend/reference/backend.h"

#include <cmath>
#include <utility>

#include "backend/reference/attention.h"
#include "backend/reference/routing.h"
#include "backend/reference/storage.h"
#include "base/check.h"

namespace etap {
namespace reference {
namespace {

template <typename T>
const T& as(const Weight& weight) {
  const T* typed = dynamic_cast<const T*>(&weight);
  ETAP_CHECK(typed != nullptr, "weight handle of another operation");
  return *typed;
}

void multiply(const float* x, const Matrix& matrix, float* out) {
  for (std::int64_t row = 0; row < matrix.rows; ++row) {
    out[row] =
        static_cast<float>(dot(x, matrix.values.data() + row * matrix.columns, matrix.columns));
  }
}

void gated_multiply(const float* x, const GatedWeight& weight, float* out) {
  const std::int64_t columns = weight.gate.columns;
  for (std::int64_t row = 0; row < weight.gate.rows; ++row) {
    const double gate = dot(x, weight.gate.values.data() + row * columns, columns);
    const double up = dot(x, weight.up.values.data() + row * columns, columns);
    out[row] = static_cast<float>(gate / (1.0 + std::exp(-gate)) * up);
  }
}

void normalize(const float* x, const std::vector<float>& weight, float epsilon, float* out) {
  const auto count = static_cast<std::int64_t>(weight.size());
  const double mean_square = dot(x, x, count) / static_cast<double>(count);
  const double factor = 1.0 / std::sqrt(mean_square + static_cast<double>(epsilon));
  for (std::size_t i = 0; i < weight.size(); ++i) {
    out[i] =
        static_cast<float>(static_cast<double>(x[i]) * factor * static_cast<double>(weight[i]));
  }
}

// Pairs (i, i + rope / 2) of `values`, turned by the angle of `position`.
void rotate(const RopeWeight& rope, std::int64_t width, std::int64_t position, float* values) {
  const std::int64_t half = width / 2;
  for (std::int64_t i = 0; i < half; ++i) {
    const auto cos = static_cast<double>(rope.cos[static_cast<std::size_t>(position * half + i)]);
    const auto sin = static_cast<double>(rope.sin[static_cast<std::size_t>(position * half + i)]);
    const auto a = static_cast<double>(values[i]);
    const auto b = static_cast<double>(values[half + i]);
    values[i] = static_cast<float>(a * cos - b * sin);
    values[half + i] = static_cast<float>(b * cos + a * sin);
  }
}

class ReferenceBackend final : public Backend {
 public:
  std::string description() const override { return "reference (fp32, 1 thread)"; }
  DType activation_dtype() const override { return DType::kF32; }

  std::unique_ptr<Buffer> allocate(DType dtype, std::int64_t rows, std::int64_t columns) override {
    ETAP_CHECK(dtype == DType::kF32, "the reference backend holds fp32 activations");
    return std::make_unique<FloatBuffer>(dtype, rows, columns);
  }
  std::unique_ptr<LatentCache> allocate_cache(std::int64_t layers, std::int64_t blocks,
                                              std::int64_t width) override {
    return std::make_unique<FloatCache>(layers, blocks, width);
  }

  WeightHandle upload_vector(const std::string&, const HostTensor& values) override {
    return std::make_unique<VectorWeight>(widened(values));
  }
  WeightHandle upload_embedding(const std::string&, const HostTensor& values) override {
    return std::make_unique<MatrixWeight>(Matrix{values.dim(0), values.dim(1), widened(values)});
  }
  WeightHandle upload_linear(const std::string&, const HostMatrix& matrix) override {
    return std::make_unique<MatrixWeight>(widened(matrix));
  }
  WeightHandle upload_gated(const std::string&, const HostMatrix& gate,
                            const HostMatrix& up) override {
    return std::make_unique<GatedWeight>(widened(gate), widened(up));
  }
  WeightHandle upload_heads(const std::string&, const HostHeadProjections& heads) override {
    return std::make_unique<HeadsWeight>(widened(heads.key), widened(heads.value));
  }
  WeightHandle bind_experts(std::vector<ExpertWeights> experts) override {
    return std::make_unique<ExpertsWeight>(std::move(experts));
  }
  WeightHandle upload_rope(const HostTensor& cos, const HostTensor& sin) override {
    return std::make_unique<RopeWeight>(widened(cos), widened(sin));
  }

  void begin_step(const StepLayout& layout) override { layout_ = layout; }

  void embedding(const Weight& table, std::int64_t first_token, const TensorView& out) override {
    const Matrix& matrix = as<MatrixWeight>(table).matrix;
    for (std::int64_t row = 0; row < out.rows; ++row) {
      const std::int64_t id = layout_.tokens[static_cast<std::size_t>(row)] - first_token;
      for (std::int64_t i = 0; i < out.columns; ++i) {
        const bool inside = id >= 0 && id < matrix.rows;
        row_of(out, row)[i] =
            inside ? matrix.values[static_cast<std::size_t>(id * matrix.columns + i)] : 0.0F;
      }
    }
  }

  void rmsnorm(const TensorView& x, const Weight& weight, float epsilon,
               const TensorView& out) override {
    for (std::int64_t row = 0; row < x.rows; ++row) {
      normalize(row_of(x, row), as<VectorWeight>(weight).values, epsilon, row_of(out, row));
    }
  }

  void add_rmsnorm(const TensorView& residual, const TensorView& delta, const Weight& weight,
                   float epsilon, const TensorView& out) override {
    for (std::int64_t row = 0; row < residual.rows; ++row) {
      for (std::int64_t i = 0; i < residual.columns; ++i) {
        row_of(residual, row)[i] += row_of(delta, row)[i];
      }
    }
    rmsnorm(residual, weight, epsilon, out);
  }

  void linear(const TensorView& x, const Weight& weight, const TensorView& out) override {
    const Matrix& matrix = as<MatrixWeight>(weight).matrix;
    ETAP_CHECK(x.columns == matrix.columns && out.columns == matrix.rows, "linear: widths");
    for (std::int64_t row = 0; row < x.rows; ++row) {
      multiply(row_of(x, row), matrix, row_of(out, row));
    }
  }

  void gated_linear(const TensorView& x, const Weight& gate_up, const TensorView& out) override {
    const GatedWeight& weight = as<GatedWeight>(gate_up);
    for (std::int64_t row = 0; row < x.rows; ++row) {
      gated_multiply(row_of(x, row), weight, row_of(out, row));
    }
  }

  void rotate_queries(const AttentionShape& shape, const Weight& rope,
                      const TensorView& q) override {
    for (std::int64_t row = 0; row < q.rows; ++row) {
      for (std::int64_t head = 0; head < shape.heads; ++head) {
        rotate(as<RopeWeight>(rope), shape.rope, layout_.positions[static_cast<std::size_t>(row)],
               row_of(q, row) + head * shape.query_width() + shape.nope);
      }
    }
  }

  void write_latent(const AttentionShape& shape, const TensorView& kv, const Weight& norm,
                    float epsilon, const Weight& rope, LatentCache& cache,
                    std::int64_t layer) override {
    for (std::int64_t row = 0; row < kv.rows; ++row) {
      const auto index = static_cast<std::size_t>(row);
      float* slot = static_cast<FloatCache&>(cache).row(layer, layout_.slots[index]);
      normalize(row_of(kv, row), as<VectorWeight>(norm).values, epsilon, slot);
      for (std::int64_t i = 0; i < shape.rope; ++i) {
        slot[shape.latent + i] = row_of(kv, row)[shape.latent + i];
      }
      rotate(as<RopeWeight>(rope), shape.rope, layout_.positions[index], slot + shape.latent);
    }
  }

  void expanded_attention(const AttentionShape& shape, const TensorView& q, const Weight& heads,
                          const LatentCache& cache, std::int64_t layer,
                          const TensorView& out) override {
    reference::expanded_attention(shape, layout_.expanded, q, as<HeadsWeight>(heads),
                                  static_cast<const FloatCache&>(cache), layer, out);
  }

  void absorb_queries(const AttentionShape& shape, const TensorView& q, const Weight& heads,
                      const TensorView& q_latent) override {
    const std::vector<float>& key = as<HeadsWeight>(heads).key;
    for_each_absorbed(shape, [&](std::int64_t row, std::int64_t packed, std::int64_t head) {
      const float* query = row_of(q, row) + head * shape.query_width();
      float* target = row_of(q_latent, packed) + head * shape.cache_width();
      for (std::int64_t i = 0; i < shape.latent; ++i) {
        double sum = 0.0;
        for (std::int64_t j = 0; j < shape.nope; ++j) {
          const auto index = static_cast<std::size_t>((head * shape.nope + j) * shape.latent + i);
          sum += static_cast<double>(query[j]) * static_cast<double>(key[index]);
        }
        target[i] = static_cast<float>(sum);
      }
      for (std::int64_t i = 0; i < shape.rope; ++i) {
        target[shape.latent + i] = query[shape.nope + i];
      }
    });
  }

  void latent_attention(const AttentionShape& shape, const TensorView& q_latent,
                        const LatentCache& cache, std::int64_t layer,
                        const TensorView& o_latent) override {
    reference::latent_attention(shape, layout_.absorbed, q_latent,
                                static_cast<const FloatCache&>(cache), layer, o_latent);
  }

  void project_values(const AttentionShape& shape, const TensorView& o_latent, const Weight& heads,
                      const TensorView& out) override {
    const std::vector<float>& value = as<HeadsWeight>(heads).value;
    for_each_absorbed(shape, [&](std::int64_t row, std::int64_t packed, std::int64_t head) {
      for (std::int64_t i = 0; i < shape.value; ++i) {
        row_of(out, row)[head * shape.value + i] = static_cast<float>(
            dot(row_of(o_latent, packed) + head * shape.latent,
                value.data() + (head * shape.value + i) * shape.latent, shape.latent));
      }
    });
  }

  void route(const RoutingParams& params, const TensorView& logits, const Weight* bias) override {
    choices_.clear();
    for (std::int64_t row = 0; row < logits.rows; ++row) {
      const float* values = bias == nullptr ? nullptr : as<VectorWeight>(*bias).values.data();
      choices_.push_back(choose_experts(params, row_of(logits, row), values));
    }
  }

  void experts(const TensorView& x, const Weight& experts, bool accumulate,
               const TensorView& out) override {
    const std::vector<ExpertWeights>& weights = as<ExpertsWeight>(experts).experts;
    for (std::int64_t row = 0; row < x.rows; ++row) {
      float* target = row_of(out, row);
      if (!accumulate) std::fill(target, target + out.columns, 0.0F);
      for (const Choice& choice : choices_[static_cast<std::size_t>(row)]) {
        const ExpertWeights& expert = weights[static_cast<std::size_t>(choice.expert)];
        const GatedWeight& gate_up = as<GatedWeight>(*expert.gate_up);
        std::vector<float> hidden(static_cast<std::size_t>(gate_up.gate.rows));
        std::vector<float> result(static_cast<std::size_t>(out.columns));
        gated_multiply(row_of(x, row), gate_up, hidden.data());
        multiply(hidden.data(), as<MatrixWeight>(*expert.down).matrix, result.data());
        for (std::size_t i = 0; i < result.size(); ++i) target[i] += choice.weight * result[i];
      }
    }
  }

  void gather_logit_rows(const TensorView& x, const TensorView& out) override {
    for (std::int64_t row = 0; row < out.rows; ++row) {
      const float* source = row_of(x, layout_.logit_rows[static_cast<std::size_t>(row)]);
      std::copy(source, source + out.columns, row_of(out, row));
    }
  }

  void all_reduce(Communicator& communicator, const TensorView& x) override {
    ETAP_CHECK(x.stride == x.columns, "all_reduce: rows must be contiguous");
    communicator.all_reduce(row_of(x, 0), static_cast<std::size_t>(x.rows * x.columns));
  }

  void read_back(const TensorView& x, float* host) override {
    for (std::int64_t row = 0; row < x.rows; ++row) {
      std::copy(row_of(x, row), row_of(x, row) + x.columns, host + row * x.columns);
    }
  }

 private:
  template <typename Body>
  void for_each_absorbed(const AttentionShape& shape, const Body& body) {
    for (const AttentionSegment& segment : layout_.absorbed) {
      for (std::int64_t i = 0; i < segment.count; ++i) {
        for (std::int64_t head = 0; head < shape.heads; ++head) {
          body(segment.row + i, segment.packed_row + i, head);
        }
      }
    }
  }

  StepLayout layout_{};
  std::vector<std::vector<Choice>> choices_;
};

}  // namespace
}  // namespace reference

std::unique_ptr<Backend> create_reference_backend() {
  return std::make_unique<reference::ReferenceBackend>();
}

}  // namespace etap
