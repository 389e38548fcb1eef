// Inputs of decode attention on the device: the same for tests and benches.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <vector>

#include "backend/cuda/device_array.h"
#include "backend/cuda/etap/decoder.h"
#include "backend/cuda/etap/reference.h"

namespace etap::cuda {

enum class Distribution : std::uint8_t {
  kNormal,    // N(0, 1)
  kOutliers,  // N(0, 1) + N(0, 100) Bernoulli(0.001), as FlashAttention-3 tests
};

struct DecodeCase {
  DecodeShape shape;
  std::vector<std::int32_t> context_lengths;
  Distribution distribution = Distribution::kNormal;
  std::uint64_t seed = 1;
  float softmax_scale = 0.07216878f;  // 192^-0.5
};

// Queries, and a KV pool in which every token outside the contexts is NaN and block tables are
// filled up with block ids that do not exist. A request's values depend on its seed and number
// alone, `request_ids[r]`, not on its place in the batch.
class DecodeInputs {
 public:
  DecodeInputs(const DecodeCase& test_case, std::vector<std::uint32_t> request_ids = {});

  DecodeArguments arguments() const;
  ReferenceArguments reference_arguments() const;
  const std::int32_t* context_lengths() const { return lengths_.data(); }
  int batch() const { return static_cast<int>(case_.context_lengths.size()); }
  const DecodeCase& test_case() const { return case_; }

  // Overwrites the output with a pattern that no result has, so that unwritten elements show.
  void poison_output();
  std::vector<std::uint16_t> download_out() const { return out_.download(); }
  std::vector<float> download_lse() const { return lse_.download(); }

 private:
  DecodeCase case_;
  int table_stride_ = 0;
  std::int64_t block_count_ = 0;
  DeviceArray<std::int32_t> lengths_;
  DeviceArray<std::int32_t> table_;
  DeviceArray<std::uint16_t> query_;
  DeviceArray<std::uint16_t> pool_;
  DeviceArray<std::uint16_t> out_;
  DeviceArray<float> lse_;
};

// Value of a 16-bit result.
double to_double(std::uint16_t bits, DType dtype);

struct ErrorFigures {
  double rmse = 0;
  double relative = 0;  // norm of the difference over norm of the reference
  double lse_max = 0;   // largest absolute difference
  bool finite = true;
};

// Compares the output with the double-precision reference kernel.
ErrorFigures compare_with_reference(const DecodeInputs& inputs);

}  // namespace etap::cuda
