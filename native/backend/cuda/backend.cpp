#include "backend/cuda/backend.h"

#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "backend/cuda/all_reduce.h"
#include "backend/cuda/device.h"
#include "backend/cuda/expanded.h"
#include "backend/cuda/latent_decoder.h"
#include "backend/cuda/memory.h"
#include "backend/cuda/mixture.h"
#include "backend/cuda/ops/attention.h"
#include "backend/cuda/step_arrays.h"
#include "backend/cuda/step_graphs.h"
#include "backend/cuda/stream.h"
#include "backend/cuda/weights.h"
#include "base/check.h"

namespace etap::cuda {
namespace {

template <typename T>
const T& as(const Weight& weight) {
  return static_cast<const T&>(weight);
}

// ETAP_CUDA_GRAPHS=off launches kernel by kernel: for profilers, and to tell faults apart.
bool graphs_wanted() {
  const char* value = std::getenv("ETAP_CUDA_GRAPHS");
  return value == nullptr || std::strcmp(value, "off") != 0;
}

std::uint16_t* narrow(const TensorView& view) {
  return static_cast<std::uint16_t*>(view.data);
}

class CudaBackend final : public Backend {
 public:
  CudaBackend(int rank, int rank_count) : device_(open_device(rank, rank_count)) {}
  ~CudaBackend() override { cudaSetDevice(device_.ordinal); }

  std::string description() const override {
    return "cuda (" + device_.name + ", device " + std::to_string(device_.ordinal) + ", " +
           std::to_string(device_.multiprocessors) + " SMs)";
  }
  std::string isa() const override { return "sm_90a"; }
  std::int64_t free_memory_bytes() const override {
    std::size_t free_bytes = 0;
    std::size_t total_bytes = 0;
    CUDA_CHECK(cudaSetDevice(device_.ordinal));
    CUDA_CHECK(cudaMemGetInfo(&free_bytes, &total_bytes));
    return static_cast<std::int64_t>(free_bytes) / device_.sharing_ranks;
  }
  DType activation_dtype() const override { return DType::kBF16; }
  // Nothing is measured yet: operations return before they have run, so that a look at the host's
  // clock would time their launches.
  const StepProfile* profile() const override { return &profile_; }

  std::unique_ptr<Buffer> allocate(DType dtype, std::int64_t rows, std::int64_t columns) override {
    CUDA_CHECK(cudaSetDevice(device_.ordinal));
    return std::make_unique<DeviceBuffer>(dtype, rows, columns);
  }
  std::unique_ptr<LatentCache> allocate_cache(std::int64_t layers, std::int64_t blocks,
                                              std::int64_t width) override {
    CUDA_CHECK(cudaSetDevice(device_.ordinal));
    return std::make_unique<PagedCache>(layers, blocks, width);
  }

  WeightHandle upload_vector(const std::string&, const HostTensor& values) override {
    return uploader().vector(values);
  }
  WeightHandle upload_embedding(const std::string& name, const HostTensor& values) override {
    return uploader().embedding(name, values);
  }
  WeightHandle upload_linear(const std::string& name, const HostMatrix& matrix) override {
    return uploader().matrix(name, matrix, nullptr);
  }
  WeightHandle upload_gated(const std::string& name, const HostMatrix& gate,
                            const HostMatrix& up) override {
    return uploader().matrix(name, gate, &up);
  }
  WeightHandle upload_heads(const std::string&, const HostHeadProjections& heads) override {
    return uploader().heads(heads);
  }
  WeightHandle bind_experts(std::vector<ExpertWeights> experts) override {
    return uploader().experts(std::move(experts));
  }
  WeightHandle upload_rope(const HostTensor& cos, const HostTensor& sin) override {
    return uploader().rope(cos, sin);
  }

  void begin_step(const StepLayout& layout) override {
    CUDA_CHECK(cudaSetDevice(device_.ordinal));
    step_.begin(layout, stream());
    planned_ = false;
  }

  bool replay_step() override {
    const StepLayout& layout = step_.layout();
    const bool decodes_only = layout.expanded.empty() && !layout.absorbed.empty();
    const bool fixed =
        decoder_ == nullptr || decoder_->calls_are_fixed(step_.host_context_lengths());
    const bool sums_on_device = reduce_ != nullptr || !reduce_tried_;
    if (!graphs_wanted_ || !decodes_only || !fixed || !sums_on_device) return false;
    const auto rows = static_cast<std::int64_t>(layout.tokens.size());
    return graphs_.replay({rows, layout.absorbed_rows, step_.absorbed_block_stride(),
                           static_cast<std::int64_t>(layout.logit_rows.size())},
                          step_.generation() + mixture_.generation(), stream());
  }
  void end_step() override { graphs_.finish(stream()); }

