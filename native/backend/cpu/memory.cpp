#include "backend/cpu/memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "base/error.h"

namespace etap::cpu {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kPagesFrom = std::size_t{1} << 16;
constexpr std::size_t kHugePage = std::size_t{1} << 21;

[[noreturn]] void throw_out_of_memory(std::size_t bytes) {
  throw Error("ETAP_ERR_OUT_OF_MEMORY",
              "cannot allocate " + std::to_string(bytes) +
                  " bytes; lower the KV cache size or the step capacity, or use a machine with "
                  "more memory");
}

}  // namespace

Memory::Memory(std::size_t bytes) : bytes_(bytes), pages_(bytes >= kPagesFrom) {
  if (bytes == 0) return;
  if (!pages_) {
    const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    data_ = static_cast<std::byte*>(std::aligned_alloc(kAlignment, rounded));
    if (data_ == nullptr) throw_out_of_memory(bytes);
    std::memset(data_, 0, rounded);
    return;
  }
  void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw_out_of_memory(bytes);
  data_ = static_cast<std::byte*>(pages);
#ifdef MADV_HUGEPAGE
  if (bytes >= kHugePage) madvise(pages, bytes, MADV_HUGEPAGE);
#endif
}

Memory::Memory(Memory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      pages_(other.pages_) {}

Memory& Memory::operator=(Memory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(pages_, other.pages_);
  return *this;
}

Memory::~Memory() {
  if (data_ == nullptr) return;
  if (pages_) {
    munmap(data_, bytes_);
  } else {
    std::free(data_);
  }
}

Scratch::Scratch(int threads) : shared_(kUseCount), threads_(static_cast<std::size_t>(threads)) {}

std::byte* Scratch::shared(Use use, std::size_t bytes) {
  Memory& memory = shared_[use];
  if (memory.bytes() < bytes) memory = Memory(bytes);
  return memory.data();
}

std::byte* Scratch::of_thread(int thread, std::size_t bytes) {
  Memory& memory = threads_[static_cast<std::size_t>(thread)];
  if (memory.bytes() < bytes) memory = Memory(bytes);
  return memory.data();
}

}  // namespace etap::cpu
