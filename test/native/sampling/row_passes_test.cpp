#include "sampling/row_passes.h"

#include <cmath>
#include <limits>

#include "test.h"

namespace etap {

namespace {

std::vector<float> random_row(test::Random& random, std::size_t size) {
  std::vector<float> row(size);
  for (float& value : row) value = static_cast<float>(random.uniform() * 40.0 - 30.0);
  return row;
}

}  // namespace

TEST("scan_row finds the maximum of the row and of each block at every length") {
  test::Random random(1);
  std::vector<float> block_max;
  for (std::size_t size = 1; size <= 300; ++size) {
    const std::vector<float> row = random_row(random, size);
    const RowScan scan = scan_row(row, block_max);
    CHECK(scan.finite);
    CHECK_EQ(scan.max, *std::max_element(row.begin(), row.end()));
    CHECK_EQ(block_max.size(), (size + kScanBlock - 1) / kScanBlock);
    for (std::size_t block = 0; block < block_max.size(); ++block) {
      const auto begin = row.begin() + static_cast<std::ptrdiff_t>(block * kScanBlock);
      const auto end =
          row.begin() + static_cast<std::ptrdiff_t>(std::min((block + 1) * kScanBlock, size));
      CHECK_EQ(block_max[block], *std::max_element(begin, end));
    }
  }
}

TEST("scan_row notices one NaN or infinity anywhere") {
  std::vector<float> block_max;
  for (const std::size_t size : {1u, 63u, 64u, 200u}) {
    for (std::size_t at = 0; at < size; ++at) {
      for (const float bad : {std::nanf(""), INFINITY, -INFINITY}) {
        std::vector<float> row(size, 1.5F);
        row[at] = bad;
        CHECK(!scan_row(row, block_max).finite);
      }
    }
  }
}

TEST("the bound of the best is reached by at least that many values") {
  test::Random random(2);
  std::vector<float> block_max;
  std::vector<float> scratch;
  const std::vector<float> row = random_row(random, 64 * 50 + 7);
  scan_row(row, block_max);
  for (std::size_t count = 1; count <= 60; ++count) {
    const float bound = lower_bound_of_best(block_max, count, scratch);
    std::size_t reached = 0;
    for (const float value : row) reached += value >= bound ? 1 : 0;
    CHECK(reached >= count);
    if (count > block_max.size()) CHECK(bound == -INFINITY);
  }
}

TEST("exp_row is within 2e-7 of exp and zero far below") {
  std::vector<float> row;
  for (double x = 0.0; x > -86.9; x -= 0.00137) row.push_back(static_cast<float>(x));
  std::vector<float> weights(row.size());
  exp_row(row, 0.0F, 1.0F, weights);
  double worst = 0.0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const double exact = std::exp(static_cast<double>(row[i]));
    worst = std::max(worst, std::abs(static_cast<double>(weights[i]) - exact) / exact);
  }
  CHECK(worst < 2e-7);
  const std::vector<float> far = {-87.5F, -1e30F, -INFINITY};
  std::vector<float> zeros(3, 1.0F);
  exp_row(far, 0.0F, 1.0F, zeros);
  for (const float zero : zeros) CHECK_EQ(zero, 0.0F);
  std::vector<float> one(1);
  exp_row(std::vector<float>{12.5F}, 12.5F, 1e4F, one);
  CHECK_EQ(one[0], 1.0F);
}

TEST("pick_from_row finds where the running sum passes the target") {
  std::vector<float> weights(5000, 0.0F);
  weights[10] = 1.0F;
  weights[2047] = 2.0F;
  weights[2048] = 4.0F;
  weights[4999] = 1.0F;
  CHECK_EQ(sum_row(weights), 8.0);
  CHECK_EQ(pick_from_row(weights, 0.0), 10u);
  CHECK_EQ(pick_from_row(weights, 0.999), 10u);
  CHECK_EQ(pick_from_row(weights, 1.0), 2047u);
  CHECK_EQ(pick_from_row(weights, 3.0), 2048u);
  CHECK_EQ(pick_from_row(weights, 7.5), 4999u);
  CHECK_EQ(pick_from_row(weights, 8.0), 4999u);
  weights[4999] = 0.0F;
  CHECK_EQ(pick_from_row(weights, 8.0), 2048u);
}

}  // namespace etap
