// A test framework in one header: TEST registers a function, CHECK_* report and go on. Every binary
// links test_main.cpp, which runs all tests or those whose name contains argv[1].
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.h"

namespace etap::test {

struct Case {
  std::string name;
  std::function<void()> body;
};

std::vector<Case>& cases();
void fail(const char* file, int line, const std::string& message);

struct Registration {
  Registration(std::string name, std::function<void()> body) {
    cases().push_back({std::move(name), std::move(body)});
  }
};

template <typename A, typename B>
void check_equal(const A& actual, const B& expected, const char* text, const char* file, int line) {
  if (actual == expected) return;
  std::ostringstream out;
  out << text << ": got " << actual << ", expected " << expected;
  fail(file, line, out.str());
}

// Passes when `body` throws etap::Error with this code and every one of `parts` in its message.
void check_error(const std::function<void()>& body, const std::string& code,
                 const std::vector<std::string>& parts, const char* file, int line);

// A small reproducible generator (splitmix64) for property tests; print its seed on failure.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  // In [0, bound).
  std::int64_t below(std::int64_t bound) {
    return static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(bound));
  }
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

 private:
  std::uint64_t state_;
};

}  // namespace etap::test

#define ETAP_TEST_NAME2(prefix, line) prefix##line
#define ETAP_TEST_NAME(prefix, line) ETAP_TEST_NAME2(prefix, line)
#define TEST(name)                                                                      \
  static void ETAP_TEST_NAME(test_body_, __LINE__)();                                   \
  static const ::etap::test::Registration ETAP_TEST_NAME(test_registration_, __LINE__)( \
      name, ETAP_TEST_NAME(test_body_, __LINE__));                                      \
  static void ETAP_TEST_NAME(test_body_, __LINE__)()
#define CHECK(condition)                                                  \
  do {                                                                    \
    if (!(condition)) ::etap::test::fail(__FILE__, __LINE__, #condition); \
  } while (0)
#define CHECK_EQ(actual, expected) \
  ::etap::test::check_equal((actual), (expected), #actual, __FILE__, __LINE__)
#define CHECK_ERROR(statement, code, ...) \
  ::etap::test::check_error([&] { statement; }, code, {__VA_ARGS__}, __FILE__, __LINE__)
