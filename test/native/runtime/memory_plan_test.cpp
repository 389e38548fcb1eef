#include "runtime/memory_plan.h"

#include "test.h"

namespace etap {

namespace {

constexpr std::int64_t kGiB = std::int64_t{1} << 30;

MemoryNeeds small_needs() {
  MemoryNeeds needs{};
  needs.available_bytes = 16 * kGiB;
  needs.weight_bytes = 4 * kGiB;
  needs.kv_bytes_per_token = 1024;
  needs.spare_share = 0.5;
  needs.max_positions = 4096;
  needs.slot_count = 16;
  return needs;
}

}  // namespace

TEST("no more blocks are planned than slots and prefix cache can use") {
  const MemoryPlan plan = plan_memory(small_needs());
  CHECK_EQ(plan.block_count, 16 * 64 * 2 + 1);
  CHECK_EQ(plan.max_model_len, 4096);
}

TEST("a share of what the weights leave bounds blocks and context") {
  MemoryNeeds needs = small_needs();
  needs.available_bytes = needs.weight_bytes + 2 * 65536 * 10;
  const MemoryPlan plan = plan_memory(needs);
  CHECK_EQ(plan.block_count, 10);
  CHECK_EQ(plan.max_model_len, 9 * 64);
}

TEST("memory and context that were asked for are kept") {
  MemoryNeeds needs = small_needs();
  needs.kv_memory_bytes = 100 * 65536 + 5;
  needs.max_model_len = 1000;
  const MemoryPlan plan = plan_memory(needs);
  CHECK_EQ(plan.block_count, 100);
  CHECK_EQ(plan.max_model_len, 1000);
}

TEST("what does not fit is refused with the figures") {
  MemoryNeeds needs = small_needs();
  needs.weight_bytes = 20 * kGiB;
  CHECK_ERROR(plan_memory(needs), "ETAP_ERR_OUT_OF_MEMORY", "weights take 20.0 GiB",
              "16.0 GiB of memory are available");
  needs = small_needs();
  needs.kv_memory_bytes = 13 * kGiB;
  CHECK_ERROR(plan_memory(needs), "ETAP_ERR_OUT_OF_MEMORY", "engine.kvMemoryBytes is 13.0 GiB",
              "leave 12.0 GiB");
  needs.kv_memory_bytes = 1 << 20;
  needs.max_model_len = 4096;
  CHECK_ERROR(plan_memory(needs), "ETAP_ERR_OUT_OF_MEMORY", "one sequence takes 4.1 MiB",
              "room for 1.0 MiB");
  needs.kv_memory_bytes = 100000;
  needs.max_model_len = 0;
  CHECK_ERROR(plan_memory(needs), "ETAP_ERR_OUT_OF_MEMORY", "raise engine.kvMemoryBytes");
  needs = small_needs();
  needs.max_model_len = 4097;
  CHECK_ERROR(plan_memory(needs), "ETAP_ERR_CONFIG", "model.maxModelLen is 4097", "4096 positions");
}

}  // namespace etap
