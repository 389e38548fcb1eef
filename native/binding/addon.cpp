// The exports of etap.node; src/executor/addon-types.ts is their TypeScript form.
#include <napi.h>

#include <string>
#include <vector>

#include "backend/create.h"
#include "binding/engine_wrap.h"

namespace {

// Instruction sets of the CPU backend that this machine runs, best first.
Napi::Value cpu_features(const Napi::CallbackInfo& info) {
  const std::vector<std::string> names = etap::available_cpu_isas();
  Napi::Array list = Napi::Array::New(info.Env(), names.size());
  for (std::uint32_t i = 0; i < names.size(); ++i) list.Set(i, names[i]);
  return list;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("Engine", etap::binding::EngineWrap::define_class(env));
  exports.Set("cpuFeatures", Napi::Function::New<cpu_features>(env, "cpuFeatures"));
  return exports;
}

}  // namespace

NODE_API_MODULE(etap, init)
