#include "backend/cuda/step_graphs.h"

#include "backend/cuda/cuda_check.h"

namespace etap::cuda {
namespace {

// Recordings kept; when there are more shapes than this, all are dropped and made anew.
constexpr std::size_t kGraphsMax = 128;

}  // namespace

StepGraphs::~StepGraphs() {
  clear();
}

bool StepGraphs::replay(const Key& key, std::int64_t generation, cudaStream_t stream) {
  if (generation != generation_ || graphs_.size() >= kGraphsMax) {
    clear();
    generation_ = generation;
  }
  if (const auto found = graphs_.find(key); found != graphs_.end()) {
    CUDA_CHECK(cudaGraphLaunch(found->second, stream));
    return true;
  }
  if (!seen_.insert(key).second) {
    // Other ranks' threads may allocate meanwhile.
    CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    recording_ = key;
    is_recording_ = true;
  }
  return false;
}

void StepGraphs::finish(cudaStream_t stream) {
  if (!is_recording_) return;
  is_recording_ = false;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  CUDA_CHECK(cudaStreamEndCapture(stream, &graph));
  const cudaError_t status = cudaGraphInstantiate(&executable, graph, 0);
  cudaGraphDestroy(graph);
  CUDA_CHECK(status);
  graphs_[recording_] = executable;
  CUDA_CHECK(cudaGraphLaunch(executable, stream));
}

void StepGraphs::clear() {
  for (const auto& [key, graph] : graphs_) cudaGraphExecDestroy(graph);
  graphs_.clear();
  seen_.clear();
}

}  // namespace etap::cuda
