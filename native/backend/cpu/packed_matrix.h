// Weights in the layout of the kernels.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/memory.h"
#include "base/thread_pool.h"

namespace etap::cpu {

// A matrix [outputs, columns] as panels of 64 outputs (kernels.h), bf16, fp16, fp32 or e4m3 as it
// was stored. A gated one holds 32 gates and their 32 factors in each panel.
class PackedMatrix {
 public:
  PackedMatrix() = default;
  // Throws ETAP_ERR_TENSOR, naming the tensor: NaN in FP8 values, an FP8 slice that begins at an
  // odd column, gate and up of different types or shapes.
  PackedMatrix(ThreadPool& pool, const std::string& name, const HostMatrix& matrix);
  PackedMatrix(ThreadPool& pool, const std::string& name, const HostMatrix& gate,
               const HostMatrix& up);

  std::int64_t outputs() const { return outputs_; }
  std::int64_t columns() const { return columns_; }
  std::int64_t panel_count() const { return panel_count_; }
  bool gated() const { return gated_; }
  // Outputs of one panel, and those of panel `index`, which may be fewer.
  std::int64_t panel_width() const { return gated_ ? kPanel / 2 : kPanel; }
  std::int64_t panel_width(std::int64_t index) const;
  // `ahead`: which panel after it to fetch meanwhile; 0: none.
  PanelView panel(std::int64_t index, std::int64_t ahead = 0) const;
  std::int64_t bytes() const {
    return static_cast<std::int64_t>(values_.bytes() + scales_.bytes());
  }

 private:
  void allocate(const std::string& name, const HostMatrix& matrix);
  void pack_panel(std::int64_t index, const HostMatrix& matrix, const HostMatrix& up);

  DType dtype_ = DType::kBF16;
  bool gated_ = false;
  bool tiles_ = true;
  std::int64_t outputs_ = 0;
  std::int64_t columns_ = 0;
  std::int64_t panel_count_ = 0;
  std::int64_t panel_bytes_ = 0;
  std::int64_t scale_blocks_ = 0;
  std::int64_t first_scale_columns_ = kScaleBlock;
  Memory values_;
  Memory scales_;  // [panels][scale blocks][64] fp32
};

struct VectorWeight final : Weight {
  explicit VectorWeight(std::vector<float> source);
  std::vector<float> values;
};

struct EmbeddingWeight final : Weight {
  explicit EmbeddingWeight(const HostTensor& table);
  DType dtype;
  std::int64_t tokens;
  std::int64_t columns;
  Memory values;  // [tokens, columns] in the stored type
};

struct LinearWeight final : Weight {
  explicit LinearWeight(PackedMatrix packed);
  PackedMatrix matrix;
};

// W_UK in both directions and W_UV, in bf16, by head.
struct HeadsWeight final : Weight {
  HeadsWeight(std::vector<PackedMatrix> absorb_source, std::vector<PackedMatrix> key_source,
              std::vector<PackedMatrix> value_source);
  std::vector<PackedMatrix> absorb;  // [latent, nope]: query to latent
  std::vector<PackedMatrix> key;     // [nope, latent]: latent to key
  std::vector<PackedMatrix> value;   // [value, latent]: latent to value
};

struct RopeWeight final : Weight {
  RopeWeight(const HostTensor& cos_source, const HostTensor& sin_source);
  std::int64_t positions;
  std::int64_t half;
  std::vector<float> cos;  // [positions, half]
  std::vector<float> sin;
};

struct ExpertsWeight final : Weight {
  explicit ExpertsWeight(std::vector<ExpertWeights> source);
  const PackedMatrix& gate_up(std::int64_t expert) const;
  const PackedMatrix& down(std::int64_t expert) const;
  std::vector<ExpertWeights> experts;
};

WeightHandle pack_heads(ThreadPool& pool, const std::string& name,
                        const HostHeadProjections& projections);

}  // namespace etap::cpu
