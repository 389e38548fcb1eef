// The ranks of one process as threads: collectives through shared host memory.
#pragma once

#include <memory>

#include "comm/communicator.h"

namespace etap {

class LocalGroup {
 public:
  explicit LocalGroup(int size);
  ~LocalGroup();
  LocalGroup(const LocalGroup&) = delete;
  LocalGroup& operator=(const LocalGroup&) = delete;

  // The communicator of one rank; must not outlive the group. Every rank makes the same calls in
  // the same order, each from one thread at a time.
  std::unique_ptr<Communicator> member(int rank);

  // Wakes every rank that waits, now or later, with ETAP_ERR_STEP_FAILED: for a rank that failed
  // and will not come. The group is then unusable.
  void abort();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace etap
