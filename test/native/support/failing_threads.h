// A machine that runs out of threads.
#pragma once

namespace etap {

// While it lives, `allowed` more threads can be started and no others.
class FailingThreads {
 public:
  explicit FailingThreads(int allowed);
  ~FailingThreads();
  FailingThreads(const FailingThreads&) = delete;
  FailingThreads& operator=(const FailingThreads&) = delete;
};

}  // namespace etap
