// One thread for each tensor-parallel rank. Rank 0 is the calling thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "comm/local.h"

namespace etap {

class RankTeam {
 public:
  // Throws ETAP_ERR_THREADS.
  explicit RankTeam(int size);
  ~RankTeam();
  RankTeam(const RankTeam&) = delete;
  RankTeam& operator=(const RankTeam&) = delete;

  int size() const { return size_; }
  LocalGroup& group() { return group_; }

  // Runs body(rank) once on every rank and returns when all are done. When one throws, the others
  // are woken from their collectives and its exception is rethrown; the team is then unusable.
  void run(const std::function<void(int rank)>& body);

 private:
  void stop();
  void work(int rank);
  void run_rank(int rank);

  const int size_;
  LocalGroup group_;
  std::mutex mutex_;
  std::condition_variable changed_;
  const std::function<void(int)>* body_ = nullptr;
  std::uint64_t generation_ = 0;
  int running_ = 0;
  bool stopping_ = false;
  std::exception_ptr failure_;
  std::vector<std::thread> threads_;
};

}  // namespace etap
