// From a model folder and options to a running executor: chooses the backend, plans the memory,
// loads the weights.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "runtime/executor.h"

namespace etap {

// 0 and empty mean: choose.
struct ExecutorOptions {
  std::string model_folder;
  std::string backend = "auto";  // auto | cpu | cuda | reference
  std::string isa;               // of the cpu backend
  int thread_count = 0;          // of all ranks together
  int rank_count = 1;
  std::int64_t kv_memory_bytes = 0;  // of each rank
  std::int64_t max_model_len = 0;
  std::int64_t slot_count = 0;
  std::int64_t step_token_capacity = 0;
  std::optional<bool> strict;
};

// The native form of ExecutorInfo in src/executor/executor.ts.
struct ExecutorInfo {
  std::string backend;
  std::string isa;
  std::string dtype;
  std::int64_t layer_count;
  std::int64_t vocab_size;
  std::int64_t max_model_len;
  std::int64_t block_count;
  std::int64_t slot_count;
  std::int64_t step_token_capacity;
  std::int64_t kv_bytes_per_token;
  std::int64_t weight_bytes;
  std::int64_t thread_count;
  std::int64_t tensor_parallel_size;
};

struct OpenedExecutor {
  std::unique_ptr<Executor> executor;
  ExecutorInfo info;
};

// `total_bytes` below zero: the stage is a remark for the operator, such as why the GPU is not
// used. Called from any of the loading threads, one call at a time. What it throws ends the
// loading.
using OpenProgress =
    std::function<void(const char* stage, std::int64_t done_bytes, std::int64_t total_bytes)>;

// Throws ETAP_ERR_CHECKPOINT, ETAP_ERR_MODEL_CONFIG, ETAP_ERR_TENSOR, ETAP_ERR_OUT_OF_MEMORY,
// ETAP_ERR_CONFIG; with the backend cuda also ETAP_ERR_CUDA_NOT_BUILT, ETAP_ERR_CUDA_LIBRARY and
// ETAP_ERR_CUDA_UNAVAILABLE.
OpenedExecutor open_executor(const ExecutorOptions& options, const OpenProgress& progress);

}  // namespace etap
