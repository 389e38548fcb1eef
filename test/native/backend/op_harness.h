// Runs one operation on the reference backend and on the backends under test, with the same inputs.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backend/create.h"
#include "test.h"

namespace etap::test {

using Floats = std::vector<float>;

// Activation widths and seeds are drawn from this.
Floats random_floats(Random& random, std::int64_t count, float spread);
// The same values after rounding to bf16.
Floats bf16_rounded(Floats values);

// A weight stored as `dtype`; FP8 with random scales, whose first block of columns has
// `first_scale_columns`.
HostMatrix random_matrix(Random& random, DType dtype, std::int64_t rows, std::int64_t columns,
                         std::int64_t first_scale_columns = kScaleBlock);
HostTensor float_tensor(const Floats& values, Shape shape);

void write_view(const TensorView& view, const Floats& values);
Floats read_view(const TensorView& view);

std::unique_ptr<Backend> open_reference();

// The backends under test: the cpu backend with each instruction set of this machine, or, where the
// environment says ETAP_TEST_BACKEND=cuda, the cuda backend.
std::vector<std::string> subjects();
// `threads`: of the cpu backend.
std::unique_ptr<Backend> open_subject(const std::string& subject, int threads);

// Root mean square of the difference over that of `expected`; NaN where either is not finite.
double relative_error(const Floats& actual, const Floats& expected);

template <typename Body>
void for_each_subject(const Body& body) {
  for (const std::string& subject : subjects()) body(subject);
}

// Fails, naming what was compared, unless relative_error <= bound.
#define CHECK_CLOSE(actual, expected, bound, what)                                               \
  do {                                                                                           \
    const double error_found = ::etap::test::relative_error((actual), (expected));               \
    if (!(error_found <= (bound))) {                                                             \
      ::etap::test::fail(__FILE__, __LINE__,                                                     \
                         std::string(what) + ": relative error " + std::to_string(error_found)); \
    }                                                                                            \
  } while (0)

// A step whose rows the test describes; keeps everything a StepLayout points to.
struct StepFixture {
  // One sequence: rows at positions [first, first + count), all expanded or all absorbed.
  struct Sequence {
    std::int32_t first;
    std::int32_t count;
    bool absorbed;
    std::vector<std::int32_t> block_table;
  };
  explicit StepFixture(std::vector<Sequence> described);
  StepFixture(const StepFixture&) = delete;
  StepFixture& operator=(const StepFixture&) = delete;

  std::int64_t row_count() const { return static_cast<std::int64_t>(positions.size()); }

  std::vector<Sequence> sequences;
  std::vector<std::int32_t> tokens;
  std::vector<std::int32_t> positions;
  std::vector<std::int64_t> slots;
  std::vector<AttentionSegment> expanded;
  std::vector<AttentionSegment> absorbed;
  StepLayout layout{};
};

}  // namespace etap::test
