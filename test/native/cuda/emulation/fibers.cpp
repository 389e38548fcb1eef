#include "fibers.h"

#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#if !defined(__x86_64__)
#error "the emulation switches stacks in x86-64 code"
#endif

// Saves the callee-saved registers and the stack of the caller, and continues at another one.
extern "C" void etap_switch_stack(void** save, void* next);
asm(R"(
.text
.type etap_switch_stack, @function
etap_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size etap_switch_stack, .-etap_switch_stack
)");

namespace etap::emulation {
namespace {

constexpr int kLanes = 32;
constexpr std::size_t kStackBytes = 128 * 1024;
constexpr int kSavedRegisters = 6;

struct Warp {
  std::uint64_t generation = 0;
  int arrived = 0;
  int live = 0;
  // A lane can be one operation ahead of another, never two.
  std::byte values[2][kLanes][kExchangeBytes];
};

struct Fiber {
  void* stack_pointer = nullptr;
  std::unique_ptr<std::byte[]> stack;
  ThreadPlace place{};
  bool ended = false;
};

struct Block {
  const std::function<void()>* body = nullptr;
  std::vector<Fiber> fibers;
  std::vector<Warp> warps;
  Fiber* current = nullptr;
  void* scheduler_stack = nullptr;
  int live = 0;
  int arrived = 0;
  std::uint64_t generation = 0;
};

thread_local Block block;

void yield() {
  etap_switch_stack(&block.current->stack_pointer, block.scheduler_stack);
}

void release_block() {
  if (block.arrived == 0 || block.arrived < block.live) return;
  block.arrived = 0;
  ++block.generation;
}

Warp& own_warp() {
  return block.warps[block.current->place.thread.x / kLanes];
}

[[noreturn]] void fiber_main() {
  (*block.body)();
  block.current->ended = true;
  --block.live;
  --own_warp().live;
  release_block();
  yield();
  std::abort();
}

void prepare(Fiber& fiber) {
  if (!fiber.stack) fiber.stack.reset(new std::byte[kStackBytes]);
  auto top = reinterpret_cast<std::uintptr_t>(fiber.stack.get()) + kStackBytes;
  top = top / 16 * 16;
  auto* words = reinterpret_cast<void**>(top) - 1;  // the entry sees a stack as after a call
  *--words = reinterpret_cast<void*>(&fiber_main);
  for (int i = 0; i < kSavedRegisters; ++i) *--words = nullptr;
  fiber.stack_pointer = words;
  fiber.ended = false;
}

void run_block(Index3 index, int threads) {
  block.live = threads;
  block.arrived = 0;
  for (Warp& warp : block.warps) warp.arrived = warp.live = 0;
  for (int i = 0; i < threads; ++i) {
    Fiber& fiber = block.fibers[static_cast<std::size_t>(i)];
    prepare(fiber);
    fiber.place = {{static_cast<unsigned>(i), 0, 0}, index};
    ++block.warps[static_cast<std::size_t>(i / kLanes)].live;
  }
  while (block.live > 0) {
    for (int i = 0; i < threads; ++i) {
      Fiber& fiber = block.fibers[static_cast<std::size_t>(i)];
      if (fiber.ended) continue;
      block.current = &fiber;
      etap_switch_stack(&block.scheduler_stack, fiber.stack_pointer);
    }
  }
}

}  // namespace

const ThreadPlace& place() {
  return block.current->place;
}

void run_grid(Index3 grid, int threads, const std::function<void()>& body) {
  block.body = &body;
  if (block.fibers.size() < static_cast<std::size_t>(threads)) {
    block.fibers.resize(static_cast<std::size_t>(threads));
  }
  block.warps.resize(static_cast<std::size_t>((threads + kLanes - 1) / kLanes));
  for (unsigned z = 0; z < grid.z; ++z) {
    for (unsigned y = 0; y < grid.y; ++y) {
      for (unsigned x = 0; x < grid.x; ++x) run_block({x, y, z}, threads);
    }
  }
}

void block_barrier() {
  const std::uint64_t mine = block.generation;
  ++block.arrived;
  release_block();
  while (block.generation == mine) yield();
}

void warp_exchange(void* value, std::size_t bytes, Combine combine, int argument) {
  Warp& warp = own_warp();
  if (warp.live != kLanes) std::abort();  // a lane has ended: the real machine would hang or worse
  const std::uint64_t mine = warp.generation;
  const unsigned lane = block.current->place.thread.x % kLanes;
  auto& values = warp.values[mine % 2];
  std::memcpy(values[lane], value, bytes);
  if (++warp.arrived == kLanes) {
    combine(values, argument);
    warp.arrived = 0;
    ++warp.generation;
  }
  while (warp.generation == mine) yield();
  std::memcpy(value, values[lane], bytes);
}

}  // namespace etap::emulation
