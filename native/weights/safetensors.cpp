#include "weights/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "base/error.h"
#include "weights/json_reader.h"

namespace etap {

namespace {

constexpr std::size_t kDimensionsMax = 8;
constexpr std::int64_t kHeaderSizeBytes = 8;

struct StoredDType {
  const char* name;
  std::int64_t bytes;
  std::optional<DType>
      dtype;  // none: other tools may store it, the engine does not compute with it
};

constexpr std::array<StoredDType, 17> kStoredDTypes = {{
    {"F32", 4, DType::kF32},
    {"F16", 2, DType::kF16},
    {"BF16", 2, DType::kBF16},
    {"F8_E4M3", 1, DType::kF8E4M3},
    {"I32", 4, DType::kI32},
    {"F64", 8, {}},
    {"F8_E5M2", 1, {}},
    {"F8_E8M0", 1, {}},
    {"I64", 8, {}},
    {"I16", 2, {}},
    {"I8", 1, {}},
    {"U64", 8, {}},
    {"U32", 4, {}},
    {"U16", 2, {}},
    {"U8", 1, {}},
    {"BOOL", 1, {}},
    {"C64", 8, {}},
}};

// Everything said about one entry names its tensor and file.
class EntryReader {
 public:
  EntryReader(const std::string& name, const JsonValue& value, const std::string& file_name)
      : name_(name), value_(value), file_name_(file_name) {}

  SafetensorsEntry read(std::int64_t data_begin, std::int64_t data_bytes) const {
    SafetensorsEntry entry;
    entry.name = name_;
    const StoredDType& stored = read_dtype();
    entry.dtype_text = stored.name;
    entry.supported = stored.dtype.has_value();
    entry.dtype = stored.dtype.value_or(DType::kF32);
    entry.shape = read_shape();
    const auto [begin, end] = read_offsets(data_bytes);
    entry.file_offset = data_begin + begin;
    entry.bytes = end - begin;

    std::int64_t expected = stored.bytes;
    for (const std::int64_t dim : entry.shape) {
      if (__builtin_mul_overflow(expected, dim, &expected)) {
        fail("shape " + shape_string(entry.shape) + " has more bytes than any file");
      }
    }
    if (expected != entry.bytes) {
      fail("data_offsets span " + std::to_string(entry.bytes) + " bytes, but dtype " +
           entry.dtype_text + " with shape " + shape_string(entry.shape) + " takes " +
           std::to_string(expected));
    }
    return entry;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error("ETAP_ERR_TENSOR", file_name_ + ": tensor \"" + name_ + "\": " + what);
  }

  const JsonValue& member(const char* key) const {
    const JsonValue* found = value_.find(key);
    if (found == nullptr) fail(std::string("the header entry has no \"") + key + "\"");
    return *found;
  }

  const StoredDType& read_dtype() const {
    const JsonValue& value = member("dtype");
    const std::string* text = value.as_string();
    for (const StoredDType& stored : kStoredDTypes) {
      if (text != nullptr && *text == stored.name) return stored;
    }
    fail("dtype is " + value.describe() + ", which is not a dtype of the safetensors format");
  }

  Shape read_shape() const {
    const JsonValue& value = member("shape");
    const JsonValue::Array* dims = value.as_array();
    if (dims == nullptr) fail("shape is " + value.describe() + ", expected an array");
    if (dims->size() > kDimensionsMax) {
      fail("shape has " + std::to_string(dims->size()) + " dimensions, at most " +
           std::to_string(kDimensionsMax) + " are read");
    }
    Shape shape;
    for (const JsonValue& dim : *dims) {
      const std::int64_t* integer = dim.as_integer();
      if (integer == nullptr || *integer < 0) {
        fail("shape has the dimension " + dim.describe() + ", expected an integer >= 0");
      }
      shape.push_back(*integer);
    }
    return shape;
  }

  std::pair<std::int64_t, std::int64_t> read_offsets(std::int64_t data_bytes) const {
    const JsonValue& value = member("data_offsets");
    const JsonValue::Array* pair = value.as_array();
    if (pair == nullptr || pair->size() != 2) {
      fail("data_offsets is " + value.describe() + ", expected an array of two integers");
    }
    const std::int64_t* begin = (*pair)[0].as_integer();
    const std::int64_t* end = (*pair)[1].as_integer();
    if (begin == nullptr || end == nullptr || *begin < 0 || *begin > *end || *end > data_bytes) {
      fail("data_offsets are [" + (*pair)[0].describe() + ", " + (*pair)[1].describe() +
           "], expected 0 <= begin <= end <= " + std::to_string(data_bytes) +
           " (the bytes of data in the file); the file may be truncated, download it again");
    }
    return {*begin, *end};
  }

