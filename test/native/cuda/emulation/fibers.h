// The threads of a CUDA block as fibers of one host thread: each runs until it meets a barrier or
// an operation of its whole warp, then the next one does. So a kernel's indices, barriers and warp
// exchanges are exercised on any machine; its speed and memory ordering are not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace etap::emulation {

struct Index3 {
  unsigned x;
  unsigned y;
  unsigned z;
};

// What the kernel's code sees of itself.
struct ThreadPlace {
  Index3 thread;
  Index3 block;
};
const ThreadPlace& place();

// Runs body() as every thread of every block, block after block.
void run_grid(Index3 grid, int threads, const std::function<void()>& body);

// All threads of the block that have not ended.
void block_barrier();

// One operation of a warp. Every lane gives `input`; when all have come, `combine` turns the 32
// inputs into 32 outputs in place, and each lane takes its own back. `bytes` at most
// kExchangeBytes.
inline constexpr std::size_t kExchangeBytes = 64;
using Combine = void (*)(std::byte (&lanes)[32][kExchangeBytes], int argument);
void warp_exchange(void* value, std::size_t bytes, Combine combine, int argument);

}  // namespace etap::emulation
