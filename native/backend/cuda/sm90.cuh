// Hopper instructions as small functions: the only file of the backend that contains PTX.
// Compile with -gencode=arch=compute_90a,code=sm_90a. Source: PTX ISA 9.0, chapters on mbarrier,
// cp.async.bulk.tensor, wgmma, stmatrix and griddepcontrol.
#pragma once

#include <cuda.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

namespace etap::sm90 {

// A wait on an mbarrier that lasts longer than this many clocks (about 20 s) is a deadlock: trap,
// so that the process gets a CUDA error instead of hanging for ever. Generous, because sanitizers
// slow a kernel 100 times down.
inline constexpr long long kWaitLimitClocks = 40'000'000'000;

// The address is hidden from the optimiser, which would otherwise recompute it, with a slow special
// register read, wherever it is used.
__device__ __forceinline__ std::uint32_t smem_address(const void* pointer) {
  auto address = static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
  asm volatile("" : "+r"(address));
  return address;
}

// ---- mbarrier ----------------------------------------------------------------------------------

__device__ __forceinline__ void mbarrier_init(std::uint32_t barrier, std::uint32_t arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}

// Makes initialised barriers visible to the copy engine; follow with a CTA barrier.
__device__ __forceinline__ void fence_mbarrier_init() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

__device__ __forceinline__ void mbarrier_arrive(std::uint32_t barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}

__device__ __forceinline__ void mbarrier_arrive_expect_tx(std::uint32_t barrier,
                                                          std::uint32_t bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
               : "memory");
}

__device__ __forceinline__ bool mbarrier_try_wait(std::uint32_t barrier, std::uint32_t parity) {
  std::uint32_t done;
  asm volatile(
      "{\n"
      ".reg .pred p;\n"
      "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
      "selp.u32 %0, 1, 0, p;\n"
      "}\n"
      : "=r"(done)
      : "r"(barrier), "r"(parity)
      : "memory");
  return done != 0;
}

// Waits until the phase with this parity has completed. (The limit counts clocks: reading
// %globaltimer instead costs hundreds of nanoseconds per wait.)
__device__ __forceinline__ void mbarrier_wait(std::uint32_t barrier, std::uint32_t parity) {
  if (mbarrier_try_wait(barrier, parity)) return;
  const long long start = clock64();
  while (!mbarrier_try_wait(barrier, parity)) {
    if (clock64() - start > kWaitLimitClocks) __trap();
  }
}

// ---- Fences and barriers -----------------------------------------------------------------------

// Orders this thread's ordinary shared-memory accesses before later ones of the async proxy (wgmma,
// TMA). Each writing thread executes it ahead of the barrier that the readers pass.
__device__ __forceinline__ void fence_async_shared() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

// Barrier `id` (1..15) among `threads` threads.
__device__ __forceinline__ void named_barrier_sync(int id, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

template <int kRegisters>
__device__ __forceinline__ void register_allocation_increase() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kRegisters));
}

template <int kRegisters>
__device__ __forceinline__ void register_allocation_decrease() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kRegisters));
}

// Waits for the kernel ahead in the stream to have finished and its writes to be visible.
__device__ __forceinline__ void wait_for_previous_kernel() {
  asm volatile("griddepcontrol.wait;" ::: "memory");
}

// Lets the next kernel of the stream start its prologue.
__device__ __forceinline__ void allow_next_kernel() {
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
}

// True in one thread of a converged warp.
__device__ __forceinline__ bool elect_one() {
  std::uint32_t elected;
  asm volatile(
      "{\n"
      ".reg .pred p;\n"
      "elect.sync _|p, 0xFFFFFFFF;\n"
      "selp.u32 %0, 1, 0, p;\n"
      "}\n"
      : "=r"(elected));
  return elected != 0;
}

// ---- Thread block clusters ---------------------------------------------------------------------

__device__ __forceinline__ int cluster_rank() {
  std::uint32_t rank;
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return static_cast<int>(rank);
}

// Barrier of all threads of the cluster. Orders what came before in any CTA, barrier
// initialisation included, before what comes after in any other.
__device__ __forceinline__ void cluster_sync() {
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
}

