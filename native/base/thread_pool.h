// A fixed pool of worker threads for data-parallel loops. Work is split over outputs only, so the
// thread count never changes a result.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace etap {

class ThreadPool {
 public:
  // `thread_count` threads in all, the caller's included. Throws ETAP_ERR_THREADS.
  explicit ThreadPool(int thread_count);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int thread_count() const;

  // Calls body(index, thread) for every index in [0, count), claimed dynamically; returns when all
  // are done. The caller takes part as thread 0. Not reentrant.
  void parallel_for(std::int64_t count,
                    const std::function<void(std::int64_t index, int thread)>& body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace etap
