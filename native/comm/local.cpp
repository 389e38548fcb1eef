#include "comm/local.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/error.h"

namespace etap {

struct LocalGroup::State {
  explicit State(int rank_count) : size(rank_count), sources(static_cast<std::size_t>(size)) {}

  const int size;
  std::atomic<std::uint32_t> generation{0};
  std::atomic<int> arrived{0};
  std::atomic<bool> aborted{false};

  // What each rank brought to the collective in progress, and the sums of all_reduce.
  std::vector<const float*> sources;
  std::vector<float> sums;

  void wait() {
    const std::uint32_t mine = generation.load(std::memory_order_acquire);
    check_not_aborted();
    if (arrived.fetch_add(1, std::memory_order_acq_rel) == size - 1) {
      arrived.store(0, std::memory_order_relaxed);
      generation.fetch_add(1, std::memory_order_release);
      generation.notify_all();
    } else {
      generation.wait(mine, std::memory_order_acquire);
    }
    check_not_aborted();
  }

  void check_not_aborted() const {
    if (aborted.load(std::memory_order_acquire)) {
      throw Error("ETAP_ERR_STEP_FAILED", "another tensor-parallel rank failed during this step");
    }
  }
};

namespace {

// Rank r's part of `count` items: [begin, end).
struct Part {
  Part(std::size_t count, int rank, int size) {
    const auto ranks = static_cast<std::size_t>(size);
    begin = count * static_cast<std::size_t>(rank) / ranks;
    end = count * (static_cast<std::size_t>(rank) + 1) / ranks;
  }
  std::size_t begin;
  std::size_t end;
};

template <typename State>
class LocalCommunicator final : public Communicator {
 public:
  LocalCommunicator(State& state, int rank) : state_(state), rank_(rank) {}

  int rank() const override { return rank_; }
  int size() const override { return state_.size; }
  void barrier() override { state_.wait(); }

  // Each rank sums its part of the values over all ranks, then takes all parts.
  void all_reduce(float* values, std::size_t count) override {
    if (state_.size == 1 || count == 0) return;
    share(values, count);
    const Part part(count, rank_, state_.size);
    float* sums = state_.sums.data();
    std::copy(state_.sources[0] + part.begin, state_.sources[0] + part.end, sums + part.begin);
    for (std::size_t rank = 1; rank < state_.sources.size(); ++rank) {
      const float* source = state_.sources[rank];
      for (std::size_t i = part.begin; i < part.end; ++i) sums[i] += source[i];
    }
    state_.wait();
    std::memcpy(values, sums, count * sizeof(float));
    state_.wait();
  }

  void all_gather(const float* mine, std::size_t count, float* all) override {
    if (count == 0) return;
    share(mine, 0);
    for (std::size_t rank = 0; rank < state_.sources.size(); ++rank) {
      std::memcpy(all + rank * count, state_.sources[rank], count * sizeof(float));
    }
    state_.wait();
  }

 private:
  // Publishes this rank's values; afterwards everyone's are visible and `sums` has room.
  void share(const float* values, std::size_t sum_count) {
    state_.sources[static_cast<std::size_t>(rank_)] = values;
    if (rank_ == 0 && state_.sums.size() < sum_count) state_.sums.resize(sum_count);
    state_.wait();
  }

  State& state_;
  const int rank_;
};

}  // namespace

LocalGroup::LocalGroup(int size) : state_(std::make_unique<State>(size)) {
  ETAP_CHECK(size >= 1, "a group has at least one rank");
}

LocalGroup::~LocalGroup() = default;

std::unique_ptr<Communicator> LocalGroup::member(int rank) {
  ETAP_CHECK(rank >= 0 && rank < state_->size, "no such rank");
  return std::make_unique<LocalCommunicator<State>>(*state_, rank);
}

void LocalGroup::abort() {
  state_->aborted.store(true, std::memory_order_release);
  state_->generation.fetch_add(1, std::memory_order_release);
  state_->generation.notify_all();
}

}  // namespace etap
