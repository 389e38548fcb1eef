#include "backend/cuda/weights.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "backend/cuda/ops/pack.h"
#include "base/check.h"
#include "base/error.h"
#include "base/float_bits.h"

namespace etap::cuda {
namespace {

constexpr std::size_t kStagingAlignment = 256;
constexpr int kTileRows = 16;
constexpr unsigned long long kNoNan = std::numeric_limits<unsigned long long>::max();

std::vector<float> widened(const HostTensor& tensor) {
  std::vector<float> values(static_cast<std::size_t>(element_count(tensor.shape())));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = load_float(tensor.dtype(), tensor.data<std::byte>(), i);
  }
  return values;
}

bool packs(DType dtype) {
  return dtype == DType::kBF16 || dtype == DType::kF8E4M3;
}

MatrixForm form_of(DType dtype) {
  if (dtype == DType::kF8E4M3) return MatrixForm::kE4m3;
  return dtype == DType::kBF16 ? MatrixForm::kBf16 : MatrixForm::kF32;
}

std::size_t aligned(std::size_t bytes) {
  return (bytes + kStagingAlignment - 1) / kStagingAlignment * kStagingAlignment;
}

PackShape pack_shape(std::int64_t rows, std::int64_t columns, std::int64_t first_columns,
                     bool gated) {
  const std::int64_t first = std::min(columns, first_columns);
  const std::int64_t tile = gated ? kTileRows / 2 : kTileRows;
  PackShape shape{};
  shape.rows = static_cast<int>(rows);
  shape.columns = static_cast<int>(columns);
  shape.first_columns = static_cast<int>(first);
  shape.blocks = static_cast<int>(1 + (columns - first + kBlockColumns - 1) / kBlockColumns);
  shape.tiles = static_cast<int>((rows + tile - 1) / tile);
  shape.gated = gated;
  return shape;
}

std::size_t value_bytes(const PackShape& shape, DType dtype) {
  return static_cast<std::size_t>(shape.tiles) * static_cast<std::size_t>(shape.blocks) *
         kTileRows * kBlockColumns * (dtype == DType::kF8E4M3 ? 1 : 2);
}

std::size_t scale_count(const PackShape& shape, DType dtype) {
  if (dtype != DType::kF8E4M3) return 0;
  return static_cast<std::size_t>(shape.tiles) * static_cast<std::size_t>(shape.blocks) * kTileRows;
}

void check_pair(const std::string& name, const HostMatrix& gate, const HostMatrix& up) {
  const bool same = gate.values.dtype() == up.values.dtype() &&
                    gate.values.shape() == up.values.shape() &&
                    gate.first_scale_columns == up.first_scale_columns;
  if (same) return;
  throw Error("ETAP_ERR_TENSOR", name + " is " + dtype_name(gate.values.dtype()) + " " +
                                     shape_string(gate.values.shape()) + " and its up_proj " +
                                     dtype_name(up.values.dtype()) + " " +
                                     shape_string(up.values.shape()) +
                                     "; both must have the same type and shape");
}

}  // namespace

WeightUploader::WeightUploader(cudaStream_t stream) : stream_(stream), nan_at_(1) {
  clear_nan();
}

WeightHandle WeightUploader::vector(const HostTensor& values) {
  const std::vector<float> floats = widened(values);
  auto weight = std::make_unique<VectorWeight>(heap_, static_cast<std::int64_t>(floats.size() * 4));
  weight->values = keep_floats(floats);
  return weight;
}

WeightHandle WeightUploader::embedding(const std::string& name, const HostTensor& values) {
  EmbeddingTable table{};
  std::size_t bytes = values.bytes();
  if (values.dtype() == DType::kBF16 || values.dtype() == DType::kF32) {
    void* place = heap_->take(bytes);
    CUDA_CHECK(
        cudaMemcpyAsync(place, values.data<std::byte>(), bytes, cudaMemcpyHostToDevice, stream_));
    table = {place, values.dtype(), 0, values.dim(0)};
  } else {
    const std::vector<float> floats = widened(values);
    bytes = floats.size() * sizeof(float);
    table = {keep_floats(floats), DType::kF32, 0, values.dim(0)};
  }
  finish(name);
  auto weight = std::make_unique<EmbeddingWeight>(heap_, static_cast<std::int64_t>(bytes));
  weight->table = table;
  return weight;
}