// Arrives on the barrier at the same shared-memory address in CTA `rank` of the cluster.
__device__ __forceinline__ void mbarrier_arrive_at(std::uint32_t barrier, int rank) {
  asm volatile(
      "{\n"
      ".reg .b32 remote;\n"
      "mapa.shared::cluster.u32 remote, %0, %1;\n"
      "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [remote];\n"
      "}\n" ::"r"(barrier),
      "r"(rank)
      : "memory");
}

// ---- Tensor memory accelerator -----------------------------------------------------------------

// L2 eviction priorities, as createpolicy.fractional.L2 would encode them for the whole access.
inline constexpr std::uint64_t kEvictFirst = 0x12F0000000000000ull;
inline constexpr std::uint64_t kEvictLast = 0x14F0000000000000ull;

__device__ __forceinline__ void prefetch_tensor_map(const CUtensorMap* map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
}

// Copies one box at element coordinates (x, y, z), innermost first, into shared memory and counts
// its bytes on `barrier`.
__device__ __forceinline__ void tma_load_3d(std::uint32_t destination, const CUtensorMap* map,
                                            std::uint32_t barrier, int x, int y, int z,
                                            std::uint64_t cache_policy) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes"
      ".L2::cache_hint [%0], [%1, {%3, %4, %5}], [%2], %6;" ::"r"(destination),
      "l"(map), "r"(barrier), "r"(x), "r"(y), "r"(z), "l"(cache_policy)
      : "memory");
}

// The same into every CTA of `cta_mask`: same shared-memory address, same barrier address there.
__device__ __forceinline__ void tma_load_3d_multicast(std::uint32_t destination,
                                                      const CUtensorMap* map, std::uint32_t barrier,
                                                      int x, int y, int z, std::uint16_t cta_mask,
                                                      std::uint64_t cache_policy) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes"
      ".multicast::cluster.L2::cache_hint [%0], [%1, {%3, %4, %5}], [%2], %6, %7;" ::"r"(
          destination),
      "l"(map), "r"(barrier), "r"(x), "r"(y), "r"(z), "h"(cta_mask), "l"(cache_policy)
      : "memory");
}

// ---- Matrix stores -----------------------------------------------------------------------------

// Stores two or four 8x8 matrices of 16-bit values transposed. Lane 8 i + r gives the address of
// row r (16 bytes) of stored matrix i; a thread's register i holds row lane / 4 and columns
// 2 (lane % 4) + {0, 1} of matrix i before transposition.
__device__ __forceinline__ void stmatrix_transposed_x2(std::uint32_t row_address, std::uint32_t m0,
                                                       std::uint32_t m1) {
  asm volatile("stmatrix.sync.aligned.m8n8.x2.trans.shared.b16 [%0], {%1, %2};" ::"r"(row_address),
               "r"(m0), "r"(m1)
               : "memory");
}

__device__ __forceinline__ void stmatrix_transposed_x4(std::uint32_t row_address, std::uint32_t m0,
                                                       std::uint32_t m1, std::uint32_t m2,
                                                       std::uint32_t m3) {
  asm volatile(
      "stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(row_address),
      "r"(m0), "r"(m1), "r"(m2), "r"(m3)
      : "memory");
}

// ---- Arithmetic --------------------------------------------------------------------------------

__device__ __forceinline__ float exp2_approximate(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// Two floats rounded to 16 bits, `low` in the low half.
template <typename T>
__device__ __forceinline__ std::uint32_t pack(float low, float high);

template <>
__device__ __forceinline__ std::uint32_t pack<__nv_bfloat16>(float low, float high) {
  std::uint32_t packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}

template <>
__device__ __forceinline__ std::uint32_t pack<__half>(float low, float high) {
  std::uint32_t packed;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}

// ---- wgmma -------------------------------------------------------------------------------------

__device__ __forceinline__ void wgmma_fence() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

__device__ __forceinline__ void wgmma_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

// Waits until at most `kPending` committed groups are unfinished.
template <int kPending>
__device__ __forceinline__ void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}

// Keeps the compiler from moving accesses to accumulators across the asynchronous region.
template <int kCount>
__device__ __forceinline__ void wgmma_fence_accumulators(float (&d)[kCount]) {
#pragma unroll
  for (int i = 0; i < kCount; ++i) asm volatile("" : "+f"(d[i])::"memory");
}

