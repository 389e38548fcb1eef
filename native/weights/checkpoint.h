// A Hugging Face checkpoint folder: config.json and one or more safetensors files. Everything in
// the headers is verified when the folder is opened; tensors are read by pread, never mapped (a
// file that is truncated under a mapping is SIGBUS).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.h"

namespace etap {

struct TensorInfo {
  std::string name;
  DType dtype;
  Shape shape;
  std::filesystem::path file;
  std::int64_t file_offset;  // bytes
  std::int64_t bytes;
};

// Rows or columns of a 2-D tensor: [begin, end) along `dim`; dim -1 is the whole tensor.
struct Slice {
  int dim = -1;
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

class Checkpoint {
 public:
  // Opens model.safetensors or the shards named by model.safetensors.index.json.
  // Throws ETAP_ERR_CHECKPOINT (folder, header, index) or ETAP_ERR_TENSOR (one tensor's entry); the
  // message names the tensor and the file, what was found and what was expected.
  static Checkpoint open(const std::filesystem::path& folder);

  Checkpoint(Checkpoint&&) noexcept;
  Checkpoint& operator=(Checkpoint&&) noexcept;
  ~Checkpoint();

  const std::filesystem::path& folder() const;
  bool contains(std::string_view name) const;
  // Throws ETAP_ERR_TENSOR when missing.
  const TensorInfo& info(std::string_view name) const;
  std::vector<std::string> names() const;
  std::int64_t total_bytes() const;

  // Reads a tensor, or a slice of it, in the dtype it is stored in. Thread-safe.
  // Throws ETAP_ERR_TENSOR when missing, when its shape is not `expected_shape` (the whole
  // tensor's), or when the file ends early.
  HostTensor load(std::string_view name, const Shape& expected_shape, Slice slice = {}) const;

 private:
  struct State;
  explicit Checkpoint(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace etap
