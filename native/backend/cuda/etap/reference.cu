#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "backend/cuda/cuda_check.h"
#include "backend/cuda/etap/config.h"
#include "backend/cuda/etap/reference.h"

namespace etap::cuda {
namespace {

constexpr int kWarps = 8;
constexpr int kThreads = kWarps * kWarpThreads;
constexpr int kKeyValues = kKvDim / kWarpThreads;      // of a latent row, per lane
constexpr int kOutValues = kLatentDim / kWarpThreads;  // the first ones of them

__device__ float exponential(float x) {
  return expf(x);
}
__device__ double exponential(double x) {
  return exp(x);
}

// What one warp has summed over its keys.
template <typename Real>
struct WarpState {
  Real maximum;
  Real sum;
  Real out[kOutValues];
};

// Adds one key: lane l holds values l, l + 32, ... of `query` and of the latent row.
template <typename T, typename Real>
__device__ void add_key(const T* latent, const Real (&query)[kKeyValues], Real scale,
                        WarpState<Real>& state) {
  const int lane = static_cast<int>(threadIdx.x) % kWarpThreads;
  Real value[kKeyValues];
  Real score = 0;
  for (int i = 0; i < kKeyValues; ++i) {
    value[i] = static_cast<Real>(static_cast<float>(latent[i * kWarpThreads + lane]));
    score += query[i] * value[i];
  }
  for (int mask = kWarpThreads / 2; mask > 0; mask /= 2) {
    score += __shfl_xor_sync(0xFFFFFFFFu, score, mask);
  }
  score *= scale;
  const Real maximum = score > state.maximum ? score : state.maximum;
  const Real rescale = exponential(state.maximum - maximum);
  const Real weight = exponential(score - maximum);
  state.maximum = maximum;
  state.sum = state.sum * rescale + weight;
  for (int i = 0; i < kOutValues; ++i) state.out[i] = state.out[i] * rescale + weight * value[i];
}

// Merges the warps' states in order; warp 0 writes the row.
template <typename Real>
__device__ void write_row(const WarpState<Real>& state, double* out, double* lse) {
  __shared__ Real maxima[kWarps];
  __shared__ Real sums[kWarps];
  __shared__ Real rows[kWarps][kLatentDim];
  const int lane = static_cast<int>(threadIdx.x) % kWarpThreads;
  const int warp = static_cast<int>(threadIdx.x) / kWarpThreads;
  maxima[warp] = state.maximum;
  sums[warp] = state.sum;
  for (int i = 0; i < kOutValues; ++i) rows[warp][i * kWarpThreads + lane] = state.out[i];
  __syncthreads();
  Real maximum = maxima[0];
  for (int w = 1; w < kWarps; ++w) maximum = maxima[w] > maximum ? maxima[w] : maximum;
  Real sum = 0;
  for (int w = 0; w < kWarps; ++w) {
    if (sums[w] > 0) sum += sums[w] * exponential(maxima[w] - maximum);
  }
  for (int column = static_cast<int>(threadIdx.x); column < kLatentDim; column += kThreads) {
    Real value = 0;
    for (int w = 0; w < kWarps; ++w) {
      if (sums[w] > 0) value += rows[w][column] * exponential(maxima[w] - maximum);
    }
    out[column] = sum > 0 ? static_cast<double>(value / sum) : 0.0;
  }
  if (lse != nullptr && threadIdx.x == 0) {
    *lse = sum > 0 ? static_cast<double>(maximum) + log(static_cast<double>(sum))
                   : -__builtin_huge_val();
  }
}

template <typename T, typename Real>
__global__ void __launch_bounds__(kThreads)
    reference_kernel(const DecodeShape shape, const ReferenceArguments arguments) {
  const int rows = shape.heads * shape.query_length;
  const int row = static_cast<int>(blockIdx.x);
  const int request = static_cast<int>(blockIdx.y);
  const int lane = static_cast<int>(threadIdx.x) % kWarpThreads;
  const int warp = static_cast<int>(threadIdx.x) / kWarpThreads;
  const std::int64_t line = static_cast<std::int64_t>(request) * rows + row;
  const T* query_row = static_cast<const T*>(arguments.query) + line * kKvDim;
  Real query[kKeyValues];
  for (int i = 0; i < kKeyValues; ++i) {
    query[i] = static_cast<Real>(static_cast<float>(query_row[i * kWarpThreads + lane]));
  }
  // The step's last token sees the whole context, the one before it one key less, and so on.
  const int visible =
      arguments.context_lengths[request] - (shape.query_length - 1 - row / shape.heads);
  const std::int32_t* blocks =
      arguments.block_table + static_cast<std::int64_t>(request) * arguments.block_table_stride;
  WarpState<Real> state{static_cast<Real>(-__builtin_huge_val()), 0, {}};
  for (int key = warp; key < visible; key += kWarps) {
    const std::int64_t slot =
        static_cast<std::int64_t>(blocks[key / kBlockTokens]) * kBlockTokens + key % kBlockTokens;
    add_key(static_cast<const T*>(arguments.kv.data) + slot * kKvDim, query,
            static_cast<Real>(arguments.softmax_scale), state);
  }
  write_row(state, arguments.out + line * kLatentDim,
            arguments.lse == nullptr ? nullptr : arguments.lse + line);
}

template <typename T>
void launch_reference(const DecodeShape& shape, const ReferenceArguments& arguments,
                      ReferencePrecision precision, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(shape.rows()), static_cast<unsigned>(arguments.batch));
  if (precision == ReferencePrecision::kDouble) {
    reference_kernel<T, double><<<grid, kThreads, 0, stream>>>(shape, arguments);
  } else {
    reference_kernel<T, float><<<grid, kThreads, 0, stream>>>(shape, arguments);
  }
  CUDA_CHECK(cudaGetLastError());
}

}  // namespace

void reference_decode(const DecodeShape& shape, const ReferenceArguments& arguments,
                      ReferencePrecision precision, cudaStream_t stream) {
  if (shape.dtype == DType::kBF16) {
    launch_reference<__nv_bfloat16>(shape, arguments, precision, stream);
  } else {
    launch_reference<__half>(shape, arguments, precision, stream);
  }
}

}  // namespace etap::cuda
