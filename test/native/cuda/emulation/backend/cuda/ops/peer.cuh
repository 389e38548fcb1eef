// Signals and loads between kernels of different ranks, which are host threads here. Stands in for
// native/backend/cuda/ops/peer.cuh.
#pragma once

#include <cuda_runtime.h>

#include <atomic>
#include <thread>

namespace etap::cuda {

inline void publish(std::uint32_t* signal, std::uint32_t value) {
  std::atomic_ref(*signal).store(value, std::memory_order_seq_cst);
}

inline void wait_for(std::uint32_t* signal, std::uint32_t value) {
  while (static_cast<std::int32_t>(std::atomic_ref(*signal).load() - value) < 0) {
    std::this_thread::yield();
  }
}

inline float4 load_peer(const float* values, int index) {
  return reinterpret_cast<const float4*>(values)[index];
}

}  // namespace etap::cuda
