// Sum over the tensor-parallel ranks in device memory: every rank writes its values where all can
// read them, then each adds all ranks' values in rank order, so all get the same bits. Ranks are
// threads of one process, each on a device of its own, which the others can read.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <memory>

#include "backend/cuda/device_array.h"
#include "comm/communicator.h"

namespace etap::cuda {

inline constexpr int kRanksMax = 8;
// CTAs of every exchange. CTA c of a rank waits for CTA c of all others.
inline constexpr int kExchangeCtas = 16;
inline constexpr std::int64_t kExchangeFloats = std::int64_t{2} << 20;  // of one call
// Up to this size every rank adds everything; above, each adds its part and all collect the parts.
inline constexpr std::int64_t kOneShotFloats = std::int64_t{64} << 10;

struct ExchangePeers {
  float* values[kRanksMax];           // [2, kExchangeFloats]: by parity of the epoch
  float* sums[kRanksMax];             // [2, kExchangeFloats]
  std::uint32_t* arrived[kRanksMax];  // [2 stages, kExchangeCtas, kRanksMax] epoch
  std::uint32_t* epochs;              // [kExchangeCtas] of this rank
  int rank;
  int size;
};

// x [count] fp32, 16-byte aligned, count a multiple of 4 and at most kExchangeFloats.
void exchange_sums(const ExchangePeers& peers, float* x, std::int64_t count, cudaStream_t stream);

class AllReduce {
 public:
  // Collective: every rank makes its own at the same time. Null, for all of them, where two ranks
  // share a device, some device cannot read another's memory, or there are more than kRanksMax.
  static std::unique_ptr<AllReduce> create(Communicator& communicator, int device);

  void run(float* x, std::int64_t count, cudaStream_t stream) const;

 private:
  AllReduce();
  DeviceArray<float> values_;
  DeviceArray<float> sums_;
  DeviceArray<std::uint32_t> arrived_;
  DeviceArray<std::uint32_t> epochs_;
  ExchangePeers peers_{};
};

}  // namespace etap::cuda
