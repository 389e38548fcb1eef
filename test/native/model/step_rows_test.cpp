// Rows, slots and attention segments of a batch.
#include "model/step_rows.h"

#include <string>
#include <vector>

#include "test.h"

namespace etap::test {
namespace {

std::string text_of(const AttentionSegment& s) {
  return std::to_string(s.row) + "/" + std::to_string(s.packed_row) + "+" +
         std::to_string(s.count) + "@" + std::to_string(s.position);
}

std::string text_of(std::span<const AttentionSegment> segments) {
  std::string text;
  for (const AttentionSegment& segment : segments) text += text_of(segment) + " ";
  return text;
}

struct Batch {
  std::vector<std::int32_t> tokens;
  std::vector<SequenceRows> sequences;
  std::vector<std::int32_t> logit_rows;

  ForwardBatch view() const { return {tokens, sequences, logit_rows}; }
};

const std::vector<std::int32_t> kTable = {9, 4, 7};

TEST("positions and slots follow the block table") {
  const Batch batch{{1, 2, 3}, {{62, 3, 100, kTable.data()}}, {2}};
  StepRows rows(true);
  const StepLayout& step = rows.build(batch.view());
  CHECK(std::vector<std::int32_t>(step.positions.begin(), step.positions.end()) ==
        std::vector<std::int32_t>({62, 63, 64}));
  CHECK(std::vector<std::int64_t>(step.slots.begin(), step.slots.end()) ==
        std::vector<std::int64_t>({9 * 64 + 62, 9 * 64 + 63, 4 * 64}));
  CHECK_EQ(step.logit_rows.size(), std::size_t{1});
}

TEST("prompt tokens are expanded and generated ones absorbed, also within one chunk") {
  const Batch batch{std::vector<std::int32_t>(20),
                    {{0, 5, 5, kTable.data()},
                     {7, 6, 10, kTable.data()},
                     {40, 1, 30, kTable.data()},
                     {2, 8, 100, kTable.data()}},
                    {}};
  StepRows rows(true);
  const StepLayout& step = rows.build(batch.view());
  CHECK_EQ(text_of(step.expanded), std::string("0/0+5@0 5/5+3@7 12/8+8@2 "));
  CHECK_EQ(text_of(step.absorbed), std::string("8/0+3@10 11/3+1@40 "));
  CHECK_EQ(step.absorbed_rows, std::int64_t{4});
}

TEST("outside strict mode short prompt chunks are absorbed") {
  const Batch batch{
      std::vector<std::int32_t>(180), {{0, 9, 9, kTable.data()}, {0, 171, 171, kTable.data()}}, {}};
  StepRows rows(false);
  const StepLayout& step = rows.build(batch.view());
  CHECK_EQ(text_of(step.absorbed), std::string("0/0+9@0 "));
  CHECK_EQ(text_of(step.expanded), std::string("9/0+171@0 "));
}

TEST("a step forgets the one before") {
  const Batch first{std::vector<std::int32_t>(4), {{0, 4, 4, kTable.data()}}, {}};
  const Batch second{{5}, {{4, 1, 4, kTable.data()}}, {}};
  StepRows rows(true);
  rows.build(first.view());
  const StepLayout& step = rows.build(second.view());
  CHECK_EQ(text_of(step.expanded), std::string());
  CHECK_EQ(text_of(step.absorbed), std::string("0/0+1@4 "));
}

}  // namespace
}  // namespace etap::test
