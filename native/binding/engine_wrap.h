// The JavaScript class Engine: an executor on its own engine thread. Methods return at once; what
// happens later reaches the listener, on the JavaScript thread, through one thread-safe function.
// Shapes are those of src/executor/addon-types.ts.
#pragma once

#include <napi.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "binding/js_error.h"
#include "runtime/engine_thread.h"
#include "runtime/open_executor.h"

namespace etap::binding {

class EngineWrap final : public Napi::ObjectWrap<EngineWrap> {
 public:
  static Napi::Function define_class(Napi::Env env);

  // new Engine(options, listener): starts loading.
  explicit EngineWrap(const Napi::CallbackInfo& info);
  ~EngineWrap() override;

 private:
  enum class State { kLoading, kIdle, kStepping, kClosing, kClosed };
  struct Event {
    enum class Kind { kProgress, kOpened, kFailed, kStep, kClosed };
    Kind kind;
    std::string stage = {};     // kProgress
    std::int64_t done = 0;      // kProgress, bytes
    std::int64_t total = 0;     // kProgress, bytes
    std::int64_t sequence = 0;  // kStep: the number given to submit
    std::int64_t micros = 0;    // kStep
    std::optional<Failure> failure = {};
  };
  static void deliver(Napi::Env env, Napi::Function unused, EngineWrap* self, Event* event);
  using Channel = Napi::TypedThreadSafeFunction<EngineWrap, Event, deliver>;

  // Called from JavaScript.
  Napi::Value admit(const Napi::CallbackInfo& info);
  Napi::Value release(const Napi::CallbackInfo& info);
  Napi::Value submit(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  // On the engine thread.
  void load(const ExecutorOptions& options);
  void step(std::int64_t sequence, const StepCounts& counts);
  void emit(Event event);

  // On the JavaScript thread.
  void handle(Napi::Env env, const Event& event);
  void call_listener(const char* method, const std::initializer_list<napi_value>& arguments);
  Napi::Object opened_object(Napi::Env env);
  void require_open() const;
  // Ends the engine thread and lets go of everything that keeps this object alive.
  void finish(Napi::Env env);
  static void on_environment_cleanup(void* self);

  State state_ = State::kLoading;
  std::atomic<bool> load_cancelled_{false};
  Napi::ObjectReference listener_;
  Channel channel_;
  OpenedExecutor opened_;  // written by the engine thread before kOpened and after kClosing
  std::unique_ptr<EngineThread> thread_;
};

}  // namespace etap::binding
