#include "backend/cpu/expanded_attention.h"

#include <algorithm>
#include <cstring>
#include <numbers>

#include "backend/cpu/linear.h"
#include "backend/cpu/query_panel.h"

namespace etap::cpu {
namespace {

// Memory of one (segment, head) on one thread. Tile borders depend on positions alone and every
// query passes the tiles in order, so chunks of any size give the same bits.
struct HeadMemory {
  TileScratch scratch;
  std::byte* latents;         // prepared rows of one block
  std::byte* product;         // scratch of run_panel
  std::uint16_t* key_rows;    // [64, key width] of one block
  std::uint16_t* value_rows;  // [64, value width]
  std::byte* keys;            // prepared keys of the tile
  std::byte* values;          // packed values of the tile
  std::byte* queries;         // packed queries, panel after panel
  std::byte* states;          // of the panels
};

class ExpandedAttention {
 public:
  ExpandedAttention(const Context& context, const AttentionShape& shape, const TensorView& q,
                    const HeadsWeight& heads, const PagedCache& cache, std::int64_t layer,
                    const TensorView& out)
      : kernels_(context.kernels),
        context_(context),
        shape_(shape),
        q_(q),
        heads_(heads),
        cache_(cache),
        layer_(layer),
        out_(out),
        widths_(context.kernels, shape.query_width(), shape.value),
        query_bytes_(widths_.query_bytes(context.kernels, kQueryPanel)) {
    Carver carver(nullptr);
    carve_state(carver, kQueryPanel, widths_.value_width);
    state_bytes_ = static_cast<std::int64_t>(carver.bytes());
    latent_form_ = kernels_.row_form(heads.key.front().panel(0));
    latent_bytes_ =
        kernels_.prepared_bytes(latent_form_, latent_rows(nullptr), kBlockKeys, shape.latent);
  }

  void run(std::span<const AttentionSegment> segments) {
    const auto items = static_cast<std::int64_t>(segments.size()) * shape_.heads;
    context_.pool.parallel_for(items, [&](std::int64_t item, int thread) {
      // The longest work first would be better balanced, but segments are few and heads many.
      const AttentionSegment& segment = segments[static_cast<std::size_t>(item / shape_.heads)];
      run_head(segment, item % shape_.heads, thread);
    });
  }

 private:
  RowSource latent_rows(const std::uint16_t* rows) const {
    return {rows, DType::kBF16, cache_.stride(), nullptr};
  }

  HeadMemory carve(Carver& carver, std::int64_t panels) const {
    const std::int64_t blocks = kernels_.tile_blocks;
    return {TileScratch(carver, softmax_keys(kernels_)),
            carver.take<std::byte>(static_cast<std::int64_t>(latent_bytes_)),
            carver.take<std::byte>(static_cast<std::int64_t>(
                panel_scratch_bytes(kernels_, kBlockKeys, shape_.latent))),
            carver.take<std::uint16_t>(blocks * kBlockKeys * widths_.key_width),
            carver.take<std::uint16_t>(kBlockKeys * widths_.value_width),
            carver.take<std::byte>(blocks * widths_.key_block_bytes),
            carver.take<std::byte>(blocks * widths_.value_block_bytes),
            carver.take<std::byte>(panels * query_bytes_),
            carver.take<std::byte>(panels * state_bytes_)};
  }

  QueryColumns panel_of(const AttentionSegment& segment, std::int64_t panel,
                        const std::byte* queries) const {
    const std::int64_t first = panel * kQueryPanel;
    const std::int64_t count = std::min<std::int64_t>(kQueryPanel, segment.count - first);
    return {queries + panel * query_bytes_, segment.position, first, 1, count,
            round_up(count, kLanes)};
  }

  AttentionState state_of(const HeadMemory& memory, std::int64_t panel) const {
    Carver carver(memory.states + panel * state_bytes_);
    return carve_state(carver, kQueryPanel, widths_.value_width);
  }

  void run_head(const AttentionSegment& segment, std::int64_t head, int thread) const {
    const std::int64_t panels = (segment.count + kQueryPanel - 1) / kQueryPanel;
    Carver count(nullptr);
    carve(count, panels);
    Carver carver(context_.scratch.of_thread(thread, count.bytes()));
    const HeadMemory memory = carve(carver, panels);
    for (std::int64_t panel = 0; panel < panels; ++panel) pack(segment, head, panel, memory);
    const float scale_log2 = shape_.softmax_scale * std::numbers::log2e_v<float>;
    const std::int64_t keys = segment.position + segment.count;
    for (std::int64_t key = 0; key < keys; key += softmax_keys(kernels_)) {
      const KeyTile tile = expand_tile(segment, head, key, keys, memory);
      for (std::int64_t panel = 0; panel < panels; ++panel) {
        attend_tile(kernels_, widths_, scale_log2, panel_of(segment, panel, memory.queries), tile,
                    memory.scratch, state_of(memory, panel));
      }
    }
    for (std::int64_t panel = 0; panel < panels; ++panel) write(segment, head, panel, memory);
  }

