// The exports of etap.node; src/executor/addon-types.ts is their TypeScript form.
#include <napi.h>

#include "binding/engine_wrap.h"

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("Engine", etap::binding::EngineWrap::define_class(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(etap, init)
