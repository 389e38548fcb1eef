// What the cores of this machine can do: the roofs that kernel times are compared with.
#pragma once

namespace etap::bench {

// CPU seconds of the calling thread: what other processes do to the clock does not count.
double thread_seconds();

// GFLOPS of independent fused multiply-adds, of bf16 pair products, and of bf16 tile products, of
// `threads` cores together; 0 where the machine lacks the instruction. One thread is timed by its
// own CPU seconds, several by the wall clock.
double fma_peak(int threads = 1);
double pair_peak(int threads = 1);
double tile_peak(int threads = 1);

// GB/s of reading 256 MiB, as much as the weights that the kernels are timed with.
double read_bandwidth(int threads = 1);

}  // namespace etap::bench
