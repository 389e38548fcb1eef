#include "backend/cuda/etap/decoder.h"

#include <algorithm>
#include <string>

#include "backend/cuda/etap/combine.h"
#include "backend/cuda/etap/config.h"
#include "backend/cuda/etap/launch.h"
#include "backend/cuda/etap/metadata.h"
#include "backend/cuda/tensor_map.h"
#include "base/check.h"
#include "base/error.h"

namespace etap::cuda {
namespace {

constexpr float kLog2E = 1.4426950408889634f;

void require_within(const char* what, std::int64_t value, std::int64_t least, std::int64_t most) {
  if (value >= least && value <= most) return;
  throw Error("ETAP_ERR_TENSOR", std::string("MLA decode got ") + what + " " +
                                     std::to_string(value) + "; allowed are " +
                                     std::to_string(least) + " to " + std::to_string(most) + ".");
}

void check_shape(const DecodeShape& shape, const DecodeLimits& limits) {
  require_within("heads", shape.heads, 1, kHeadsMax);
  require_within("query length", shape.query_length, 1, kQueryLengthMax);
  require_within("batch", limits.batch, 1, kBatchMax);
  require_within("context tokens", limits.context_tokens, 0, kContextTokensMax);
  if (shape.dtype != DType::kBF16 && shape.dtype != DType::kF16) {
    throw Error("ETAP_ERR_TENSOR",
                "MLA decode got a KV cache that is neither bf16 nor fp16; use one of them.");
  }
}

}  // namespace

MlaDecoder::MlaDecoder(const DecodeShape& shape, const DecodeLimits& limits, SplitPolicy policy)
    : shape_(shape), limits_(limits), policy_(policy) {
  check_shape(shape, limits);
  layout_ = row_layout(shape.rows());
  launcher_ = &find_launcher(shape.dtype, layout_);
  worker_count_ = launcher_->prepare();
  capacity_ = plan_capacity(shape, limits, worker_count_);
  const auto slots = static_cast<std::size_t>(capacity_.slots);
  const auto slot_rows = slots * static_cast<std::size_t>(layout_.padded_rows());
  header_ = DeviceArray<PlanHeader>(1);
  items_ = DeviceArray<WorkItem>(static_cast<std::size_t>(capacity_.items));
  slot_begin_ = DeviceArray<std::int32_t>(static_cast<std::size_t>(limits.batch) + 1);
  worker_begin_ = DeviceArray<std::int32_t>(static_cast<std::size_t>(worker_count_) + 1);
  partial_out_ = DeviceArray<float>(slot_rows * kLatentDim);
  partial_statistics_ = DeviceArray<float2>(slot_rows);
}

void MlaDecoder::plan(const std::int32_t* context_lengths, int batch, cudaStream_t stream) {
  require_within("batch", batch, 1, limits_.batch);
  batch_ = batch;
  context_lengths_ = context_lengths;
  launch_metadata({.context_lengths = context_lengths,
                   .batch = batch,
                   .passes = layout_.passes,
                   .policy = policy_,
                   .worker_count = worker_count_},
                  {.header = header_.data(),
                   .items = items_.data(),
                   .slot_begin = slot_begin_.data(),
                   .worker_begin = worker_begin_.data(),
                   .capacity = capacity_},
                  stream);
}

void MlaDecoder::decode(const DecodeArguments& arguments, cudaStream_t stream) const {
  ETAP_CHECK(batch_ > 0, "decode before plan");
  DecodeKernelParams params{};
  params.kv_map = make_tensor_map({.dtype = shape_.dtype,
                                   .data = arguments.kv.data,
                                   .outer = arguments.kv.block_count,
                                   .rows = kBlockTokens,
                                   .columns = kKvDim,
                                   .box_rows = kBlockTokens,
                                   .box_columns = kChunkColumns});
  params.query_map = make_tensor_map({.dtype = shape_.dtype,
                                      .data = arguments.query,
                                      .outer = batch_,
                                      .rows = shape_.rows(),
                                      .columns = kKvDim,
                                      .box_rows = layout_.rows,
                                      .box_columns = kChunkColumns});
  params.header = header_.data();
  params.items = items_.data();
  params.worker_begin = policy_ == SplitPolicy::kBalanced ? worker_begin_.data() : nullptr;
  params.block_table = arguments.block_table;
  params.out = arguments.out;
  params.lse = arguments.lse;
  params.partial_out = partial_out_.data();
  params.partial_statistics = partial_statistics_.data();
  params.block_table_stride = arguments.block_table_stride;
  params.heads = shape_.heads;
  params.query_length = shape_.query_length;
  params.padded_rows = layout_.padded_rows();
  params.scale_log2 = arguments.softmax_scale * kLog2E;
  launcher_->launch(params, worker_count_, stream);

  launch_combine({.partial_out = partial_out_.data(),
                  .partial_statistics = partial_statistics_.data(),
                  .slot_begin = slot_begin_.data(),
                  .context_lengths = context_lengths_,
                  .out = arguments.out,
                  .lse = arguments.lse,
                  .batch = batch_,
                  .rows = shape_.rows(),
                  .padded_rows = layout_.padded_rows()},
                 shape_.dtype, stream);
}

std::size_t MlaDecoder::workspace_bytes() const {
  return header_.bytes() + items_.bytes() + slot_begin_.bytes() + worker_begin_.bytes() +
         partial_out_.bytes() + partial_statistics_.bytes();
}

Plan MlaDecoder::download_plan() const {
  CUDA_CHECK(cudaDeviceSynchronize());
  Plan plan;
  plan.header = header_.download().front();
  plan.items = items_.download();
  plan.items.resize(static_cast<std::size_t>(plan.header.item_count));
  plan.slot_begin = slot_begin_.download();
  plan.slot_begin.resize(static_cast<std::size_t>(batch_) + 1);
  if (policy_ == SplitPolicy::kBalanced) plan.worker_begin = worker_begin_.download();
  return plan;
}

}  // namespace etap::cuda
