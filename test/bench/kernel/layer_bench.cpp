// Times the operations of one DeepSeek-R1 layer as tensor parallelism over 8 GPUs leaves it to one
// of them, FP8 weights and all, and the whole layer as a decode step runs it. Each time stands
// beside its floor: the bytes it must move over the measured read ceiling, or its arithmetic over
// the tensor rate of the data sheet, whichever is longer.
//
//   layer_bench [--json PATH] [--batch N]... [--context N]
//
// An operation is repeated in a CUDA graph over copies of its weights that together are several
// times the L2 cache.
#include <cuda_runtime_api.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "backend/cuda/backend.h"
#include "backend/cuda/cuda_check.h"
#include "base/float_bits.h"
#include "read_ceiling.h"
#include "timing.h"

namespace etap::cuda {
namespace {

constexpr std::int64_t kHidden = 7168;
constexpr std::int64_t kQueryLow = 1536;
constexpr std::int64_t kInner = 256;  // 2048 / 8, of an expert
constexpr std::int64_t kExperts = 256;
constexpr std::int64_t kPerToken = 8;
constexpr AttentionShape kAttention{16, 128, 64, 128, 512, 0.135234F};
constexpr double kRotatedBytes = 256e6;  // copies of a weight that one graph walks over
constexpr int kCopiesMax = 24;
constexpr double kTensorRate = 989e12;  // dense bf16 of an H200, data sheet
constexpr int kWarmup = 2;
constexpr int kRepeats = 9;

struct Line {
  std::string name;
  std::int64_t rows;
  double us;
  double bytes;
  double flops;
};

HostMatrix random_fp8(std::int64_t rows, std::int64_t columns) {
  HostMatrix matrix;
  matrix.values = HostTensor(DType::kF8E4M3, {rows, columns});
  std::uint64_t state = 88172645463325252ull;
  auto* values = matrix.values.data<std::uint8_t>();
  for (std::int64_t i = 0; i < rows * columns; ++i) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    const auto bits = static_cast<std::uint8_t>(state >> 56);
    values[i] = is_e4m3_nan(bits) ? std::uint8_t{0x30} : bits;
  }
  const std::int64_t blocks = (columns + kScaleBlock - 1) / kScaleBlock;
  matrix.scales = HostTensor(DType::kF32, {rows, blocks});
  for (std::int64_t i = 0; i < rows * blocks; ++i) matrix.scales.data<float>()[i] = 2e-4F;
  return matrix;
}

HostTensor random_floats(Shape shape, float spread) {
  HostTensor tensor(DType::kF32, std::move(shape));
  std::uint64_t state = 2463534242ull;
  const std::int64_t count = element_count(tensor.shape());
  for (std::int64_t i = 0; i < count; ++i) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    tensor.data<float>()[i] =
        spread * (static_cast<float>(state >> 40) / static_cast<float>(1 << 23) - 1.0F);
  }
  return tensor;
}

// A step of `batch` decode rows at `context` tokens each.
struct DecodeStep {
  DecodeStep(std::int64_t batch, std::int64_t context) {
    const std::int64_t blocks = (context + kBlockTokens - 1) / kBlockTokens;
    tables.resize(static_cast<std::size_t>(batch * blocks));
    for (std::size_t i = 0; i < tables.size(); ++i) tables[i] = static_cast<std::int32_t>(i) + 1;
    for (std::int32_t row = 0; row < batch; ++row) {
      tokens.push_back(row);
      positions.push_back(static_cast<std::int32_t>(context) - 1);
      const std::int32_t* table = tables.data() + row * blocks;
      slots.push_back(table[blocks - 1] * kBlockTokens + (context - 1) % kBlockTokens);
      segments.push_back({row, row, 1, static_cast<std::int32_t>(context) - 1, table});
    }
    layout = {tokens, positions, slots, {}, segments, batch, {}};
  }
  std::vector<std::int32_t> tables;
  std::vector<std::int32_t> tokens;
  std::vector<std::int32_t> positions;
  std::vector<std::int64_t> slots;
  std::vector<AttentionSegment> segments;
  StepLayout layout{};
};

