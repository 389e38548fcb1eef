// The operations a model is written in: the seam between model/ and the devices. One Backend serves
// one tensor-parallel rank and is called from one thread. Weights are uploaded once into opaque
// handles; activations live in buffers of the backend; what a step looks like is uploaded once, by
// begin_step. Nothing is read back before read_back, so a backend may run a whole forward pass
// asynchronously.
//
// Every operation computes each of its rows independently of all others: the bits of a row do not
// depend on the number of rows, their order, or the number of threads.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/step_profile.h"
#include "base/tensor.h"
#include "comm/communicator.h"

namespace etap {

// Tokens in a KV block.
inline constexpr std::int64_t kBlockTokens = 64;
// Rows and columns of an FP8 weight that share one scale.
inline constexpr std::int64_t kScaleBlock = 128;

// Activations in backend memory: [rows, columns], row-major.
struct TensorView {
  void* data = nullptr;
  DType dtype = DType::kF32;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t stride = 0;  // elements from one row to the next

  TensorView row_range(std::int64_t first, std::int64_t count) const {
    const auto offset = static_cast<std::size_t>(first * stride) * dtype_bytes(dtype);
    return {static_cast<std::byte*>(data) + offset, dtype, count, columns, stride};
  }
};

// Owns the memory of one TensorView.
class Buffer {
 public:
  virtual ~Buffer() = default;
  const TensorView& view() const { return view_; }
  TensorView rows(std::int64_t count) const { return view_.row_range(0, count); }

 protected:
  TensorView view_;
};

// A weight in the backend's own layout. A handle serves only the operation it was uploaded for.
class Weight {
 public:
  explicit Weight(std::int64_t bytes) : bytes_(bytes) {}
  virtual ~Weight() = default;
  std::int64_t bytes() const { return bytes_; }

 private:
  std::int64_t bytes_;
};
using WeightHandle = std::unique_ptr<Weight>;

// A matrix on the host, on its way to upload: [rows, columns] in its stored dtype. FP8 values carry
// one scale for each row and block of columns, so that rows can be sliced, permuted and stacked
// freely; the first block may be narrower, because a slice of columns may begin inside one.
struct HostMatrix {
  HostTensor values;
  HostTensor scales;  // [rows, scale blocks] fp32; empty unless values are FP8
  std::int64_t first_scale_columns = kScaleBlock;
};

// kv_b of one layer, by head: fp32 on the host.
struct HostHeadProjections {
  HostTensor key;    // W_UK [heads, nope, latent]
  HostTensor value;  // W_UV [heads, value, latent]
};

struct ExpertWeights {
  WeightHandle gate_up;  // from upload_gated
  WeightHandle down;     // from upload_linear
};

// Widths of one layer's attention on this rank.
struct AttentionShape {
  std::int64_t heads;
  std::int64_t nope;
  std::int64_t rope;
  std::int64_t value;
  std::int64_t latent;
  float softmax_scale;

  std::int64_t query_width() const { return nope + rope; }    // of one head
  std::int64_t cache_width() const { return latent + rope; }  // of one token
};

struct RoutingParams {
  std::int64_t experts;
  std::int64_t experts_per_token;
  std::int64_t groups;  // 1: no groups
  std::int64_t groups_kept;
  bool sigmoid;           // scores; softmax otherwise
  bool group_by_top_two;  // group score: sum of the two best; the best otherwise
  bool normalize;         // divide the chosen scores by their sum
  float scaling_factor;
};

// The latent KV cache of all layers: [layers, blocks, 64, latent + rope].
class LatentCache {
 public:
  virtual ~LatentCache() = default;
};

// Consecutive rows of one sequence which take the same path through attention.
struct AttentionSegment {
  std::int32_t row;         // first row in the step
  std::int32_t packed_row;  // first row among the rows of the same path
  std::int32_t count;
  std::int32_t position;            // of the first row; the row sees keys [0, its position]
  const std::int32_t* block_table;  // [ceil((position + count) / 64)] block ids; no more is read
};

// The shape of one step. Everything it points to stays valid until the next begin_step.
struct StepLayout {
  std::span<const std::int32_t> tokens;     // [rows]
  std::span<const std::int32_t> positions;  // [rows]
  std::span<const std::int64_t> slots;      // [rows] block id * 64 + offset
  std::span<const AttentionSegment> expanded;
  std::span<const AttentionSegment> absorbed;
  std::int64_t absorbed_rows;
  std::span<const std::int32_t> logit_rows;  // indices of rows, ascending
};

class Backend {
 public:
  virtual ~Backend() = default;

  // For logs and metrics, such as "cpu (avx512_bf16, 2 threads)".
  virtual std::string description() const = 0;
  // Instruction set or compute capability the kernels were chosen for, such as "avx512_bf16".
  virtual std::string isa() const { return "portable"; }
  // Free memory of the device this backend computes on; 0 when the model lives in host memory.
  virtual std::int64_t free_memory_bytes() const { return 0; }
  // Element type that linear and the attention operations read and write.
  virtual DType activation_dtype() const = 0;
  // Where the time of the latest step went, for backends that measure it themselves because their
  // operations return early; null for those which backend/profiled.h can time from outside.
  virtual const StepProfile* profile() const { return nullptr; }

