#include "inputs.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "backend/cuda/etap/config.h"

namespace etap::cuda {
namespace {

constexpr std::int32_t kSentinelBlock = 0x3FFFFFFF;
constexpr int kThreads = 256;

__device__ std::uint64_t mix(std::uint64_t z) {
  z += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

__device__ float normal(std::uint64_t bits) {
  const float u = (static_cast<float>(bits >> 40) + 1.0f) * 0x1p-24f;
  const float v = static_cast<float>(bits >> 16 & 0xFFFFFF) * 0x1p-24f;
  return sqrtf(-2.0f * logf(u)) * cospif(2.0f * v);
}

__device__ float draw(std::uint64_t key, Distribution distribution) {
  const std::uint64_t bits = mix(key);
  float value = normal(bits);
  if (distribution == Distribution::kOutliers && (bits & 0xFFFF) < 66) {  // 66 / 65536 = 0.001
    value += 10.0f * normal(mix(bits));
  }
  return value;
}

__device__ std::uint16_t to_bits(float value, DType dtype) {
  return dtype == DType::kBF16 ? __bfloat16_as_ushort(__float2bfloat16_rn(value))
                               : __half_as_ushort(__float2half_rn(value));
}

struct FillParams {
  std::uint16_t* data;
  const std::int32_t* lengths;  // [batch]
  const std::int32_t* table;    // [batch, table_stride], null: the slab of request r is [r]
  const std::uint32_t* ids;     // [batch]
  int table_stride;
  int slab_rows;
  std::uint64_t seed;
  std::uint64_t kind;
  DType dtype;
  Distribution distribution;
};

// One CTA per (block or query slab, request).
__global__ void __launch_bounds__(kThreads) fill_kernel(const FillParams params) {
  const int request = static_cast<int>(blockIdx.y);
  const int slab = static_cast<int>(blockIdx.x);
  int rows = params.slab_rows;
  std::int64_t slab_index = request;
  if (params.table != nullptr) {
    rows = min(params.lengths[request] - slab * params.slab_rows, params.slab_rows);
    if (rows <= 0) return;
    slab_index = params.table[static_cast<std::int64_t>(request) * params.table_stride + slab];
  }
  const std::uint64_t stream =
      mix(params.seed * 4 + params.kind) ^ mix(static_cast<std::uint64_t>(params.ids[request]));
  std::uint16_t* data = params.data + slab_index * params.slab_rows * kKvDim;
  for (int i = static_cast<int>(threadIdx.x); i < rows * kKvDim; i += kThreads) {
    const std::uint64_t element = static_cast<std::uint64_t>(slab) * params.slab_rows * kKvDim +
                                  static_cast<std::uint64_t>(i);
    data[i] = to_bits(draw(stream + element, params.distribution), params.dtype);
  }
}

// A permutation of [0, count) that scatters a context's blocks over the pool.
std::vector<std::int32_t> scattered(std::int64_t count) {
  std::vector<std::int32_t> ids(static_cast<std::size_t>(count));
  std::iota(ids.begin(), ids.end(), 0);
  std::uint64_t state = 12345;
  for (std::size_t i = ids.size(); i > 1; --i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    std::swap(ids[i - 1], ids[(state >> 33) % i]);
  }
  return ids;
}

}  // namespace

DecodeInputs::DecodeInputs(const DecodeCase& test_case, std::vector<std::uint32_t> request_ids)
    : case_(test_case) {
  const std::vector<std::int32_t>& lengths = case_.context_lengths;
  const std::size_t batch = lengths.size();
  const auto rows = static_cast<std::size_t>(case_.shape.rows());
  std::int64_t used_blocks = 0;
  for (const std::int32_t length : lengths) {
    table_stride_ = std::max(table_stride_, context_blocks(length) + 1);
    used_blocks += context_blocks(length);
  }
  block_count_ = used_blocks + 1;
  const std::vector<std::int32_t> ids = scattered(block_count_);
  std::vector<std::int32_t> table(batch * static_cast<std::size_t>(table_stride_), kSentinelBlock);
  std::size_t next = 0;
  for (std::size_t r = 0; r < batch; ++r) {
    for (int block = 0; block < context_blocks(lengths[r]); ++block) {
      table[r * static_cast<std::size_t>(table_stride_) + static_cast<std::size_t>(block)] =
          ids[next++];
    }
  }
  if (request_ids.empty()) {
    request_ids.resize(batch);
    std::iota(request_ids.begin(), request_ids.end(), 0u);
  }

  lengths_ = DeviceArray<std::int32_t>(batch);
  lengths_.upload(lengths);
  table_ = DeviceArray<std::int32_t>(table.size());
  table_.upload(table);
  DeviceArray<std::uint32_t> device_ids(batch);
  device_ids.upload(request_ids);
  query_ = DeviceArray<std::uint16_t>(batch * rows * kKvDim);
  pool_ =
      DeviceArray<std::uint16_t>(static_cast<std::size_t>(block_count_) * kBlockTokens * kKvDim);
  out_ = DeviceArray<std::uint16_t>(batch * rows * kLatentDim);
  lse_ = DeviceArray<float>(batch * rows);
  CUDA_CHECK(cudaMemset(pool_.data(), 0xFF, pool_.bytes()));  // NaN in both types

  FillParams fill{.data = query_.data(),
                  .lengths = lengths_.data(),
                  .table = nullptr,
                  .ids = device_ids.data(),
                  .table_stride = 0,
                  .slab_rows = static_cast<int>(rows),
                  .seed = case_.seed,
                  .kind = 0,
                  .dtype = case_.shape.dtype,
                  .distribution = case_.distribution};
  const auto grid_y = static_cast<unsigned>(batch);
  fill_kernel<<<dim3(1, grid_y), kThreads>>>(fill);
  fill.data = pool_.data();
  fill.table = table_.data();
  fill.table_stride = table_stride_;
  fill.slab_rows = kBlockTokens;
  fill.kind = 1;
  fill_kernel<<<dim3(static_cast<unsigned>(table_stride_), grid_y), kThreads>>>(fill);
  CUDA_CHECK(cudaGetLastError());
  CUDA_CHECK(cudaDeviceSynchronize());
  poison_output();
}

void DecodeInputs::poison_output() {
  CUDA_CHECK(cudaMemset(out_.data(), 0xFF, out_.bytes()));
  CUDA_CHECK(cudaMemset(lse_.data(), 0xFF, lse_.bytes()));
}

DecodeArguments DecodeInputs::arguments() const {
  return {.query = query_.data(),
          .kv = {.data = pool_.data(), .block_count = block_count_},
          .block_table = table_.data(),
          .block_table_stride = table_stride_,
          .out = out_.data(),
          .lse = lse_.data(),
          .softmax_scale = case_.softmax_scale};
}

ReferenceArguments DecodeInputs::reference_arguments() const {
  return {.query = query_.data(),
          .kv = {.data = pool_.data(), .block_count = block_count_},
          .block_table = table_.data(),
          .block_table_stride = table_stride_,
          .context_lengths = lengths_.data(),
          .batch = batch(),
          .out = nullptr,
          .lse = nullptr,
          .softmax_scale = case_.softmax_scale};
}

double to_double(std::uint16_t bits, DType dtype) {
  if (dtype == DType::kF16) return static_cast<double>(__half2float(__ushort_as_half(bits)));
  return static_cast<double>(__bfloat162float(__ushort_as_bfloat16(bits)));
}

ErrorFigures compare_with_reference(const DecodeInputs& inputs) {
  const DecodeCase& test_case = inputs.test_case();
  const std::vector<std::uint16_t> out = inputs.download_out();
  const std::vector<float> lse = inputs.download_lse();
  DeviceArray<double> device_out(out.size());
  DeviceArray<double> device_lse(lse.size());
  ReferenceArguments arguments = inputs.reference_arguments();
  arguments.out = device_out.data();
  arguments.lse = device_lse.data();
  reference_decode(test_case.shape, arguments, ReferencePrecision::kDouble, nullptr);
  const std::vector<double> expected = device_out.download();
  const std::vector<double> expected_lse = device_lse.download();

  ErrorFigures figures;
  double squares = 0;
  double reference_squares = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double value = to_double(out[i], test_case.shape.dtype);
    if (!std::isfinite(value)) figures.finite = false;
    squares += (value - expected[i]) * (value - expected[i]);
    reference_squares += expected[i] * expected[i];
  }
  for (std::size_t i = 0; i < lse.size(); ++i) {
    const double value = static_cast<double>(lse[i]);
    if (value == expected_lse[i]) continue;  // both minus infinity
    const double difference = std::abs(value - expected_lse[i]);
    if (!std::isfinite(difference)) figures.finite = false;
    figures.lse_max = std::max(figures.lse_max, difference);
  }
  figures.rmse = std::sqrt(squares / static_cast<double>(out.size()));
  figures.relative =
      reference_squares > 0 ? std::sqrt(squares / reference_squares) : std::sqrt(squares);
  return figures;
}

}  // namespace etap::cuda
