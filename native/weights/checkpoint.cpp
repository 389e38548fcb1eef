#include "weights/checkpoint.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "weights/file.h"
#include "weights/json_reader.h"
#include "weights/safetensors.h"

namespace etap {

namespace fs = std::filesystem;

namespace {

constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";
constexpr std::int64_t kIndexBytesMax = 100'000'000;
constexpr std::size_t kShardCountMax = 4096;
// Columns are read row by row above this size, else whole rows through a buffer.
constexpr std::int64_t kRowReadBytesMin = 1024;
constexpr std::int64_t kStagingBytes = std::int64_t{4} << 20;

struct StoredTensor {
  TensorInfo info;
  std::string dtype_text;
  bool supported;
  std::size_t shard;
};

using WeightMap = std::map<std::string, std::string>;  // tensor name -> shard file name

Error index_error(const fs::path& index, const std::string& what) {
  return Error("ETAP_ERR_CHECKPOINT", index.string() + ": " + what);
}

// The "weight_map" of an index file; shard names are plain file names in the same folder.
WeightMap read_index(const fs::path& index) {
  JsonValue root;
  try {
    root = parse_json(read_text_file(index, kIndexBytesMax));
  } catch (const JsonError& error) {
    throw index_error(index, error.what());
  }
  const JsonValue* map = root.find("weight_map");
  if (map == nullptr || map->as_object() == nullptr || map->as_object()->members.empty()) {
    throw index_error(index, "has no \"weight_map\" of tensor names to file names");
  }
  WeightMap result;
  for (const auto& [tensor, file] : map->as_object()->members) {
    const std::string* name = file.as_string();
    if (name == nullptr || name->empty() || *name == "." || *name == ".." ||
        name->find_first_of(std::string_view("/\\\0", 3)) != std::string::npos) {
      throw index_error(index, "tensor \"" + tensor + "\" is in the file " + file.describe() +
                                   ", expected the name of a file in this folder");
    }
    result.emplace(tensor, *name);
  }
  return result;
}

}  // namespace

struct Checkpoint::State {
  fs::path folder;
  std::vector<File> shards;
  std::unordered_map<std::string, StoredTensor> tensors;
  std::int64_t total_bytes = 0;

  void add_shard(const fs::path& path) {
    const std::size_t shard = shards.size();
    shards.emplace_back(path);
    for (SafetensorsEntry& entry : read_safetensors_header(shards.back())) {
      const auto known = tensors.find(entry.name);
      if (known != tensors.end()) {
        throw Error("ETAP_ERR_TENSOR", path.string() + ": tensor \"" + entry.name +
                                           "\" is also in " + known->second.info.file.string() +
                                           "; each tensor must be in one file");
      }
      total_bytes += entry.bytes;
      StoredTensor tensor{
          {entry.name, entry.dtype, std::move(entry.shape), path, entry.file_offset, entry.bytes},
          std::move(entry.dtype_text),
          entry.supported,
          shard};
      tensors.emplace(std::move(entry.name), std::move(tensor));
    }
  }

  void check_index(const WeightMap& map, const fs::path& index) const {
    for (const auto& [name, file] : map) {
      const auto found = tensors.find(name);
      if (found == tensors.end() || found->second.info.file.filename() != file) {
        const std::string where =
            found == tensors.end() ? "in no file" : "in " + found->second.info.file.string();
        throw Error("ETAP_ERR_TENSOR", index.string() + ": tensor \"" + name + "\" should be in " +
                                           file + " but is " + where +
                                           "; download the checkpoint again");
      }
    }
  }

  const StoredTensor& find(std::string_view name) const {
    const auto found = tensors.find(std::string(name));
    if (found == tensors.end()) {
      throw Error("ETAP_ERR_TENSOR",
                  folder.string() + ": the checkpoint has no tensor \"" + std::string(name) +
                      "\"; its config.json or its files belong to another model");
    }
    const StoredTensor& tensor = found->second;
    if (!tensor.supported) {
      throw Error("ETAP_ERR_TENSOR", tensor.info.file.string() + ": tensor \"" + tensor.info.name +
                                         "\" has dtype " + tensor.dtype_text +
                                         ", supported are F32, F16, BF16, F8_E4M3 and I32");
    }
    return tensor;
  }
};

Checkpoint::Checkpoint(std::unique_ptr<State> state) : state_(std::move(state)) {}
Checkpoint::Checkpoint(Checkpoint&&) noexcept = default;
Checkpoint& Checkpoint::operator=(Checkpoint&&) noexcept = default;
Checkpoint::~Checkpoint() = default;

Checkpoint Checkpoint::open(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) {
    throw Error("ETAP_ERR_CHECKPOINT", folder.string() +
                                           ": there is no such folder; give the folder of a "
                                           "Hugging Face checkpoint");
  }
  auto state = std::make_unique<State>();
  state->folder = folder;
  const fs::path single = folder / kSingleFile;
  const fs::path index = folder / kIndexFile;
  if (fs::exists(single, ignored)) {
    state->add_shard(single);
  } else if (fs::exists(index, ignored)) {
    const WeightMap map = read_index(index);
    std::set<std::string> files;
    for (const auto& [tensor, file] : map) files.insert(file);
    if (files.size() > kShardCountMax) {
      throw index_error(index, "names " + std::to_string(files.size()) + " files, at most " +
                                   std::to_string(kShardCountMax) + " are read");
    }
    for (const std::string& file : files) state->add_shard(folder / file);
    state->check_index(map, index);
  } else {
    throw Error("ETAP_ERR_CHECKPOINT", folder.string() + ": has neither " + kSingleFile + " nor " +
                                           kIndexFile +
                                           "; give the folder of a Hugging Face checkpoint");
  }
  return Checkpoint(std::move(state));
}

