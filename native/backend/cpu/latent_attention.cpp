#include "backend/cpu/latent_attention.h"

#include <algorithm>
#include <numbers>
#include <vector>

#include "backend/cpu/query_panel.h"

namespace etap::cpu {
namespace {

// Partial results held at a time; more work is done in waves.
constexpr std::int64_t kPartialsMax = 1024;

// Up to 64 (row, head) columns of one segment, against all keys.
struct ColumnBlock {
  const AttentionSegment* segment;
  std::int64_t first_column;
  std::int64_t count;
  std::int64_t first_partial;  // of this wave
  std::int64_t splits;
};

class LatentAttention {
 public:
  LatentAttention(const Context& context, const AttentionShape& shape, const TensorView& q_latent,
                  const PagedCache& cache, std::int64_t layer, const TensorView& o_latent)
      : context_(context),
        shape_(shape),
        q_latent_(q_latent),
        cache_(cache),
        layer_(layer),
        o_latent_(o_latent),
        widths_(context.kernels, shape.cache_width(), shape.latent),
        query_bytes_(widths_.query_bytes(context.kernels, kQueryPanel)) {
    Carver carver(nullptr);
    carve_state(carver, kQueryPanel, widths_.value_width);
    partial_bytes_ = static_cast<std::int64_t>(carver.bytes());
  }

  void run(std::span<const AttentionSegment> segments) {
    const std::int64_t split_keys = context_.kernels.split_keys;
    std::vector<ColumnBlock> wave;
    std::int64_t partials = 0;
    for (const AttentionSegment& segment : segments) {
      const std::int64_t columns = segment.count * shape_.heads;
      for (std::int64_t first = 0; first < columns; first += kQueryPanel) {
        ColumnBlock block{&segment, first, std::min(kQueryPanel, columns - first), 0, 0};
        const std::int64_t keys = columns_of(block, nullptr).last_position() + 1;
        block.splits = (keys + split_keys - 1) / split_keys;
        if (partials > 0 && partials + block.splits > kPartialsMax) {
          run_wave(wave, partials);
          wave.clear();
          partials = 0;
        }
        block.first_partial = partials;
        partials += block.splits;
        wave.push_back(block);
      }
    }
    if (!wave.empty()) run_wave(wave, partials);
  }

 private:
  QueryColumns columns_of(const ColumnBlock& block, const void* queries) const {
    return {queries,     block.segment->position,      block.first_column, shape_.heads,
            block.count, round_up(block.count, kLanes)};
  }

  AttentionState partial(std::int64_t index) const {
    Carver carver(partials_ + index * partial_bytes_);
    return carve_state(carver, kQueryPanel, widths_.value_width);
  }

  void run_wave(const std::vector<ColumnBlock>& wave, std::int64_t partials) {
    const auto blocks = static_cast<std::int64_t>(wave.size());
    queries_ =
        context_.scratch.shared(Scratch::kQueries, static_cast<std::size_t>(blocks * query_bytes_));
    partials_ = context_.scratch.shared(Scratch::kPartials,
                                        static_cast<std::size_t>(partials * partial_bytes_));
    std::vector<std::int64_t> owners;
    for (std::int64_t index = 0; index < blocks; ++index) {
      owners.insert(owners.end(),
                    static_cast<std::size_t>(wave[static_cast<std::size_t>(index)].splits), index);
    }
    context_.pool.parallel_for(blocks, [&](std::int64_t index, int) {
      pack(wave[static_cast<std::size_t>(index)], queries_ + index * query_bytes_);
    });
    context_.pool.parallel_for(partials, [&](std::int64_t index, int thread) {
      const std::int64_t owner = owners[static_cast<std::size_t>(index)];
      const ColumnBlock& block = wave[static_cast<std::size_t>(owner)];
      attend_split(block, queries_ + owner * query_bytes_, index - block.first_partial,
                   partial(index), thread);
    });
    context_.pool.parallel_for(
        blocks, [&](std::int64_t index, int) { finish(wave[static_cast<std::size_t>(index)]); });
  }

  void pack(const ColumnBlock& block, std::byte* out) const {
    const std::uint16_t* queries[kQueryPanel];
    for (std::int64_t i = 0; i < block.count; ++i) queries[i] = query_of(block, i);
    context_.kernels.pack_queries(queries, block.count, round_up(block.count, kLanes),
                                  shape_.cache_width(), out);
  }

  const std::uint16_t* query_of(const ColumnBlock& block, std::int64_t i) const {
    const std::int64_t column = block.first_column + i;
    const std::int64_t row = block.segment->packed_row + column / shape_.heads;
    return static_cast<const std::uint16_t*>(q_latent_.data) + row * q_latent_.stride +
           column % shape_.heads * shape_.cache_width();
  }

