#include "backend/cpu/query_panel.h"

#include <algorithm>

namespace etap::cpu {

void attend_tile(const Kernels& kernels, const AttentionWidths& widths, float scale_log2,
                 const QueryColumns& queries, const KeyTile& tile, const TileScratch& scratch,
                 const AttentionState& state) {
  const std::int64_t seen = queries.last_position() + 1 - tile.first_key;
  if (seen <= 0) return;
  const std::int64_t blocks = std::min(tile.blocks, (seen + kBlockKeys - 1) / kBlockKeys);
  const std::int64_t keys = blocks * kBlockKeys;
  // A hidden key has probability zero, which leaves sums and outputs as they are: how far a panel
  // reaches because of its other columns does not change a column's result.
  const bool masked = queries.position(0) + 1 - tile.first_key < keys;
  for (std::int64_t column = 0; masked && column < queries.columns; ++column) {
    const std::int64_t position = queries.position(std::min(column, queries.count - 1));
    scratch.visible[column] = static_cast<std::int32_t>(position + 1 - tile.first_key);
  }
  for (std::int64_t block = 0; block < blocks; ++block) {
    kernels.score_keys(tile.keys[block], tile.key_stride[block], queries.queries, queries.columns,
                       widths.key_width, scratch.scores + block * kBlockKeys * queries.columns);
  }
  kernels.softmax_tile({scratch.scores, keys, queries.columns, masked ? scratch.visible : nullptr,
                        scale_log2, state, widths.value_width, scratch.probabilities});
  kernels.add_values(scratch.probabilities, tile.values, keys, queries.columns, widths.value_width,
                     state.output);
}

}  // namespace etap::cpu
