// Between JavaScript values and the runtime's structs. Shapes are those of
// src/executor/addon-types.ts.
#pragma once

#include <napi.h>

#include "runtime/open_executor.h"
#include "runtime/slot_table.h"
#include "runtime/step_arena.h"

namespace etap::binding {

// Throws ETAP_ERR_INVALID_REQUEST naming a field that is missing or of the wrong type.
ExecutorOptions to_executor_options(const Napi::Object& options);
SlotParams to_slot_params(const Napi::Object& params);
std::int64_t to_integer(const Napi::Value& value, const char* name);

Napi::Object from_info(Napi::Env env, const ExecutorInfo& info);
// [offset in bytes, length in elements] of every array, in the order of StepArena::Array.
Napi::Array from_extents(Napi::Env env, const StepArena& arena);

}  // namespace etap::binding
