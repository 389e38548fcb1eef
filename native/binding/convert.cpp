#include "binding/convert.h"

#include <cmath>
#include <string>

#include "base/error.h"

namespace etap::binding {

namespace {

constexpr double kSafeIntegerMax = 9007199254740991.0;

[[noreturn]] void refuse(const std::string& name, const Napi::Value& found, const char* expected) {
  throw Error("ETAP_ERR_INVALID_REQUEST",
              name + " is " + found.ToString().Utf8Value() + ", expected " + expected);
}

double number_of(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsNumber()) refuse(name, value, "a number");
  return value.As<Napi::Number>().DoubleValue();
}

std::int64_t integer_of(const Napi::Object& object, const char* name) {
  return to_integer(object.Get(name), name);
}

// An int, so that a number that does not fit is refused rather than wrapped.
std::int32_t small_integer_of(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  const std::int64_t integer = to_integer(value, name);
  if (integer < INT32_MIN || integer > INT32_MAX) refuse(name, value, "a 32-bit integer");
  return static_cast<std::int32_t>(integer);
}

// null is -1.
std::int32_t count_or_null(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (value.IsNull()) return -1;
  const std::int32_t count = small_integer_of(object, name);
  if (count < 0) refuse(name, value, "null or a number of at least 0");
  return count;
}

std::string text_of(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsString()) refuse(name, value, "a string");
  return value.As<Napi::String>().Utf8Value();
}

std::vector<std::int32_t> token_list(const Napi::Value& value, const char* name) {
  if (!value.IsArray()) refuse(name, value, "an array of token ids");
  const auto array = value.As<Napi::Array>();
  std::vector<std::int32_t> tokens;
  tokens.reserve(array.Length());
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    const std::int64_t token = to_integer(array.Get(i), name);
    if (token < INT32_MIN || token > INT32_MAX) refuse(name, array.Get(i), "a token id");
    tokens.push_back(static_cast<std::int32_t>(token));
  }
  return tokens;
}

std::vector<std::int32_t> token_array(const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_int32_array) {
    refuse(name, value, "an Int32Array");
  }
  const auto array = value.As<Napi::Int32Array>();
  return {array.Data(), array.Data() + array.ElementLength()};
}

std::vector<LogitBias> to_logit_bias(const Napi::Value& value) {
  if (!value.IsArray()) refuse("logitBias", value, "an array of [token id, bias]");
  const auto pairs = value.As<Napi::Array>();
  std::vector<LogitBias> biases;
  biases.reserve(pairs.Length());
  for (std::uint32_t i = 0; i < pairs.Length(); ++i) {
    const Napi::Value entry = pairs.Get(i);
    if (!entry.IsArray()) refuse("logitBias", entry, "[token id, bias]");
    const auto pair = entry.As<Napi::Array>();
    const Napi::Value bias = pair.Get(1u);
    if (!bias.IsNumber()) refuse("logitBias", bias, "a number");
    const std::int64_t token = to_integer(pair.Get(0u), "logitBias");
    if (token < INT32_MIN || token > INT32_MAX) refuse("logitBias", pair.Get(0u), "a token id");
    biases.push_back({static_cast<std::int32_t>(token), bias.As<Napi::Number>().FloatValue()});
  }
  return biases;
}

SamplingParams to_sampling_params(const Napi::Object& object) {
  SamplingParams params;
  params.temperature = number_of(object, "temperature");
  params.top_k = integer_of(object, "topK");
  params.top_p = number_of(object, "topP");
  params.min_p = number_of(object, "minP");
  params.repetition_penalty = number_of(object, "repetitionPenalty");
  params.frequency_penalty = number_of(object, "frequencyPenalty");
  params.presence_penalty = number_of(object, "presencePenalty");
  params.seed = integer_of(object, "seed");
  params.logit_bias = to_logit_bias(object.Get("logitBias"));
  const Napi::Value allowed = object.Get("allowedTokenIds");
  params.restricted = !allowed.IsNull();
  if (params.restricted) params.allowed_tokens = token_list(allowed, "allowedTokenIds");
  params.top_logprobs = count_or_null(object, "topLogprobs");
  params.prompt_logprobs = count_or_null(object, "promptLogprobs");
  return params;
}

}  // namespace

std::int64_t to_integer(const Napi::Value& value, const char* name) {
  if (!value.IsNumber()) refuse(name, value, "an integer");
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!(std::abs(number) <= kSafeIntegerMax) || number != std::floor(number)) {
    refuse(name, value, "an integer");
  }
  return static_cast<std::int64_t>(number);
}

ExecutorOptions to_executor_options(const Napi::Object& object) {
  ExecutorOptions options;
  options.model_folder = text_of(object, "modelFolder");
  options.backend = text_of(object, "backend");
  options.isa = text_of(object, "isa");
  options.thread_count = small_integer_of(object, "threadCount");
  options.rank_count = small_integer_of(object, "tensorParallelSize");
  options.kv_memory_bytes = integer_of(object, "kvMemoryBytes");
  options.max_model_len = integer_of(object, "maxModelLen");
  options.slot_count = integer_of(object, "slotCount");
  options.step_token_capacity = integer_of(object, "stepTokenCapacity");
  const Napi::Value strict = object.Get("strict");
  if (strict.IsBoolean()) {
    options.strict = strict.As<Napi::Boolean>().Value();
  } else if (!strict.IsNull()) {
    refuse("strict", strict, "true, false or null");
  }
  return options;
}

SlotParams to_slot_params(const Napi::Object& object) {
  SlotParams params;
  params.epoch = small_integer_of(object, "epoch");
  const Napi::Value sampling = object.Get("sampling");
  if (!sampling.IsObject()) refuse("sampling", sampling, "an object");
  params.sampling = to_sampling_params(sampling.As<Napi::Object>());
  params.prompt_token_count = integer_of(object, "promptTokenCount");
  params.tokens = token_array(object.Get("tokens"), "tokens");
  params.min_tokens = integer_of(object, "minTokens");
  params.stop_tokens = token_list(object.Get("stopTokenIds"), "stopTokenIds");
  return params;
}

Napi::Object from_info(Napi::Env env, const ExecutorInfo& info) {
  Napi::Object object = Napi::Object::New(env);
  const auto set = [&](const char* name, std::int64_t value) {
    object.Set(name, Napi::Number::New(env, static_cast<double>(value)));
  };
  object.Set("backend", info.backend);
  object.Set("isa", info.isa);
  object.Set("dtype", info.dtype);
  set("layerCount", info.layer_count);
  set("vocabSize", info.vocab_size);
  set("maxModelLen", info.max_model_len);
  set("blockCount", info.block_count);
  set("slotCount", info.slot_count);
  set("stepTokenCapacity", info.step_token_capacity);
  set("kvBytesPerToken", info.kv_bytes_per_token);
  set("weightBytes", info.weight_bytes);
  set("threadCount", info.thread_count);
  set("tensorParallelSize", info.tensor_parallel_size);
  return object;
}

Napi::Array from_extents(Napi::Env env, const StepArena& arena) {
  Napi::Array list = Napi::Array::New(env, StepArena::kArrayCount);
  std::uint32_t index = 0;
  for (const StepArena::Extent& extent : arena.extents()) {
    Napi::Array pair = Napi::Array::New(env, 2);
    pair.Set(0u, Napi::Number::New(env, static_cast<double>(extent.offset_bytes)));
    pair.Set(1u, Napi::Number::New(env, static_cast<double>(extent.length)));
    list.Set(index++, pair);
  }
  return list;
}

}  // namespace etap::binding
