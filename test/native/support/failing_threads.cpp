#include "support/failing_threads.h"

#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <limits>

namespace etap {

namespace {

constexpr int kUnlimited = std::numeric_limits<int>::max();

std::atomic<int> allowed_threads{kUnlimited};

}  // namespace

FailingThreads::FailingThreads(int allowed) {
  allowed_threads = allowed;
}

FailingThreads::~FailingThreads() {
  allowed_threads = kUnlimited;
}

}  // namespace etap

// Takes the place of the C library's function for the whole test binary.
extern "C" __attribute__((visibility("default"))) int pthread_create(
    pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*),
    void* argument) noexcept {
  using Create = decltype(&pthread_create);
  static const auto real = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  if (etap::allowed_threads != etap::kUnlimited && etap::allowed_threads.fetch_sub(1) <= 0) {
    return EAGAIN;
  }
  return real(thread, attributes, body, argument);
}
