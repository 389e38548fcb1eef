// The kernel's layouts against a plain model of what the hardware does with them.
#include "backend/cuda/etap/layout.h"

#include <cstdint>
#include <set>
#include <vector>

#include "test.h"

namespace etap::cuda {
namespace {

constexpr std::uint32_t kBase = 3 * kChunkBytes;  // some chunk of the ring

// The fields of a matrix descriptor (PTX ISA, "Matrix-descriptor").
struct DescriptorFields {
  std::uint32_t address;
  std::uint32_t stride_offset;
  std::uint32_t swizzle;

  explicit DescriptorFields(std::uint64_t descriptor)
      : address(static_cast<std::uint32_t>(descriptor & 0x3FFF) << 4),
        stride_offset(static_cast<std::uint32_t>(descriptor >> 32 & 0x3FFF) << 4),
        swizzle(static_cast<std::uint32_t>(descriptor >> 62)) {}
};

// Where the tensor core finds element (m or n, k) of an operand: 128-byte swizzle permutes 16-byte
// units by bits 7..9 of the address itself.
std::uint32_t k_major_address(std::uint64_t descriptor, int row, int k) {
  const DescriptorFields fields(descriptor);
  return swizzle_128b(fields.address + static_cast<std::uint32_t>(row / 8) * fields.stride_offset +
                      static_cast<std::uint32_t>(row % 8) * 128 +
                      static_cast<std::uint32_t>(k) * 2);
}

std::uint32_t mn_major_address(std::uint64_t descriptor, int m, int k) {
  const DescriptorFields fields(descriptor);
  return swizzle_128b(fields.address + static_cast<std::uint32_t>(k / 8) * fields.stride_offset +
                      static_cast<std::uint32_t>(k % 8) * 128 + static_cast<std::uint32_t>(m) * 2);
}

}  // namespace

static_assert(swizzle_128b(0) == 0);
static_assert(swizzle_128b(128) == 128 + 16);
static_assert(swizzle_128b(7 * 128) == 7 * 128 + 7 * 16);
static_assert(swizzle_128b(1024 + 128) == 1024 + 128 + 16);

TEST("the 128-byte swizzle permutes each 128-byte row within itself") {
  std::set<std::uint32_t> seen;
  for (std::uint32_t offset = 0; offset < kChunkBytes; offset += 16) {
    CHECK_EQ(swizzle_128b(offset) / 128, offset / 128);
    CHECK_EQ(swizzle_128b(swizzle_128b(offset)), offset);
    seen.insert(swizzle_128b(offset));
  }
  CHECK_EQ(seen.size(), static_cast<std::size_t>(kChunkBytes / 16));
}

TEST("descriptors carry address, stride and the 128-byte swizzle") {
  const DescriptorFields fields(operand_descriptor(kBase));
  CHECK_EQ(fields.address, kBase);
  CHECK_EQ(fields.stride_offset, 1024u);
  CHECK_EQ(fields.swizzle, 1u);
  const std::uint64_t last = operand_descriptor(kSharedBytesMax - kChunkBytes);
  CHECK_EQ(DescriptorFields(advance_descriptor(last, 3 * kMnMajorStepBytes)).address,
           static_cast<std::uint32_t>(kSharedBytesMax - kChunkBytes + 3 * 2048));
  CHECK_EQ(DescriptorFields(advance_descriptor(last, 3 * kMnMajorStepBytes)).stride_offset, 1024u);
}

TEST("S^T reads K as the copy engine wrote it: rows are keys, k runs over columns") {
  const std::uint64_t chunk = operand_descriptor(kBase);
  for (int step = 0; step < kMmaStepsPerChunk; ++step) {
    const std::uint64_t a =
        advance_descriptor(chunk, static_cast<std::uint32_t>(step) * kKMajorStepBytes);
    for (int key = 0; key < kBlockTokens; ++key) {
      for (int k = 0; k < kMmaK; ++k) {
        CHECK_EQ(k_major_address(a, key, k), kBase + chunk_byte(key, step * kMmaK + k));
      }
    }
  }
}

TEST("O^T reads the same chunk as V^T: m runs over columns, k over keys") {
  const std::uint64_t chunk = operand_descriptor(kBase);
  for (int step = 0; step < kMmaStepsPerTile; ++step) {
    const std::uint64_t a =
        advance_descriptor(chunk, static_cast<std::uint32_t>(step) * kMnMajorStepBytes);
    for (int column = 0; column < kMmaM; ++column) {
      for (int k = 0; k < kMmaK; ++k) {
        CHECK_EQ(mn_major_address(a, column, k), kBase + chunk_byte(step * kMmaK + k, column));
      }
    }
  }
}

TEST("every accumulator element of a 64 x N product belongs to one thread") {
  for (const int rows : {8, 16, 24, 32, 64}) {
    std::set<std::pair<int, int>> seen;
    for (int thread = 0; thread < kWarpgroupThreads; ++thread) {
      for (int i = 0; i < rows / 2; ++i) {
        const int lane = thread % kWarpThreads;
        const int row = fragment_row(thread / kWarpThreads, lane, i);
        const int column = fragment_column(lane, i);
        CHECK(row >= 0 && row < kMmaM && column >= 0 && column < rows);
        CHECK_EQ(thread_column(lane, (i >> 2) * 2 + (i & 1)), column);
        seen.insert({row, column});
      }
    }
    CHECK_EQ(seen.size(), static_cast<std::size_t>(kMmaM * rows));
  }
}

// stmatrix.trans: register m of lane l holds elements (l / 4, 2 (l % 4) + {0, 1}) of matrix m, and
// stored row r, at the address lane 8 m + r gives, is column r of matrix m.
TEST("P^T is stored as the tensor core reads it: rows are query rows, k runs over keys") {
  const std::uint64_t weights = operand_descriptor(kBase);
  for (int warp = 0; warp < kWarpgroupWarps; ++warp) {
    for (int lane = 0; lane < kWarpThreads; ++lane) {
      for (int i = 0; i < 8; ++i) {  // the fragment of 16 query rows
        const int matrix = i / 2;
        const int stored_row = lane % 4 * 2 + (i & 1);
        const std::uint32_t address = kBase + weight_store_byte(warp, 8 * matrix + stored_row) +
                                      static_cast<std::uint32_t>(lane / 4) * kElementBytes;
        const int key = fragment_row(warp, lane, i);
        const int row = fragment_column(lane, i);
        const std::uint64_t b =
            advance_descriptor(weights, static_cast<std::uint32_t>(key / kMmaK) * kKMajorStepBytes);
        CHECK_EQ(k_major_address(b, row, key % kMmaK), address);
      }
    }
  }
}

TEST("the chunks of a tile cover the latent row, rotary part first") {
  std::vector<int> columns;
  for (int chunk = 0; chunk < kChunksPerTile; ++chunk) columns.push_back(chunk_column(chunk));
  CHECK(columns == std::vector<int>({512, 0, 64, 128, 192, 256, 320, 384, 448}));
}

TEST("a step's last token sees the whole context and each one before it a key less") {
  CHECK_EQ(visible_keys(100, 1, 0), 100);
  CHECK_EQ(visible_keys(100, 4, 0), 97);
  CHECK_EQ(visible_keys(100, 4, 3), 100);
  CHECK_EQ(visible_keys(100, 4, 5), 100);  // a padding row
  CHECK_EQ(visible_keys(1, 2, 0), 0);
}

}  // namespace etap::cuda