  // --- memory; throws ETAP_ERR_OUT_OF_MEMORY
  virtual std::unique_ptr<Buffer> allocate(DType dtype, std::int64_t rows,
                                           std::int64_t columns) = 0;
  virtual std::unique_ptr<LatentCache> allocate_cache(std::int64_t layers, std::int64_t blocks,
                                                      std::int64_t width) = 0;

  // --- weights; `name` is for the error message. Throws ETAP_ERR_TENSOR, ETAP_ERR_OUT_OF_MEMORY.
  virtual WeightHandle upload_vector(const std::string& name, const HostTensor& values) = 0;
  virtual WeightHandle upload_embedding(const std::string& name, const HostTensor& values) = 0;
  virtual WeightHandle upload_linear(const std::string& name, const HostMatrix& matrix) = 0;
  virtual WeightHandle upload_gated(const std::string& name, const HostMatrix& gate,
                                    const HostMatrix& up) = 0;
  virtual WeightHandle upload_heads(const std::string& name,
                                    const HostHeadProjections& projections) = 0;
  virtual WeightHandle bind_experts(std::vector<ExpertWeights> experts) = 0;
  // cos and sin: [positions, rope / 2] fp32.
  virtual WeightHandle upload_rope(const HostTensor& cos, const HostTensor& sin) = 0;

  // --- one step
  virtual void begin_step(const StepLayout& layout) = 0;
  // Called right after begin_step by callers that make the same calls for every step of one shape.
  // A backend may record what they enqueue up to end_step, and run the recording for a later step
  // of that shape: it then returns true, and the caller makes none of those calls, end_step
  // included.
  virtual bool replay_step() { return false; }
  virtual void end_step() {}

  // out [rows, hidden] fp32 = table[token - first_token], or zero where that is outside the table.
  virtual void embedding(const Weight& table, std::int64_t first_token, const TensorView& out) = 0;
  // out = x / sqrt(mean(x^2) + epsilon) * weight; x fp32, out fp32 or the activation type.
  virtual void rmsnorm(const TensorView& x, const Weight& weight, float epsilon,
                       const TensorView& out) = 0;
  // residual += delta, then out = rmsnorm(residual).
  virtual void add_rmsnorm(const TensorView& residual, const TensorView& delta,
                           const Weight& weight, float epsilon, const TensorView& out) = 0;
  // out = x W^T; x of the activation type or fp32, out the same or fp32.
  virtual void linear(const TensorView& x, const Weight& weight, const TensorView& out) = 0;
  // out = silu(x W_gate^T) * (x W_up^T).
  virtual void gated_linear(const TensorView& x, const Weight& gate_up, const TensorView& out) = 0;

  // Rotates the last `rope` values of every head of q [rows, heads * (nope + rope)] in place.
  virtual void rotate_queries(const AttentionShape& shape, const Weight& rope,
                              const TensorView& q) = 0;
  // kv [rows, latent + rope] fp32: the latent is normed, the rest rotated; written to the slots.
  virtual void write_latent(const AttentionShape& shape, const TensorView& kv, const Weight& norm,
                            float epsilon, const Weight& rope, LatentCache& cache,
                            std::int64_t layer) = 0;
  // Expanded rows: keys and values are projected up from the cache, head by head.
  // q [rows, heads * (nope + rope)] -> out [rows, heads * value].
  virtual void expanded_attention(const AttentionShape& shape, const TensorView& q,
                                  const Weight& heads, const LatentCache& cache, std::int64_t layer,
                                  const TensorView& out) = 0;
  // Absorbed rows, packed: q_latent [absorbed rows, heads * (latent + rope)], by head
  // [q_nope W_UK | q_pe].
  virtual void absorb_queries(const AttentionShape& shape, const TensorView& q, const Weight& heads,
                              const TensorView& q_latent) = 0;
  // o_latent [absorbed rows, heads * latent] = softmax(q_latent cache^T * scale) cache[:latent].
  virtual void latent_attention(const AttentionShape& shape, const TensorView& q_latent,
                                const LatentCache& cache, std::int64_t layer,
                                const TensorView& o_latent) = 0;
  // out [rows, heads * value]: the absorbed rows are set to o_latent W_UV^T.
  virtual void project_values(const AttentionShape& shape, const TensorView& o_latent,
                              const Weight& heads, const TensorView& out) = 0;

  // Chooses experts for each row of logits [rows, experts] fp32; ties go to the lowest id. `bias`
  // (null: none) [experts] is added to the scores for the choice only. The choice stays in the
  // backend until the next route.
  virtual void route(const RoutingParams& params, const TensorView& logits, const Weight* bias) = 0;
  // out (fp32) = sum over the chosen experts, in a fixed order, of weight * down(silu(gate x) * up
  // x); added to what `out` holds if `accumulate`.
  virtual void experts(const TensorView& x, const Weight& experts, bool accumulate,
                       const TensorView& out) = 0;

  // out [logit rows, columns] = the logit rows of x.
  virtual void gather_logit_rows(const TensorView& x, const TensorView& out) = 0;
  // Sums x (fp32) over the ranks, in rank order.
  virtual void all_reduce(Communicator& communicator, const TensorView& x) = 0;
  // Waits for all work and copies x (fp32) to the host, row after row.
  virtual void read_back(const TensorView& x, float* host) = 0;
};

}  // namespace etap