const fs::path& Checkpoint::folder() const {
  return state_->folder;
}

bool Checkpoint::contains(std::string_view name) const {
  return state_->tensors.contains(std::string(name));
}

const TensorInfo& Checkpoint::info(std::string_view name) const {
  return state_->find(name).info;
}

std::vector<std::string> Checkpoint::names() const {
  std::vector<std::string> names;
  names.reserve(state_->tensors.size());
  for (const auto& [name, tensor] : state_->tensors) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

std::int64_t Checkpoint::total_bytes() const {
  return state_->total_bytes;
}

namespace {

void check_slice(const TensorInfo& info, const Slice& slice) {
  const auto dims = static_cast<int>(info.shape.size());
  const bool whole = slice.dim == -1;
  const bool rows = slice.dim == 0 && dims >= 1;
  const bool columns = slice.dim == 1 && dims == 2;
  if (whole) return;
  if ((!rows && !columns) || slice.begin < 0 || slice.begin > slice.end ||
      slice.end > info.shape[static_cast<std::size_t>(slice.dim)]) {
    throw Error("ETAP_ERR_TENSOR", info.file.string() + ": tensor \"" + info.name +
                                       "\" with shape " + shape_string(info.shape) +
                                       " has no slice [" + std::to_string(slice.begin) + ", " +
                                       std::to_string(slice.end) + ") along dimension " +
                                       std::to_string(slice.dim));
  }
}

// Reads columns [begin, end) of a row-major matrix.
void read_columns(const File& file, const TensorInfo& info, const Slice& slice, std::byte* out) {
  const auto item = static_cast<std::int64_t>(dtype_bytes(info.dtype));
  const std::int64_t rows = info.shape[0];
  const std::int64_t row_bytes = info.shape[1] * item;
  const std::int64_t begin_bytes = slice.begin * item;
  const std::int64_t slice_bytes = (slice.end - slice.begin) * item;
  const auto piece = static_cast<std::size_t>(slice_bytes);
  if (slice_bytes == 0) return;
  if (slice_bytes >= kRowReadBytesMin) {
    for (std::int64_t row = 0; row < rows; ++row) {
      file.read(info.file_offset + row * row_bytes + begin_bytes, out + row * slice_bytes, piece);
    }
    return;
  }
  const std::int64_t batch = std::max<std::int64_t>(1, kStagingBytes / row_bytes);
  std::vector<std::byte> staging(static_cast<std::size_t>(std::min(batch, rows) * row_bytes));
  for (std::int64_t row = 0; row < rows; row += batch) {
    const std::int64_t count = std::min(batch, rows - row);
    file.read(info.file_offset + row * row_bytes, staging.data(),
              static_cast<std::size_t>(count * row_bytes));
    for (std::int64_t i = 0; i < count; ++i) {
      std::memcpy(out + (row + i) * slice_bytes, staging.data() + i * row_bytes + begin_bytes,
                  piece);
    }
  }
}

}  // namespace

HostTensor Checkpoint::load(std::string_view name, const Shape& expected_shape, Slice slice) const {
  const StoredTensor& stored = state_->find(name);
  const TensorInfo& info = stored.info;
  if (info.shape != expected_shape) {
    throw Error("ETAP_ERR_TENSOR", info.file.string() + ": tensor \"" + info.name +
                                       "\" has shape " + shape_string(info.shape) + ", expected " +
                                       shape_string(expected_shape) + " by config.json");
  }
  check_slice(info, slice);
  const File& file = state_->shards[stored.shard];
  Shape shape = info.shape;
  if (slice.dim >= 0) shape[static_cast<std::size_t>(slice.dim)] = slice.end - slice.begin;
  HostTensor tensor(info.dtype, std::move(shape));
  try {
    if (slice.dim == 1) {
      read_columns(file, info, slice, tensor.data<std::byte>());
    } else {
      const std::int64_t row_bytes =
          slice.dim == 0 && info.shape[0] > 0 ? info.bytes / info.shape[0] : 0;
      file.read(info.file_offset + slice.begin * row_bytes, tensor.data<std::byte>(),
                tensor.bytes());
    }
  } catch (const Error& error) {
    throw Error("ETAP_ERR_TENSOR", "tensor \"" + info.name + "\": " + error.what());
  }
  return tensor;
}

}  // namespace etap