WeightHandle WeightUploader::matrix(const std::string& name, const HostMatrix& matrix,
                                    const HostMatrix* up) {
  if (up != nullptr) check_pair(name, matrix, *up);
  const DType dtype = matrix.values.dtype();
  if (!packs(dtype)) return plain_matrix(matrix, up);
  const PackShape shape =
      pack_shape(matrix.values.dim(0), matrix.values.dim(1),
                 matrix.scales.empty() ? kBlockColumns : matrix.first_scale_columns, up != nullptr);
  const HostMatrix* sources[2] = {&matrix, up != nullptr ? up : &matrix};
  const int source_count = up != nullptr ? 2 : 1;
  reserve_staging(static_cast<std::size_t>(source_count) *
                  (aligned(matrix.values.bytes()) + aligned(matrix.scales.bytes())));
  PackSource staged[2];
  for (int i = 0; i < source_count; ++i) {
    staged[i].values = stage(sources[i]->values.data<std::byte>(), sources[i]->values.bytes());
    if (!sources[i]->scales.empty()) {
      ETAP_CHECK(sources[i]->scales.dim(1) == shape.blocks, "scales of other blocks");
      staged[i].scales = static_cast<const float*>(
          stage(sources[i]->scales.data<std::byte>(), sources[i]->scales.bytes()));
    }
    staged[i].dtype = dtype;
    staged[i].row_stride = shape.columns;
  }
  const std::size_t bytes = value_bytes(shape, dtype);
  const std::size_t scales = scale_count(shape, dtype);
  auto* values = heap_->take(bytes);
  auto* packed_scales = scales > 0 ? heap_->take_array<float>(scales) : nullptr;
  pack_matrix(shape, staged[0], staged[source_count - 1], values, packed_scales, nan_at_.data(),
              stream_);
  finish(name);
  auto weight = std::make_unique<MatrixWeight>(
      heap_, static_cast<std::int64_t>(bytes + scales * sizeof(float)));
  weight->form = form_of(dtype);
  weight->gated = up != nullptr;
  weight->view = {values,        packed_scales, shape.rows,
                  shape.columns, shape.blocks,  shape.first_columns};
  return weight;
}

WeightHandle WeightUploader::plain_matrix(const HostMatrix& matrix, const HostMatrix* up) {
  std::vector<float> values = widened(matrix.values);
  if (up != nullptr) {
    const std::vector<float> factors = widened(up->values);
    values.insert(values.end(), factors.begin(), factors.end());
  }
  auto weight = std::make_unique<MatrixWeight>(heap_, static_cast<std::int64_t>(values.size() * 4));
  weight->form = MatrixForm::kF32;
  weight->gated = up != nullptr;
  const auto columns = static_cast<std::int32_t>(matrix.values.dim(1));
  weight->view = {keep_floats(values),
                  nullptr,
                  static_cast<std::int32_t>(matrix.values.dim(0)),
                  columns,
                  1,
                  columns};
  return weight;
}

WeightHandle WeightUploader::heads(const HostHeadProjections& projections) {
  const HostTensor& key = projections.key;
  const HostTensor& value = projections.value;
  const std::int64_t heads = key.dim(0);
  const std::int64_t nope = key.dim(1);
  const std::int64_t latent = key.dim(2);
  const std::int64_t width = value.dim(1);
  reserve_staging(aligned(key.bytes()) + aligned(value.bytes()));
  const auto* staged_key = static_cast<const float*>(stage(key.data<std::byte>(), key.bytes()));
  const auto* staged_value =
      static_cast<const float*>(stage(value.data<std::byte>(), value.bytes()));
  std::int64_t bytes = 0;
  const MatrixTable absorb =
      head_table(staged_key, heads, latent, nope, 1, latent, nope * latent, bytes);
  const MatrixTable up_key =
      head_table(staged_key, heads, nope, latent, latent, 1, nope * latent, bytes);
  const MatrixTable up_value =
      head_table(staged_value, heads, width, latent, latent, 1, width * latent, bytes);
  finish("kv_b_proj");
  auto weight = std::make_unique<HeadsWeight>(heap_, bytes);
  weight->absorb = absorb;
  weight->key = up_key;
  weight->value = up_value;
  return weight;
}