  void embedding(const Weight& table, std::int64_t first_token, const TensorView& out) override {
    EmbeddingTable rows = as<EmbeddingWeight>(table).table;
    rows.first_token = first_token;
    embed(rows, step_.tokens(), out, stream());
  }

  void rmsnorm(const TensorView& x, const Weight& weight, float epsilon,
               const TensorView& out) override {
    norm_rows({static_cast<float*>(x.data), x.stride, nullptr, 0, as<VectorWeight>(weight).values,
               epsilon},
              out, stream());
  }

  void add_rmsnorm(const TensorView& residual, const TensorView& delta, const Weight& weight,
                   float epsilon, const TensorView& out) override {
    norm_rows(
        {static_cast<float*>(residual.data), residual.stride, static_cast<const float*>(delta.data),
         delta.stride, as<VectorWeight>(weight).values, epsilon},
        out, stream());
  }

  void linear(const TensorView& x, const Weight& weight, const TensorView& out) override {
    multiply_matrix(x, as<MatrixWeight>(weight), out);
  }
  void gated_linear(const TensorView& x, const Weight& gate_up, const TensorView& out) override {
    multiply_matrix(x, as<MatrixWeight>(gate_up), out);
  }

  void rotate_queries(const AttentionShape& shape, const Weight& rope,
                      const TensorView& q) override {
    rotate_heads(shape, as<RopeWeight>(rope).table, step_.positions(), q, stream());
  }

  void write_latent(const AttentionShape& shape, const TensorView& kv, const Weight& norm,
                    float epsilon, const Weight& rope, LatentCache& cache,
                    std::int64_t layer) override {
    check_positions(as<RopeWeight>(rope));
    write_latent_rows(
        shape, kv,
        {as<VectorWeight>(norm).values, epsilon, as<RopeWeight>(rope).table, step_.positions(),
         step_.slots(), static_cast<PagedCache&>(cache).layer(layer)},
        stream());
  }

  void expanded_attention(const AttentionShape& shape, const TensorView& q, const Weight& heads,
                          const LatentCache& cache, std::int64_t layer,
                          const TensorView& out) override {
    expanded_.run(shape, step_, q, as<HeadsWeight>(heads),
                  static_cast<const PagedCache&>(cache).layer(layer), out, stream());
  }

  void absorb_queries(const AttentionShape& shape, const TensorView& q, const Weight& heads,
                      const TensorView& q_latent) override {
    Product product = head_product(shape, as<HeadsWeight>(heads).absorb);
    product.x = q.data;
    product.x_stride = q.stride;
    product.x_group_stride = shape.query_width();
    product.x_rows = {step_.absorbed_index(), 0};
    product.out = q_latent.data;
    product.out_stride = q_latent.stride;
    product.out_group_stride = shape.cache_width();
    multiply(product, product.rows, stream());
    copy_rotary(shape, q, step_.absorbed_index(), q_latent, stream());
  }

  void latent_attention(const AttentionShape& shape, const TensorView& q_latent,
                        const LatentCache& cache, std::int64_t layer,
                        const TensorView& o_latent) override {
    const auto& pages = static_cast<const PagedCache&>(cache);
    ETAP_CHECK(q_latent.stride == q_latent.columns && o_latent.stride == o_latent.columns,
               "latent_attention: rows must be contiguous");
    if (LatentDecoder* decoder = decoder_for(shape)) {
      decoder->decode({narrow(q_latent), narrow(o_latent), pages.layer(layer), pages.block_count(),
                       step_.absorbed_blocks(), step_.absorbed_block_stride()},
                      stream());
      return;
    }
    attend_absorbed(
        shape,
        {narrow(q_latent), narrow(o_latent), pages.layer(layer), step_.absorbed_blocks(),
         step_.absorbed_block_stride(), step_.context_lengths(), step_.absorbed_count()},
        stream());
  }

  void project_values(const AttentionShape& shape, const TensorView& o_latent, const Weight& heads,
                      const TensorView& out) override {
    Product product = head_product(shape, as<HeadsWeight>(heads).value);
    product.x = o_latent.data;
    product.x_stride = o_latent.stride;
    product.x_group_stride = shape.latent;
    product.out = out.data;
    product.out_stride = out.stride;
    product.out_group_stride = shape.value;
    product.out_rows = {step_.absorbed_index(), 0};
    multiply(product, product.rows, stream());
  }

  void route(const RoutingParams& params, const TensorView& logits, const Weight* bias) override {
    mixture_.route(params, logits, bias == nullptr ? nullptr : as<VectorWeight>(*bias).values,
                   stream());
  }
  void experts(const TensorView& x, const Weight& experts, bool accumulate,
               const TensorView& out) override {
    mixture_.run(x, as<ExpertsWeight>(experts), accumulate, out, stream());
  }

  void gather_logit_rows(const TensorView& x, const TensorView& out) override {
    gather_rows(x, step_.logit_rows(), out, stream());
  }

