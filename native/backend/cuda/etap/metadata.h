// The planner on the device: writes one step's work from its context lengths, without the host
// having to know them, so that a captured graph serves every step.
#pragma once

#include <cuda_runtime_api.h>

#include "backend/cuda/etap/plan.h"

namespace etap::cuda {

// Device arrays of a plan; sizes as in PlanCapacity.
struct PlanArrays {
  PlanHeader* header = nullptr;
  WorkItem* items = nullptr;             // [capacity.items]
  std::int32_t* slot_begin = nullptr;    // [batch + 1]
  std::int32_t* worker_begin = nullptr;  // [worker_count + 1]
  PlanCapacity capacity{};
};

struct PlanRequest {
  const std::int32_t* context_lengths = nullptr;  // [batch] on the device
  int batch = 0;
  int passes = 1;
  SplitPolicy policy = SplitPolicy::kFixed;
  int worker_count = 0;
};

// One small kernel. Traps when the step exceeds the capacity.
void launch_metadata(const PlanRequest& request, const PlanArrays& plan, cudaStream_t stream);

}  // namespace etap::cuda
