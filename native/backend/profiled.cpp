#include "backend/profiled.h"

#include <chrono>
#include <utility>

namespace etap {
namespace {

constexpr std::int64_t kCacheValueBytes = 2;  // bf16

class ProfiledBackend final : public Backend {
 public:
  explicit ProfiledBackend(std::unique_ptr<Backend> inner) : inner_(std::move(inner)) {}

  std::string description() const override { return inner_->description(); }
  std::string isa() const override { return inner_->isa(); }
  std::int64_t free_memory_bytes() const override { return inner_->free_memory_bytes(); }
  DType activation_dtype() const override { return inner_->activation_dtype(); }
  const StepProfile* profile() const override { return &profile_; }

  std::unique_ptr<Buffer> allocate(DType dtype, std::int64_t rows, std::int64_t columns) override {
    return inner_->allocate(dtype, rows, columns);
  }
  std::unique_ptr<LatentCache> allocate_cache(std::int64_t layers, std::int64_t blocks,
                                              std::int64_t width) override {
    return inner_->allocate_cache(layers, blocks, width);
  }

  WeightHandle upload_vector(const std::string& name, const HostTensor& values) override {
    return inner_->upload_vector(name, values);
  }
  WeightHandle upload_embedding(const std::string& name, const HostTensor& values) override {
    return inner_->upload_embedding(name, values);
  }
  WeightHandle upload_linear(const std::string& name, const HostMatrix& matrix) override {
    return inner_->upload_linear(name, matrix);
  }
  WeightHandle upload_gated(const std::string& name, const HostMatrix& gate,
                            const HostMatrix& up) override {
    return inner_->upload_gated(name, gate, up);
  }
  WeightHandle upload_heads(const std::string& name,
                            const HostHeadProjections& projections) override {
    return inner_->upload_heads(name, projections);
  }
  WeightHandle bind_experts(std::vector<ExpertWeights> experts) override {
    return inner_->bind_experts(std::move(experts));
  }
  WeightHandle upload_rope(const HostTensor& cos, const HostTensor& sin) override {
    return inner_->upload_rope(cos, sin);
  }

  void begin_step(const StepLayout& layout) override {
    profile_ = {};
    absorbed_keys_ = 0;
    for (const AttentionSegment& segment : layout.absorbed) {
      absorbed_keys_ += std::int64_t{segment.position} + segment.count;
    }
    timed(profile_.other, [&] { inner_->begin_step(layout); });
  }

  void embedding(const Weight& table, std::int64_t first_token, const TensorView& out) override {
    timed(profile_.other, [&] { inner_->embedding(table, first_token, out); });
  }
  void rmsnorm(const TensorView& x, const Weight& weight, float epsilon,
               const TensorView& out) override {
    timed(profile_.other, [&] { inner_->rmsnorm(x, weight, epsilon, out); });
  }
  void add_rmsnorm(const TensorView& residual, const TensorView& delta, const Weight& weight,
                   float epsilon, const TensorView& out) override {
    timed(profile_.other, [&] { inner_->add_rmsnorm(residual, delta, weight, epsilon, out); });
  }
  void linear(const TensorView& x, const Weight& weight, const TensorView& out) override {
    timed(profile_.linear, [&] { inner_->linear(x, weight, out); });
  }
  void gated_linear(const TensorView& x, const Weight& gate_up, const TensorView& out) override {
    timed(profile_.linear, [&] { inner_->gated_linear(x, gate_up, out); });
  }

  void rotate_queries(const AttentionShape& shape, const Weight& rope,
                      const TensorView& q) override {
    timed(profile_.attention, [&] { inner_->rotate_queries(shape, rope, q); });
  }
  void write_latent(const AttentionShape& shape, const TensorView& kv, const Weight& norm,
                    float epsilon, const Weight& rope, LatentCache& cache,
                    std::int64_t layer) override {
    timed(profile_.attention,
          [&] { inner_->write_latent(shape, kv, norm, epsilon, rope, cache, layer); });
  }
  void expanded_attention(const AttentionShape& shape, const TensorView& q, const Weight& heads,
                          const LatentCache& cache, std::int64_t layer,
                          const TensorView& out) override {
    timed(profile_.attention,
          [&] { inner_->expanded_attention(shape, q, heads, cache, layer, out); });
  }
  void absorb_queries(const AttentionShape& shape, const TensorView& q, const Weight& heads,
                      const TensorView& q_latent) override {
    timed(profile_.attention, [&] { inner_->absorb_queries(shape, q, heads, q_latent); });
  }
  void latent_attention(const AttentionShape& shape, const TensorView& q_latent,
                        const LatentCache& cache, std::int64_t layer,
                        const TensorView& o_latent) override {
    timed(profile_.latent_attention,
          [&] { inner_->latent_attention(shape, q_latent, cache, layer, o_latent); });
    profile_.latent_bytes +=
        static_cast<float>(absorbed_keys_ * shape.cache_width() * kCacheValueBytes);
  }
  void project_values(const AttentionShape& shape, const TensorView& o_latent, const Weight& heads,
                      const TensorView& out) override {
    timed(profile_.attention, [&] { inner_->project_values(shape, o_latent, heads, out); });
  }

  void route(const RoutingParams& params, const TensorView& logits, const Weight* bias) override {
    timed(profile_.experts, [&] { inner_->route(params, logits, bias); });
  }
  void experts(const TensorView& x, const Weight& experts, bool accumulate,
               const TensorView& out) override {
    timed(profile_.experts, [&] { inner_->experts(x, experts, accumulate, out); });
  }

  void gather_logit_rows(const TensorView& x, const TensorView& out) override {
    timed(profile_.other, [&] { inner_->gather_logit_rows(x, out); });
  }
  void all_reduce(Communicator& communicator, const TensorView& x) override {
    timed(profile_.reduce, [&] { inner_->all_reduce(communicator, x); });
  }
  void read_back(const TensorView& x, float* host) override {
    timed(profile_.other, [&] { inner_->read_back(x, host); });
  }

 private:
  template <typename Operation>
  void timed(float& micros, const Operation& operation) {
    const auto begin = std::chrono::steady_clock::now();
    operation();
    const std::chrono::duration<float, std::micro> elapsed =
        std::chrono::steady_clock::now() - begin;
    micros += elapsed.count();
  }

  std::unique_ptr<Backend> inner_;
  StepProfile profile_;
  std::int64_t absorbed_keys_ = 0;  // of one layer
};

}  // namespace

std::unique_ptr<Backend> create_profiled_backend(std::unique_ptr<Backend> inner) {
  if (inner->profile() != nullptr) return inner;
  return std::make_unique<ProfiledBackend>(std::move(inner));
}

}  // namespace etap
