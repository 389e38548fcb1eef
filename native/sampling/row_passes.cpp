#include "sampling/row_passes.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <functional>
#include <limits>

namespace etap {

namespace {

// Four lanes written out, because the compiler turns neither the selections nor the reductions
// below into vector code by itself (it must keep NaN and trap semantics of a scalar loop).
constexpr std::size_t kLanes = 4;
using Floats = float __attribute__((vector_size(16)));
using Ints = std::int32_t __attribute__((vector_size(16)));
using Doubles = double __attribute__((vector_size(16)));

constexpr float kNegativeInfinity = -std::numeric_limits<float>::infinity();

inline Floats load(const float* source) {
  Floats value;
  std::memcpy(&value, source, sizeof(value));
  return value;
}

inline void store(float* target, Floats value) {
  std::memcpy(target, &value, sizeof(value));
}

inline Floats larger(Floats a, Floats b) {
  return a > b ? a : b;
}

// exp(x) for x <= 0: 2^n * exp(r) with |r| <= ln(2) / 2 and the polynomial of Cephes' expf.
inline Floats exp_of_negative(Floats x) {
  constexpr float kLog2E = 1.44269504F;
  constexpr float kLn2High = 0.693359375F;
  constexpr float kLn2Low = -2.12194440e-4F;
  constexpr float kRoundingShift = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer
  constexpr float kSmallest = -87.0F;
  const Ints in_range = x > kSmallest;
  const Floats clamped = in_range ? x : Floats{} + kSmallest;
  const Floats shifted = clamped * kLog2E + kRoundingShift;
  const Floats n = shifted - kRoundingShift;
  const Floats r = (clamped - n * kLn2High) - n * kLn2Low;
  Floats p = r * 1.9875691500e-4F + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = (p * r) * r + r + 1.0F;
  const Ints exponent =
      std::bit_cast<Ints>(shifted) - std::bit_cast<std::int32_t>(kRoundingShift) + 127;
  return in_range ? p * std::bit_cast<Floats>(exponent << 23) : Floats{};
}

// Maximum of kScanBlock values, and NaN into `poison` where one is not finite.
float scan_block(const float* values, Floats& poison) {
  constexpr std::size_t kAccumulators = 4;
  std::array<Floats, kAccumulators> best;
  best.fill(Floats{} + kNegativeInfinity);
  for (std::size_t i = 0; i < kScanBlock; i += kAccumulators * kLanes) {
    for (std::size_t j = 0; j < kAccumulators; ++j) {
      const Floats value = load(values + i + j * kLanes);
      best[j] = larger(value, best[j]);
      poison += value * 0.0F;
    }
  }
  const Floats four = larger(larger(best[0], best[1]), larger(best[2], best[3]));
  return std::max(std::max(four[0], four[1]), std::max(four[2], four[3]));
}

}  // namespace

RowScan scan_row(std::span<const float> row, std::vector<float>& block_max) {
  const std::size_t whole = row.size() / kScanBlock;
  block_max.resize((row.size() + kScanBlock - 1) / kScanBlock);
  Floats poison{};
  for (std::size_t block = 0; block < whole; ++block) {
    block_max[block] = scan_block(row.data() + block * kScanBlock, poison);
  }
  if (whole < block_max.size()) {
    std::array<float, kScanBlock> rest;
    rest.fill(row.back());
    std::copy(row.begin() + static_cast<std::ptrdiff_t>(whole * kScanBlock), row.end(),
              rest.begin());
    block_max[whole] = scan_block(rest.data(), poison);
  }
  RowScan scan{kNegativeInfinity, true};
  for (const float value : block_max) scan.max = std::max(scan.max, value);
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    scan.finite = scan.finite && poison[lane] == 0.0F;
  }
  return scan;
}

float lower_bound_of_best(std::span<const float> block_max, std::size_t count,
                          std::vector<float>& scratch) {
  if (count == 0 || count > block_max.size()) return kNegativeInfinity;
  scratch.assign(block_max.begin(), block_max.end());
  const auto nth = scratch.begin() + static_cast<std::ptrdiff_t>(count - 1);
  std::nth_element(scratch.begin(), nth, scratch.end(), std::greater<>());
  return *nth;
}

std::size_t find_first(std::span<const float> row, float value) {
  return static_cast<std::size_t>(std::find(row.begin(), row.end(), value) - row.begin());
}

void exp_row(std::span<const float> row, float max, float scale, std::span<float> weights) {
  const std::size_t whole = row.size() / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    store(&weights[i], exp_of_negative((load(&row[i]) - max) * scale));
  }
  for (std::size_t i = whole; i < row.size(); ++i) {
    weights[i] = exp_of_negative(Floats{} + (row[i] - max) * scale)[0];
  }
}

double sum_row(std::span<const float> weights) {
  std::array<Doubles, 4> sums{};
  constexpr std::size_t kStride = 2 * sums.size();
  const std::size_t whole = weights.size() / kStride * kStride;
  for (std::size_t i = 0; i < whole; i += kStride) {
    for (std::size_t j = 0; j < sums.size(); ++j) {
      const float* pair = &weights[i + 2 * j];
      sums[j] += Doubles{static_cast<double>(pair[0]), static_cast<double>(pair[1])};
    }
  }
  double sum = 0.0;
  for (const Doubles& pair : sums) sum += pair[0] + pair[1];
  for (std::size_t i = whole; i < weights.size(); ++i) sum += static_cast<double>(weights[i]);
  return sum;
}

std::size_t pick_from_row(std::span<const float> weights, double target) {
  constexpr std::size_t kStride = 1024;
  double before = 0.0;
  std::size_t begin = 0;
  while (begin + kStride < weights.size()) {
    const double sum = sum_row(weights.subspan(begin, kStride));
    if (before + sum > target) break;
    before += sum;
    begin += kStride;
  }
  std::size_t last_positive = weights.size();
  for (std::size_t i = begin; i < weights.size(); ++i) {
    if (weights[i] <= 0.0F) continue;
    last_positive = i;
    before += static_cast<double>(weights[i]);
    if (before > target) return i;
  }
  if (last_positive < weights.size()) return last_positive;
  for (std::size_t i = begin; i-- > 0;) {
    if (weights[i] > 0.0F) return i;
  }
  return 0;
}

}  // namespace etap
