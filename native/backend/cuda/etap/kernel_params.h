// What the decode kernel is launched with.
#pragma once

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstdint>

#include "backend/cuda/etap/plan.h"

namespace etap::cuda {

struct DecodeKernelParams {
  CUtensorMap kv_map;     // [block_count, 64, 576], box [1, 64, 64]
  CUtensorMap query_map;  // [batch, rows, 576], box [1, kRows, 64]

  const PlanHeader* header;
  const WorkItem* items;
  const std::int32_t* worker_begin;  // null under the fixed policy

  const std::int32_t* block_table;  // [batch, block_table_stride]
  void* out;                        // [batch, rows, 512]
  float* lse;                       // [batch, rows] or null
  float* partial_out;               // [slot, padded_rows, 512], not yet divided by the sum
  float2* partial_statistics;       // [slot, padded_rows] (maximum in log2 units, sum)

  int block_table_stride;
  int heads;
  int query_length;
  int padded_rows;
  float scale_log2;  // softmax scale * log2(e)
};

}  // namespace etap::cuda