struct Weights {
  explicit Weights(Backend& b) {
    router_host.values = random_floats({kExperts, kHidden}, 0.05F);
    norm = b.upload_vector("norm", random_floats({kHidden}, 1.0F));
    low_norm = b.upload_vector("norm", random_floats({kQueryLow}, 1.0F));
    latent_norm = b.upload_vector("norm", random_floats({kAttention.latent}, 1.0F));
    bias = b.upload_vector("bias", random_floats({kExperts}, 0.3F));
    rope = b.upload_rope(random_floats({1 << 17, 32}, 1.0F), random_floats({1 << 17, 32}, 1.0F));
    heads = b.upload_heads(
        "kv_b", {random_floats({16, 128, 512}, 0.05F), random_floats({16, 128, 512}, 0.05F)});
    router = b.upload_linear("router", router_host);
    q_a = b.upload_linear("q_a", random_fp8(kQueryLow, kHidden));
    q_b = b.upload_linear("q_b", random_fp8(16 * 192, kQueryLow));
    kv_a = b.upload_linear("kv_a", random_fp8(576, kHidden));
    o = b.upload_linear("o", random_fp8(kHidden, 16 * 128));
    const HostMatrix gate = random_fp8(kInner, kHidden);
    const HostMatrix down = random_fp8(kHidden, kInner);
    shared_gate = b.upload_gated("gate", gate, gate);
    shared_down = b.upload_linear("down", down);
    std::vector<ExpertWeights> all;
    for (std::int64_t i = 0; i < kExperts; ++i) {
      all.push_back({b.upload_gated("gate", gate, gate), b.upload_linear("down", down)});
    }
    experts = b.bind_experts(std::move(all));
  }
  HostMatrix router_host;
  WeightHandle norm, low_norm, latent_norm, bias, rope, heads, router, q_a, q_b, kv_a, o;
  WeightHandle shared_gate, shared_down, experts;
};

class Bench {
 public:
  Bench(std::int64_t rows_max, std::int64_t context, double ceiling)
      : backend_(create_backend(0, 1)),
        stream_(stream_of(*backend_)),
        ceiling_(ceiling),
        context_(context),
        weights_(*backend_) {
    const auto buffer = [&](DType dtype, std::int64_t columns) {
      return backend_->allocate(dtype, rows_max, columns);
    };
    residual_ = buffer(DType::kF32, kHidden);
    delta_ = buffer(DType::kF32, kHidden);
    wide_ = buffer(DType::kF32, kHidden);
    normed_ = buffer(DType::kBF16, kHidden);
    q_low_ = buffer(DType::kF32, kQueryLow);
    q_low_normed_ = buffer(DType::kBF16, kQueryLow);
    q_ = buffer(DType::kBF16, 16 * 192);
    kv_ = buffer(DType::kF32, 576);
    q_latent_ = buffer(DType::kBF16, 16 * 576);
    o_latent_ = buffer(DType::kBF16, 16 * 512);
    attention_ = buffer(DType::kBF16, 16 * 128);
    gated_ = buffer(DType::kBF16, kInner);
    router_ = buffer(DType::kF32, kExperts);
    const std::int64_t blocks = rows_max * ((context + kBlockTokens - 1) / kBlockTokens) + 1;
    cache_ = backend_->allocate_cache(1, blocks, 576);
    fill();
  }

  void run(std::int64_t batch) {
    const DecodeStep step(batch, context_);
    backend_->begin_step(step.layout);
    layer(batch);  // allocates what the operations keep
    CUDA_CHECK(cudaStreamSynchronize(stream_));
    time_operations(batch);
    const auto b = static_cast<double>(batch);
    const double active = expected_experts(batch);
    time_calls("whole layer", batch, layer_bytes(batch, active), layer_flops(b), 4,
               [&](int) { layer(batch); });
  }

