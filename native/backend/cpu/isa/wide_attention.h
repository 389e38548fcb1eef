// Attention on fp32 words. Keys are widened once for each block of 64 and stay in the second-level
// cache; as rows they serve both as keys and, in the latent cache, as values.
// Included by ISA files only; everything is internal to them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "backend/cpu/isa/attention.h"
#include "backend/cpu/isa/product.h"
#include "backend/cpu/kernels.h"

namespace etap::cpu {
namespace {

// Packed queries are walked in parts of this size, which stay in the first-level cache while all
// keys pass.
constexpr std::int64_t kQueryBytes = 24 * 1024;

// [padded width][columns] fp32 words.
inline void pack_query_words(const std::uint16_t* const* queries, std::int64_t count,
                             std::int64_t columns, std::int64_t width, void* out) {
  auto* words = static_cast<std::uint32_t*>(out);
  const std::int64_t padded = round_up(width, kColumnAlign);
  std::memset(out, 0, static_cast<std::size_t>(padded * columns) * 4);
  for (std::int64_t column = 0; column < count; ++column) {
    const std::uint16_t* query = queries[column];
    for (std::int64_t row = 0; row < width; ++row) {
      words[row * columns + column] = static_cast<std::uint32_t>(query[row]) << 16;
    }
  }
}

// 64 rows to fp32 words [64][width]; those from `valid` on are not read and become zero.
template <typename V>
void widen_rows(const std::uint16_t* rows, std::int64_t stride, std::int64_t valid,
                std::int64_t width, void* out) {
  auto* words = static_cast<float*>(out);
  for (std::int64_t row = 0; row < kTileKeys; ++row) {
    for (std::int64_t i = 0; i < width; i += 16) {
      V::store(words + row * width + i,
               row < valid ? V::load_bf16(rows + row * stride + i) : V::zero());
    }
  }
}

template <typename V>
const void* widen_keys(const std::uint16_t* keys, std::int64_t stride, std::int64_t valid,
                       std::int64_t width, void* scratch, std::int64_t* stride_bytes) {
  widen_rows<V>(keys, stride, valid, width, scratch);
  *stride_bytes = width * 4;
  return scratch;
}

template <typename V>
void score_key_words(const void* keys, std::int64_t stride_bytes, const void* queries,
                     std::int64_t columns, std::int64_t width, float* scores) {
  const auto* words = static_cast<const std::uint32_t*>(keys);
  const auto* vectors = static_cast<const std::byte*>(queries);
  const std::int64_t part = kQueryBytes / (columns * 4);
  for (std::int64_t first = 0; first < width; first += part) {
    multiply<V, WideStep<V>>({words + first, stride_bytes / 4, 1, vectors + first * columns * 4,
                              columns * 4, lesser(part, width - first), scores, columns,
                              first == 0 ? Finish::kStore : Finish::kAccumulate, nullptr},
                             kTileKeys, columns);
  }
}

template <typename V>
void add_value_words(const void* probabilities, const ValueTile& values, std::int64_t keys,
                     std::int64_t columns, std::int64_t width, float* output) {
  const auto* words = static_cast<const std::uint32_t*>(values.data);
  const auto* vectors = static_cast<const std::byte*>(probabilities);
  const std::int64_t tiles = keys / kTileKeys;
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    const std::int64_t bytes = values.next_bytes / tiles;
    const std::byte* next = values.next == nullptr ? nullptr : values.next + tile * bytes;
    multiply<V, WideAheadStep<V, 1>>(
        {words + tile * kTileKeys * values.stride, 1, values.stride,
         vectors + tile * kTileKeys * columns * 4, columns * 4, kTileKeys, output, columns,
         Finish::kAccumulate, nullptr, next, bytes / width},
        width, columns);
  }
}

// Probabilities in fp32: [keys][columns] words.
template <typename V>
class WideProbabilities {
 public:
  WideProbabilities(const SoftmaxTile& tile, std::int64_t column)
      : words_(static_cast<float*>(tile.probabilities) + column), columns_(tile.columns) {}
  void operator()(std::int64_t pair, typename V::F even, typename V::F odd) const {
    V::store(words_ + 2 * pair * columns_, even);
    V::store(words_ + (2 * pair + 1) * columns_, odd);
  }
  void finish() const {}

 private:
  float* words_;
  std::int64_t columns_;
};

}  // namespace
}  // namespace etap::cpu
