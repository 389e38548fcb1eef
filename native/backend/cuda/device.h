// Which GPU a rank runs on, and whether it can.
#pragma once

#include <cstdint>
#include <string>

namespace etap::cuda {

struct Device {
  int ordinal;
  int sharing_ranks;  // ranks on this device
  std::string name;
  int multiprocessors;
};

// Makes the rank's device current for the calling thread. Throws ETAP_ERR_CUDA_UNAVAILABLE, saying
// what is missing.
Device open_device(int rank, int rank_count);

}  // namespace etap::cuda
