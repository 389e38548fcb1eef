// Memory and cores this process may use, control-group limits included.
#pragma once

#include <cstdint>
#include <filesystem>

namespace etap {

// Memory that can be taken without swapping: MemAvailable, or less where a control group limits it.
std::int64_t available_memory_bytes();

// Cores by affinity, or fewer where a control group limits processor time.
int usable_cores();

// The same from other folders, for tests: `proc` as /proc, `cgroup` as the group's folder.
std::int64_t available_memory_bytes(const std::filesystem::path& proc,
                                    const std::filesystem::path& cgroup);
int usable_cores(int affinity_cores, const std::filesystem::path& cgroup);

}  // namespace etap