  const std::string& name_;
  const JsonValue& value_;
  const std::string& file_name_;
};

Error header_error(const std::string& file_name, const std::string& what) {
  return Error("ETAP_ERR_CHECKPOINT", file_name + ": " + what);
}

void check_metadata(const JsonValue& metadata, const std::string& file_name) {
  const JsonValue::Object* object = metadata.as_object();
  if (object == nullptr) {
    throw header_error(file_name,
                       "__metadata__ is " + metadata.describe() + ", expected an object");
  }
  for (const auto& [key, value] : object->members) {
    if (value.as_string() == nullptr) {
      throw header_error(file_name, "__metadata__ has \"" + key + "\": " + value.describe() +
                                        ", expected a string");
    }
  }
}

// The data must be covered from its first to its last byte, each byte once.
void check_coverage(const std::vector<SafetensorsEntry>& entries, std::int64_t data_begin,
                    std::int64_t data_bytes, const std::string& file_name) {
  std::int64_t at = data_begin;
  for (const SafetensorsEntry& entry : entries) {
    if (entry.file_offset != at) {
      const char* what = entry.file_offset < at ? "overlaps the tensor before it: it begins"
                                                : "begins after a hole:";
      throw Error("ETAP_ERR_TENSOR", file_name + ": tensor \"" + entry.name + "\" " + what +
                                         " at data offset " +
                                         std::to_string(entry.file_offset - data_begin) +
                                         ", expected " + std::to_string(at - data_begin));
    }
    at += entry.bytes;
  }
  if (at != data_begin + data_bytes) {
    throw header_error(file_name, "the tensors cover " + std::to_string(at - data_begin) +
                                      " bytes of data, but the file has " +
                                      std::to_string(data_bytes));
  }
}

}  // namespace

std::vector<SafetensorsEntry> parse_safetensors_header(std::string_view header,
                                                       std::int64_t data_bytes,
                                                       const std::string& file_name) {
  if (header.empty() || header.front() != '{') {
    throw header_error(file_name, "the safetensors header does not begin with '{'");
  }
  JsonValue root;
  try {
    root = parse_json(header);
  } catch (const JsonError& error) {
    throw header_error(file_name, std::string("the safetensors header is ") + error.what());
  }
  const std::int64_t data_begin = kHeaderSizeBytes + static_cast<std::int64_t>(header.size());
  std::vector<SafetensorsEntry> entries;
  for (const auto& [name, value] : root.as_object()->members) {
    if (name == "__metadata__") {
      check_metadata(value, file_name);
    } else {
      entries.push_back(EntryReader(name, value, file_name).read(data_begin, data_bytes));
    }
  }
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return std::pair(a.file_offset, a.bytes) < std::pair(b.file_offset, b.bytes);
  });
  check_coverage(entries, data_begin, data_bytes, file_name);
  return entries;
}

std::vector<SafetensorsEntry> read_safetensors_header(const File& file) {
  const std::string name = file.path().string();
  std::uint64_t header_bytes = 0;
  static_assert(sizeof(header_bytes) == kHeaderSizeBytes);
  if (file.size() < kHeaderSizeBytes) {
    throw header_error(name, "has " + std::to_string(file.size()) +
                                 " bytes, too few for a safetensors file; download it again");
  }
  file.read(0, &header_bytes, sizeof(header_bytes));
  const auto left = static_cast<std::uint64_t>(file.size() - kHeaderSizeBytes);
  if (header_bytes > static_cast<std::uint64_t>(kHeaderBytesMax) || header_bytes > left) {
    throw header_error(name, "the header size is " + std::to_string(header_bytes) +
                                 " bytes, expected at most " + std::to_string(kHeaderBytesMax) +
                                 " and at most the " + std::to_string(left) +
                                 " bytes that follow; this is not a whole safetensors file");
  }
  std::string header(header_bytes, '\0');
  file.read(kHeaderSizeBytes, header.data(), header.size());
  const auto data_bytes = static_cast<std::int64_t>(left - header_bytes);
  return parse_safetensors_header(header, data_bytes, name);
}

}  // namespace etap
