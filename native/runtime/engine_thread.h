// The thread that loads the model and runs its steps, one job after another. Knows no Node.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace etap {

class EngineThread {
 public:
  // Throws ETAP_ERR_THREADS.
  EngineThread();
  // Waits for the jobs that were posted.
  ~EngineThread();
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

  // Jobs must not throw. At most kJobsMax may be waiting.
  void post(std::function<void()> job);

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace etap
