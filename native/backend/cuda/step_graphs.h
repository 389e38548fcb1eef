// Decode steps as CUDA graphs: what a step enqueues depends on little more than its number of rows,
// so it is recorded once and launched as a whole from then on.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <map>
#include <set>
#include <vector>

namespace etap::cuda {

class StepGraphs {
 public:
  // Everything that the recorded calls depend on, apart from what lies in device memory.
  using Key = std::vector<std::int64_t>;

  StepGraphs() = default;
  ~StepGraphs();
  StepGraphs(const StepGraphs&) = delete;
  StepGraphs& operator=(const StepGraphs&) = delete;

  // Launches the recording for `key` and returns true; or, when a step of this key has run before,
  // begins to record. `generation` changes when memory that recordings name has moved.
  bool replay(const Key& key, std::int64_t generation, cudaStream_t stream);
  // Ends a recording that replay began, and launches it.
  void finish(cudaStream_t stream);

  std::size_t size() const { return graphs_.size(); }

 private:
  void clear();

  std::map<Key, cudaGraphExec_t> graphs_;
  std::set<Key> seen_;  // their memory is allocated: a recording must not allocate any
  std::int64_t generation_ = 0;
  Key recording_;
  bool is_recording_ = false;
};

}  // namespace etap::cuda
