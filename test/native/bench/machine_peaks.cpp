// Prints the roofs of this machine as one line of JSON, in GFLOPS and GB/s.
//   machine_peaks THREADS [memory]
// With `memory` only the bandwidth is measured: it changes from one minute to the next.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "bench/peaks.h"

int main(int argc, char** argv) {
  using namespace etap::bench;
  const int threads = argc > 1 ? std::max(1, std::atoi(argv[1])) : 1;
  const bool memory_only = argc > 2 && std::string(argv[2]) == "memory";
  const double fma = memory_only ? 0.0 : fma_peak(threads);
  const double pairs = memory_only ? 0.0 : pair_peak(threads);
  const double tiles = memory_only ? 0.0 : tile_peak(threads);
  std::printf(
      "{\"threads\":%d,\"fmaGflops\":%.1f,\"pairGflops\":%.1f,\"tileGflops\":%.1f,"
      "\"readGbs\":%.2f}\n",
      threads, fma, pairs, tiles, read_bandwidth(threads));
  return 0;
}
