#include "comm/local.h"

#include <atomic>
#include <thread>
#include <vector>

#include "test.h"

namespace etap {

namespace {

// Runs body(communicator, rank) on one thread for each rank.
template <typename Body>
void on_ranks(LocalGroup& group, int size, const Body& body) {
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      const auto communicator = group.member(rank);
      body(*communicator, rank);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Values whose sum depends on the order of the additions.
std::vector<float> rank_values(int rank, std::size_t count) {
  test::Random random(static_cast<std::uint64_t>(rank) * 1000 + count);
  std::vector<float> values(count);
  for (float& value : values) {
    value = static_cast<float>((random.uniform() - 0.5) * (random.below(2) == 0 ? 1.0 : 1e6));
  }
  return values;
}

}  // namespace

TEST("all_reduce sums in rank order, the same bits on every rank") {
  for (const int size : {1, 2, 3, 8}) {
    LocalGroup group(size);
    for (const std::size_t count : {0u, 1u, 7u, 1000u}) {
      std::vector<float> expected(count, 0.0F);
      for (int rank = 0; rank < size; ++rank) {
        const std::vector<float> values = rank_values(rank, count);
        for (std::size_t i = 0; i < count; ++i) {
          expected[i] = rank == 0 ? values[i] : expected[i] + values[i];
        }
      }
      std::atomic<int> equal{0};
      on_ranks(group, size, [&](Communicator& communicator, int rank) {
        std::vector<float> values = rank_values(rank, count);
        communicator.all_reduce(values.data(), values.size());
        if (values == expected) equal++;
      });
      CHECK_EQ(equal.load(), size);
    }
  }
}

TEST("all_gather concatenates in rank order") {
  constexpr int kSize = 4;
  LocalGroup group(kSize);
  std::atomic<int> equal{0};
  on_ranks(group, kSize, [&](Communicator& communicator, int rank) {
    for (int round = 0; round < 50; ++round) {
      const float mine[2] = {static_cast<float>(rank), static_cast<float>(round)};
      float all[2 * kSize];
      communicator.all_gather(mine, 2, all);
      bool right = true;
      for (int other = 0; other < kSize; ++other) {
        right = right && all[2 * other] == static_cast<float>(other) &&
                all[2 * other + 1] == static_cast<float>(round);
      }
      if (right) equal++;
    }
  });
  CHECK_EQ(equal.load(), kSize * 50);
}

TEST("abort wakes the ranks that wait and those that come later") {
  constexpr int kSize = 3;
  LocalGroup group(kSize);
  std::atomic<int> failed{0};
  on_ranks(group, kSize, [&](Communicator& communicator, int rank) {
    if (rank == 1) {
      group.abort();
      return;
    }
    try {
      while (true) communicator.barrier();
    } catch (const Error& error) {
      if (error.code() == "ETAP_ERR_STEP_FAILED") failed++;
    }
  });
  CHECK_EQ(failed.load(), kSize - 1);
  const auto late = group.member(0);
  CHECK_ERROR(late->barrier(), "ETAP_ERR_STEP_FAILED", "another tensor-parallel rank failed");
}

}  // namespace etap
