// The header of one safetensors file, read and verified.
// Format: 8 bytes header size (little endian), JSON header, data. Each entry gives dtype, shape and
// [begin, end) offsets into the data, which must be covered without overlap or hole.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/tensor.h"
#include "weights/file.h"

namespace etap {

struct SafetensorsEntry {
  std::string name;
  std::string dtype_text;
  bool supported;  // false: a dtype the engine does not compute with; `dtype` is then meaningless
  DType dtype;
  Shape shape;
  std::int64_t file_offset;  // bytes
  std::int64_t bytes;
};

// Most bytes of a header, as in the reference implementation.
inline constexpr std::int64_t kHeaderBytesMax = 100'000'000;

// Entries in the order of their data.
// Throws ETAP_ERR_CHECKPOINT (the file or header) or ETAP_ERR_TENSOR (one entry).
std::vector<SafetensorsEntry> read_safetensors_header(const File& file);

// The same on a header in memory; `data_bytes` is what follows it, `file_name` is for messages.
std::vector<SafetensorsEntry> parse_safetensors_header(std::string_view header,
                                                       std::int64_t data_bytes,
                                                       const std::string& file_name);

}  // namespace etap
