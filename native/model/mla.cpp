#include "model/mla.h"

#include "model/absorb.h"

namespace etap {
namespace {

// The norms inside attention do not follow rms_norm_eps: the published models and transformers
// construct them with this default.
constexpr float kInnerNormEpsilon = 1e-6F;

}  // namespace

Mla::Mla(Backend& backend, WeightReader& reader, const ModelConfig& config, const RankShape& shape,
         const std::string& prefix)
    : shape_(shape.attention) {
  const std::int64_t hidden = config.hidden_size;
  const Range heads{shape.first_head, shape.first_head + shape_.heads};
  const std::int64_t query_rows = config.head_count * shape_.query_width();
  const Slice query_slice{0, heads.begin * shape_.query_width(), heads.end * shape_.query_width()};

  std::int64_t q_columns = hidden;
  std::string q_name = prefix + "q_proj.weight";
  if (config.q_lora_rank > 0) {
    q_columns = config.q_lora_rank;
    const std::string q_a_name = prefix + "q_a_proj.weight";
    q_a_ = backend.upload_linear(q_a_name, reader.matrix(q_a_name, q_columns, hidden));
    const std::string norm_name = prefix + "q_a_layernorm.weight";
    q_a_norm_ = backend.upload_vector(norm_name, reader.vector(norm_name, q_columns));
    q_name = prefix + "q_b_proj.weight";
  }
  HostMatrix q = reader.matrix(q_name, query_rows, q_columns, query_slice);
  deinterleave_rope_rows(q, shape_.heads, shape_.nope, shape_.rope);
  q_b_ = backend.upload_linear(q_name, q);

  const std::string kv_a_name = prefix + "kv_a_proj_with_mqa.weight";
  HostMatrix kv_a = reader.matrix(kv_a_name, shape_.cache_width(), hidden);
  deinterleave_rope_rows(kv_a, 1, shape_.latent, shape_.rope);
  kv_a_ = backend.upload_linear(kv_a_name, kv_a);
  const std::string norm_name = prefix + "kv_a_layernorm.weight";
  kv_a_norm_ = backend.upload_vector(norm_name, reader.vector(norm_name, shape_.latent));

  const std::string kv_b_name = prefix + "kv_b_proj.weight";
  heads_ = backend.upload_heads(
      kv_b_name, read_head_projections(reader, kv_b_name, config.head_count, heads, shape_));

  const std::string o_name = prefix + "o_proj.weight";
  const Slice o_slice{1, heads.begin * shape_.value, heads.end * shape_.value};
  o_ = backend.upload_linear(
      o_name, reader.matrix(o_name, hidden, config.head_count * shape_.value, o_slice));
}

void Mla::forward(Backend& backend, Workspace& workspace, const StepLayout& step,
                  const Weight& rope, LatentCache& cache, std::int64_t layer) const {
  const auto rows = static_cast<std::int64_t>(step.tokens.size());
  const TensorView q = workspace.q->rows(rows);
  const TensorView kv = workspace.kv->rows(rows);
  const TensorView attention = workspace.attention->rows(rows);

  project_queries(backend, workspace, rows);
  backend.rotate_queries(shape_, rope, q);
  backend.linear(workspace.normed->rows(rows), *kv_a_, kv);
  backend.write_latent(shape_, kv, *kv_a_norm_, kInnerNormEpsilon, rope, cache, layer);
  if (!step.expanded.empty()) {
    backend.expanded_attention(shape_, q, *heads_, cache, layer, attention);
  }
  if (!step.absorbed.empty()) {
    const TensorView q_latent = workspace.q_latent->rows(step.absorbed_rows);
    const TensorView o_latent = workspace.o_latent->rows(step.absorbed_rows);
    backend.absorb_queries(shape_, q, *heads_, q_latent);
    backend.latent_attention(shape_, q_latent, cache, layer, o_latent);
    backend.project_values(shape_, o_latent, *heads_, attention);
  }
  backend.linear(attention, *o_, workspace.delta->rows(rows));
}

void Mla::project_queries(Backend& backend, Workspace& workspace, std::int64_t rows) const {
  const TensorView normed = workspace.normed->rows(rows);
  const TensorView q = workspace.q->rows(rows);
  if (q_a_ == nullptr) {
    backend.linear(normed, *q_b_, q);
    return;
  }
  const TensorView q_low = workspace.q_low->rows(rows);
  const TensorView q_low_normed = workspace.q_low_normed->rows(rows);
  backend.linear(normed, *q_a_, q_low);
  backend.rmsnorm(q_low, *q_a_norm_, kInnerNormEpsilon, q_low_normed);
  backend.linear(q_low_normed, *q_b_, q);
}

std::int64_t Mla::weight_bytes() const {
  std::int64_t total = 0;
  for (const WeightHandle* weight : {&q_a_, &q_a_norm_, &q_b_, &kv_a_, &kv_a_norm_, &heads_, &o_}) {
    if (*weight != nullptr) total += (*weight)->bytes();
  }
  return total;
}

}  // namespace etap
