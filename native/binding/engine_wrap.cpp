#include "binding/engine_wrap.h"

#include <chrono>
#include <utility>

#include "base/error.h"
#include "binding/convert.h"

namespace etap::binding {

namespace {

Napi::Value number(Napi::Env env, std::int64_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}

}  // namespace

Napi::Function EngineWrap::define_class(Napi::Env env) {
  return DefineClass(
      env, "Engine",
      {InstanceMethod<&EngineWrap::admit>("admit"), InstanceMethod<&EngineWrap::release>("release"),
       InstanceMethod<&EngineWrap::submit>("submit"), InstanceMethod<&EngineWrap::close>("close")});
}

EngineWrap::EngineWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<EngineWrap>(info) {
  const Napi::Env env = info.Env();
  guarded(env, [&] {
    if (info.Length() != 2 || !info[0].IsObject() || !info[1].IsObject()) {
      throw Error("ETAP_ERR_INVALID_REQUEST", "new Engine takes options and a listener");
    }
    const ExecutorOptions options = to_executor_options(info[0].As<Napi::Object>());
    listener_ = Napi::Persistent(info[1].As<Napi::Object>());
    thread_ = std::make_unique<EngineThread>();
    channel_ = Channel::New(env, "etap engine", 0, 1, this);
    napi_add_env_cleanup_hook(env, on_environment_cleanup, this);
    // Alive until finish, even if JavaScript lets go of it while the engine thread works.
    Ref();
    thread_->post([this, options] { load(options); });
  });
}

EngineWrap::~EngineWrap() = default;

Napi::Value EngineWrap::admit(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    require_open();
    if (!info[1].IsObject()) {
      throw Error("ETAP_ERR_INVALID_REQUEST", "admit takes a slot and its parameters");
    }
    opened_.executor->admit(to_integer(info[0], "slot"),
                            to_slot_params(info[1].As<Napi::Object>()));
  });
  return info.Env().Undefined();
}

Napi::Value EngineWrap::release(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    require_open();
    opened_.executor->release(to_integer(info[0], "slot"));
  });
  return info.Env().Undefined();
}

Napi::Value EngineWrap::submit(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    require_open();
    if (state_ == State::kStepping) {
      throw Error("ETAP_ERR_INTERNAL", "submit: a step is running; wait for it to end");
    }
    const std::int64_t sequence = to_integer(info[0], "sequence");
    const StepCounts counts{to_integer(info[1], "sequenceCount"), to_integer(info[2], "tokenCount"),
                            to_integer(info[3], "deltaCount")};
    state_ = State::kStepping;
    channel_.Ref(info.Env());
    thread_->post([this, sequence, counts] { step(sequence, counts); });
  });
  return info.Env().Undefined();
}

Napi::Value EngineWrap::close(const Napi::CallbackInfo& info) {
  if (state_ == State::kClosing || state_ == State::kClosed) return info.Env().Undefined();
  state_ = State::kClosing;
  load_cancelled_ = true;
  channel_.Ref(info.Env());
  thread_->post([this] {
    opened_.executor.reset();
    emit({.kind = Event::Kind::kClosed});
  });
  return info.Env().Undefined();
}

void EngineWrap::load(const ExecutorOptions& options) {
  const auto progress = [this](const char* stage, std::int64_t done, std::int64_t total) {
    if (load_cancelled_) throw Error("ETAP_ERR_SHUTTING_DOWN", "loading was given up");
    emit({.kind = Event::Kind::kProgress, .stage = stage, .done = done, .total = total});
  };
  try {
    opened_ = open_executor(options, progress);
    emit({.kind = Event::Kind::kOpened});
  } catch (...) {
    emit({.kind = Event::Kind::kFailed, .failure = describe(std::current_exception())});
  }
}

void EngineWrap::step(std::int64_t sequence, const StepCounts& counts) {
  Event event{.kind = Event::Kind::kStep, .sequence = sequence};
  const auto begin = std::chrono::steady_clock::now();
  try {
    opened_.executor->step(counts);
  } catch (...) {
    event.failure = describe(std::current_exception());
  }
  const auto elapsed = std::chrono::steady_clock::now() - begin;
  event.micros = std::chrono::duration_cast<std::chrono::microseconds>(elapsed).count();
  emit(std::move(event));
}