  // A plain product of many rows: prefill.
  void run_prefill(std::int64_t rows) {
    time_product("prefill q_b", rows, q_low_normed_, *weights_.q_b, q_, 16 * 192, kQueryLow);
    time_product("prefill o", rows, attention_, *weights_.o, delta_, kHidden, 16 * 128);
  }

  const std::vector<Line>& lines() const { return lines_; }
  double floor_us(const Line& line) const {
    return 1e6 * std::max(line.bytes / ceiling_, line.flops / kTensorRate);
  }

 private:
  using Handle = std::unique_ptr<Buffer>;

  // Random activations, so that routing spreads over the experts.
  void fill() {
    for (const Handle* buffer : {&residual_, &delta_, &wide_, &q_low_}) {
      const TensorView& view = (*buffer)->view();
      const HostTensor values = random_floats({view.rows, view.columns}, 1.0F);
      CUDA_CHECK(
          cudaMemcpy(view.data, values.data<float>(), values.bytes(), cudaMemcpyHostToDevice));
    }
    for (const Handle* buffer : {&normed_, &q_low_normed_, &q_, &attention_, &gated_}) {
      const TensorView& view = (*buffer)->view();
      const HostTensor values = random_floats({view.rows, view.columns}, 1.0F);
      std::vector<std::uint16_t> narrow;
      for (std::int64_t i = 0; i < view.rows * view.columns; ++i) {
        narrow.push_back(float_to_bf16(values.data<float>()[i]));
      }
      CUDA_CHECK(cudaMemcpy(view.data, narrow.data(), narrow.size() * 2, cudaMemcpyHostToDevice));
    }
  }

  static double expected_experts(std::int64_t batch) {
    const double share = static_cast<double>(kPerToken) / static_cast<double>(kExperts);
    return static_cast<double>(kExperts) * (1 - std::pow(1 - share, static_cast<double>(batch)));
  }

  static double expert_bytes() { return 3.0 * kInner * kHidden * (1 + 4.0 / kScaleBlock); }
  double attention_bytes(std::int64_t batch) const {
    return static_cast<double>(batch * context_) * 1152;
  }
  double layer_bytes(std::int64_t batch, double active) const {
    const double fp8 = 1 + 4.0 / kScaleBlock;
    const double dense =
        (kQueryLow * kHidden + 16 * 192 * kQueryLow + 576 * kHidden + kHidden * 16 * 128) * fp8 +
        expert_bytes();
    return dense + 2.0 * 16 * 128 * 512 * 2 + kExperts * kHidden * 4 + active * expert_bytes() +
           attention_bytes(batch);
  }
  double layer_flops(double batch) const {
    const double params = kQueryLow * kHidden + 16 * 192 * kQueryLow + 576 * kHidden +
                          kHidden * 16 * 128 + 9.0 * 3 * kInner * kHidden + 2.0 * 16 * 128 * 512;
    return 2 * batch * (params + static_cast<double>(context_) * 16 * 1088);
  }

  void layer(std::int64_t rows) {
    Backend& b = *backend_;
    Weights& w = weights_;
    const TensorView normed = normed_->rows(rows);
    b.add_rmsnorm(residual_->rows(rows), delta_->rows(rows), *w.norm, 1e-6F, normed);
    b.linear(normed, *w.q_a, q_low_->rows(rows));
    b.rmsnorm(q_low_->rows(rows), *w.low_norm, 1e-6F, q_low_normed_->rows(rows));
    b.linear(q_low_normed_->rows(rows), *w.q_b, q_->rows(rows));
    b.rotate_queries(kAttention, *w.rope, q_->rows(rows));
    b.linear(normed, *w.kv_a, kv_->rows(rows));
    b.write_latent(kAttention, kv_->rows(rows), *w.latent_norm, 1e-6F, *w.rope, *cache_, 0);
    b.absorb_queries(kAttention, q_->rows(rows), *w.heads, q_latent_->rows(rows));
    b.latent_attention(kAttention, q_latent_->rows(rows), *cache_, 0, o_latent_->rows(rows));
    b.project_values(kAttention, o_latent_->rows(rows), *w.heads, attention_->rows(rows));
    b.linear(attention_->rows(rows), *w.o, delta_->rows(rows));
    b.add_rmsnorm(residual_->rows(rows), delta_->rows(rows), *w.norm, 1e-6F, normed);
    b.rmsnorm(residual_->rows(rows), *w.norm, 1e-6F, wide_->rows(rows));
    mixture(rows);
  }

