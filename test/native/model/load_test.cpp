// Loading: missing and misshapen tensors are named; layers for multi-token prediction are not read.
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "backend/create.h"
#include "support/model_runner.h"
#include "temporary_folder.h"
#include "test.h"

namespace etap::test {
namespace {

const std::filesystem::path kGolden =
    std::filesystem::path(ETAP_SOURCE_DIR) / "test" / "golden" / "logits";

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// A copy of a golden checkpoint with one text replaced by another of the same length.
void copy_edited(const std::string& model, const std::filesystem::path& folder,
                 const std::string& file, const std::string& from, const std::string& to) {
  for (const auto& entry : std::filesystem::directory_iterator(kGolden / model)) {
    std::filesystem::copy(entry.path(), folder / entry.path().filename());
  }
  std::string text = read_file(folder / file);
  const std::size_t place = text.find(from);
  CHECK(place != std::string::npos && from.size() == to.size());
  text.replace(place, from.size(), to);
  std::ofstream(folder / file, std::ios::binary) << text;
}

void load(const std::filesystem::path& folder, int ranks = 1) {
  RunnerOptions options;
  options.ranks = ranks;
  ModelRunner runner(folder, options);
}

TEST("a missing tensor is named") {
  const TemporaryFolder folder;
  copy_edited("v2-direct-q-greedy-bf16", folder.path(), "model.safetensors",
              "model.layers.1.mlp.gate.weight", "model.layers.1.mlp.gate.height");
  CHECK_ERROR(load(folder.path()), "ETAP_ERR_TENSOR", "model.layers.1.mlp.gate.weight");
}

TEST("a tensor of another shape is named with both shapes") {
  const TemporaryFolder folder;
  copy_edited("v2-direct-q-greedy-bf16", folder.path(), "config.json", "\"intermediate_size\": 64",
              "\"intermediate_size\": 62");
  CHECK_ERROR(load(folder.path()), "ETAP_ERR_TENSOR", "model.layers.0.mlp.gate_proj.weight",
              "[64, 32]", "[62, 32]");
}

TEST("more ranks than heads are refused") {
  CHECK_ERROR(load(kGolden / "v3-wide-heads-fp8", 2), "ETAP_ERR_CONFIG", "3 attention heads");
}

TEST("progress counts every tensor but those of multi-token prediction") {
  const std::filesystem::path folder = kGolden / "v3-noaux-mtp-bf16";
  const ModelConfig config = load_model_config(folder);
  const Checkpoint checkpoint = Checkpoint::open(folder);
  std::int64_t expected = 0;
  for (const std::string& name : checkpoint.names()) {
    const bool prediction =
        name.starts_with("model.layers." + std::to_string(config.layer_count) + ".");
    if (!prediction) expected += checkpoint.info(name).bytes;
  }
  CHECK(expected < checkpoint.total_bytes());
  const auto backend = create_backend("cpu", {});
  LocalGroup group(1);
  const auto communicator = group.member(0);
  std::int64_t done = 0;
  const Transformer transformer(config, checkpoint, *backend, *communicator, {4, 8, 8, 8, true},
                                [&](std::int64_t bytes) {
                                  CHECK(bytes > done);
                                  done = bytes;
                                });
  CHECK_EQ(done, expected);
  CHECK(transformer.weight_bytes() > 0);
}

TEST("the latent cache takes two bytes a value") {
  const ModelConfig config = load_model_config(kGolden / "v3-kernel-shape-fp8");
  CHECK_EQ(Transformer::kv_bytes_per_token(config), std::int64_t{576 * 2});
}

}  // namespace
}  // namespace etap::test
