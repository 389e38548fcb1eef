// Assertions for programmer errors. They stay on in production: the engine process dies loudly and
// is restarted rather than serving wrong tokens.
#pragma once

namespace etap {

// Prints the failed condition with its place and aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line,
                               const char* message);

}  // namespace etap

#define ETAP_CHECK(condition, message)                               \
  do {                                                               \
    if (!(condition)) [[unlikely]] {                                 \
      ::etap::check_failed(#condition, __FILE__, __LINE__, message); \
    }                                                                \
  } while (0)
