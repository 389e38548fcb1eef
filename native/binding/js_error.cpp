#include "binding/js_error.h"

#include <new>

#include "base/error.h"

namespace etap::binding {

Failure describe(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const Error& error) {
    return {error.code(), error.what()};
  } catch (const std::bad_alloc&) {
    return {"ETAP_ERR_OUT_OF_MEMORY",
            "memory ran out; free memory, use a smaller model or lower engine.kvMemoryBytes"};
  } catch (const std::exception& error) {
    return {"ETAP_ERR_INTERNAL", error.what()};
  } catch (...) {
    return {"ETAP_ERR_INTERNAL", "an unknown native exception"};
  }
}

Napi::Error to_js_error(Napi::Env env, const Failure& failure) {
  Napi::Error error = Napi::Error::New(env, failure.message);
  error.Value().Set("code", Napi::String::New(env, failure.code));
  return error;
}

}  // namespace etap::binding