  void attend_split(const ColumnBlock& block, const std::byte* queries, std::int64_t split,
                    const AttentionState& state, int thread) const {
    const QueryColumns columns = columns_of(block, queries);
    const float scale_log2 = shape_.softmax_scale * std::numbers::log2e_v<float>;
    reset_state(state, columns.columns, widths_.value_width);
    Carver count(nullptr);
    carve_tile(count);
    Carver carver(context_.scratch.of_thread(thread, count.bytes()));
    const TileMemory memory = carve_tile(carver);
    const std::int64_t split_keys = context_.kernels.split_keys;
    const std::int64_t end = std::min((split + 1) * split_keys, columns.last_position() + 1);
    for (std::int64_t key = split * split_keys; key < end; key += softmax_keys(context_.kernels)) {
      const KeyTile tile = load_tile(*block.segment, key, end, memory);
      attend_tile(context_.kernels, widths_, scale_log2, columns, tile, memory.scratch, state);
    }
  }

  struct TileMemory {
    TileScratch scratch;
    std::byte* keys;
    std::byte* values;
  };
  TileMemory carve_tile(Carver& carver) const {
    const Kernels& kernels = context_.kernels;
    return {TileScratch(carver, softmax_keys(kernels)),
            carver.take<std::byte>(kernels.tile_blocks * widths_.key_block_bytes),
            carver.take<std::byte>(kernels.tile_blocks * widths_.value_block_bytes)};
  }

  // Keys [key, end) of the sequence, at most one tile. Slots past the end are never read as values,
  // and as keys they are hidden: whatever an unused slot holds, also NaN, has no effect.
  KeyTile load_tile(const AttentionSegment& segment, std::int64_t key, std::int64_t end,
                    const TileMemory& memory) const {
    const Kernels& kernels = context_.kernels;
    KeyTile tile{key, 0, {}, {}, {memory.values, 0, nullptr, 0}};
    const std::int64_t last = std::min(end, key + softmax_keys(kernels));
    for (std::int64_t first = key; first < last; first += kBlockKeys) {
      const std::uint16_t* rows = cache_.block(layer_, segment.block_table[first / kBlockTokens]);
      const std::int64_t valid = std::min(kBlockKeys, end - first);
      const std::int64_t block = tile.blocks++;
      tile.keys[block] = kernels.prepare_keys(rows, cache_.stride(), valid, widths_.key_width,
                                              memory.keys + block * widths_.key_block_bytes,
                                              &tile.key_stride[block]);
      if (kernels.keys_are_values) continue;
      kernels.pack_values(rows, cache_.stride(), valid, widths_.value_width,
                          memory.values + block * widths_.value_block_bytes);
    }
    if (kernels.keys_are_values) tile.values = {memory.keys, widths_.key_width, nullptr, 0};
    if (last < end) {
      const auto* next = cache_.block(layer_, segment.block_table[last / kBlockTokens]);
      tile.values.next = reinterpret_cast<const std::byte*>(next);
      tile.values.next_bytes = kBlockKeys * cache_.stride() * 2;
    }
    return tile;
  }

  void finish(const ColumnBlock& block) const {
    const AttentionState total = partial(block.first_partial);
    const std::int64_t columns = round_up(block.count, kLanes);
    for (std::int64_t split = 1; split < block.splits; ++split) {
      context_.kernels.merge_splits(total, partial(block.first_partial + split), columns,
                                    widths_.value_width);
    }
    std::uint16_t* targets[kQueryPanel];
    for (std::int64_t i = 0; i < block.count; ++i) {
      const std::int64_t column = block.first_column + i;
      const std::int64_t row = block.segment->packed_row + column / shape_.heads;
      targets[i] = static_cast<std::uint16_t*>(o_latent_.data) + row * o_latent_.stride +
                   column % shape_.heads * shape_.latent;
    }
    context_.kernels.write_attention(total, block.count, columns, widths_.value_width,
                                     shape_.latent, targets);
  }

  const Context& context_;
  const AttentionShape& shape_;
  const TensorView& q_latent_;
  const PagedCache& cache_;
  std::int64_t layer_;
  const TensorView& o_latent_;
  AttentionWidths widths_;
  std::int64_t query_bytes_;  // of one packed column block
  std::int64_t partial_bytes_ = 0;
  std::byte* queries_ = nullptr;
  std::byte* partials_ = nullptr;
};

}  // namespace

void latent_attention(const Context& context, const AttentionShape& shape,
                      std::span<const AttentionSegment> segments, const TensorView& q_latent,
                      const PagedCache& cache, std::int64_t layer, const TensorView& o_latent) {
  LatentAttention(context, shape, q_latent, cache, layer, o_latent).run(segments);
}

}  // namespace etap::cpu