  void pack(const AttentionSegment& segment, std::int64_t head, std::int64_t panel,
            const HeadMemory& memory) const {
    const QueryColumns columns = panel_of(segment, panel, memory.queries);
    const std::uint16_t* queries[kQueryPanel];
    for (std::int64_t i = 0; i < columns.count; ++i) {
      queries[i] = static_cast<const std::uint16_t*>(q_.data) +
                   (segment.row + columns.first_column + i) * q_.stride +
                   head * shape_.query_width();
    }
    kernels_.pack_queries(queries, columns.count, columns.columns, shape_.query_width(),
                          memory.queries + panel * query_bytes_);
    reset_state(state_of(memory, panel), columns.columns, widths_.value_width);
  }

  KeyTile expand_tile(const AttentionSegment& segment, std::int64_t head, std::int64_t key,
                      std::int64_t keys, const HeadMemory& memory) const {
    KeyTile tile{key, 0, {}, {}, {memory.values, widths_.value_width, nullptr, 0}};
    const std::int64_t end = std::min(keys, key + softmax_keys(kernels_));
    for (std::int64_t first = key; first < end; first += kBlockKeys) {
      const std::int64_t block = tile.blocks++;
      const std::uint16_t* latents =
          cache_.block(layer_, segment.block_table[first / kBlockTokens]);
      const std::int64_t valid = std::min(kBlockKeys, end - first);
      std::uint16_t* key_rows = memory.key_rows + block * kBlockKeys * widths_.key_width;
      expand_block(head, latents, valid, key_rows, memory);
      tile.keys[block] = kernels_.prepare_keys(
          key_rows, widths_.key_width, valid, widths_.key_width,
          memory.keys + block * widths_.key_block_bytes, &tile.key_stride[block]);
      kernels_.pack_values(memory.value_rows, widths_.value_width, valid, widths_.value_width,
                           memory.values + block * widths_.value_block_bytes);
    }
    return tile;
  }

  // Keys [nope | rope | zeros] and values of one head for `valid` cached tokens.
  void expand_block(std::int64_t head, const std::uint16_t* latents, std::int64_t valid,
                    std::uint16_t* key_rows, const HeadMemory& memory) const {
    const RowSource source = latent_rows(latents);
    const std::size_t bytes = kernels_.prepared_bytes(latent_form_, source, valid, shape_.latent);
    for (std::int64_t group = 0; bytes > 0 && group * kRowGroup < valid; ++group) {
      kernels_.prepare_group(latent_form_, source, valid, shape_.latent, group, memory.latents);
    }
    const PreparedRows rows = kernels_.prepared_rows(latent_form_, source, shape_.latent,
                                                     bytes > 0 ? memory.latents : nullptr);
    const auto index = static_cast<std::size_t>(head);
    project(heads_.key[index], rows, valid, key_rows, widths_.key_width, memory);
    project(heads_.value[index], rows, valid, memory.value_rows, widths_.value_width, memory);
    for (std::int64_t row = 0; row < valid; ++row) {
      std::uint16_t* target = key_rows + row * widths_.key_width + shape_.nope;
      std::memcpy(target, latents + row * cache_.stride() + shape_.latent,
                  static_cast<std::size_t>(shape_.rope) * 2);
      std::memset(target + shape_.rope, 0,
                  static_cast<std::size_t>(widths_.key_width - shape_.query_width()) * 2);
    }
  }

  void project(const PackedMatrix& matrix, const PreparedRows& rows, std::int64_t count,
               std::uint16_t* out, std::int64_t stride, const HeadMemory& memory) const {
    for (std::int64_t panel = 0; panel < matrix.panel_count(); ++panel) {
      const PanelOutput target{
          Epilogue::kStore, out + panel * kPanel,     DType::kBF16, stride, nullptr,
          nullptr,          matrix.panel_width(panel)};
      run_panel(kernels_, {rows, count, matrix.panel(panel), target}, memory.product);
    }
  }

  void write(const AttentionSegment& segment, std::int64_t head, std::int64_t panel,
             const HeadMemory& memory) const {
    const QueryColumns columns = panel_of(segment, panel, memory.queries);
    std::uint16_t* targets[kQueryPanel];
    for (std::int64_t i = 0; i < columns.count; ++i) {
      targets[i] = static_cast<std::uint16_t*>(out_.data) +
                   (segment.row + columns.first_column + i) * out_.stride + head * shape_.value;
    }
    kernels_.write_attention(state_of(memory, panel), columns.count, columns.columns,
                             widths_.value_width, shape_.value, targets);
  }

  const Kernels& kernels_;
  const Context& context_;
  const AttentionShape& shape_;
  const TensorView& q_;
  const HeadsWeight& heads_;
  const PagedCache& cache_;
  std::int64_t layer_;
  const TensorView& out_;
  AttentionWidths widths_;
  std::int64_t query_bytes_;  // of one packed panel
  std::int64_t state_bytes_ = 0;
  RowForm latent_form_ = RowForm::kWide;
  std::size_t latent_bytes_ = 0;
};

}  // namespace

void expanded_attention(const Context& context, const AttentionShape& shape,
                        std::span<const AttentionSegment> segments, const TensorView& q,
                        const HeadsWeight& heads, const PagedCache& cache, std::int64_t layer,
                        const TensorView& out) {
  ExpandedAttention(context, shape, q, heads, cache, layer, out).run(segments);
}

}  // namespace etap::cpu
