// MLA decode attention of one GPU: owns the workspace, plans a step, runs the layers.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "backend/cuda/device_array.h"
#include "backend/cuda/etap/kernel_params.h"
#include "backend/cuda/etap/params.h"

namespace etap::cuda {

struct DecodeLauncher;

// Bound to the device that is current when it is made. Every call only enqueues work, with sizes
// and pointers that depend on nothing but its arguments, so plan and decode can be captured in a
// CUDA graph and replayed with new contents. Not thread-safe; one stream at a time.
class MlaDecoder {
 public:
  // Throws ETAP_ERR_TENSOR for a shape outside the limits, ETAP_ERR_OUT_OF_MEMORY.
  MlaDecoder(const DecodeShape& shape, const DecodeLimits& limits,
             SplitPolicy policy = SplitPolicy::kFixed);

  // Once per step, before its layers. `context_lengths` [batch] is device memory; a length counts
  // the step's own tokens, 0 marks an unused place of the batch. It must keep its contents until
  // the step's last layer has run.
  void plan(const std::int32_t* context_lengths, int batch, cudaStream_t stream);

  // One layer's attention over the planned batch.
  void decode(const DecodeArguments& arguments, cudaStream_t stream) const;

  // Device bytes held for plans and partial results.
  std::size_t workspace_bytes() const;
  // CTAs (clusters, if rows are spread over several) that share the work.
  int worker_count() const { return worker_count_; }
  const RowLayout& layout() const { return layout_; }
  // The last plan, copied to the host: for tests. Waits for the device.
  Plan download_plan() const;

 private:
  DecodeShape shape_;
  DecodeLimits limits_;
  SplitPolicy policy_;
  RowLayout layout_{};
  const DecodeLauncher* launcher_ = nullptr;
  int worker_count_ = 0;
  PlanCapacity capacity_{};

  int batch_ = 0;
  const std::int32_t* context_lengths_ = nullptr;

  DeviceArray<PlanHeader> header_;
  DeviceArray<WorkItem> items_;
  DeviceArray<std::int32_t> slot_begin_;
  DeviceArray<std::int32_t> worker_begin_;
  DeviceArray<float> partial_out_;          // [slots, padded_rows, 512]
  DeviceArray<float2> partial_statistics_;  // [slots, padded_rows]
};

}  // namespace etap::cuda
