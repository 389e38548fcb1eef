// Weights and memory of the reference backend: plain fp32 arrays.
#pragma once

#include <vector>

#include "backend/backend.h"

namespace etap::reference {

struct FloatBuffer final : Buffer {
  FloatBuffer(DType dtype, std::int64_t rows, std::int64_t columns);
  std::vector<float> values;
};

struct Matrix {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::vector<float> values;  // [rows, columns]
};

// FP8 values times their scales; other types widened.
Matrix widened(const HostMatrix& matrix);
std::vector<float> widened(const HostTensor& tensor);

struct VectorWeight final : Weight {
  explicit VectorWeight(std::vector<float> source);
  std::vector<float> values;
};

struct MatrixWeight final : Weight {
  explicit MatrixWeight(Matrix source);
  Matrix matrix;
};

struct GatedWeight final : Weight {
  GatedWeight(Matrix gate_source, Matrix up_source);
  Matrix gate;
  Matrix up;
};

struct HeadsWeight final : Weight {
  HeadsWeight(std::vector<float> key_source, std::vector<float> value_source);
  std::vector<float> key;    // [heads, nope, latent]
  std::vector<float> value;  // [heads, value, latent]
};

struct RopeWeight final : Weight {
  RopeWeight(std::vector<float> cos_source, std::vector<float> sin_source);
  std::vector<float> cos;  // [positions, rope / 2]
  std::vector<float> sin;
};

struct ExpertsWeight final : Weight {
  explicit ExpertsWeight(std::vector<ExpertWeights> source);
  std::vector<ExpertWeights> experts;
};

struct FloatCache final : LatentCache {
  FloatCache(std::int64_t layers, std::int64_t blocks, std::int64_t row_width);
  float* row(std::int64_t layer, std::int64_t slot);
  const float* row(std::int64_t layer, std::int64_t slot) const;

  std::int64_t block_count;
  std::int64_t width;
  std::vector<float> values;  // [layers, blocks, 64, width]
};

inline float* row_of(const TensorView& view, std::int64_t row) {
  return static_cast<float*>(view.data) + row * view.stride;
}

double dot(const float* a, const float* b, std::int64_t count);

}  // namespace etap::reference
