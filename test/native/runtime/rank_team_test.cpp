#include "runtime/rank_team.h"

#include <atomic>

#include "support/failing_threads.h"
#include "test.h"

namespace etap {

TEST("every rank runs every body once") {
  for (const int size : {1, 2, 4}) {
    RankTeam team(size);
    std::vector<std::atomic<int>> counts(4);
    for (int round = 0; round < 200; ++round) {
      team.run([&](int rank) { counts[static_cast<std::size_t>(rank)]++; });
    }
    for (int rank = 0; rank < 4; ++rank) {
      CHECK_EQ(counts[static_cast<std::size_t>(rank)].load(), rank < size ? 200 : 0);
    }
  }
}

TEST("a rank that fails wakes the others and its own error is reported") {
  for (const int failing : {0, 1, 2}) {
    RankTeam team(3);
    CHECK_ERROR(team.run([&](int rank) {
      if (rank == failing) throw Error("ETAP_ERR_TENSOR", "rank gives up");
      team.group().member(rank)->barrier();
    }),
                "ETAP_ERR_TENSOR", "rank gives up");
  }
}

TEST("a team that gets too few threads is refused") {
  const FailingThreads failing(1);
  CHECK_ERROR(RankTeam(3), "ETAP_ERR_THREADS", "one of 3 ranks");
}

}  // namespace etap
