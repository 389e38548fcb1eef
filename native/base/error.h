// The one error type of the native side. Codes are those of src/errors.ts.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace etap {

class Error : public std::runtime_error {
 public:
  Error(std::string code, const std::string& message)
      : std::runtime_error(message), code_(std::move(code)) {}

  // An ETAP_ERR_* code.
  const std::string& code() const { return code_; }

 private:
  std::string code_;
};

}  // namespace etap
