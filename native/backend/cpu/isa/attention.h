// Transposed attention (ETAP, arXiv 2506.01969): queries lie on the lanes, keys and values are
// broadcast. S^T = K Q^T, softmax down each lane, O^T += V^T P^T. Here is what all instruction sets
// share: the softmax, and putting parts together.
// Included by ISA files only; everything is internal to them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "backend/cpu/isa/panels.h"
#include "backend/cpu/kernels.h"

namespace etap::cpu {
namespace {

constexpr std::int64_t kTileKeys = 64;  // keys scored, and rows of values packed, at a time

// The largest score of sixteen columns; what they do not see becomes minus infinity.
template <typename V>
typename V::F largest_scores(const SoftmaxTile& tile, std::int64_t column) {
  using F = typename V::F;
  const F hidden = V::set(-__builtin_inff());
  F largest[4] = {hidden, hidden, hidden, hidden};
  for (std::int64_t key = 0; key < tile.keys; key += 4) {
    for (int i = 0; i < 4; ++i) {
      float* place = tile.scores + (key + i) * tile.columns + column;
      F score = V::load(place);
      if (tile.visible != nullptr) {
        score = V::where_below(static_cast<std::int32_t>(key + i), tile.visible + column, score,
                               hidden);
        V::store(place, score);
      }
      largest[i] = V::max(score, largest[i]);
    }
  }
  return V::max(V::max(largest[0], largest[1]), V::max(largest[2], largest[3]));
}

// Turns the scores of sixteen columns into probabilities 2^(score * scale - maximum), which `put`
// takes by pairs of keys; returns their sum.
template <typename V, typename Put>
typename V::F exponentiate(const SoftmaxTile& tile, std::int64_t column, typename V::F maximum,
                           const Put& put) {
  using F = typename V::F;
  const F scale = V::set(tile.scale_log2);
  const F shift = V::sub(V::zero(), maximum);
  F sums[4] = {V::zero(), V::zero(), V::zero(), V::zero()};
  for (std::int64_t key = 0; key < tile.keys; key += 4) {
    F powers[4];
    for (int i = 0; i < 4; ++i) {
      const F score = V::load(tile.scores + (key + i) * tile.columns + column);
      powers[i] = exp2<V>(V::fma(score, scale, shift));
      if (tile.visible != nullptr) {
        powers[i] = V::where_below(static_cast<std::int32_t>(key + i), tile.visible + column,
                                   powers[i], V::zero());
      }
      sums[i] = V::add(sums[i], powers[i]);
    }
    put(key / 2, powers[0], powers[1]);
    put(key / 2 + 1, powers[2], powers[3]);
  }
  return V::add(V::add(sums[0], sums[1]), V::add(sums[2], sums[3]));
}

template <typename V>
bool any_below_one(typename V::F factors) {
  float all[16];
  V::store(all, factors);
  bool found = false;
  for (float factor : all) found = found || !(factor == 1.0F);
  return found;
}

// Sixteen columns of the output times their factors.
template <typename V, bool kByColumn>
void rescale_output(const SoftmaxTile& tile, std::int64_t column, typename V::F factors) {
  if (!any_below_one<V>(factors)) return;
  if constexpr (kByColumn) {
    float all[16];
    V::store(all, factors);
    for (int i = 0; i < 16; ++i) {
      float* row = tile.state.output + (column + i) * tile.width;
      const typename V::F factor = V::set(all[i]);
      for (std::int64_t value = 0; value < tile.width; value += 16) {
        V::store(row + value, V::mul(V::load(row + value), factor));
      }
    }
  } else {
    for (std::int64_t value = 0; value < tile.width; ++value) {
      float* row = tile.state.output + value * tile.columns + column;
      V::store(row, V::mul(V::load(row), factors));
    }
  }
}

// `Probabilities(tile, column)` takes pairs of probabilities and is finished when all have come.
template <typename V, bool kByColumn, typename Probabilities>
void softmax(const SoftmaxTile& tile) {
  using F = typename V::F;
  for (std::int64_t column = 0; column < tile.columns; column += 16) {
    const F before = V::load(tile.state.maximum + column);
    const F largest = V::mul(largest_scores<V>(tile, column), V::set(tile.scale_log2));
    const F maximum = V::max(largest, before);
    const F factor = exp2<V>(V::sub(before, maximum));
    const Probabilities probabilities(tile, column);
    const F sum = exponentiate<V>(tile, column, maximum, probabilities);
    probabilities.finish();
    V::store(tile.state.maximum + column, maximum);
    V::store(tile.state.sum + column, V::fma(V::load(tile.state.sum + column), factor, sum));
    rescale_output<V, kByColumn>(tile, column, factor);
  }
}

template <typename V, bool kByColumn>
void merge(const AttentionState& total, const AttentionState& split, std::int64_t columns,
           std::int64_t width) {
  using F = typename V::F;
  for (std::int64_t column = 0; column < columns; column += 16) {
    const F before = V::load(total.maximum + column);
    const F other = V::load(split.maximum + column);
    const F maximum = V::max(other, before);
    const F keep = exp2<V>(V::sub(before, maximum));
    const F take = exp2<V>(V::sub(other, maximum));
    const F kept_sum = V::mul(V::load(total.sum + column), keep);
    V::store(total.maximum + column, maximum);
    V::store(total.sum + column, V::fma(V::load(split.sum + column), take, kept_sum));
    float keeps[16];
    float takes[16];
    V::store(keeps, keep);
    V::store(takes, take);
    const std::int64_t vectors = kByColumn ? 16 * width / 16 : width;
    for (std::int64_t i = 0; i < vectors; ++i) {
      const std::int64_t lane = kByColumn ? i / (width / 16) : 0;
      const std::int64_t place = kByColumn ? column * width + i * 16 : i * columns + column;
      const F keep_factor = kByColumn ? V::set(keeps[lane]) : keep;
      const F take_factor = kByColumn ? V::set(takes[lane]) : take;
      const F kept = V::mul(V::load(total.output + place), keep_factor);
      V::store(total.output + place, V::fma(V::load(split.output + place), take_factor, kept));
    }
  }
}

template <typename V, bool kByColumn>
void write_columns(const AttentionState& state, std::int64_t count, std::int64_t columns,
                   std::int64_t width, std::int64_t values, std::uint16_t* const* targets) {
  for (std::int64_t column = 0; column < count; ++column) {
    const typename V::F sum = V::set(state.sum[column]);
    for (std::int64_t i = 0; i < values; i += 16) {
      float gathered[16];
      const float* source = state.output + column * width + i;
      if (!kByColumn) {
        for (int j = 0; j < 16; ++j) gathered[j] = state.output[(i + j) * columns + column];
        source = gathered;
      }
      write_values<V>(V::div(V::load(source), sum), targets[column] + i, DType::kBF16,
                      lesser(16, values - i));
    }
  }
}

}  // namespace
}  // namespace etap::cpu
