#include "runtime/weight_memory.h"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace etap {

namespace {

constexpr std::int64_t kPanelRows = 64;
constexpr std::int64_t kColumnAlign = 64;
constexpr std::int64_t kScaleBlockColumns = 128;
constexpr std::int64_t kFloatBytes = 4;
constexpr std::int64_t kBf16Bytes = 2;

std::int64_t round_up(std::int64_t value, std::int64_t step) {
  return (value + step - 1) / step * step;
}

std::int64_t ceil_div(std::int64_t value, std::int64_t divisor) {
  return (value + divisor - 1) / divisor;
}

// Layer of "model.layers.N. ...", or -1.
std::int64_t layer_of(std::string_view name) {
  constexpr std::string_view kPrefix = "model.layers.";
  if (!name.starts_with(kPrefix)) return -1;
  std::int64_t layer = -1;
  std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), layer);
  return layer;
}

// Every rank holds all of these; the others are cut by rows or by columns.
bool is_replicated(std::string_view name) {
  return name.ends_with("q_a_proj.weight") || name.ends_with("kv_a_proj_with_mqa.weight") ||
         name.ends_with("mlp.gate.weight");
}

class WeightMeter {
 public:
  WeightMeter(const ModelConfig& config, int rank_count, WeightForm form)
      : config_(config), ranks_(rank_count), form_(form) {}

  std::int64_t bytes(const TensorInfo& tensor) const {
    const std::string_view name = tensor.name;
    if (layer_of(name) >= config_.layer_count || name.ends_with("_scale_inv")) return 0;
    if (tensor.shape.size() != 2) return kFloatBytes * element_count(tensor.shape);
    if (name.ends_with("kv_b_proj.weight")) return head_bytes();
    const bool wide = form_ == WeightForm::kWide || name.ends_with("mlp.gate.weight");
    const DType dtype = wide ? DType::kF32 : tensor.dtype;
    const bool by_columns = name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight");
    const int ranks = is_replicated(name) ? 1 : ranks_;
    const std::int64_t rows = by_columns ? tensor.shape[0] : ceil_div(tensor.shape[0], ranks);
    const std::int64_t columns = by_columns ? widest_columns(tensor.shape[1]) : tensor.shape[1];
    const std::int64_t copies =
        config_.tie_word_embeddings && name == "model.embed_tokens.weight" ? 2 : 1;
    return copies * matrix_bytes(dtype, rows, columns);
  }

 private:
  // Shares are cut at whole units of up to a scale block, so they may differ by one.
  std::int64_t widest_columns(std::int64_t columns) const {
    if (ranks_ == 1) return columns;
    return std::min(columns, ceil_div(columns, ranks_) + kScaleBlockColumns);
  }

  std::int64_t matrix_bytes(DType dtype, std::int64_t rows, std::int64_t columns) const {
    if (form_ == WeightForm::kWide) return rows * columns * kFloatBytes;
    const std::int64_t outputs = round_up(rows, kPanelRows);
    const std::int64_t values =
        outputs * round_up(columns, kColumnAlign) * static_cast<std::int64_t>(dtype_bytes(dtype));
    if (dtype != DType::kF8E4M3) return values;
    return values + outputs * (ceil_div(columns, kScaleBlockColumns) + 1) * kFloatBytes;
  }

  // W_UK from the latent and, for absorbed attention, to it; W_UV from the latent.
  std::int64_t head_bytes() const {
    const std::int64_t heads = ceil_div(config_.head_count, ranks_);
    const std::int64_t nope = config_.qk_nope_head_dim;
    const std::int64_t value = config_.v_head_dim;
    const std::int64_t latent = config_.kv_lora_rank;
    if (form_ == WeightForm::kWide) return heads * (nope + value) * latent * kFloatBytes;
    const auto packed = [](std::int64_t rows, std::int64_t columns) {
      return round_up(rows, kPanelRows) * round_up(columns, kColumnAlign) * kBf16Bytes;
    };
    return heads * (packed(latent, nope) + packed(nope, latent) + packed(value, latent));
  }

  const ModelConfig& config_;
  const std::int64_t ranks_;
  const WeightForm form_;
};

}  // namespace

std::int64_t resident_weight_bytes(const ModelConfig& config, const Checkpoint& checkpoint,
                                   int rank_count, WeightForm form) {
  const WeightMeter meter(config, rank_count, form);
  std::int64_t total = config.max_position_embeddings * config.qk_rope_head_dim * kFloatBytes;
  for (const std::string& name : checkpoint.names()) total += meter.bytes(checkpoint.info(name));
  return total;
}

}  // namespace etap
