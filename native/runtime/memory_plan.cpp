#include "runtime/memory_plan.h"

#include <algorithm>
#include <cstdio>
#include <string>

#include "base/error.h"
#include "runtime/step_batch.h"

namespace etap {

namespace {

// Blocks beyond what all slots can hold keep prefixes for reuse; as many again are plenty.
constexpr std::int64_t kPrefixCacheFactor = 2;

std::string size_text(std::int64_t bytes) {
  constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;
  constexpr double kMiB = 1024.0 * 1024.0;
  char text[32];
  const auto value = static_cast<double>(bytes);
  const bool large = value >= kGiB;
  std::snprintf(text, sizeof(text), large ? "%.1f GiB" : "%.1f MiB", value / (large ? kGiB : kMiB));
  return text;
}

std::int64_t blocks_of(std::int64_t tokens) {
  return (tokens + kBlockSize - 1) / kBlockSize;
}

Error out_of_memory(const std::string& what) {
  return Error("ETAP_ERR_OUT_OF_MEMORY", what);
}

std::int64_t kv_memory(const MemoryNeeds& needs) {
  const std::int64_t fixed = needs.weight_bytes + needs.activation_bytes;
  const std::int64_t spare = needs.available_bytes - fixed;
  if (spare <= 0) {
    throw out_of_memory("the weights take " + size_text(needs.weight_bytes) +
                        " and the activations of a step " + size_text(needs.activation_bytes) +
                        ", but " + size_text(needs.available_bytes) +
                        " of memory are available; free memory, use a smaller model, raise "
                        "engine.tensorParallelSize or lower engine.stepTokenCapacity");
  }
  if (needs.kv_memory_bytes == 0) {
    return static_cast<std::int64_t>(static_cast<double>(spare) * needs.spare_share);
  }
  if (needs.kv_memory_bytes > spare) {
    throw out_of_memory("engine.kvMemoryBytes is " + size_text(needs.kv_memory_bytes) +
                        ", but the weights (" + size_text(needs.weight_bytes) + ") leave " +
                        size_text(spare) + " of " + size_text(needs.available_bytes) +
                        "; lower it");
  }
  return needs.kv_memory_bytes;
}

}  // namespace

MemoryPlan plan_memory(const MemoryNeeds& needs) {
  if (needs.max_model_len > needs.max_positions) {
    throw Error("ETAP_ERR_CONFIG", "model.maxModelLen is " + std::to_string(needs.max_model_len) +
                                       ", but the model has " +
                                       std::to_string(needs.max_positions) +
                                       " positions (max_position_embeddings); lower it");
  }
  const std::int64_t wanted = needs.max_model_len > 0 ? needs.max_model_len : needs.max_positions;
  const std::int64_t block_bytes = needs.kv_bytes_per_token * kBlockSize;
  const std::int64_t memory = kv_memory(needs);
  std::int64_t block_count = memory / block_bytes;
  if (needs.kv_memory_bytes == 0) {
    const std::int64_t useful = needs.slot_count * blocks_of(wanted) * kPrefixCacheFactor + 1;
    block_count = std::min(block_count, useful);
  }
  // The null block and, unless a length was asked for, room for one block of context.
  const std::int64_t needed = 1 + (needs.max_model_len > 0 ? blocks_of(wanted) : 1);
  if (block_count < needed) {
    throw out_of_memory("the KV cache of one sequence takes " + size_text(needed * block_bytes) +
                        ", but there is room for " + size_text(std::max<std::int64_t>(memory, 0)) +
                        " of KV cache beside the weights (" + size_text(needs.weight_bytes) +
                        " of " + size_text(needs.available_bytes) +
                        "); raise engine.kvMemoryBytes or lower model.maxModelLen");
  }
  return {block_count, std::min(wanted, (block_count - 1) * kBlockSize)};
}

}  // namespace etap
