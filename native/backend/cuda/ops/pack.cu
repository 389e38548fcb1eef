#include "backend/cuda/ops/pack.h"

#include "backend/cuda/launch.cuh"
#include "backend/cuda/ops/fragments.cuh"
#include "backend/cuda/ops/matrix.h"

namespace etap::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kSpans = kBlockColumns / kSpan;

// Eight neighbouring values of one row of a tile, as one lane takes them.
struct Place {
  int row;  // of the matrix or, gated, of one of the two
  bool factor;
  int column;
  int count;  // that exist
};

__device__ Place place_of(const PackShape& shape, int tile, int block, int span, int lane,
                          bool row8) {
  const int half = kTileRows / 2;
  Place place{};
  if (shape.gated) {
    place.row = tile * half + lane / 4;
    place.factor = row8;
  } else {
    place.row = tile * kTileRows + lane / 4 + (row8 ? half : 0);
  }
  const int begin = block == 0 ? 0 : shape.first_columns + (block - 1) * kBlockColumns;
  const int width = min(block == 0 ? shape.first_columns : kBlockColumns, shape.columns - begin);
  const int within = span * kSpan + lane % 4 * kLaneValues;
  place.column = begin + within;
  place.count = place.row < shape.rows ? max(0, min(kLaneValues, width - within)) : 0;
  return place;
}

__device__ std::uint16_t bf16_at(const PackSource& source, std::int64_t index) {
  if (source.dtype == DType::kF32) {
    return bf16_bits(static_cast<const float*>(source.values)[index]);
  }
  return static_cast<const std::uint16_t*>(source.values)[index];
}

__device__ uint4 bf16_values(const PackSource& source, const Place& place) {
  std::uint32_t words[4] = {};
  for (int i = 0; i < place.count; ++i) {
    const std::int64_t index =
        place.row * source.row_stride + (place.column + i) * source.column_stride;
    words[i / 2] |= static_cast<std::uint32_t>(bf16_at(source, index)) << (i % 2 * 16);
  }
  return make_uint4(words[0], words[1], words[2], words[3]);
}

// Byte pairs of the row at even places of 16 bits, or of the row 8 further at odd ones.
__device__ void add_e4m3_values(const PackShape& shape, const PackSource& source,
                                const Place& place, bool row8, std::uint32_t (&words)[4],
                                unsigned long long* nan_at) {
  for (int i = 0; i < place.count; ++i) {
    const int column = place.column + i;
    const std::uint8_t value =
        static_cast<const std::uint8_t*>(source.values)[place.row * source.row_stride + column];
    words[i / 2] |= static_cast<std::uint32_t>(value) << (i % 2 * 8 + (row8 ? 16 : 0));
    if ((value & 0x7F) == 0x7F) {
      const std::int64_t row = place.row + (place.factor ? shape.rows : 0);
      atomicMin(nan_at, static_cast<unsigned long long>(row * shape.columns + column));
    }
  }
}

__global__ void __launch_bounds__(kThreads)
    pack_kernel(const PackShape shape, const PackSource first, const PackSource second,
                uint4* values, unsigned long long* nan_at) {
  const std::int64_t index = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const int lane = static_cast<int>(index % kLanes);
  const int span = static_cast<int>(index / kLanes % kSpans);
  const std::int64_t tile_block = index / kLanes / kSpans;
  const int block = static_cast<int>(tile_block % shape.blocks);
  const int tile = static_cast<int>(tile_block / shape.blocks);
  if (tile >= shape.tiles) return;
  const Place row = place_of(shape, tile, block, span, lane, false);
  const Place row8 = place_of(shape, tile, block, span, lane, true);
  const PackSource& source8 = shape.gated ? second : first;
  if (first.dtype == DType::kF8E4M3) {
    std::uint32_t words[4] = {};
    add_e4m3_values(shape, first, row, false, words, nan_at);
    add_e4m3_values(shape, source8, row8, true, words, nan_at);
    values[index] = make_uint4(words[0], words[1], words[2], words[3]);
    return;
  }
  const std::int64_t out = ((tile_block * kSpans + span) * 2) * kLanes + lane;
  values[out] = bf16_values(first, row);
  values[out + kLanes] = bf16_values(source8, row8);
}

__global__ void __launch_bounds__(kThreads)
    pack_scales_kernel(const PackShape shape, const float* first, const float* second,
                       float* scales) {
  const std::int64_t index = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const int in_tile = static_cast<int>(index % kTileRows);
  const int block = static_cast<int>(index / kTileRows % shape.blocks);
  const int tile = static_cast<int>(index / kTileRows / shape.blocks);
  if (tile >= shape.tiles) return;
  const int half = kTileRows / 2;
  const bool factor = shape.gated && in_tile >= half;
  const int row = shape.gated ? tile * half + in_tile % half : tile * kTileRows + in_tile;
  const float* source = factor ? second : first;
  scales[index] =
      row < shape.rows ? source[static_cast<std::int64_t>(row) * shape.blocks + block] : 0.0f;
}

}  // namespace

void pack_matrix(const PackShape& shape, const PackSource& first, const PackSource& second,
                 void* values, float* scales, unsigned long long* nan_at, cudaStream_t stream) {
  const std::int64_t blocks = static_cast<std::int64_t>(shape.tiles) * shape.blocks;
  launch(pack_kernel, grid_for(blocks * kSpans * kLanes, kThreads), kThreads, stream, shape, first,
         second, static_cast<uint4*>(values), nan_at);
  if (first.dtype == DType::kF8E4M3) {
    launch(pack_scales_kernel, grid_for(blocks * kTileRows, kThreads), kThreads, stream, shape,
           first.scales, second.scales, scales);
  }
}

}  // namespace etap::cuda
