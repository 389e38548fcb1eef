#include "backend/cuda/etap/traits.h"

#include "backend/cuda/etap/plan.h"
#include "test.h"

namespace etap::cuda {
namespace {

// The shared-memory plan knows nothing of the element type but its size.
using Element = void;

}  // namespace

static_assert(DecodeTraits<Element, 8, 1>::kRingChunks == 26);
static_assert(DecodeTraits<Element, 16, 1>::kRingChunks == 25);
static_assert(DecodeTraits<Element, 24, 1>::kRingChunks == 24);
static_assert(DecodeTraits<Element, 32, 1>::kRingChunks == 22);
static_assert(DecodeTraits<Element, 8, 1>::kSharedBytes == 226304);
static_assert(DecodeTraits<Element, 16, 1>::kSharedBytes == 229376);
static_assert(DecodeTraits<Element, 24, 1>::kSharedBytes == 232448);
static_assert(DecodeTraits<Element, 32, 4>::kSharedBytes == 227328);

// An accumulator of O^T is 64 registers a thread at 16 rows, 128 at 32.
static_assert(kLatentChunks * DecodeTraits<Element, 16, 1>::kFragment == 64);
static_assert(kLatentChunks * DecodeTraits<Element, 32, 1>::kFragment == 128);

TEST("every row count gets a compiled layout with the least padding") {
  for (int rows = 1; rows <= kHeadsMax * kQueryLengthMax; ++rows) {
    const RowLayout layout = row_layout(rows);
    CHECK(layout.padded_rows() >= rows);
    CHECK(layout.rows == 8 || layout.rows == 16 || layout.rows == 24 || layout.rows == 32);
    CHECK_EQ(layout.cluster, 1);
    if (layout.passes > 1) CHECK(layout.rows >= 24);
    if (rows <= kRowsPerCtaMax) CHECK(layout.padded_rows() < rows + kRowsStep);
    if (rows <= kRowsPerCtaMax) CHECK_EQ(layout.passes, 1);
  }
  CHECK_EQ(row_layout(16).rows, 16);
  CHECK_EQ(row_layout(48).passes, 2);
  CHECK_EQ(row_layout(48).rows, 24);
  CHECK_EQ(row_layout(128).passes, 4);
  CHECK_EQ(row_layout(512).passes, 16);
}

}  // namespace etap::cuda
