// Opening backends by name.
#include <cstdlib>
#include <string>

#include "backend/op_harness.h"

namespace etap::test {
namespace {

std::unique_ptr<Backend> open_cpu(const std::string& isa, int threads) {
  BackendOptions options;
  options.isa = isa;
  options.thread_count = threads;
  return create_backend("cpu", options);
}

TEST("backends open by name") {
  CHECK_EQ(open_reference()->description(), std::string("reference (fp32, 1 thread)"));
  for (const std::string& isa : available_cpu_isas()) {
    CHECK_EQ(open_cpu(isa, 2)->description(), "cpu (" + isa + ", 2 threads)");
  }
  CHECK_EQ(available_cpu_isas().back(), std::string("scalar"));
}

TEST("ETAP_ISA forces an instruction set where the options name none") {
  setenv("ETAP_ISA", "scalar", 1);
  CHECK_EQ(open_cpu("", 1)->description(), std::string("cpu (scalar, 1 thread)"));
  setenv("ETAP_ISA", "mmx", 1);
  CHECK_ERROR(open_cpu("", 1), "ETAP_ERR_CONFIG", "mmx", "scalar");
  unsetenv("ETAP_ISA");
}

TEST("unknown backends and instruction sets are refused with what is allowed") {
  CHECK_ERROR(create_backend("tpu", {}), "ETAP_ERR_CONFIG", "tpu", "cpu");
  CHECK_ERROR(open_cpu("sse9", 1), "ETAP_ERR_CONFIG", "sse9", "scalar");
}

}  // namespace
}  // namespace etap::test
