// A regular file opened for reading; reads are positional, so threads share it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace etap {

class File {
 public:
  // Throws ETAP_ERR_CHECKPOINT when there is no such regular file or it cannot be opened.
  explicit File(std::filesystem::path path);
  ~File();
  File(File&& other) noexcept;
  File& operator=(File&&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // Bytes when it was opened.
  std::int64_t size() const { return size_; }

  // Reads all of [offset, offset + bytes). Throws ETAP_ERR_CHECKPOINT when the file ends early or
  // the disk fails.
  void read(std::int64_t offset, void* out, std::size_t bytes) const;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  std::int64_t size_ = 0;
};

// The whole of a small text file; at most `bytes_max`. Throws ETAP_ERR_CHECKPOINT.
std::string read_text_file(const std::filesystem::path& path, std::int64_t bytes_max);

}  // namespace etap
