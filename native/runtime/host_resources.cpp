#include "runtime/host_resources.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <thread>

namespace etap {

namespace fs = std::filesystem;

namespace {

// Inside a container the group's own folder is mounted here (control groups, version 2).
const fs::path kCgroup = "/sys/fs/cgroup";

// First word of a file as a number; none for "max", a missing file or other text.
std::optional<std::int64_t> read_number(const fs::path& path) {
  std::ifstream file(path);
  std::int64_t value = 0;
  if (file >> value) return value;
  return std::nullopt;
}

// Value of a "Name:   123 kB" or "name 123" line.
std::optional<std::int64_t> read_field(const fs::path& path, const std::string& name) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind(name, 0) != 0) continue;
    const std::size_t digits = line.find_first_of("0123456789", name.size());
    if (digits == std::string::npos) return std::nullopt;
    return std::strtoll(line.c_str() + digits, nullptr, 10);
  }
  return std::nullopt;
}

}  // namespace

std::int64_t available_memory_bytes(const fs::path& proc, const fs::path& cgroup) {
  const auto kib = read_field(proc / "meminfo", "MemAvailable:");
  std::int64_t bytes = kib ? *kib * 1024 : std::numeric_limits<std::int64_t>::max();
  const auto limit = read_number(cgroup / "memory.max");
  const auto used = read_number(cgroup / "memory.current");
  if (limit && used) {
    // Cached files count as used but are given back when memory is short.
    const std::int64_t cache = read_field(cgroup / "memory.stat", "inactive_file ").value_or(0);
    bytes = std::min(bytes, std::max<std::int64_t>(0, *limit - *used + cache));
  }
  return bytes;
}

int usable_cores(int affinity_cores, const fs::path& cgroup) {
  std::ifstream file(cgroup / "cpu.max");
  std::int64_t quota = 0;
  std::int64_t period = 0;
  int cores = std::max(1, affinity_cores);
  if (file >> quota >> period && quota > 0 && period > 0) {
    const auto allowed =
        static_cast<int>(std::min<std::int64_t>((quota + period - 1) / period, cores));
    cores = std::max(1, allowed);
  }
  return cores;
}

std::int64_t available_memory_bytes() {
  return available_memory_bytes("/proc", kCgroup);
}

// The C++ library counts the cores of the affinity mask.
int usable_cores() {
  return usable_cores(static_cast<int>(std::thread::hardware_concurrency()), kCgroup);
}

}  // namespace etap
