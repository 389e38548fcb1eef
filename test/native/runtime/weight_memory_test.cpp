// The prediction against what the loaded models say.
#include "runtime/weight_memory.h"

#include <filesystem>

#include "runtime/open_executor.h"
#include "test.h"

namespace etap {

namespace {

void check_prediction(const std::filesystem::path& folder, const std::string& backend, int ranks,
                      double slack) {
  ExecutorOptions options;
  options.model_folder = folder.string();
  options.backend = backend;
  options.thread_count = 2;
  options.rank_count = ranks;
  options.slot_count = 2;
  options.step_token_capacity = 128;
  options.kv_memory_bytes = std::int64_t{64} << 20;
  const OpenedExecutor opened =
      open_executor(options, [](const char*, std::int64_t, std::int64_t) {});
  const WeightForm form = backend == "reference" ? WeightForm::kWide : WeightForm::kStored;
  const std::int64_t predicted =
      ranks *
      resident_weight_bytes(load_model_config(folder), Checkpoint::open(folder), ranks, form);
  const auto actual = static_cast<double>(opened.info.weight_bytes);
  const double ratio = static_cast<double>(predicted) / actual;
  if (ratio >= 1.0 && ratio <= slack) return;
  test::fail(__FILE__, __LINE__,
             folder.string() + " on " + backend + " with " + std::to_string(ranks) +
                 " ranks: predicted over actual bytes is " + std::to_string(ratio));
}

}  // namespace

TEST("the weights of the demo model take what was predicted") {
  const std::filesystem::path demo = std::filesystem::path(ETAP_SOURCE_DIR) / "models/demo";
  check_prediction(demo, "cpu", 1, 1.05);
  check_prediction(demo, "cpu", 2, 1.25);
  check_prediction(demo, "reference", 1, 1.05);
}

TEST("no form of checkpoint takes more than was predicted") {
  const std::filesystem::path golden =
      std::filesystem::path(ETAP_SOURCE_DIR) / "test/golden/logits";
  for (const auto& entry : std::filesystem::directory_iterator(golden)) {
    if (!entry.is_directory()) continue;
    // Small matrices are padded to whole panels and their shares to whole scale blocks.
    check_prediction(entry.path(), "cpu", 1, 4.0);
    check_prediction(entry.path(), "reference", 1, 4.0);
  }
}

}  // namespace etap
