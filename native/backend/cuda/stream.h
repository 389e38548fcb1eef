// Owning handles of the CUDA runtime: a stream, page-locked memory.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

#include "backend/cuda/cuda_check.h"

namespace etap::cuda {

class Stream {
 public:
  Stream() { CUDA_CHECK(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }
  ~Stream() { cudaStreamDestroy(stream_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

// Grows to the largest size asked for; contents are not kept when it grows.
class PinnedBytes {
 public:
  PinnedBytes() = default;
  ~PinnedBytes() { cudaFreeHost(data_); }
  PinnedBytes(const PinnedBytes&) = delete;
  PinnedBytes& operator=(const PinnedBytes&) = delete;

  std::byte* get(std::size_t size) {
    if (size > size_) {
      CUDA_CHECK(cudaFreeHost(data_));
      data_ = nullptr;
      size_ = 0;
      CUDA_CHECK(cudaMallocHost(reinterpret_cast<void**>(&data_), size));
      size_ = size;
    }
    return data_;
  }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace etap::cuda
