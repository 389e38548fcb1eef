// Signals and loads between kernels that run at the same time, on one device or several.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace etap::cuda {

// A wait that lasts longer than this many clocks (about 20 s) means that a rank has failed: trap.
inline constexpr long long kPeerWaitClocks = 40'000'000'000;

// Makes what the CTA wrote before its last barrier visible everywhere, then sets the signal.
__device__ __forceinline__ void publish(std::uint32_t* signal, std::uint32_t value) {
  __threadfence_system();
  asm volatile("st.release.sys.global.u32 [%0], %1;" ::"l"(signal), "r"(value) : "memory");
}

// Waits until the signal has reached `value`; its owner may already be further.
__device__ __forceinline__ void wait_for(const std::uint32_t* signal, std::uint32_t value) {
  const long long start = clock64();
  std::uint32_t seen = 0;
  do {
    asm volatile("ld.acquire.sys.global.u32 %0, [%1];" : "=r"(seen) : "l"(signal) : "memory");
    if (clock64() - start > kPeerWaitClocks) __trap();
  } while (static_cast<std::int32_t>(seen - value) < 0);
  __threadfence_system();
}

// 16 bytes that a peer may have written since this CTA last looked.
__device__ __forceinline__ float4 load_peer(const float* values, int index) {
  float4 result;
  asm volatile("ld.volatile.global.v4.f32 {%0, %1, %2, %3}, [%4];"
               : "=f"(result.x), "=f"(result.y), "=f"(result.z), "=f"(result.w)
               : "l"(reinterpret_cast<const float4*>(values) + index)
               : "memory");
  return result;
}

}  // namespace etap::cuda
