#include "backend/cuda/ops/plain_product.h"

#include "backend/cuda/launch.cuh"
#include "backend/cuda/ops/product.cuh"

namespace etap::cuda {
namespace {

constexpr int kWarps = 8;
constexpr int kThreads = kWarps * kLanes;
constexpr int kMatrixRows = 4;  // of the matrix, per CTA; of a gated one two gates, two factors
constexpr int kSums = kMatrixRows * kPlainRows;
constexpr int kVector = 4;

// Four neighbouring fp32 values, or as many as there are.
__device__ float4 load_floats(const float* values, int count, bool vectors) {
  if (vectors && count >= kVector) return *reinterpret_cast<const float4*>(values);
  return make_float4(count > 0 ? values[0] : 0.0f, count > 1 ? values[1] : 0.0f,
                     count > 2 ? values[2] : 0.0f, count > 3 ? values[3] : 0.0f);
}

__device__ float4 load_x(const Product& product, std::int64_t place, int count, bool vectors) {
  if (product.x_wide) {
    return load_floats(static_cast<const float*>(product.x) + place, count, vectors);
  }
  const auto* bits = static_cast<const std::uint16_t*>(product.x) + place;
  return make_float4(count > 0 ? bf16_value(bits[0]) : 0.0f, count > 1 ? bf16_value(bits[1]) : 0.0f,
                     count > 2 ? bf16_value(bits[2]) : 0.0f,
                     count > 3 ? bf16_value(bits[3]) : 0.0f);
}

// Row `i` of the CTA's rows of the matrix; -1 past the end.
__device__ int matrix_row(const Product& product, const MatrixView& matrix, int i) {
  const int outputs = product.gated ? kMatrixRows / 2 : kMatrixRows;
  const int output = static_cast<int>(blockIdx.x) * outputs + i % outputs;
  if (output >= matrix.outputs) return -1;
  return i < outputs ? output : matrix.outputs + output;
}

// The CTA's threads take every 256th group of four columns. Their sums are
// added in a fixed tree, the warps' in order.
__global__ void __launch_bounds__(kThreads)
    plain_product_kernel(const Product product, const bool vectors) {
  __shared__ float totals[kWarps][kSums];
  const ProductTile tile = product_tile(product, kPlainRows);
  if (tile.count <= 0) return;
  const MatrixView matrix =
      product.matrices == nullptr ? product.matrix : product.matrices[tile.group];
  const int thread = static_cast<int>(threadIdx.x);
  const float* weights[kMatrixRows];
#pragma unroll
  for (int i = 0; i < kMatrixRows; ++i) {
    const int row = matrix_row(product, matrix, i);
    weights[i] = static_cast<const float*>(matrix.values) +
                 static_cast<std::int64_t>(row < 0 ? 0 : row) * matrix.columns;
  }
  std::int64_t rows[kPlainRows];
#pragma unroll
  for (int r = 0; r < kPlainRows; ++r) {
    const int within = min(r, tile.count - 1);  // rows past the end repeat the last; not stored
    rows[r] = map_row(product.x_rows, tile.first + within) * product.x_stride +
              tile.group * product.x_group_stride;
  }
  float sums[kSums] = {};
  for (int column = thread * kVector; column < matrix.columns; column += kThreads * kVector) {
    const int count = matrix.columns - column;
    float4 w[kMatrixRows];
#pragma unroll
    for (int i = 0; i < kMatrixRows; ++i) w[i] = load_floats(weights[i] + column, count, vectors);
#pragma unroll
    for (int r = 0; r < kPlainRows; ++r) {
      const float4 x = load_x(product, rows[r] + column, count, vectors);
#pragma unroll
      for (int i = 0; i < kMatrixRows; ++i) {
        float& sum = sums[i * kPlainRows + r];
        sum = fmaf(w[i].x, x.x, sum);
        sum = fmaf(w[i].y, x.y, sum);
        sum = fmaf(w[i].z, x.z, sum);
        sum = fmaf(w[i].w, x.w, sum);
      }
    }
  }
#pragma unroll
  for (int i = 0; i < kSums; ++i) {
    for (int mask = kLanes / 2; mask > 0; mask /= 2) sums[i] += shuffle_xor(sums[i], mask);
    if (thread % kLanes == 0) totals[thread / kLanes][i] = sums[i];
  }
  __syncthreads();
  if (thread < kSums) {
    float total = totals[0][thread];
    for (int warp = 1; warp < kWarps; ++warp) total += totals[warp][thread];
    totals[0][thread] = total;
  }
  __syncthreads();
  const int outputs = product.gated ? kMatrixRows / 2 : kMatrixRows;
  const int r = thread % kPlainRows;
  const int i = thread / kPlainRows;
  if (i >= outputs || r >= tile.count || matrix_row(product, matrix, i) < 0) return;
  const float total = totals[0][thread];
  const float value =
      product.gated ? gate_value(total, totals[0][outputs * kPlainRows + thread]) : total;
  store_value(product, tile.group, tile.first + r, map_row(product.out_rows, tile.first + r),
              static_cast<int>(blockIdx.x) * outputs + i, value);
}

bool on_16_bytes(const Product& product) {
  const bool x = !product.x_wide || (reinterpret_cast<std::uintptr_t>(product.x) % 16 == 0 &&
                                     product.x_stride % kVector == 0);
  return x && product.matrix.columns % kVector == 0 && product.x_group_stride % kVector == 0;
}

}  // namespace

void multiply_plain(const Product& product, cudaStream_t stream) {
  const auto ceil_of = [](int a, int b) { return static_cast<unsigned>((a + b - 1) / b); };
  const bool tiled = product.tiles != nullptr;
  const dim3 grid(
      ceil_of(product.matrix.outputs, product.gated ? kMatrixRows / 2 : kMatrixRows),
      tiled ? static_cast<unsigned>(product.tile_capacity) : ceil_of(product.rows, kPlainRows),
      tiled ? 1u : static_cast<unsigned>(product.groups));
  launch(plain_product_kernel, grid, kThreads, stream, product, on_16_bytes(product));
}

}  // namespace etap::cuda
