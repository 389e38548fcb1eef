#include "bench/peaks.h"

#include <time.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "backend/create.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace etap::bench {
namespace {

constexpr int kRepeats = 5;

bool has_isa(const char* name) {
  const std::vector<std::string> isas = available_cpu_isas();
  return std::find(isas.begin(), isas.end(), name) != isas.end();
}

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Seconds from when all threads are ready until all have finished run(thread).
template <typename Run>
double timed(int threads, const Run& run) {
  if (threads == 1) {
    const double begin = thread_seconds();
    run(0);
    return thread_seconds() - begin;
  }
  std::barrier<> ready(threads + 1);
  std::vector<std::thread> workers;
  for (int thread = 0; thread < threads; ++thread) {
    workers.emplace_back([&, thread] {
      ready.arrive_and_wait();
      run(thread);
    });
  }
  const double begin = wall_seconds();
  ready.arrive_and_wait();
  for (std::thread& worker : workers) worker.join();
  return wall_seconds() - begin;
}

// Best of several runs, in units of `work` per nanosecond.
template <typename Run>
double best_rate(int threads, double work, const Run& run) {
  double best = 0.0;
  for (int i = 0; i < kRepeats; ++i) best = std::max(best, work / timed(threads, run) * 1e-9);
  return best;
}

}  // namespace

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

#if defined(__x86_64__)

namespace {

constexpr int kSums = 16;
constexpr int kRounds = 1'000'000;

__attribute__((target("avx512f"))) float run_fma() {
  __m512 sums[kSums];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  __m512 a = _mm512_set1_ps(1.0F);
  for (int i = 0; i < kRounds; ++i) {
    asm volatile("" : "+v"(a));
#pragma GCC unroll 16
    for (int j = 0; j < kSums; ++j) sums[j] = _mm512_fmadd_ps(a, a, sums[j]);
  }
  for (int j = 1; j < kSums; ++j) sums[0] = _mm512_add_ps(sums[0], sums[j]);
  return _mm512_cvtss_f32(sums[0]);
}

__attribute__((target("avx512f,avx512bf16"))) float run_pairs() {
  __m512 sums[kSums];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  __m512i a = _mm512_set1_epi32(0x3f803f80);
  for (int i = 0; i < kRounds; ++i) {
    asm volatile("" : "+v"(a));
#pragma GCC unroll 16
    for (int j = 0; j < kSums; ++j) {
      const auto pairs = reinterpret_cast<__m512bh>(a);
      sums[j] = _mm512_dpbf16_ps(sums[j], pairs, pairs);
    }
  }
  for (int j = 1; j < kSums; ++j) sums[0] = _mm512_add_ps(sums[0], sums[j]);
  return _mm512_cvtss_f32(sums[0]);
}

struct alignas(64) Tiles {
  std::uint8_t palette = 1;
  std::uint8_t rest[15] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
};

__attribute__((target("amx-tile,amx-bf16"))) void run_tiles() {
  Tiles config;
  for (int tile = 0; tile < 8; ++tile) {
    config.row_bytes[tile] = 64;
    config.rows[tile] = 16;
  }
  asm volatile("" ::: "memory");
  _tile_loadconfig(&config);
  for (int i = 0; i < kRounds / 4; ++i) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_release();
}

}  // namespace

double fma_peak(int threads) {
  if (!has_isa("avx512")) return 0.0;
  return best_rate(threads, 32.0 * kSums * kRounds * threads, [](int) {
    volatile float sink = run_fma();
    (void)sink;
  });
}

double pair_peak(int threads) {
  if (!has_isa("avx512_bf16")) return 0.0;
  return best_rate(threads, 64.0 * kSums * kRounds * threads, [](int) {
    volatile float sink = run_pairs();
    (void)sink;
  });
}

double tile_peak(int threads) {
  if (!has_isa("amx")) return 0.0;
  return best_rate(threads, 2.0 * 16 * 16 * 32 * kRounds * threads, [](int) { run_tiles(); });
}

#else

double fma_peak(int) {
  return 0.0;
}
double pair_peak(int) {
  return 0.0;
}
double tile_peak(int) {
  return 0.0;
}

#endif

double read_bandwidth(int threads) {
  constexpr std::size_t kWords = std::size_t{1} << 25;
  static const std::vector<std::uint64_t> kData(kWords, 1);
  const std::size_t share = kWords / static_cast<std::size_t>(threads) / 8 * 8;
  return best_rate(threads, 8.0 * static_cast<double>(share) * threads, [&](int thread) {
    const std::uint64_t* data = kData.data() + share * static_cast<std::size_t>(thread);
    std::uint64_t sums[8] = {};
    for (std::size_t i = 0; i < share; i += 8) {
      __builtin_prefetch(data + i + 1024, 0, 2);
      for (std::size_t j = 0; j < 8; ++j) sums[j] += data[i + j];
    }
    volatile std::uint64_t sink = 0;
    for (const std::uint64_t sum : sums) sink = sink + sum;
  });
}

}  // namespace etap::bench
