#include "backend/cuda/etap/plan.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "test.h"

namespace etap::cuda {
namespace {

std::vector<std::int32_t> random_lengths(test::Random& random) {
  std::vector<std::int32_t> lengths(static_cast<std::size_t>(1 + random.below(40)));
  for (std::int32_t& length : lengths) {
    const std::int64_t magnitude = std::int64_t{1} << random.below(17);
    length = static_cast<std::int32_t>(random.below(magnitude + 1));
  }
  return lengths;
}

// Items cover each request's blocks once per pass, in ascending slots, and workers cover all items.
void check_complete(const Plan& plan, const std::vector<std::int32_t>& lengths, int passes) {
  std::map<std::pair<int, int>, std::vector<WorkItem>> pieces;
  for (const WorkItem& item : plan.items) pieces[{item.request, item.pass}].push_back(item);
  for (std::size_t r = 0; r < lengths.size(); ++r) {
    const int slots = plan.slot_begin[r + 1] - plan.slot_begin[r];
    for (int pass = 0; pass < passes; ++pass) {
      auto& items = pieces[{static_cast<int>(r), pass}];
      std::sort(items.begin(), items.end(),
                [](const WorkItem& a, const WorkItem& b) { return a.block_begin < b.block_begin; });
      CHECK_EQ(slots, items.size() > 1 ? static_cast<int>(items.size()) : 0);
      int next_block = 0;
      for (std::size_t i = 0; i < items.size(); ++i) {
        CHECK_EQ(items[i].block_begin, next_block);
        CHECK(items[i].block_count > 0);
        CHECK_EQ(items[i].context_length, lengths[r]);
        CHECK_EQ(items[i].slot,
                 items.size() > 1 ? plan.slot_begin[r] + static_cast<int>(i) : kNoSlot);
        next_block += items[i].block_count;
      }
      CHECK_EQ(next_block, context_blocks(lengths[r]));
    }
  }
}

}  // namespace

TEST("plans of both policies cover every block once") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    test::Random random(seed);
    const std::vector<std::int32_t> lengths = random_lengths(random);
    const int workers = 1 + static_cast<int>(random.below(132));
    const int passes = 1 + static_cast<int>(random.below(2));
    for (const SplitPolicy policy : {SplitPolicy::kFixed, SplitPolicy::kBalanced}) {
      check_complete(make_plan(lengths, passes, policy, workers), lengths, passes);
    }
  }
}

TEST("a request is cut the same way in any batch under the fixed policy") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    test::Random random(seed);
    std::vector<std::int32_t> lengths = random_lengths(random);
    const std::int32_t length = lengths.front();
    const Plan alone = make_plan(std::vector<std::int32_t>{length}, 1, SplitPolicy::kFixed, 132);
    const Plan batch = make_plan(lengths, 1, SplitPolicy::kFixed, 78);
    std::vector<std::pair<int, int>> alone_pieces;
    std::vector<std::pair<int, int>> batch_pieces;
    for (const WorkItem& item : alone.items) {
      alone_pieces.emplace_back(item.block_begin, item.block_count);
    }
    for (const WorkItem& item : batch.items) {
      if (item.request == 0) batch_pieces.emplace_back(item.block_begin, item.block_count);
    }
    std::sort(alone_pieces.begin(), alone_pieces.end());
    std::sort(batch_pieces.begin(), batch_pieces.end());
    CHECK(alone_pieces == batch_pieces);
  }
}

TEST("the fixed policy hands out long pieces first") {
  const Plan plan =
      make_plan(std::vector<std::int32_t>{100, 70000, 5000}, 1, SplitPolicy::kFixed, 8);
  for (std::size_t i = 1; i < plan.items.size(); ++i) {
    CHECK(plan.items[i - 1].block_count >= plan.items[i].block_count);
  }
}

TEST("the balanced policy gives every worker its consecutive share") {
  const std::vector<std::int32_t> lengths = {64 * 10, 0, 64 * 3, 64 * 7 - 5};
  const Plan plan = make_plan(lengths, 1, SplitPolicy::kBalanced, 4);
  CHECK_EQ(plan.header.total_blocks, 20);
  for (int worker = 0; worker < 4; ++worker) {
    int blocks = 0;
    for (int i = plan.worker_begin[static_cast<std::size_t>(worker)];
         i < plan.worker_begin[static_cast<std::size_t>(worker) + 1]; ++i) {
      blocks += plan.items[static_cast<std::size_t>(i)].block_count;
    }
    CHECK_EQ(blocks, 5);
  }
}

TEST("the capacity holds for any step within the limits") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    test::Random random(seed);
    const std::vector<std::int32_t> lengths = random_lengths(random);
    DecodeLimits limits{.batch = static_cast<int>(lengths.size()), .context_tokens = 0};
    for (const std::int32_t length : lengths) limits.context_tokens += length;
    const DecodeShape shape{.heads = 128, .query_length = 2};
    const int workers = 1 + static_cast<int>(random.below(132));
    const PlanCapacity capacity = plan_capacity(shape, limits, workers);
    for (const SplitPolicy policy : {SplitPolicy::kFixed, SplitPolicy::kBalanced}) {
      const Plan plan = make_plan(lengths, row_layout(shape.rows()).passes, policy, workers);
      CHECK(plan.header.item_count <= capacity.items);
      CHECK(plan.header.slot_count <= capacity.slots);
    }
  }
}

}  // namespace etap::cuda
