#include "sampling/philox.h"

#include <set>

#include "test.h"

namespace etap {

// Known answers of the authors' library (Random123, kat_vectors).
static_assert(philox({0, 0, 0, 0}, {0, 0}) ==
              PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
static_assert(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
              PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
static_assert(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
              PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});

TEST("draws are in [0, 1), uniform, and differ by seed and position") {
  std::set<double> seen;
  double sum = 0.0;
  for (std::int64_t seed = -50; seed < 50; ++seed) {
    for (std::int64_t position = 0; position < 100; ++position) {
      const double draw = uniform_draw(seed, position);
      CHECK(draw >= 0.0 && draw < 1.0);
      seen.insert(draw);
      sum += draw;
    }
  }
  CHECK_EQ(seen.size(), 10000u);
  CHECK(std::abs(sum / 10000.0 - 0.5) < 0.01);
  CHECK_EQ(uniform_draw(7, 3), uniform_draw(7, 3));
  CHECK(uniform_draw(INT64_MAX, INT64_MAX) != uniform_draw(INT64_MIN, INT64_MAX));
}

}  // namespace etap
