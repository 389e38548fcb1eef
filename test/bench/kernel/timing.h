// Median device time of something enqueued on a stream.
#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstddef>
#include <vector>

#include "backend/cuda/cuda_check.h"

namespace etap::cuda {

struct Timing {
  double median_us;
  double least_us;
  double p99_us;
};

// Runs `enqueue(stream)` `warmup` times untimed and `repeats` times between events.
template <typename Enqueue>
Timing time_device(cudaStream_t stream, int warmup, int repeats, const Enqueue& enqueue) {
  cudaEvent_t begin = nullptr;
  cudaEvent_t end = nullptr;
  CUDA_CHECK(cudaEventCreate(&begin));
  CUDA_CHECK(cudaEventCreate(&end));
  for (int i = 0; i < warmup; ++i) enqueue(stream);
  std::vector<double> times;
  for (int i = 0; i < repeats; ++i) {
    CUDA_CHECK(cudaEventRecord(begin, stream));
    enqueue(stream);
    CUDA_CHECK(cudaEventRecord(end, stream));
    CUDA_CHECK(cudaEventSynchronize(end));
    float milliseconds = 0;
    CUDA_CHECK(cudaEventElapsedTime(&milliseconds, begin, end));
    times.push_back(static_cast<double>(milliseconds) * 1e3);
  }
  CUDA_CHECK(cudaEventDestroy(begin));
  CUDA_CHECK(cudaEventDestroy(end));
  std::sort(times.begin(), times.end());
  return {times[times.size() / 2], times.front(), times[(times.size() - 1) * 99 / 100]};
}

}  // namespace etap::cuda
