#include "backend/reference/storage.h"

#include <utility>

#include "base/float_bits.h"

namespace etap::reference {
namespace {

std::int64_t float_bytes(std::size_t count) {
  return static_cast<std::int64_t>(count * sizeof(float));
}

std::int64_t expert_bytes(const std::vector<ExpertWeights>& experts) {
  std::int64_t total = 0;
  for (const ExpertWeights& expert : experts) {
    total += expert.gate_up->bytes() + expert.down->bytes();
  }
  return total;
}

}  // namespace

FloatBuffer::FloatBuffer(DType dtype, std::int64_t rows, std::int64_t columns)
    : values(static_cast<std::size_t>(rows * columns)) {
  view_ = {values.data(), dtype, rows, columns, columns};
}

Matrix widened(const HostMatrix& matrix) {
  Matrix result{matrix.values.dim(0), matrix.values.dim(1), widened(matrix.values)};
  if (matrix.scales.empty()) return result;
  const std::int64_t blocks = matrix.scales.dim(1);
  const float* scales = matrix.scales.data<float>();
  for (std::int64_t row = 0; row < result.rows; ++row) {
    for (std::int64_t column = 0; column < result.columns; ++column) {
      const std::int64_t past_first = column - matrix.first_scale_columns;
      const std::int64_t block = past_first < 0 ? 0 : 1 + past_first / kScaleBlock;
      result.values[static_cast<std::size_t>(row * result.columns + column)] *=
          scales[row * blocks + block];
    }
  }
  return result;
}

std::vector<float> widened(const HostTensor& tensor) {
  std::vector<float> values(static_cast<std::size_t>(element_count(tensor.shape())));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = load_float(tensor.dtype(), tensor.data<std::byte>(), i);
  }
  return values;
}

VectorWeight::VectorWeight(std::vector<float> source)
    : Weight(float_bytes(source.size())), values(std::move(source)) {}

MatrixWeight::MatrixWeight(Matrix source)
    : Weight(float_bytes(source.values.size())), matrix(std::move(source)) {}

GatedWeight::GatedWeight(Matrix gate_source, Matrix up_source)
    : Weight(float_bytes(gate_source.values.size() + up_source.values.size())),
      gate(std::move(gate_source)),
      up(std::move(up_source)) {}

HeadsWeight::HeadsWeight(std::vector<float> key_source, std::vector<float> value_source)
    : Weight(float_bytes(key_source.size() + value_source.size())),
      key(std::move(key_source)),
      value(std::move(value_source)) {}

RopeWeight::RopeWeight(std::vector<float> cos_source, std::vector<float> sin_source)
    : Weight(float_bytes(cos_source.size() + sin_source.size())),
      cos(std::move(cos_source)),
      sin(std::move(sin_source)) {}

ExpertsWeight::ExpertsWeight(std::vector<ExpertWeights> source)
    : Weight(expert_bytes(source)), experts(std::move(source)) {}

FloatCache::FloatCache(std::int64_t layers, std::int64_t blocks, std::int64_t row_width)
    : block_count(blocks),
      width(row_width),
      values(static_cast<std::size_t>(layers * blocks * kBlockTokens * row_width)) {}

float* FloatCache::row(std::int64_t layer, std::int64_t slot) {
  return values.data() + (layer * block_count * kBlockTokens + slot) * width;
}

const float* FloatCache::row(std::int64_t layer, std::int64_t slot) const {
  return values.data() + (layer * block_count * kBlockTokens + slot) * width;
}

double dot(const float* a, const float* b, std::int64_t count) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < count; ++i) {
    sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  }
  return sum;
}

}  // namespace etap::reference
