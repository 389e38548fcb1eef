#include "base/thread_pool.h"

#include <atomic>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "base/start_thread.h"

namespace etap {

namespace {

// A forward pass is hundreds of short loops, and a futex wake costs tens of microseconds: between
// two loops a worker stays awake for about as long as that before it sleeps.
constexpr int kSpinCount = 2000;

void cpu_relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

// A loop is open while it has indices that nobody claimed. A worker enters by raising `inside` and
// then reading `open`; the caller closes by clearing `open` and then reading `inside`. All four are
// sequentially consistent, so a worker either sees the loop closed or is waited for, and a worker
// that is still asleep never delays the caller.
struct ThreadPool::State {
  explicit State(int threads) : thread_count(threads) {
    const unsigned cores = std::thread::hardware_concurrency();
    spin_count = cores == 0 || static_cast<unsigned>(threads) <= cores ? kSpinCount : 0;
  }

  const int thread_count;
  int spin_count;
  std::vector<std::thread> workers;

  std::atomic<std::uint32_t> generation{0};  // rises with every loop, and to stop
  std::atomic<bool> stopping{false};
  std::atomic<bool> open{false};
  std::atomic<int> inside{0};

  // The loop; written while no worker is inside.
  const std::function<void(std::int64_t, int)>* body = nullptr;
  std::int64_t count = 0;
  std::atomic<std::int64_t> next{0};

  std::mutex failure_mutex;
  std::exception_ptr failure;

  void run(int thread) {
    try {
      for (std::int64_t i = next.fetch_add(1, std::memory_order_relaxed); i < count;
           i = next.fetch_add(1, std::memory_order_relaxed)) {
        (*body)(i, thread);
      }
    } catch (...) {
      next.store(count, std::memory_order_relaxed);
      const std::lock_guard lock(failure_mutex);
      if (!failure) failure = std::current_exception();
    }
  }

  void work(int thread) {
    std::uint32_t seen = 0;
    while (true) {
      for (int i = 0; i < spin_count && generation.load(std::memory_order_acquire) == seen; ++i) {
        cpu_relax();
      }
      generation.wait(seen, std::memory_order_acquire);
      if (stopping.load(std::memory_order_acquire)) return;
      seen = generation.load(std::memory_order_acquire);
      inside.fetch_add(1);
      if (open.load()) run(thread);
      if (inside.fetch_sub(1) == 1) inside.notify_one();
    }
  }

  void stop() {
    stopping.store(true, std::memory_order_release);
    generation.fetch_add(1, std::memory_order_release);
    generation.notify_all();
    for (std::thread& worker : workers) worker.join();
  }

  void wait_until_empty() {
    for (int i = 0; i < spin_count && inside.load() != 0; ++i) cpu_relax();
    for (int now = inside.load(); now != 0; now = inside.load()) inside.wait(now);
  }
};

ThreadPool::ThreadPool(int thread_count) : state_(std::make_unique<State>(thread_count)) {
  ETAP_CHECK(thread_count >= 1, "a thread pool needs at least one thread");
  State& state = *state_;
  try {
    for (int thread = 1; thread < thread_count; ++thread) {
      state.workers.push_back(start_thread("a pool of " + std::to_string(thread_count),
                                           [&state, thread] { state.work(thread); }));
    }
  } catch (...) {
    state.stop();
    throw;
  }
}

ThreadPool::~ThreadPool() {
  state_->stop();
}

int ThreadPool::thread_count() const {
  return state_->thread_count;
}

void ThreadPool::parallel_for(std::int64_t count,
                              const std::function<void(std::int64_t index, int thread)>& body) {
  State& state = *state_;
  if (count <= 0) return;
  if (count == 1 || state.thread_count == 1) {
    for (std::int64_t i = 0; i < count; ++i) body(i, 0);
    return;
  }
  state.body = &body;
  state.count = count;
  state.next.store(0, std::memory_order_relaxed);
  state.open.store(true);
  state.generation.fetch_add(1, std::memory_order_release);
  state.generation.notify_all();
  state.run(0);
  state.open.store(false);
  state.wait_until_empty();
  if (state.failure) {
    std::exception_ptr failure = std::move(state.failure);
    state.failure = nullptr;
    std::rethrow_exception(failure);
  }
}

}  // namespace etap
