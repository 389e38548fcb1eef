#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace etap {

void check_failed(const char* condition, const char* file, int line, const char* message) {
  std::fprintf(stderr, "etap: check failed: %s (%s) at %s:%d\n", message, condition, file, line);
  std::abort();
}

}  // namespace etap
