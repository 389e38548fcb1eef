#include "weights/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace etap {

namespace {

// One read call of Linux transfers at most this much anyway.
constexpr std::size_t kReadBytesMax = std::size_t{1} << 30;

Error file_error(const std::filesystem::path& path, const std::string& what) {
  return Error("ETAP_ERR_CHECKPOINT", path.string() + ": " + what);
}

std::string system_message(int error) {
  return std::strerror(error);
}

}  // namespace

File::File(std::filesystem::path path) : path_(std::move(path)) {
  // Non-blocking, so that opening a named pipe by mistake returns and is refused below.
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) {
    throw file_error(path_, "cannot open the file (" + system_message(errno) +
                                "); check the model folder and its permissions");
  }
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor_);
    throw file_error(path_, "is not a regular file");
  }
  size_ = status.st_size;
}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

File::File(File&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(other.size_) {}

void File::read(std::int64_t offset, void* out, std::size_t bytes) const {
  auto* target = static_cast<char*>(out);
  while (bytes > 0) {
    const ssize_t got = ::pread(descriptor_, target, std::min(bytes, kReadBytesMax), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw file_error(path_, "read failed (" + system_message(errno) + ")");
    if (got == 0) {
      throw file_error(path_, "the file ends at byte " + std::to_string(offset) + ", " +
                                  std::to_string(bytes) +
                                  " bytes more were expected; download it again");
    }
    target += got;
    offset += got;
    bytes -= static_cast<std::size_t>(got);
  }
}

std::string read_text_file(const std::filesystem::path& path, std::int64_t bytes_max) {
  const File file(path);
  if (file.size() > bytes_max) {
    throw file_error(path, "has " + std::to_string(file.size()) + " bytes; at most " +
                               std::to_string(bytes_max) + " are read");
  }
  std::string text(static_cast<std::size_t>(file.size()), '\0');
  file.read(0, text.data(), text.size());
  return text;
}

}  // namespace etap
