#include "base/thread_pool.h"

#include <atomic>
#include <stdexcept>
#include <vector>

#include "support/failing_threads.h"
#include "test.h"

namespace etap {

TEST("every index runs exactly once, over many short loops") {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    CHECK_EQ(pool.thread_count(), threads);
    for (int round = 0; round < 500; ++round) {
      const int count = round % 17;
      std::vector<std::atomic<int>> hits(17);
      std::atomic<bool> thread_in_range{true};
      pool.parallel_for(count, [&](std::int64_t index, int thread) {
        hits[static_cast<std::size_t>(index)]++;
        if (thread < 0 || thread >= threads) thread_in_range = false;
      });
      CHECK(thread_in_range);
      for (int i = 0; i < 17; ++i) CHECK_EQ(hits[static_cast<std::size_t>(i)], i < count ? 1 : 0);
    }
  }
}

TEST("an exception of the body reaches the caller and the pool goes on") {
  ThreadPool pool(3);
  bool caught = false;
  try {
    pool.parallel_for(100, [](std::int64_t index, int) {
      if (index == 42) throw std::runtime_error("42");
    });
  } catch (const std::runtime_error&) {
    caught = true;
  }
  CHECK(caught);
  std::atomic<int> count{0};
  pool.parallel_for(100, [&](std::int64_t, int) { count++; });
  CHECK_EQ(count.load(), 100);
}

TEST("a pool that gets too few threads is refused and leaves none behind") {
  for (const int allowed : {0, 1, 2}) {
    const FailingThreads failing(allowed);
    CHECK_ERROR(ThreadPool(4), "ETAP_ERR_THREADS", "a pool of 4", "engine.threads");
  }
  ThreadPool(4).parallel_for(1, [](std::int64_t, int) {});
}

}  // namespace etap
