#include "backend/reference/attention.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace etap::reference {
namespace {

// Cache rows of the keys [0, count) of a sequence.
std::vector<const float*> key_rows(const FloatCache& cache, std::int64_t layer,
                                   const AttentionSegment& segment, std::int64_t count) {
  std::vector<const float*> rows;
  for (std::int64_t key = 0; key < count; ++key) {
    const std::int64_t block = segment.block_table[key / kBlockTokens];
    rows.push_back(cache.row(layer, block * kBlockTokens + key % kBlockTokens));
  }
  return rows;
}

void softmax(std::vector<double>& scores) {
  const double largest = *std::max_element(scores.begin(), scores.end());
  double sum = 0.0;
  for (double& score : scores) sum += (score = std::exp(score - largest));
  for (double& score : scores) score /= sum;
}

// out[column] = sum over keys of weight[key] * value(key, column).
void weigh(const std::vector<double>& weights, std::int64_t columns,
           const std::function<const float*(std::size_t key)>& value, float* out) {
  for (std::int64_t column = 0; column < columns; ++column) {
    double sum = 0.0;
    for (std::size_t key = 0; key < weights.size(); ++key) {
      sum += weights[key] * static_cast<double>(value(key)[column]);
    }
    out[column] = static_cast<float>(sum);
  }
}

// rows [count, width] = cache latents times one head's projection [width, latent].
std::vector<float> project(const std::vector<const float*>& keys, const float* projection,
                           std::int64_t width, std::int64_t latent) {
  std::vector<float> rows;
  for (const float* key : keys) {
    for (std::int64_t i = 0; i < width; ++i) {
      rows.push_back(static_cast<float>(dot(key, projection + i * latent, latent)));
    }
  }
  return rows;
}

}  // namespace

void expanded_attention(const AttentionShape& shape, std::span<const AttentionSegment> segments,
                        const TensorView& q, const HeadsWeight& heads, const FloatCache& cache,
                        std::int64_t layer, const TensorView& out) {
  for (const AttentionSegment& segment : segments) {
    const std::int64_t context = segment.position + segment.count;
    const std::vector<const float*> keys = key_rows(cache, layer, segment, context);
    for (std::int64_t head = 0; head < shape.heads; ++head) {
      const std::vector<float> key_nope = project(
          keys, heads.key.data() + head * shape.nope * shape.latent, shape.nope, shape.latent);
      const std::vector<float> values = project(
          keys, heads.value.data() + head * shape.value * shape.latent, shape.value, shape.latent);
      for (std::int64_t i = 0; i < segment.count; ++i) {
        const float* query = row_of(q, segment.row + i) + head * shape.query_width();
        std::vector<double> scores(static_cast<std::size_t>(segment.position + i + 1));
        for (std::size_t key = 0; key < scores.size(); ++key) {
          const float* nope = key_nope.data() + static_cast<std::int64_t>(key) * shape.nope;
          scores[key] = (dot(query, nope, shape.nope) +
                         dot(query + shape.nope, keys[key] + shape.latent, shape.rope)) *
                        static_cast<double>(shape.softmax_scale);
        }
        softmax(scores);
        const auto value = [&](std::size_t key) {
          return values.data() + static_cast<std::int64_t>(key) * shape.value;
        };
        weigh(scores, shape.value, value, row_of(out, segment.row + i) + head * shape.value);
      }
    }
  }
}

void latent_attention(const AttentionShape& shape, std::span<const AttentionSegment> segments,
                      const TensorView& q_latent, const FloatCache& cache, std::int64_t layer,
                      const TensorView& o_latent) {
  for (const AttentionSegment& segment : segments) {
    const std::int64_t context = segment.position + segment.count;
    const std::vector<const float*> keys = key_rows(cache, layer, segment, context);
    for (std::int64_t i = 0; i < segment.count; ++i) {
      for (std::int64_t head = 0; head < shape.heads; ++head) {
        const float* query = row_of(q_latent, segment.packed_row + i) + head * shape.cache_width();
        std::vector<double> scores(static_cast<std::size_t>(segment.position + i + 1));
        for (std::size_t key = 0; key < scores.size(); ++key) {
          scores[key] =
              dot(query, keys[key], shape.cache_width()) * static_cast<double>(shape.softmax_scale);
        }
        softmax(scores);
        const auto value = [&](std::size_t key) { return keys[key]; };
        weigh(scores, shape.latent, value,
              row_of(o_latent, segment.packed_row + i) + head * shape.latent);
      }
    }
  }
}

}  // namespace etap::reference
