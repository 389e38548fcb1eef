#include "backend/cuda/ops/plain_product.h"

#include "backend/cuda/launch.cuh"
#include "backend/cuda/ops/product.cuh"

namespace etap::cuda {
namespace {

constexpr int kWarps = 4;
constexpr int kWarpOutputs = 2;
constexpr int kOutputs = kWarps * kWarpOutputs;

__device__ float x_value(const Product& product, std::int64_t place) {
  return product.x_wide ? static_cast<const float*>(product.x)[place]
                        : bf16_value(static_cast<const std::uint16_t*>(product.x)[place]);
}

// sums[o][r]: output o of row r. Lanes take every 32nd column; lane sums are added in a fixed tree.
__device__ void multiply_rows(const Product& product, const MatrixView& matrix,
                              const std::int64_t (&rows)[kPlainRows], int count, int first_row,
                              float (&sums)[kWarpOutputs][kPlainRows]) {
  const float* weights = static_cast<const float*>(matrix.values);
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  for (int o = 0; o < kWarpOutputs; ++o) {
    for (int r = 0; r < kPlainRows; ++r) sums[o][r] = 0.0f;
  }
  const int matrix_rows = product.gated ? 2 * matrix.outputs : matrix.outputs;
  for (int column = lane; column < matrix.columns; column += kLanes) {
    float values[kWarpOutputs];
#pragma unroll
    for (int o = 0; o < kWarpOutputs; ++o) {
      const int row = first_row + o;
      values[o] = row < matrix_rows
                      ? weights[static_cast<std::int64_t>(row) * matrix.columns + column]
                      : 0.0f;
    }
#pragma unroll
    for (int r = 0; r < kPlainRows; ++r) {
      if (r >= count) break;
      const float x = x_value(product, rows[r] + column);
#pragma unroll
      for (int o = 0; o < kWarpOutputs; ++o) sums[o][r] = fmaf(values[o], x, sums[o][r]);
    }
  }
#pragma unroll
  for (int o = 0; o < kWarpOutputs; ++o) {
#pragma unroll
    for (int r = 0; r < kPlainRows; ++r) {
      for (int mask = kLanes / 2; mask > 0; mask /= 2) {
        sums[o][r] += shuffle_xor(sums[o][r], mask);
      }
    }
  }
}

__global__ void __launch_bounds__(kWarps* kLanes) plain_product_kernel(const Product product) {
  const ProductTile tile = product_tile(product, kPlainRows);
  if (tile.count <= 0) return;
  const MatrixView matrix =
      product.matrices == nullptr ? product.matrix : product.matrices[tile.group];
  const int warp = static_cast<int>(threadIdx.x) / kLanes;
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  const int output = static_cast<int>(blockIdx.x) * kOutputs + warp * kWarpOutputs;
  std::int64_t rows[kPlainRows];
  for (int r = 0; r < kPlainRows; ++r) {
    rows[r] = r < tile.count ? map_row(product.x_rows, tile.first + r) * product.x_stride +
                                   tile.group * product.x_group_stride
                             : 0;
  }
  float sums[kWarpOutputs][kPlainRows];
  float factors[kWarpOutputs][kPlainRows];
  multiply_rows(product, matrix, rows, tile.count, output, sums);
  if (product.gated) {
    multiply_rows(product, matrix, rows, tile.count, matrix.outputs + output, factors);
  }
#pragma unroll
  for (int r = 0; r < kPlainRows; ++r) {
    if (lane != r || r >= tile.count) continue;
    const std::int64_t out_row = map_row(product.out_rows, tile.first + r);
#pragma unroll
    for (int o = 0; o < kWarpOutputs; ++o) {
      if (output + o >= matrix.outputs) continue;
      const float value = product.gated ? gate_value(sums[o][r], factors[o][r]) : sums[o][r];
      store_value(product, tile.group, tile.first + r, out_row, output + o, value);
    }
  }
}

}  // namespace

void multiply_plain(const Product& product, cudaStream_t stream) {
  const auto ceil_of = [](int a, int b) { return static_cast<unsigned>((a + b - 1) / b); };
  const bool tiled = product.tiles != nullptr;
  const dim3 grid(
      ceil_of(product.matrix.outputs, kOutputs),
      tiled ? static_cast<unsigned>(product.tile_capacity) : ceil_of(product.rows, kPlainRows),
      tiled ? 1u : static_cast<unsigned>(product.groups));
  launch(plain_product_kernel, grid, kWarps * kLanes, stream, product);
}

}  // namespace etap::cuda
