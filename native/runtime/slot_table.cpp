#include "runtime/slot_table.h"

#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace etap {

namespace {

constexpr double kPenaltyMax = 100.0;
constexpr double kRepetitionPenaltyMin = 1e-3;
constexpr double kRepetitionPenaltyMax = 1e3;
constexpr double kTemperatureMax = 1e3;
constexpr double kBiasMax = 1e6;

// 0.1 as "0.1", not "0.100000".
std::string number_text(double value) {
  std::string text = std::to_string(value);
  const std::size_t last = text.find_last_not_of('0');
  if (text.find('.') != std::string::npos && last != std::string::npos) {
    text.resize(text[last] == '.' ? last : last + 1);
  }
  return text;
}

[[noreturn]] void refuse(std::string_view field, const std::string& found,
                         const std::string& allowed) {
  throw Error("ETAP_ERR_INVALID_REQUEST",
              std::string(field) + " is " + found + ", expected " + allowed);
}

void check_number(std::string_view field, double value, double min, double max) {
  // Written so that NaN is refused.
  if (value >= min && value <= max) return;
  refuse(field, number_text(value),
         "a number from " + number_text(min) + " to " + number_text(max));
}

void check_integer(std::string_view field, std::int64_t value, std::int64_t min, std::int64_t max) {
  if (value >= min && value <= max) return;
  refuse(field, std::to_string(value),
         "an integer from " + std::to_string(min) + " to " + std::to_string(max));
}

void check_tokens(std::string_view field, std::span<const std::int32_t> tokens,
                  std::int64_t vocab_size) {
  for (const std::int32_t token : tokens) {
    if (token >= 0 && token < vocab_size) continue;
    refuse(std::string(field) + "[]", std::to_string(token),
           "an id from 0 to " + std::to_string(vocab_size - 1));
  }
}

void check_sampling(const SamplingParams& params, std::int64_t vocab_size) {
  check_number("temperature", params.temperature, 0.0, kTemperatureMax);
  check_integer("topK", params.top_k, 0, INT32_MAX);
  check_number("topP", params.top_p, 0.0, 1.0);
  check_number("minP", params.min_p, 0.0, 1.0);
  check_number("repetitionPenalty", params.repetition_penalty, kRepetitionPenaltyMin,
               kRepetitionPenaltyMax);
  check_number("frequencyPenalty", params.frequency_penalty, -kPenaltyMax, kPenaltyMax);
  check_number("presencePenalty", params.presence_penalty, -kPenaltyMax, kPenaltyMax);
  for (const LogitBias& bias : params.logit_bias) {
    check_tokens("logitBias", {&bias.token, 1}, vocab_size);
    check_number("logitBias", static_cast<double>(bias.bias), -kBiasMax, kBiasMax);
  }
  check_tokens("allowedTokenIds", params.allowed_tokens, vocab_size);
  if (params.restricted && params.allowed_tokens.empty()) {
    refuse("allowedTokenIds", "empty", "at least one id");
  }
  check_integer("topLogprobs", params.top_logprobs, -1, kTopLogprobsMax);
  check_integer("promptLogprobs", params.prompt_logprobs, -1, kTopLogprobsMax);
}

void check_params(const SlotParams& params, const SlotLimits& limits) {
  check_sampling(params.sampling, limits.vocab_size);
  const auto known = static_cast<std::int64_t>(params.tokens.size());
  check_integer("the number of tokens", known, 1, limits.max_model_len);
  check_integer("promptTokenCount", params.prompt_token_count, 1, known);
  check_integer("minTokens", params.min_tokens, 0, INT32_MAX);
  check_tokens("tokens", params.tokens, limits.vocab_size);
  check_tokens("stopTokenIds", params.stop_tokens, limits.vocab_size);
}

Error step_error(const std::string& what) {
  return Error("ETAP_ERR_STEP_FAILED", what);
}

}  // namespace

SlotTable::SlotTable(const SlotLimits& limits)
    : limits_(limits),
      slots_(static_cast<std::size_t>(limits.slot_count)),
      block_tables_(static_cast<std::size_t>(limits.slot_count * limits.blocks_per_sequence())) {}

void SlotTable::admit(std::int64_t slot, SlotParams params) {
  if (slot < 0 || slot >= limits_.slot_count) {
    throw Error("ETAP_ERR_INTERNAL", "admit: slot " + std::to_string(slot) + " does not exist, " +
                                         std::to_string(limits_.slot_count) + " slots do");
  }
  Slot& target = slots_[static_cast<std::size_t>(slot)];
  if (target.admitted) {
    throw Error("ETAP_ERR_INTERNAL", "admit: slot " + std::to_string(slot) + " is taken by epoch " +
                                         std::to_string(target.params.epoch) +
                                         "; release it first");
  }
  check_params(params, limits_);
  target = Slot{};
  target.params = std::move(params);
  target.admitted = true;
}

void SlotTable::release(std::int64_t slot) {
  Slot* target = find(slot);
  if (target == nullptr) {
    throw Error("ETAP_ERR_INTERNAL", "release: slot " + std::to_string(slot) + " is not admitted");
  }
  *target = Slot{};
}

Slot* SlotTable::find(std::int64_t slot) {
  if (slot < 0 || slot >= limits_.slot_count) return nullptr;
  Slot& target = slots_[static_cast<std::size_t>(slot)];
  return target.admitted ? &target : nullptr;
}

void SlotTable::apply(const BlockDelta& delta) {
  Slot* slot = find(delta.slot);
  if (slot == nullptr) {
    throw step_error("a block-table entry names slot " + std::to_string(delta.slot) +
                     ", which is not admitted");
  }
  const std::int64_t room = limits_.blocks_per_sequence();
  if (delta.block_index < 0 || delta.block_index > slot->block_count || delta.block_index >= room) {
    throw step_error("slot " + std::to_string(delta.slot) + ": block-table index " +
                     std::to_string(delta.block_index) + ", expected at most " +
                     std::to_string(std::min(slot->block_count, room - 1)) +
                     " (entries are appended in order)");
  }
  if (delta.block_id < 1 || delta.block_id >= limits_.block_count) {
    throw step_error("slot " + std::to_string(delta.slot) + ": block id " +
                     std::to_string(delta.block_id) + ", expected 1 to " +
                     std::to_string(limits_.block_count - 1));
  }
  if (delta.block_index == slot->block_count) ++slot->block_count;
  block_tables_[static_cast<std::size_t>(delta.slot * room + delta.block_index)] = delta.block_id;
}

const std::int32_t* SlotTable::block_table(std::int64_t slot) const {
  return block_tables_.data() + slot * limits_.blocks_per_sequence();
}

}  // namespace etap
