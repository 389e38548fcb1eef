// What a caller of MLA decode attention sees: shapes, limits, arguments. docs/etap.md explains the
// method; decoder.h holds the object that runs it.
#pragma once

#include <cstdint>

#include "base/dtype.h"

namespace etap::cuda {

// How contexts are cut into work for the GPU.
enum class SplitPolicy : std::uint8_t {
  // The cut depends on the request's own length alone: same request, same bits in any batch.
  kFixed,
  // Every CTA gets the same number of KV blocks: a little faster, not batch-invariant.
  kBalanced,
};

// Fixed for the life of a decoder.
struct DecodeShape {
  DType dtype = DType::kBF16;  // of q, KV cache and output: kBF16 or kF16
  int heads = 0;               // query heads on this GPU, 1..128
  int query_length = 1;        // tokens per request and step, 1..4; the context includes them

  int rows() const { return heads * query_length; }
};

// The largest step a decoder must take; its workspace is sized by them once.
struct DecodeLimits {
  int batch = 0;                    // requests, 1..4096
  std::int64_t context_tokens = 0;  // sum of context lengths over the batch
};

// One latent cache: the KV pool of one layer.
struct KvPool {
  const void* data = nullptr;  // [block_count, 64, 576], 128-byte aligned
  std::int64_t block_count = 0;
};

// One layer's attention. All pointers are device memory; all shapes are row-major and contiguous.
struct DecodeArguments {
  const void* query = nullptr;  // [batch, query_length, heads, 576]
  KvPool kv;
  const std::int32_t* block_table = nullptr;  // [batch, block_table_stride] block ids
  int block_table_stride = 0;
  void* out = nullptr;   // [batch, query_length, heads, 512]
  float* lse = nullptr;  // [batch, query_length, heads] natural log, or null
  float softmax_scale = 0;
};

}  // namespace etap::cuda