// D[64, N] (+)= A[64, 16] B[16, N], A and B in shared memory through descriptors (etap/layout.h).
// kTransposeA = 1 reads A with M contiguous. `accumulate` = 0 overwrites D. Accumulator layout:
// d[4 j + 2 h + e] is row 16 (warp % 4) + 8 h + lane / 4, column 8 j + 2 (lane % 4) + e.
template <typename T, int N, int kTransposeA>
struct Wgmma;

#define ETAP_D4(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define ETAP_D8(i) ETAP_D4(i), ETAP_D4(i + 4)
#define ETAP_D16(i) ETAP_D8(i), ETAP_D8(i + 8)
#define ETAP_R4 "%0, %1, %2, %3"
#define ETAP_R8 ETAP_R4 ", %4, %5, %6, %7"
#define ETAP_R12 ETAP_R8 ", %8, %9, %10, %11"
#define ETAP_R16 ETAP_R12 ", %12, %13, %14, %15"
#define ETAP_R20 ETAP_R16 ", %16, %17, %18, %19"
#define ETAP_R24 ETAP_R20 ", %20, %21, %22, %23"
#define ETAP_R28 ETAP_R24 ", %24, %25, %26, %27"
#define ETAP_R32 ETAP_R28 ", %28, %29, %30, %31"

// a, b, s, t number the operands that follow the N / 2 accumulators.
#define ETAP_WGMMA_SHAPE(T, type, n, registers, a, b, s, t, ...)                                   \
  template <int kTransposeA>                                                                       \
  struct Wgmma<T, n, kTransposeA> {                                                                \
    static __device__ __forceinline__ void issue(float (&d)[n / 2], std::uint64_t a_descriptor,    \
                                                 std::uint64_t b_descriptor, int accumulate) {     \
      asm volatile(                                                                                \
          "{\n"                                                                                    \
          ".reg .pred p;\n"                                                                        \
          "setp.ne.b32 p, %" #s                                                                    \
          ", 0;\n"                                                                                 \
          "wgmma.mma_async.sync.aligned.m64n" #n "k16.f32." type "." type " {" registers "}, %" #a \
          ", %" #b ", p, 1, 1, %" #t                                                               \
          ", 0;\n"                                                                                 \
          "}\n"                                                                                    \
          : __VA_ARGS__                                                                            \
          : "l"(a_descriptor), "l"(b_descriptor), "r"(accumulate), "n"(kTransposeA));              \
    }                                                                                              \
  };

#define ETAP_WGMMA_SHAPES(T, type)                                                               \
  ETAP_WGMMA_SHAPE(T, type, 8, ETAP_R4, 4, 5, 6, 7, ETAP_D4(0))                                  \
  ETAP_WGMMA_SHAPE(T, type, 16, ETAP_R8, 8, 9, 10, 11, ETAP_D8(0))                               \
  ETAP_WGMMA_SHAPE(T, type, 24, ETAP_R12, 12, 13, 14, 15, ETAP_D8(0), ETAP_D4(8))                \
  ETAP_WGMMA_SHAPE(T, type, 32, ETAP_R16, 16, 17, 18, 19, ETAP_D16(0))                           \
  ETAP_WGMMA_SHAPE(T, type, 40, ETAP_R20, 20, 21, 22, 23, ETAP_D16(0), ETAP_D4(16))              \
  ETAP_WGMMA_SHAPE(T, type, 48, ETAP_R24, 24, 25, 26, 27, ETAP_D16(0), ETAP_D8(16))              \
  ETAP_WGMMA_SHAPE(T, type, 56, ETAP_R28, 28, 29, 30, 31, ETAP_D16(0), ETAP_D8(16), ETAP_D4(24)) \
  ETAP_WGMMA_SHAPE(T, type, 64, ETAP_R32, 32, 33, 34, 35, ETAP_D16(0), ETAP_D16(16))

ETAP_WGMMA_SHAPES(__nv_bfloat16, "bf16")
ETAP_WGMMA_SHAPES(__half, "f16")

#undef ETAP_WGMMA_SHAPES
#undef ETAP_WGMMA_SHAPE
#undef ETAP_R32
#undef ETAP_R28
#undef ETAP_R24
#undef ETAP_R20
#undef ETAP_R16
#undef ETAP_R12
#undef ETAP_R8
#undef ETAP_R4
#undef ETAP_D16
#undef ETAP_D8
#undef ETAP_D4

}  // namespace etap::sm90