  void all_reduce(Communicator& communicator, const TensorView& x) override {
    ETAP_CHECK(x.stride == x.columns, "all_reduce: rows must be contiguous");
    if (!reduce_tried_) {
      reduce_tried_ = true;
      reduce_ = AllReduce::create(communicator, device_.ordinal);
    }
    auto* values = static_cast<float*>(x.data);
    const std::int64_t count = x.rows * x.columns;
    if (reduce_ != nullptr && x.columns % 4 == 0) {
      reduce_->run(values, count, stream());
      return;
    }
    host_values_.resize(static_cast<std::size_t>(count));
    read_back(x, host_values_.data());
    communicator.all_reduce(host_values_.data(), host_values_.size());
    CUDA_CHECK(cudaMemcpyAsync(values, host_values_.data(), host_values_.size() * sizeof(float),
                               cudaMemcpyHostToDevice, stream()));
    CUDA_CHECK(cudaStreamSynchronize(stream()));
  }

  void read_back(const TensorView& x, float* host) override {
    CUDA_CHECK(cudaSetDevice(device_.ordinal));
    if (x.rows == 0 || x.columns == 0) return;
    const std::size_t width = static_cast<std::size_t>(x.columns) * sizeof(float);
    const auto rows = static_cast<std::size_t>(x.rows);
    std::byte* bounce = bounce_.get(width * rows);
    CUDA_CHECK(cudaMemcpy2DAsync(bounce, width, x.data,
                                 static_cast<std::size_t>(x.stride) * sizeof(float), width, rows,
                                 cudaMemcpyDeviceToHost, stream()));
    CUDA_CHECK(cudaStreamSynchronize(stream()));
    std::memcpy(host, bounce, width * rows);
  }

  cudaStream_t stream() const { return stream_.get(); }

 private:
  WeightUploader& uploader() {
    CUDA_CHECK(cudaSetDevice(device_.ordinal));
    return uploader_;
  }

  void multiply_matrix(const TensorView& x, const MatrixWeight& weight, const TensorView& out) {
    ETAP_CHECK(x.columns == weight.view.columns && out.columns == weight.view.outputs,
               "linear: widths");
    ETAP_CHECK(x.dtype == DType::kBF16 || weight.form == MatrixForm::kF32,
               "linear: fp32 rows go with fp32 weights only");
    Product product{};
    product.form = weight.form;
    product.gated = weight.gated;
    product.matrix = weight.view;
    product.x = x.data;
    product.x_wide = x.dtype == DType::kF32;
    product.x_stride = x.stride;
    product.out = out.data;
    product.store = out.dtype == DType::kF32 ? Store::kF32 : Store::kBf16;
    product.out_stride = out.stride;
    product.rows = static_cast<int>(x.rows);
    multiply(product, product.rows, stream());
  }

  // Of all absorbed rows, head by head.
  Product head_product(const AttentionShape& shape, const MatrixTable& table) const {
    Product product{};
    product.form = table.form;
    product.matrix = table.widest;
    product.matrices = table.views;
    product.groups = static_cast<int>(shape.heads);
    product.store = Store::kBf16;
    product.rows = step_.absorbed_count();
    return product;
  }

  void check_positions(const RopeWeight& rope) const {
    for (const std::int32_t position : step_.layout().positions) {
      ETAP_CHECK(position < rope.positions, "a position past the end of the rope table");
    }
  }

  // Planned for this step; null where the ETAP kernel does not take the shape.
  LatentDecoder* decoder_for(const AttentionShape& shape) {
    if (!decoder_made_) {
      decoder_made_ = true;
      decoder_ = make_latent_decoder(shape);
    }
    if (decoder_ != nullptr && !planned_) {
      decoder_->plan(step_.host_context_lengths(), step_.context_lengths(), stream());
      planned_ = true;
    }
    return decoder_.get();
  }

  Device device_;
  Stream stream_;
  WeightUploader uploader_{stream_.get()};
  const StepProfile profile_;
  StepArrays step_;
  ExpandedAttention expanded_;
  Mixture mixture_;
  StepGraphs graphs_;
  const bool graphs_wanted_ = graphs_wanted();
  std::unique_ptr<LatentDecoder> decoder_;
  bool decoder_made_ = false;
  bool planned_ = false;
  std::unique_ptr<AllReduce> reduce_;
  bool reduce_tried_ = false;
  std::vector<float> host_values_;
  PinnedBytes bounce_;
};

}  // namespace

std::unique_ptr<Backend> create_backend(int rank, int rank_count) {
  return std::make_unique<CudaBackend>(rank, rank_count);
}

cudaStream_t stream_of(const Backend& backend) {
  return static_cast<const CudaBackend&>(backend).stream();
}

}  // namespace etap::cuda
