// Where things lie in shared memory and in wgmma fragments, as constant expressions: the same
// functions serve the kernel and the host tests. Source: PTX ISA, "Asynchronous Warpgroup Level
// Matrix Shared Memory Layout" and "Matrix-descriptor".
#pragma once

#include <cstdint>

#include "backend/cuda/etap/config.h"
#include "backend/cuda/host_device.h"

namespace etap::cuda {

// SWIZZLE_128B: the 16-byte unit within a 128-byte row is XORed with the row's number modulo 8.
// `offset` counts bytes from a 1024-byte boundary.
ETAP_HOST_DEVICE constexpr std::uint32_t swizzle_128b(std::uint32_t offset) {
  return offset ^ ((offset >> 7 & 7u) << 4);
}

// Byte of element (row, column) in a tile of 128-byte rows: KV chunks (row = key), Q chunks and P^T
// (row = query row).
ETAP_HOST_DEVICE constexpr std::uint32_t chunk_byte(int row, int column) {
  return swizzle_128b(static_cast<std::uint32_t>(row) * kChunkRowBytes +
                      static_cast<std::uint32_t>(column) * kElementBytes);
}

// A wgmma matrix descriptor for 128-byte swizzle. Addresses and offsets are in bytes.
ETAP_HOST_DEVICE constexpr std::uint64_t matrix_descriptor(std::uint32_t address,
                                                           std::uint32_t leading_offset,
                                                           std::uint32_t stride_offset) {
  constexpr std::uint64_t kSwizzle128 = 1;
  return static_cast<std::uint64_t>((address & 0x3FFFFu) >> 4) |
         static_cast<std::uint64_t>(leading_offset >> 4) << 16 |
         static_cast<std::uint64_t>(stride_offset >> 4) << 32 | kSwizzle128 << 62;
}

// Both operand layouts step by one swizzle atom (8 rows of 128 bytes): a K-major operand from one
// group of 8 M or N rows to the next, an MN-major one from one group of 8 k to the next. The
// leading offset is unused, since no operand is wider than one atom along its contiguous dimension.
ETAP_HOST_DEVICE constexpr std::uint64_t operand_descriptor(std::uint32_t address) {
  return matrix_descriptor(address, /*leading_offset=*/0, kSwizzleAtomBytes);
}

// Bytes between k-steps of 16: along the 128-byte row when K is contiguous, two atoms of 8 keys
// when the other dimension is.
inline constexpr std::uint32_t kKMajorStepBytes = kMmaK * kElementBytes;
inline constexpr std::uint32_t kMnMajorStepBytes = kMmaK * kChunkRowBytes;

// Advances a descriptor's address field. The field holds 14 bits of address / 16 and shared memory
// ends below 2^18 bytes, so there is no carry.
ETAP_HOST_DEVICE constexpr std::uint64_t advance_descriptor(std::uint64_t descriptor,
                                                            std::uint32_t bytes) {
  return descriptor + (bytes >> 4);
}

// Accumulator element i of a thread in a 64 x N product.
ETAP_HOST_DEVICE constexpr int fragment_row(int warp_in_group, int lane, int i) {
  return warp_in_group * 16 + (i >> 1 & 1) * 8 + lane / 4;
}
ETAP_HOST_DEVICE constexpr int fragment_column(int lane, int i) {
  return (i >> 2) * 8 + lane % 4 * 2 + (i & 1);
}

// Columns (query rows) of a 64 x N fragment that one thread holds, numbered 2 j + e.
ETAP_HOST_DEVICE constexpr int thread_column(int lane, int c) {
  return (c >> 1) * 8 + lane % 4 * 2 + (c & 1);
}

// Where lane `lane` of a warp points stmatrix when the warp stores its 16 keys of P^T for query
// rows 0..15: lane 8 m + r addresses row r of matrix m, and matrices run over the two halves of the
// 16 keys, then over groups of 8 query rows. Byte from the start of P^T; one 128-byte row of 64
// keys per query row. Later groups of 16 query rows follow at twice the swizzle atom.
ETAP_HOST_DEVICE constexpr std::uint32_t weight_store_byte(int warp_in_group, int lane) {
  const int row = (lane >> 4) * 8 + (lane & 7);
  const int key = warp_in_group * 16 + (lane >> 3 & 1) * 8;
  return chunk_byte(row, key);
}

// Column of the latent row at which chunk `chunk` of a tile begins. The rotary chunk comes first:
// it is free again right after S^T, while the latent ones stay until O^T has used them.
ETAP_HOST_DEVICE constexpr int chunk_column(int chunk) {
  return chunk == 0 ? kLatentDim : (chunk - 1) * kChunkColumns;
}

// Keys of a context that the step's query token `token` attends to: the last token sees all, each
// one before it one less. Padding rows, whose token is query_length or more, count as the last's.
ETAP_HOST_DEVICE constexpr int visible_keys(int context_length, int query_length, int token) {
  const int tokens_after = query_length - 1 - token;
  return tokens_after > 0 ? context_length - tokens_after : context_length;
}

}  // namespace etap::cuda
