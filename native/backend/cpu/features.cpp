#include "backend/cpu/features.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "base/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#endif

namespace etap::cpu {
namespace {

struct Candidate {
  const char* name;
  bool usable;
  const Kernels& (*kernels)();
};

#if defined(__x86_64__)

constexpr int kFeatureLeaf = 7;
constexpr unsigned kAmxBf16 = 1U << 22;
constexpr unsigned kAmxTile = 1U << 24;
// arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA): the kernel grants the tile registers to this
// process and its threads.
constexpr int kRequestPermission = 0x1023;
constexpr int kTileData = 18;

bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("f16c");
}

bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

bool has_avx512_bf16() {
  return has_avx512() && __builtin_cpu_supports("avx512bf16") &&
         __builtin_cpu_supports("avx512vbmi");
}

bool has_amx() {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  if (__get_cpuid_count(kFeatureLeaf, 0, &a, &b, &c, &d) == 0) return false;
  if ((d & kAmxBf16) == 0 || (d & kAmxTile) == 0 || !has_avx512_bf16()) return false;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

bool is_intel() {
  return __builtin_cpu_is("intel");
}

#endif

// Best first. Intel's cores multiply bf16 pairs at half the rate of fp32 (110 against 220 GFLOPS a
// core, measured on Sapphire Rapids), AMD's at twice it, so the order differs.
std::vector<Candidate> candidates() {
  std::vector<Candidate> all;
#if defined(ETAP_HAVE_AMX)
  all.push_back({"amx", has_amx(), amx_kernels});
#endif
#if defined(ETAP_HAVE_AVX512_BF16)
  all.push_back({"avx512_bf16", has_avx512_bf16(), avx512_bf16_kernels});
#endif
#if defined(ETAP_HAVE_AVX512)
  const bool before_bf16 = is_intel() && !all.empty() && all.back().name != std::string("amx");
  all.insert(before_bf16 ? all.end() - 1 : all.end(), {"avx512", has_avx512(), avx512_kernels});
#endif
#if defined(ETAP_HAVE_AVX2)
  all.push_back({"avx2", has_avx2(), avx2_kernels});
#endif
  all.push_back({"scalar", true, scalar_kernels});
  return all;
}

std::vector<Candidate> usable_candidates() {
  std::vector<Candidate> all = candidates();
  std::erase_if(all, [](const Candidate& candidate) { return !candidate.usable; });
  return all;
}

}  // namespace

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Candidate& candidate : usable_candidates()) names.emplace_back(candidate.name);
  return names;
}

const Kernels& choose_kernels(const std::string& name) {
  const char* environment = std::getenv("ETAP_ISA");
  const std::string wanted = !name.empty() ? name : environment == nullptr ? "" : environment;
  std::string known;
  for (const Candidate& candidate : usable_candidates()) {
    if (wanted.empty() || wanted == candidate.name) return candidate.kernels();
    known += (known.empty() ? "" : ", ") + std::string(candidate.name);
  }
  throw Error("ETAP_ERR_CONFIG", "instruction set \"" + wanted +
                                     "\" is not available on this machine; choose one of " + known);
}

int usable_core_count() {
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof(cores), &cores) == 0) return CPU_COUNT(&cores);
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

std::int64_t second_level_cache_bytes() {
  constexpr std::int64_t kGuess = 1 << 20;
#if defined(_SC_LEVEL2_CACHE_SIZE)
  static const std::int64_t kBytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
  return kBytes > 0 ? kBytes : kGuess;
#else
  return kGuess;
#endif
}

}  // namespace etap::cpu
