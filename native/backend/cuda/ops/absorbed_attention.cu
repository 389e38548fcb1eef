#include "backend/cuda/launch.cuh"
#include "backend/cuda/ops/attention.h"
#include "backend/cuda/ops/primitives.cuh"
#include "backend/cuda/ops/reduce.cuh"
#include "base/check.h"

namespace etap::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kTileKeys = kThreads;  // one key for each thread
constexpr int kLatentMax = 1024;
constexpr int kWidthMax = kLatentMax + 128;
constexpr int kColumns = kLatentMax / kThreads;
constexpr float kLog2E = 1.4426950408889634f;
constexpr float kNegativeInfinity = -__builtin_huge_valf();

// One CTA for each row and head: plain, for odd widths.
__global__ void __launch_bounds__(kThreads)
    absorbed_kernel(const AttentionShape shape, const AbsorbedRows rows) {
  __shared__ float query[kWidthMax];
  __shared__ float weights[kTileKeys];
  __shared__ std::int64_t slots[kTileKeys];
  const int row = static_cast<int>(blockIdx.x);
  const int head = static_cast<int>(blockIdx.y);
  const int thread = static_cast<int>(threadIdx.x);
  const int width = static_cast<int>(shape.latent + shape.rope);
  const int latent = static_cast<int>(shape.latent);
  const std::int64_t line = row * shape.heads + head;
  const std::int32_t* blocks = rows.block_table + row * rows.block_table_stride;
  const int context = rows.context_lengths[row];
  for (int i = thread; i < width; i += kThreads) {
    query[i] = bf16_value(rows.q_latent[line * width + i]);
  }
  float out[kColumns] = {};
  float maximum = kNegativeInfinity;
  float sum = 0.0f;
  for (int begin = 0; begin < context; begin += kTileKeys) {
    const int key = begin + thread;
    float score = kNegativeInfinity;
    __syncthreads();
    if (key < context) {
      const std::int64_t slot =
          static_cast<std::int64_t>(blocks[key / static_cast<int>(kBlockTokens)]) * kBlockTokens +
          key % kBlockTokens;
      slots[thread] = slot;
      const std::uint16_t* values = rows.cache + slot * width;
      score = 0.0f;
      for (int i = 0; i < width; ++i) score = fmaf(query[i], bf16_value(values[i]), score);
      score *= shape.softmax_scale * kLog2E;
    }
    const float largest = fmaxf(maximum, maximum_over_threads<kThreads>(score));
    const float rescale = power_of_two(maximum - largest);
    maximum = largest;
    const float weight = power_of_two(score - largest);
    weights[thread] = weight;
    sum = fmaf(sum, rescale, sum_over_threads<kThreads>(weight));
    const int keys = min(kTileKeys, context - begin);
    for (int c = 0; c < kColumns; ++c) {
      const int column = c * kThreads + thread;
      if (column >= latent) break;
      float value = out[c] * rescale;
      for (int k = 0; k < keys; ++k) {
        value = fmaf(weights[k], bf16_value(rows.cache[slots[k] * width + column]), value);
      }
      out[c] = value;
    }
  }
  for (int c = 0; c < kColumns; ++c) {
    const int column = c * kThreads + thread;
    if (column >= latent) break;
    rows.o_latent[line * latent + column] = bf16_bits(sum > 0.0f ? out[c] / sum : 0.0f);
  }
}

}  // namespace

void attend_absorbed(const AttentionShape& shape, const AbsorbedRows& rows, cudaStream_t stream) {
  ETAP_CHECK(shape.latent <= kLatentMax && shape.cache_width() <= kWidthMax,
             "absorbed attention: latent wider than the kernel takes");
  launch(absorbed_kernel,
         dim3(static_cast<unsigned>(rows.rows), static_cast<unsigned>(shape.heads)), kThreads,
         stream, shape, rows);
}

}  // namespace etap::cuda