void EngineWrap::emit(Event event) {
  auto owned = std::make_unique<Event>(std::move(event));
  // Refused only while the environment ends; then nobody listens.
  if (channel_.NonBlockingCall(owned.get()) == napi_ok) owned.release();
}

void EngineWrap::deliver(Napi::Env env, Napi::Function, EngineWrap* self, Event* event) {
  const std::unique_ptr<Event> owned(event);
  if (env != nullptr) self->handle(env, *owned);
}

void EngineWrap::handle(Napi::Env env, const Event& event) {
  const Napi::HandleScope scope(env);
  const auto error = [&]() -> Napi::Value {
    return event.failure ? to_js_error(env, *event.failure).Value() : env.Null();
  };
  switch (event.kind) {
    case Event::Kind::kProgress:
      call_listener("onProgress", {Napi::String::New(env, event.stage), number(env, event.done),
                                   number(env, event.total)});
      return;
    case Event::Kind::kOpened:
      if (state_ != State::kLoading) return;  // kClosed follows
      state_ = State::kIdle;
      channel_.Unref(env);
      call_listener("onOpened", {opened_object(env)});
      return;
    case Event::Kind::kFailed:
      if (state_ != State::kLoading) return;
      finish(env);
      call_listener("onFailed", {error()});
      return;
    case Event::Kind::kStep:
      if (state_ == State::kStepping) {
        state_ = State::kIdle;
        channel_.Unref(env);
      }
      call_listener("onStep", {number(env, event.sequence), number(env, event.micros), error()});
      return;
    case Event::Kind::kClosed:
      finish(env);
      call_listener("onClosed", {});
      return;
  }
}

void EngineWrap::call_listener(const char* method,
                               const std::initializer_list<napi_value>& arguments) {
  const Napi::Object listener = listener_.Value();
  listener.Get(method).As<Napi::Function>().Call(listener, arguments);
}

Napi::Object EngineWrap::opened_object(Napi::Env env) {
  using SharedArena = std::shared_ptr<StepArena>;
  auto arena = std::make_unique<SharedArena>(opened_.executor->shared_arena());
  const StepArena& memory = **arena;
  Napi::Object object = Napi::Object::New(env);
  object.Set("info", from_info(env, opened_.info));
  object.Set("extents", from_extents(env, memory));
  object.Set("arena", Napi::ArrayBuffer::New(
                          env, memory.data(), static_cast<std::size_t>(memory.bytes()),
                          [](Napi::Env, void*, SharedArena* owner) { delete owner; }, arena.get()));
  arena.release();
  object.Set("blockSize", number(env, kBlockSize));
  object.Set("topLogprobsMax", number(env, kTopLogprobsMax));
  object.Set("sequenceFields", number(env, kSequenceFields));
  object.Set("deltaFields", number(env, kDeltaFields));
  object.Set("profileFields", number(env, kProfileFields));
  return object;
}

void EngineWrap::require_open() const {
  if (state_ == State::kIdle || state_ == State::kStepping) return;
  throw Error("ETAP_ERR_INTERNAL",
              state_ == State::kLoading ? "the engine is still loading" : "the engine is closed");
}

void EngineWrap::finish(Napi::Env env) {
  state_ = State::kClosed;
  thread_.reset();
  napi_remove_env_cleanup_hook(env, on_environment_cleanup, this);
  channel_.Release();
  Unref();
}

// A worker or process that ends with an open engine: its step is waited for, its events are
// dropped.
void EngineWrap::on_environment_cleanup(void* pointer) {
  auto* self = static_cast<EngineWrap*>(pointer);
  self->state_ = State::kClosed;
  self->load_cancelled_ = true;
  self->thread_.reset();
  self->opened_.executor.reset();
  self->channel_.Abort();
}

}  // namespace etap::binding
