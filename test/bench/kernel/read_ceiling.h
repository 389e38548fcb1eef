// What the device's memory can deliver to a kernel that only reads: the yardstick of the bench.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace etap::cuda {

// Bytes per second of reading a multi-gigabyte array once with ordinary 16-byte loads.
double measure_load_ceiling(std::int64_t bytes);

// The same through the copy engine, in 64 x 64 boxes of a KV pool, with `chunks_in_flight` of 8 KB
// in each of `cta_count` CTAs.
double measure_copy_ceiling(std::int64_t bytes, int chunks_in_flight, int cta_count);

int multiprocessor_count();

}  // namespace etap::cuda