  void mixture(std::int64_t rows) {
    Backend& b = *backend_;
    Weights& w = weights_;
    b.linear(wide_->rows(rows), *w.router, router_->rows(rows));
    b.route({kExperts, kPerToken, 8, 4, true, true, true, 2.5F}, router_->rows(rows), w.bias.get());
    b.gated_linear(normed_->rows(rows), *w.shared_gate, gated_->rows(rows));
    b.linear(gated_->rows(rows), *w.shared_down, delta_->rows(rows));
    b.experts(normed_->rows(rows), *w.experts, true, delta_->rows(rows));
  }

  void time_operations(std::int64_t rows) {
    Weights& w = weights_;
    time_product("q_a", rows, normed_, *w.q_a, q_low_, kQueryLow, kHidden);
    time_product("q_b", rows, q_low_normed_, *w.q_b, q_, 16 * 192, kQueryLow);
    time_product("kv_a", rows, normed_, *w.kv_a, kv_, 576, kHidden);
    time_product("o", rows, attention_, *w.o, delta_, kHidden, 16 * 128);
    const auto b = static_cast<double>(rows);
    const double heads = 16.0 * 128 * 512;
    time_calls("absorb_queries", rows, heads * 2, 2 * b * heads, 8, [&](int) {
      backend_->absorb_queries(kAttention, q_->rows(rows), *w.heads, q_latent_->rows(rows));
    });
    time_calls("latent_attention", rows, attention_bytes(rows),
               2 * b * static_cast<double>(context_) * 16 * 1088, 4, [&](int) {
                 backend_->latent_attention(kAttention, q_latent_->rows(rows), *cache_, 0,
                                            o_latent_->rows(rows));
               });
    time_calls("project_values", rows, heads * 2, 2 * b * heads, 8, [&](int) {
      backend_->project_values(kAttention, o_latent_->rows(rows), *w.heads, attention_->rows(rows));
    });
    time_calls("router", rows, kExperts * kHidden * 4.0, 0, 8,
               [&](int) { backend_->linear(wide_->rows(rows), *w.router, router_->rows(rows)); });
    time_calls("route", rows, 0, 0, 8, [&](int) {
      backend_->route({kExperts, kPerToken, 8, 4, true, true, true, 2.5F}, router_->rows(rows),
                      w.bias.get());
    });
    time_calls("experts", rows, expected_experts(rows) * expert_bytes(),
               2 * b * kPerToken * 3 * kInner * kHidden, 4, [&](int) {
                 backend_->experts(normed_->rows(rows), *w.experts, true, delta_->rows(rows));
               });
    time_calls("add_rmsnorm", rows, b * kHidden * 14, 0, 8, [&](int) {
      backend_->add_rmsnorm(residual_->rows(rows), delta_->rows(rows), *w.norm, 1e-6F,
                            normed_->rows(rows));
    });
  }

  // Over copies of the weight, so that none is found in the L2 cache.
  void time_product(const std::string& name, std::int64_t rows, const Handle& x,
                    const Weight& weight, const Handle& out, std::int64_t outputs,
                    std::int64_t columns) {
    const auto bytes = static_cast<double>(weight.bytes());
    const int copies = std::min(kCopiesMax, static_cast<int>(kRotatedBytes / bytes) + 1);
    std::vector<WeightHandle> copied;
    for (int i = 0; i < copies; ++i) {
      copied.push_back(backend_->upload_linear(name, random_fp8(outputs, columns)));
    }
    time_calls(
        name, rows, bytes, 2.0 * static_cast<double>(rows * outputs * columns), copies, [&](int i) {
          backend_->linear(x->rows(rows), *copied[static_cast<std::size_t>(i)], out->rows(rows));
        });
  }

