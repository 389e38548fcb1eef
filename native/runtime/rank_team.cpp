#include "runtime/rank_team.h"

#include <string>
#include <utility>

#include "base/start_thread.h"

namespace etap {

RankTeam::RankTeam(int size) : size_(size), group_(size) {
  try {
    for (int rank = 1; rank < size; ++rank) {
      threads_.push_back(
          start_thread("one of " + std::to_string(size) + " ranks", [this, rank] { work(rank); }));
    }
  } catch (...) {
    stop();
    throw;
  }
}

RankTeam::~RankTeam() {
  stop();
}

void RankTeam::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void RankTeam::run(const std::function<void(int rank)>& body) {
  {
    const std::lock_guard lock(mutex_);
    body_ = &body;
    running_ = size_;
    ++generation_;
  }
  changed_.notify_all();
  run_rank(0);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return running_ == 0; });
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void RankTeam::work(int rank) {
  std::uint64_t seen = 0;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopping_ || generation_ != seen; });
      if (stopping_) return;
      seen = generation_;
    }
    run_rank(rank);
  }
}

void RankTeam::run_rank(int rank) {
  std::exception_ptr failure;
  try {
    (*body_)(rank);
  } catch (...) {
    failure = std::current_exception();
  }
  {
    const std::lock_guard lock(mutex_);
    // The first failure is the cause; the others only say that a rank is gone.
    if (failure && !failure_) {
      failure_ = failure;
      group_.abort();
    }
    --running_;
  }
  changed_.notify_all();
}

}  // namespace etap
