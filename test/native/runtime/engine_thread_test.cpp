#include "runtime/engine_thread.h"

#include <future>
#include <thread>
#include <vector>

#include "support/failing_threads.h"
#include "test.h"

namespace etap {

TEST("jobs run in order on a thread of their own, and all before the end") {
  std::vector<int> order;
  std::thread::id thread;
  std::promise<void> release;
  {
    EngineThread engine;
    engine.post([&] {
      thread = std::this_thread::get_id();
      release.get_future().wait();
      order.push_back(1);
    });
    engine.post([&] { order.push_back(2); });
    release.set_value();
    engine.post([&] { order.push_back(3); });
  }
  CHECK(thread != std::this_thread::get_id());
  CHECK(order == (std::vector<int>{1, 2, 3}));
}

TEST("an engine without a thread is refused") {
  const FailingThreads failing(0);
  CHECK_ERROR(EngineThread(), "ETAP_ERR_THREADS", "the engine");
}

}  // namespace etap
