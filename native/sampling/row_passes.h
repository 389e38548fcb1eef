// Passes over one row of logits or weights, written so that the compiler vectorizes them. Sums run
// in a fixed number of lanes, so a result does not depend on the vector width.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace etap {

// Values whose maximum is kept by scan_row, to find the best of a row without sorting it.
inline constexpr std::size_t kScanBlock = 64;

struct RowScan {
  float max;
  bool finite;  // no NaN and no infinity of either sign
};

// `block_max` gets the maximum of every kScanBlock values; NaN is never a maximum.
RowScan scan_row(std::span<const float> row, std::vector<float>& block_max);

// A value that at least `count` of the row's values reach, and few others: the count-th best of the
// block maxima; -infinity where there are fewer blocks.
float lower_bound_of_best(std::span<const float> block_max, std::size_t count,
                          std::vector<float>& scratch);

// First index holding `value`; the row's size when there is none.
std::size_t find_first(std::span<const float> row, float value);

// weights[i] = exp((row[i] - max) * scale), 0 below exp(-87); relative error under 2e-7.
void exp_row(std::span<const float> row, float max, float scale, std::span<float> weights);

// In double, by lanes.
double sum_row(std::span<const float> weights);

// The index at which the running sum of `weights` passes `target`; the last positive weight when
// rounding keeps the sum below it.
std::size_t pick_from_row(std::span<const float> weights, double target);

}  // namespace etap
