#include "model/moe.h"

#include <utility>
#include <vector>

namespace etap {

RoutingParams routing_params(const ModelConfig& config) {
  RoutingParams params{};
  params.experts = config.routed_expert_count;
  params.experts_per_token = config.experts_per_token;
  const bool grouped = config.topk_method != TopkMethod::kGreedy;
  params.groups = grouped ? config.group_count : 1;
  params.groups_kept = grouped ? config.topk_group : 1;
  params.sigmoid = config.scoring == Scoring::kSigmoid;
  params.group_by_top_two = config.topk_method == TopkMethod::kNoauxTc;
  // transformers never divides softmax scores by their sum, whatever norm_topk_prob says.
  params.normalize = params.sigmoid && config.norm_topk_prob;
  params.scaling_factor = static_cast<float>(config.routed_scaling_factor);
  return params;
}

Moe::Moe(Backend& backend, WeightReader& reader, const Communicator& communicator,
         const ModelConfig& config, const std::string& prefix)
    : routing_(routing_params(config)) {
  const std::int64_t experts = config.routed_expert_count;
  const std::int64_t hidden = config.hidden_size;
  // fp32 throughout: a rounded score can send a token to another expert.
  const std::string router_name = prefix + "gate.weight";
  HostMatrix router;
  router.values = reader.wide_matrix(router_name, experts, hidden);
  router_ = backend.upload_linear(router_name, router);
  if (config.topk_method == TopkMethod::kNoauxTc) {
    const std::string bias_name = prefix + "gate.e_score_correction_bias";
    router_bias_ = backend.upload_vector(bias_name, reader.vector(bias_name, experts));
  }
  if (config.shared_expert_count > 0) {
    shared_.emplace(backend, reader, communicator, prefix + "shared_experts.", hidden,
                    config.shared_expert_count * config.moe_intermediate_size);
  }
  std::vector<ExpertWeights> weights;
  for (std::int64_t expert = 0; expert < experts; ++expert) {
    weights.push_back(read_gated_block(backend, reader, communicator,
                                       prefix + "experts." + std::to_string(expert) + ".", hidden,
                                       config.moe_intermediate_size));
  }
  experts_ = backend.bind_experts(std::move(weights));
}

void Moe::forward(Backend& backend, Workspace& workspace, std::int64_t rows) const {
  const TensorView normed = workspace.normed->rows(rows);
  const TensorView delta = workspace.delta->rows(rows);
  const TensorView router = workspace.router->rows(rows);
  backend.linear(workspace.wide_normed->rows(rows), *router_, router);
  backend.route(routing_, router, router_bias_.get());
  if (shared_) shared_->forward(backend, normed, *workspace.gated, delta);
  backend.experts(normed, *experts_, shared_.has_value(), delta);
}

std::int64_t Moe::weight_bytes() const {
  std::int64_t total = router_->bytes() + experts_->bytes();
  if (router_bias_ != nullptr) total += router_bias_->bytes();
  if (shared_) total += shared_->weight_bytes();
  return total;
}

}  // namespace etap
