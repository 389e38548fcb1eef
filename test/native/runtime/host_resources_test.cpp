#include "runtime/host_resources.h"

#include "temporary_folder.h"
#include "test.h"

namespace etap {

TEST("available memory is the least of the machine's and the control group's") {
  const test::TemporaryFolder folder;
  folder.write("meminfo", "MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    500 kB\n");
  CHECK_EQ(available_memory_bytes(folder.path(), folder.path()), 500 * 1024);
  folder.write("memory.max", "max\n");
  folder.write("memory.current", "1000\n");
  CHECK_EQ(available_memory_bytes(folder.path(), folder.path()), 500 * 1024);
  folder.write("memory.max", "10000\n");
  CHECK_EQ(available_memory_bytes(folder.path(), folder.path()), 9000);
  folder.write("memory.stat", "anon 500\ninactive_file 300\n");
  CHECK_EQ(available_memory_bytes(folder.path(), folder.path()), 9300);
  folder.write("memory.current", "20000\n");
  CHECK_EQ(available_memory_bytes(folder.path(), folder.path()), 0);
}

TEST("usable cores are bounded by the control group") {
  const test::TemporaryFolder folder;
  CHECK_EQ(usable_cores(8, folder.path()), 8);
  folder.write("cpu.max", "max 100000\n");
  CHECK_EQ(usable_cores(8, folder.path()), 8);
  folder.write("cpu.max", "250000 100000\n");
  CHECK_EQ(usable_cores(8, folder.path()), 3);
  CHECK_EQ(usable_cores(2, folder.path()), 2);
  CHECK_EQ(usable_cores(0, folder.path()), 1);
}

TEST("this machine has memory and cores") {
  CHECK(available_memory_bytes() > 0);
  CHECK(usable_cores() >= 1);
}

}  // namespace etap
