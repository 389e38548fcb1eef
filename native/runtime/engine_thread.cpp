#include "runtime/engine_thread.h"

#include <utility>

#include "base/check.h"
#include "base/start_thread.h"

namespace etap {

namespace {

// Load, a step and close; callers wait for one step before they post the next.
constexpr std::size_t kJobsMax = 4;

}  // namespace

EngineThread::EngineThread() : thread_(start_thread("the engine", [this] { work(); })) {}

EngineThread::~EngineThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void EngineThread::post(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    ETAP_CHECK(jobs_.size() < kJobsMax, "too many jobs wait for the engine thread");
    jobs_.push_back(std::move(job));
  }
  changed_.notify_one();
}

void EngineThread::work() {
  while (true) {
    std::function<void()> job;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

}  // namespace etap