MatrixTable WeightUploader::head_table(const float* staged, std::int64_t heads, std::int64_t rows,
                                       std::int64_t columns, std::int64_t row_stride,
                                       std::int64_t column_stride, std::int64_t head_stride,
                                       std::int64_t& bytes) {
  const PackShape shape = pack_shape(rows, columns, kBlockColumns, false);
  std::vector<MatrixView> views;
  for (std::int64_t head = 0; head < heads; ++head) {
    const std::size_t size = value_bytes(shape, DType::kBF16);
    void* values = heap_->take(size);
    bytes += static_cast<std::int64_t>(size);
    const PackSource source{staged + head * head_stride, nullptr, DType::kF32, row_stride,
                            column_stride};
    pack_matrix(shape, source, source, values, nullptr, nan_at_.data(), stream_);
    views.push_back(
        {values, nullptr, shape.rows, shape.columns, shape.blocks, shape.first_columns});
  }
  return keep_table(MatrixForm::kBf16, views);
}

WeightHandle WeightUploader::rope(const HostTensor& cos, const HostTensor& sin) {
  auto weight =
      std::make_unique<RopeWeight>(heap_, static_cast<std::int64_t>(cos.bytes() + sin.bytes()));
  weight->table = {keep_floats(widened(cos)), keep_floats(widened(sin)),
                   static_cast<int>(cos.dim(1))};
  weight->positions = cos.dim(0);
  return weight;
}

WeightHandle WeightUploader::experts(std::vector<ExpertWeights> experts) {
  std::int64_t bytes = 0;
  std::vector<MatrixView> gate_up;
  std::vector<MatrixView> down;
  for (const ExpertWeights& expert : experts) {
    bytes += expert.gate_up->bytes() + expert.down->bytes();
    gate_up.push_back(static_cast<const MatrixWeight&>(*expert.gate_up).view);
    down.push_back(static_cast<const MatrixWeight&>(*expert.down).view);
  }
  const MatrixForm gate_form = static_cast<const MatrixWeight&>(*experts.front().gate_up).form;
  const MatrixForm down_form = static_cast<const MatrixWeight&>(*experts.front().down).form;
  auto weight = std::make_unique<ExpertsWeight>(heap_, bytes);
  weight->gate_up = keep_table(gate_form, gate_up);
  weight->down = keep_table(down_form, down);
  weight->experts = std::move(experts);
  return weight;
}

void WeightUploader::reserve_staging(std::size_t bytes) {
  staged_ = staging_.get(bytes);
  staged_bytes_ = 0;
}

const void* WeightUploader::stage(const void* values, std::size_t bytes) {
  std::byte* place = staged_ + staged_bytes_;
  CUDA_CHECK(cudaMemcpyAsync(place, values, bytes, cudaMemcpyHostToDevice, stream_));
  staged_bytes_ += aligned(bytes);
  return place;
}

float* WeightUploader::keep_floats(const std::vector<float>& values) {
  auto* place = heap_->take_array<float>(values.size());
  CUDA_CHECK(cudaMemcpyAsync(place, values.data(), values.size() * sizeof(float),
                             cudaMemcpyHostToDevice, stream_));
  CUDA_CHECK(cudaStreamSynchronize(stream_));
  return place;
}

MatrixTable WeightUploader::keep_table(MatrixForm form, const std::vector<MatrixView>& views) {
  auto* place = heap_->take_array<MatrixView>(views.size());
  CUDA_CHECK(cudaMemcpyAsync(place, views.data(), views.size() * sizeof(MatrixView),
                             cudaMemcpyHostToDevice, stream_));
  CUDA_CHECK(cudaStreamSynchronize(stream_));
  return {form, views.front(), place, static_cast<int>(views.size())};
}

void WeightUploader::clear_nan() {
  CUDA_CHECK(
      cudaMemcpyAsync(nan_at_.data(), &kNoNan, sizeof kNoNan, cudaMemcpyHostToDevice, stream_));
}

void WeightUploader::finish(const std::string& name) {
  unsigned long long nan_at = kNoNan;
  CUDA_CHECK(
      cudaMemcpyAsync(&nan_at, nan_at_.data(), sizeof nan_at, cudaMemcpyDeviceToHost, stream_));
  CUDA_CHECK(cudaStreamSynchronize(stream_));
  if (nan_at == kNoNan) return;
  clear_nan();
  throw Error("ETAP_ERR_TENSOR", "tensor " + name + " holds NaN at element " +
                                     std::to_string(nan_at) +
                                     "; FP8 weights must be finite. Download the checkpoint again");
}

}  // namespace etap::cuda
