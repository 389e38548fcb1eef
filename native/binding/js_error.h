// Errors on their way to JavaScript: an Error with the ETAP_ERR_* code in `.code`.
#pragma once

#include <napi.h>

#include <exception>
#include <string>
#include <utility>

namespace etap::binding {

// A failure of the engine thread, carried to the JavaScript thread.
struct Failure {
  std::string code;
  std::string message;
};

// What a caught exception is: etap::Error as it is, std::bad_alloc as ETAP_ERR_OUT_OF_MEMORY,
// others as ETAP_ERR_INTERNAL.
Failure describe(const std::exception_ptr& exception);

Napi::Error to_js_error(Napi::Env env, const Failure& failure);

// Calls `body` and throws what it throws as a JavaScript error with a code.
template <typename Body>
auto guarded(Napi::Env env, const Body& body) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw to_js_error(env, describe(std::current_exception()));
  }
}

}  // namespace etap::binding
