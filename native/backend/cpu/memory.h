// Memory of the cpu backend.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace etap::cpu {

// Zeroed bytes, aligned to 64. Large ones are whole pages, huge where the system has them, and take
// real memory only where they are touched.
class Memory {
 public:
  Memory() = default;
  // Throws ETAP_ERR_OUT_OF_MEMORY.
  explicit Memory(std::size_t bytes);
  Memory(Memory&& other) noexcept;
  Memory& operator=(Memory&& other) noexcept;
  ~Memory();

  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
  bool pages_ = false;
};

// Buffers that grow to the largest size asked for and then stay: one for each use, and one for each
// use and thread. Contents are not kept from one call to the next.
class Scratch {
 public:
  enum Use { kRows, kInnerRows, kInner, kPartials, kQueries, kUseCount };

  explicit Scratch(int threads);
  std::byte* shared(Use use, std::size_t bytes);
  std::byte* of_thread(int thread, std::size_t bytes);

 private:
  std::vector<Memory> shared_;
  std::vector<Memory> threads_;
};

// Cuts one buffer into aligned pieces. With a null base it only counts.
class Carver {
 public:
  explicit Carver(std::byte* base) : base_(base) {}
  template <typename T>
  T* take(std::int64_t count) {
    T* piece = base_ == nullptr ? nullptr : reinterpret_cast<T*>(base_ + bytes_);
    bytes_ += (static_cast<std::size_t>(count) * sizeof(T) + 63) / 64 * 64;
    return piece;
  }
  std::size_t bytes() const { return bytes_; }

 private:
  std::byte* base_;
  std::size_t bytes_ = 0;
};

}  // namespace etap::cpu
