#include "model/transformer.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "base/check.h"
#include "base/error.h"
#include "model/mla.h"
#include "model/mlp.h"
#include "model/moe.h"
#include "model/partition.h"
#include "model/rope_table.h"
#include "model/step_rows.h"
#include "model/weight_reader.h"
#include "model/workspace.h"

namespace etap {
namespace {

// One decoder layer. Exactly one of `mlp` and `moe` is present.
struct Layer {
  WeightHandle input_norm;
  Mla mla;
  WeightHandle post_attention_norm;
  std::optional<Mlp> mlp;
  std::optional<Moe> moe;

  std::int64_t weight_bytes() const {
    return input_norm->bytes() + mla.weight_bytes() + post_attention_norm->bytes() +
           (mlp ? mlp->weight_bytes() : moe->weight_bytes());
  }
};

void check_supported(const ModelConfig& config) {
  if (config.attention_bias) {
    throw Error("ETAP_ERR_MODEL_CONFIG",
                "attention_bias is true; Etap runs models without attention biases, as all "
                "published DeepSeek models are. Use a checkpoint with attention_bias false");
  }
}

}  // namespace

struct Transformer::State {
  State(const ModelConfig& model_config, const Checkpoint& checkpoint, Backend& rank_backend,
        Communicator& rank_communicator, const TransformerOptions& rank_options,
        const LoadProgress& progress);

  void load(WeightReader& reader);
  Layer load_layer(WeightReader& reader, std::int64_t index);
  WeightHandle load_norm(WeightReader& reader, const std::string& name);
  void reduce_ranks(const TensorView& x);
  void run_layers(const StepLayout& step);
  void keep_last_hidden(const StepLayout& step);
  void write_logits(std::int64_t first, std::int64_t count, float* logits);
  void gather_logits(std::int64_t rows_count, float* logits);

