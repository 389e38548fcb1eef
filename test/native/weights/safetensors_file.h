// Builds safetensors files in memory.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

namespace etap::test {

// Header size, header, data.
inline std::string safetensors_file(const std::string& header, const std::string& data) {
  std::uint64_t size = header.size();
  std::string file(sizeof(size), '\0');
  std::memcpy(file.data(), &size, sizeof(size));
  return file + header + data;
}

inline std::string tensor_entry(const std::string& name, const std::string& dtype,
                                const std::string& shape, std::int64_t begin, std::int64_t end) {
  return '"' + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":[)" +
         std::to_string(begin) + ',' + std::to_string(end) + "]}";
}

}  // namespace etap::test