  void time_calls(const std::string& name, std::int64_t rows, double bytes, double flops, int calls,
                  const std::function<void(int)>& call) {
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    CUDA_CHECK(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal));
    for (int i = 0; i < calls; ++i) call(i);
    CUDA_CHECK(cudaStreamEndCapture(stream_, &graph));
    CUDA_CHECK(cudaGraphInstantiate(&executable, graph, 0));
    const Timing timing = time_device(stream_, kWarmup, kRepeats, [&](cudaStream_t s) {
      CUDA_CHECK(cudaGraphLaunch(executable, s));
    });
    CUDA_CHECK(cudaGraphExecDestroy(executable));
    CUDA_CHECK(cudaGraphDestroy(graph));
    lines_.push_back({name, rows, timing.median_us / calls, bytes, flops});
    const Line& line = lines_.back();
    std::printf("%-18s %6lld %9.2f %9.2f %6.2f %8.0f %8.1f\n", line.name.c_str(),
                static_cast<long long>(rows), line.us, floor_us(line),
                line.us / std::max(floor_us(line), 1e-9), bytes / line.us * 1e-3,
                flops / line.us * 1e-6);
    std::fflush(stdout);
  }

  std::unique_ptr<Backend> backend_;
  cudaStream_t stream_;
  double ceiling_;
  std::int64_t context_;
  Weights weights_;
  Handle residual_, delta_, wide_, normed_, q_low_, q_low_normed_, q_, kv_, q_latent_, o_latent_,
      attention_, gated_, router_;
  std::unique_ptr<LatentCache> cache_;
  std::vector<Line> lines_;
};

void write_json(const char* path, const Bench& bench, double ceiling, std::int64_t context) {
  std::FILE* file = std::fopen(path, "w");
  if (file == nullptr) throw std::runtime_error(std::string("cannot write ") + path);
  std::fprintf(file, "{\"read_ceiling\":%.6g,\"context\":%lld,\"results\":[", ceiling,
               static_cast<long long>(context));
  for (const Line& line : bench.lines()) {
    std::fprintf(file, "%s\n{\"name\":\"%s\",\"rows\":%lld,\"us\":%.3f,\"floor_us\":%.3f}",
                 &line == bench.lines().data() ? "" : ",", line.name.c_str(),
                 static_cast<long long>(line.rows), line.us, bench.floor_us(line));
  }
  std::fprintf(file, "\n]}\n");
  std::fclose(file);
}

int run(int argc, char** argv) {
  const char* json = nullptr;
  std::vector<std::int64_t> batches;
  std::int64_t context = 4096;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--json") == 0) json = argv[i + 1];
    if (std::strcmp(argv[i], "--batch") == 0) batches.push_back(std::stoll(argv[i + 1]));
    if (std::strcmp(argv[i], "--context") == 0) context = std::stoll(argv[i + 1]);
  }
  if (batches.empty()) batches = {1, 16, 64};
  constexpr std::int64_t kPrefillRows = 2048;
  const double ceiling = measure_load_ceiling(std::int64_t{2} << 30);
  std::printf("read ceiling %.0f GB/s, contexts of %lld tokens\n", ceiling * 1e-9,
              static_cast<long long>(context));
  std::int64_t rows_max = 1;
  for (const std::int64_t batch : batches) rows_max = std::max(rows_max, batch);
  std::printf("%-18s %6s %9s %9s %6s %8s %8s\n", "operation", "rows", "us", "floor us", "ratio",
              "GB/s", "TFLOPS");
  Bench bench(rows_max, context, ceiling);
  for (const std::int64_t batch : batches) bench.run(batch);
  if (json != nullptr) write_json(json, bench, ceiling, context);
  Bench prefill(kPrefillRows, kBlockTokens, ceiling);
  prefill.run_prefill(kPrefillRows);
  return 0;
}

}  // namespace
}  // namespace etap::cuda

int main(int argc, char** argv) {
  try {
    return etap::cuda::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "layer_bench: %s\n", error.what());
    return 1;
  }
}
