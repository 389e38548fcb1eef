// Up to 64 query columns on their way past the keys: scratch and state of one piece of attention
// work, and the steps that both forms of attention take for every tile of keys.
#pragma once

#include <cstdint>
#include <limits>

#include "backend/cpu/kernels.h"
#include "backend/cpu/memory.h"

namespace etap::cpu {

constexpr std::int64_t round_up(std::int64_t value, std::int64_t unit) {
  return (value + unit - 1) / unit * unit;
}

inline constexpr std::int64_t kBlockKeys = 64;
inline constexpr std::int64_t kTileBlocksMax = 4;

// Keys of one softmax tile. Tiles begin at multiples of this, counted from position 0.
inline std::int64_t softmax_keys(const Kernels& kernels) {
  return kernels.tile_blocks * kBlockKeys;
}

// Widths of keys and values, padded as the kernels want them.
struct AttentionWidths {
  AttentionWidths(const Kernels& kernels, std::int64_t key, std::int64_t value)
      : key_width(round_up(key, kColumnAlign)),
        value_width(round_up(value, kLanes)),
        key_block_bytes(kBlockKeys * key_width * 4),
        value_block_bytes(kBlockKeys / kernels.values_per_word * value_width * 4) {}

  std::int64_t query_bytes(const Kernels& kernels, std::int64_t columns) const {
    return key_width / kernels.values_per_word * columns * 4;
  }

  std::int64_t key_width;
  std::int64_t value_width;
  std::int64_t key_block_bytes;    // of 64 keys copied by prepare_keys
  std::int64_t value_block_bytes;  // of 64 packed rows of values
};

// One tile of keys and values, ready for any number of query panels.
struct KeyTile {
  std::int64_t first_key;  // position
  std::int64_t blocks;
  const void* keys[kTileBlocksMax];
  std::int64_t key_stride[kTileBlocksMax];  // bytes
  ValueTile values;                         // blocks one after another
};

// Scratch of one thread for query panels.
struct TileScratch {
  TileScratch(Carver& carver, std::int64_t keys)
      : scores(carver.take<float>(keys * kQueryPanel)),
        probabilities(carver.take<std::byte>(keys * kQueryPanel * 4)),
        visible(carver.take<std::int32_t>(kQueryPanel)) {}
  float* scores;
  std::byte* probabilities;
  std::int32_t* visible;
};

inline AttentionState carve_state(Carver& carver, std::int64_t columns, std::int64_t width) {
  return {carver.take<float>(columns), carver.take<float>(columns),
          carver.take<float>(columns * width)};
}

inline void reset_state(const AttentionState& state, std::int64_t columns, std::int64_t width) {
  for (std::int64_t i = 0; i < columns; ++i) {
    state.maximum[i] = kNoKeys;
    state.sum[i] = 0.0F;
  }
  for (std::int64_t i = 0; i < columns * width; ++i) state.output[i] = 0.0F;
}

// Columns of one panel: column i belongs to the query at position first_position + (first_column +
// i) / columns_per_row.
struct QueryColumns {
  const void* queries;  // packed
  std::int64_t first_position;
  std::int64_t first_column;
  std::int64_t columns_per_row;
  std::int64_t count;
  std::int64_t columns;  // count, padded to a multiple of 16

  std::int64_t position(std::int64_t column) const {
    return first_position + (first_column + column) / columns_per_row;
  }
  std::int64_t last_position() const { return position(count - 1); }
};

// Lets the panel attend to the keys of the tile that it may see.
void attend_tile(const Kernels& kernels, const AttentionWidths& widths, float scale_log2,
                 const QueryColumns& queries, const KeyTile& tile, const TileScratch& scratch,
                 const AttentionState& state);

}  // namespace etap::cpu