  ModelConfig config;
  Backend& backend;
  Communicator& communicator;
  TransformerOptions options;
  RankShape shape;
  Range vocabulary;
  WeightHandle embedding;
  WeightHandle rope;
  std::vector<Layer> layers;
  WeightHandle final_norm;
  WeightHandle head;
  std::unique_ptr<LatentCache> cache;
  Workspace workspace;
  StepRows rows;
  std::int64_t kept_rows = 0;     // rows of workspace.last that the last forward pass wrote
  std::vector<float> my_logits;   // [logit rows, widest share]; empty with one rank
  std::vector<float> all_logits;  // [ranks, logit rows, widest share]
};

Transformer::State::State(const ModelConfig& model_config, const Checkpoint& checkpoint,
                          Backend& rank_backend, Communicator& rank_communicator,
                          const TransformerOptions& rank_options, const LoadProgress& progress)
    : config(model_config),
      backend(rank_backend),
      communicator(rank_communicator),
      options(rank_options),
      shape(rank_shape(config, communicator.size(), communicator.rank())),
      vocabulary(partition_vocabulary(config.vocab_size, communicator.size(), communicator.rank())),
      cache(backend.allocate_cache(config.layer_count, options.block_count, config.latent_width())),
      workspace(backend, config, shape, options.step_token_capacity, options.logit_row_capacity),
      rows(options.strict) {
  check_supported(config);
  WeightReader reader(checkpoint, progress);
  load(reader);
}

void Transformer::State::load(WeightReader& reader) {
  const Slice share{0, vocabulary.begin, vocabulary.end};
  const std::string embedding_name = "model.embed_tokens.weight";
  const HostMatrix table =
      reader.matrix(embedding_name, config.vocab_size, config.hidden_size, share);
  embedding = backend.upload_embedding(embedding_name, table.values);
  const std::int64_t positions =
      std::min(config.max_position_embeddings, options.block_count * kBlockTokens);
  const RopeTable angles = make_rope_table(config, positions);
  rope = backend.upload_rope(angles.cos, angles.sin);
  // Layers past layer_count are for multi-token prediction; they are not read.
  for (std::int64_t index = 0; index < config.layer_count; ++index) {
    layers.push_back(load_layer(reader, index));
  }
  final_norm = load_norm(reader, "model.norm.weight");
  if (config.tie_word_embeddings) {
    head = backend.upload_linear(embedding_name, table);
  } else {
    const std::string head_name = "lm_head.weight";
    head = backend.upload_linear(
        head_name, reader.matrix(head_name, config.vocab_size, config.hidden_size, share));
  }
}

Layer Transformer::State::load_layer(WeightReader& reader, std::int64_t index) {
  const std::string prefix = "model.layers." + std::to_string(index) + ".";
  Layer layer{load_norm(reader, prefix + "input_layernorm.weight"),
              Mla(backend, reader, config, shape, prefix + "self_attn."),
              load_norm(reader, prefix + "post_attention_layernorm.weight"), std::nullopt,
              std::nullopt};
  if (config.is_moe_layer(index)) {
    layer.moe.emplace(backend, reader, communicator, config, prefix + "mlp.");
  } else {
    layer.mlp.emplace(backend, reader, communicator, prefix + "mlp.", config.hidden_size,
                      config.intermediate_size);
  }
  return layer;
}

WeightHandle Transformer::State::load_norm(WeightReader& reader, const std::string& name) {
  return backend.upload_vector(name, reader.vector(name, config.hidden_size));
}

void Transformer::State::reduce_ranks(const TensorView& x) {
  if (communicator.size() > 1) backend.all_reduce(communicator, x);
}

void Transformer::State::run_layers(const StepLayout& step) {
  const auto count = static_cast<std::int64_t>(step.tokens.size());
  const auto epsilon = static_cast<float>(config.rms_norm_eps);
  const TensorView residual = workspace.residual->rows(count);
  const TensorView delta = workspace.delta->rows(count);
  const TensorView normed = workspace.normed->rows(count);

  backend.embedding(*embedding, vocabulary.begin, residual);
  reduce_ranks(residual);
  backend.rmsnorm(residual, *layers.front().input_norm, epsilon, normed);
  for (std::size_t index = 0; index < layers.size(); ++index) {
    const Layer& layer = layers[index];
    layer.mla.forward(backend, workspace, step, *rope, *cache, static_cast<std::int64_t>(index));
    reduce_ranks(delta);
    backend.add_rmsnorm(residual, delta, *layer.post_attention_norm, epsilon, normed);
    if (layer.moe) {
      backend.rmsnorm(residual, *layer.post_attention_norm, epsilon,
                      workspace.wide_normed->rows(count));
      layer.moe->forward(backend, workspace, count);
    } else {
      layer.mlp->forward(backend, normed, *workspace.gated, delta);
    }
    reduce_ranks(delta);
    const bool last = index + 1 == layers.size();
    const Weight& next_norm = last ? *final_norm : *layers[index + 1].input_norm;
    backend.add_rmsnorm(residual, delta, next_norm, epsilon, normed);
  }
}

void Transformer::State::keep_last_hidden(const StepLayout& step) {
  const auto count = static_cast<std::int64_t>(step.tokens.size());
  if (kept_rows == 0) return;
  backend.gather_logit_rows(workspace.normed->rows(count), workspace.last->rows(kept_rows));
}

void Transformer::State::write_logits(std::int64_t first, std::int64_t count, float* logits) {
  TensorView share = workspace.logits->rows(count);
  share.columns = vocabulary.size();
  backend.linear(workspace.last->view().row_range(first, count), *head, share);
  if (communicator.size() == 1) {
    backend.read_back(share, logits);
  } else {
    gather_logits(count, logits);
  }
}

// Every rank contributes as many values as the widest share has; rank 0 puts the shares together.
void Transformer::State::gather_logits(std::int64_t rows_count, float* logits) {
  const auto count = static_cast<std::size_t>(rows_count * shape.vocabulary);
  const auto ranks = static_cast<std::size_t>(communicator.size());
  my_logits.resize(count);
  all_logits.resize(count * ranks);
  backend.read_back(workspace.logits->rows(rows_count), my_logits.data());
  communicator.all_gather(my_logits.data(), count, all_logits.data());
  if (communicator.rank() != 0) return;
  for (int rank = 0; rank < communicator.size(); ++rank) {
    const Range range = partition_vocabulary(config.vocab_size, communicator.size(), rank);
    for (std::int64_t row = 0; row < rows_count; ++row) {
      const float* source = all_logits.data() + static_cast<std::size_t>(rank) * count +
                            static_cast<std::size_t>(row * shape.vocabulary);
      std::copy(source, source + range.size(), logits + row * config.vocab_size + range.begin);
    }
  }
}

Transformer::Transformer(const ModelConfig& config, const Checkpoint& checkpoint, Backend& backend,
                         Communicator& communicator, const TransformerOptions& options,
                         const LoadProgress& progress)
    : state_(
          std::make_unique<State>(config, checkpoint, backend, communicator, options, progress)) {}

Transformer::~Transformer() = default;

std::int64_t Transformer::kv_bytes_per_token(const ModelConfig& config) {
  constexpr std::int64_t kBytesPerValue = 2;  // bf16
  return config.layer_count * config.latent_width() * kBytesPerValue;
}

std::int64_t Transformer::weight_bytes() const {
  std::int64_t total = state_->embedding->bytes() + state_->rope->bytes() +
                       state_->final_norm->bytes() + state_->head->bytes();
  for (const Layer& layer : state_->layers) total += layer.weight_bytes();
  return total;
}

void Transformer::forward(const ForwardBatch& batch) {
  const TransformerOptions& options = state_->options;
  ETAP_CHECK(!batch.tokens.empty(), "a step without tokens");
  ETAP_CHECK(
      static_cast<std::int64_t>(batch.tokens.size()) <= options.step_token_capacity &&
          static_cast<std::int64_t>(batch.sequences.size()) <= options.step_sequence_capacity,
      "a step larger than the capacities the model was loaded with");
  const StepLayout& step = state_->rows.build(batch);
  state_->backend.begin_step(step);
  state_->kept_rows = static_cast<std::int64_t>(step.logit_rows.size());
  if (state_->backend.replay_step()) return;
  state_->run_layers(step);
  state_->keep_last_hidden(step);
  state_->backend.end_step();
}

void Transformer::logits(std::int64_t first, std::int64_t count, float* logits) {
  ETAP_CHECK(first >= 0 && count >= 0 && first + count <= state_->kept_rows,
             "logits of rows that the last forward pass did not keep");
  ETAP_CHECK(count <= state_->options.logit_row_capacity,
             "more logit rows than the capacity the model was loaded with");
  if (count > 0) state_->write_logits(first, count, logits);
}

}  // namespace etap
