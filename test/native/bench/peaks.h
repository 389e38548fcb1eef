// What one core of this machine can do: the roofs that kernel times are compared with.
#pragma once

namespace etap::bench {

// CPU seconds of the calling thread: what other processes do to the clock does not count.
double thread_seconds();

// GFLOPS of independent fused multiply-adds, of bf16 pair products, and of bf16 tile products; 0
// where the machine lacks the instruction.
double fma_peak();
double pair_peak();
double tile_peak();

// GB/s of reading 256 MiB, as much as the weights that the kernels are timed with.
double read_bandwidth();

}  // namespace etap::bench
