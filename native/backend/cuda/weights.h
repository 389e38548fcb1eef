// Weights in device memory, in the layouts of the operations.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "backend/cuda/heap.h"
#include "backend/cuda/ops/matrix.h"
#include "backend/cuda/ops/rows.h"

namespace etap::cuda {

// Every handle keeps the memory of all of them.
class HeapWeight : public Weight {
 public:
  HeapWeight(std::shared_ptr<Heap> heap, std::int64_t bytes)
      : Weight(bytes), heap_(std::move(heap)) {}

 private:
  std::shared_ptr<Heap> heap_;
};

struct VectorWeight final : HeapWeight {
  using HeapWeight::HeapWeight;
  float* values = nullptr;
};

struct EmbeddingWeight final : HeapWeight {
  using HeapWeight::HeapWeight;
  EmbeddingTable table{};
};

struct MatrixWeight final : HeapWeight {
  using HeapWeight::HeapWeight;
  MatrixForm form = MatrixForm::kBf16;
  bool gated = false;
  MatrixView view{};
};

// Matrices of one shape and form, by head or by expert.
struct MatrixTable {
  MatrixForm form = MatrixForm::kBf16;
  MatrixView widest{};
  const MatrixView* views = nullptr;  // device memory
  int count = 0;
};

// W_UK in both directions and W_UV, in bf16, by head.
struct HeadsWeight final : HeapWeight {
  using HeapWeight::HeapWeight;
  MatrixTable absorb;  // [latent, nope]: query to latent
  MatrixTable key;     // [nope, latent]: latent to key
  MatrixTable value;   // [value, latent]: latent to value
};

struct RopeWeight final : HeapWeight {
  using HeapWeight::HeapWeight;
  RopeTable table{};
  std::int64_t positions = 0;
};

struct ExpertsWeight final : HeapWeight {
  using HeapWeight::HeapWeight;
  std::vector<ExpertWeights> experts;
  MatrixTable gate_up;
  MatrixTable down;
};

// Uploads and packs; used by one thread. Every call returns when its work on the device is done.
class WeightUploader {
 public:
  explicit WeightUploader(cudaStream_t stream);

  WeightHandle vector(const HostTensor& values);
  WeightHandle embedding(const std::string& name, const HostTensor& values);
  // `up` null: a plain matrix; otherwise `matrix` holds the gates.
  WeightHandle matrix(const std::string& name, const HostMatrix& matrix, const HostMatrix* up);
  WeightHandle heads(const HostHeadProjections& projections);
  WeightHandle rope(const HostTensor& cos, const HostTensor& sin);
  WeightHandle experts(std::vector<ExpertWeights> experts);

 private:
  // Copies to staging memory of this upload.
  const void* stage(const void* values, std::size_t bytes);
  void reserve_staging(std::size_t bytes);
  float* keep_floats(const std::vector<float>& values);
  WeightHandle plain_matrix(const HostMatrix& matrix, const HostMatrix* up);
  MatrixTable head_table(const float* staged, std::int64_t heads, std::int64_t rows,
                         std::int64_t columns, std::int64_t row_stride, std::int64_t column_stride,
                         std::int64_t head_stride, std::int64_t& bytes);
  MatrixTable keep_table(MatrixForm form, const std::vector<MatrixView>& views);
  void clear_nan();
  // Waits for the device; throws ETAP_ERR_TENSOR when a NaN was met.
  void finish(const std::string& name);

  cudaStream_t stream_;
  std::shared_ptr<Heap> heap_ = std::make_shared<Heap>();
  GrowingArray<std::byte> staging_;
  std::byte* staged_ = nullptr;
  std::size_t staged_bytes_ = 0;
  DeviceArray<unsigned long long> nan_at_;
};

}  // namespace etap::cuda
