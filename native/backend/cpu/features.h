// Which instruction sets this machine offers, and the kernels chosen from them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/cpu/kernels.h"

namespace etap::cpu {

// Names of the kernel tables that were built and that this machine runs, best first.
std::vector<std::string> available_isas();

// The kernels called `name`; empty: those named by the environment variable ETAP_ISA, or the best.
// Throws ETAP_ERR_CONFIG for a name that is not available.
const Kernels& choose_kernels(const std::string& name);

// Cores this process may use.
int usable_core_count();

// Of one core; a guess of 1 MiB where the system does not say.
std::int64_t second_level_cache_bytes();

}  // namespace etap::cpu
