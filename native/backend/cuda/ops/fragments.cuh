// How a warp holds its part of a product [16, k] x [k, 8] with 16-byte loads and no shared memory.
// The order in which k is summed is free as long as both operands agree, so a lane of a group of
// four takes 8 neighbouring values of every 32: those of step s = 0, 1 and half h = 0, 1 are
// 8 (lane % 4) + 4 s + 2 h + {0, 1}.
#pragma once

#include <cstdint>

#include "backend/cuda/ops/primitives.cuh"

namespace etap::cuda {

inline constexpr int kTileRows = 16;    // M of one product
inline constexpr int kTileColumns = 8;  // N
inline constexpr int kSpan = 32;        // k of one load
inline constexpr int kLaneValues = 8;   // of a span, per lane

// Values [first, first + 8) of a row that has `count` left from there on; zeros beyond, and for a
// null row. `aligned`: the address is a multiple of 16 bytes.
__device__ __forceinline__ uint4 load_values(const std::uint16_t* row, std::int64_t first,
                                             std::int64_t count, bool aligned) {
  if (row == nullptr || count <= 0) return make_uint4(0, 0, 0, 0);
  const std::uint16_t* source = row + first;
  if (aligned && count >= kLaneValues) return *reinterpret_cast<const uint4*>(source);
  std::uint32_t words[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const std::uint32_t low = 2 * i < count ? source[2 * i] : 0u;
    const std::uint32_t high = 2 * i + 1 < count ? source[2 * i + 1] : 0u;
    words[i] = low | high << 16;
  }
  return make_uint4(words[0], words[1], words[2], words[3]);
}

// d += A B over one span. `row`, `row8`: the lane's values of rows g and g + 8 of A; `column`:
// those of column g of B (g = lane / 4).
__device__ __forceinline__ void multiply_span(float (&d)[4], const uint4& row, const uint4& row8,
                                              const uint4& column) {
  multiply_16x8x16(d, row.x, row8.x, row.y, row8.y, column.x, column.y);
  multiply_16x8x16(d, row.z, row8.z, row.w, row8.w, column.z, column.w);
}

}  // namespace etap::cuda
