#include "backend/cuda/expanded.h"

#include <algorithm>

#include "backend/cuda/ops/attention.h"

namespace etap::cuda {
namespace {

// Keys that are projected at once: bounds the workspace, whatever the context.
constexpr std::int64_t kChunkKeys = 4096;
static_assert(kChunkKeys % kBlockTokens == 0);

}  // namespace

void ExpandedAttention::run(const AttentionShape& shape, const StepArrays& step,
                            const TensorView& q, const HeadsWeight& heads,
                            const std::uint16_t* cache, const TensorView& out,
                            cudaStream_t stream) {
  const std::span<const AttentionSegment> segments = step.layout().expanded;
  std::int64_t longest = 0;
  for (const AttentionSegment& segment : segments) {
    longest = std::max<std::int64_t>(longest, segment.position + segment.count);
  }
  const std::int64_t rounded = (longest + kBlockTokens - 1) / kBlockTokens * kBlockTokens;
  key_capacity_ = std::min(rounded, kChunkKeys);
  const auto head_keys = static_cast<std::size_t>(shape.heads * key_capacity_);
  std::uint16_t* keys = keys_.get(head_keys * static_cast<std::size_t>(shape.nope));
  std::uint16_t* values = values_.get(head_keys * static_cast<std::size_t>(shape.value));
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const AttentionSegment& segment = segments[i];
    const std::int64_t context = static_cast<std::int64_t>(segment.position) + segment.count;
    ExpandedPass pass{};
    pass.q = static_cast<const std::uint16_t*>(q.data) + segment.row * q.stride;
    pass.q_stride = q.stride;
    pass.out = static_cast<std::uint16_t*>(out.data) + segment.row * out.stride;
    pass.out_stride = out.stride;
    pass.keys = keys;
    pass.values = values;
    pass.key_capacity = key_capacity_;
    pass.cache = cache;
    pass.block_table = step.expanded_blocks(i);
    pass.count = segment.count;
    pass.position = segment.position;
    if (context > key_capacity_) {
      pass.state = state_.get(static_cast<std::size_t>(segment.count * shape.heads *
                                                       expanded_state_width(shape.value)));
    }
    for (std::int64_t begin = 0; begin < context; begin += key_capacity_) {
      pass.key_begin = static_cast<int>(begin);
      pass.key_count = static_cast<int>(std::min(key_capacity_, context - begin));
      pass.first = begin == 0;
      pass.last = begin + pass.key_count == context;
      project(shape, heads, cache, pass.block_table + begin / kBlockTokens, pass.key_count, stream);
      attend_expanded(shape, pass, stream);
    }
  }
}

void ExpandedAttention::project(const AttentionShape& shape, const HeadsWeight& heads,
                                const std::uint16_t* cache, const std::int32_t* blocks,
                                int key_count, cudaStream_t stream) {
  Product product{};
  product.form = heads.key.form;
  product.groups = static_cast<int>(shape.heads);
  product.x = cache;
  product.x_stride = shape.cache_width();
  product.x_rows = {blocks, 6};
  static_assert(kBlockTokens == 1 << 6);
  product.rows = key_count;

  product.matrix = heads.key.widest;
  product.matrices = heads.key.views;
  product.out = keys_.get(0);
  product.store = Store::kBf16;
  product.out_stride = shape.nope;
  product.out_group_stride = key_capacity_ * shape.nope;
  multiply(product, key_count, stream);

  product.matrix = heads.value.widest;
  product.matrices = heads.value.views;
  product.out = values_.get(0);
  product.store = Store::kTransposedBf16;
  product.out_stride = key_capacity_;
  product.out_group_stride = shape.value * key_capacity_;
  multiply(product, key_count, stream);
}

}  // namespace etap::cuda
