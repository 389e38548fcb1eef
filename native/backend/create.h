// Opens a backend by its name.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "backend/backend.h"

namespace etap {

struct BackendOptions {
  int thread_count = 0;  // cpu: threads of this rank; 0: one for each core this process may use
  // cpu: amx | avx512_bf16 | avx512 | avx2 | scalar; empty: ETAP_ISA, or the best there is.
  std::string isa;
  int rank = 0;  // cuda: rank r runs on device r modulo the number of devices
  int rank_count = 1;
};

// "cpu", "reference" (the slow oracle) or "cuda". Throws ETAP_ERR_CONFIG for another name or an
// instruction set that this machine lacks; for cuda what cuda_library.h throws, and
// ETAP_ERR_CUDA_UNAVAILABLE without a Hopper GPU.
std::unique_ptr<Backend> create_backend(std::string_view name, const BackendOptions& options);

// Values of BackendOptions::isa that this machine can run, best first.
std::vector<std::string> available_cpu_isas();

}  // namespace etap
