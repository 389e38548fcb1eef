// Runs the registered tests of one binary.
#include <exception>
#include <utility>

#include "test.h"

namespace etap::test {

namespace {

int failures = 0;

}  // namespace

std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

void fail(const char* file, int line, const std::string& message) {
  ++failures;
  std::cerr << file << ':' << line << ": " << message << '\n';
}

void check_error(const std::function<void()>& body, const std::string& code,
                 const std::vector<std::string>& parts, const char* file, int line) {
  try {
    body();
  } catch (const Error& error) {
    if (error.code() != code) {
      fail(file, line, "got " + error.code() + " (" + error.what() + "), expected " + code);
    }
    for (const std::string& part : parts) {
      if (std::string(error.what()).find(part) == std::string::npos) {
        fail(file, line, "message \"" + std::string(error.what()) + "\" lacks \"" + part + "\"");
      }
    }
    return;
  } catch (const std::exception& error) {
    fail(file, line, "expected " + code + ", got another exception: " + error.what());
    return;
  }
  fail(file, line, "expected " + code + ", nothing was thrown");
}

}  // namespace etap::test

int main(int argc, char** argv) {
  const std::string filter = argc > 1 ? argv[1] : "";
  int run_count = 0;
  for (const etap::test::Case& test : etap::test::cases()) {
    if (test.name.find(filter) == std::string::npos) continue;
    ++run_count;
    const int before = etap::test::failures;
    try {
      test.body();
    } catch (const std::exception& error) {
      etap::test::fail(test.name.c_str(), 0, std::string("unexpected exception: ") + error.what());
    }
    std::cout << (etap::test::failures == before ? "ok   " : "FAIL ") << test.name << '\n';
  }
  std::cout << run_count << " tests, " << etap::test::failures << " failures\n";
  return etap::test::failures == 0 && run_count > 0 ? 0 : 1;
}
