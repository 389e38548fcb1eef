#include "backend/cuda/ops/rows.h"

#include "backend/cuda/launch.cuh"
#include "backend/cuda/ops/primitives.cuh"
#include "backend/cuda/ops/reduce.cuh"

namespace etap::cuda {
namespace {

constexpr int kThreads = 256;

unsigned row_count(const TensorView& view) {
  return static_cast<unsigned>(view.rows);
}

__device__ void store(void* row, DType dtype, int column, float value) {
  if (dtype == DType::kF32) {
    static_cast<float*>(row)[column] = value;
  } else {
    static_cast<std::uint16_t*>(row)[column] = bf16_bits(value);
  }
}

__device__ void* row_of(const TensorView& view, int row) {
  return static_cast<std::uint8_t*>(view.data) +
         row * view.stride * (view.dtype == DType::kF32 ? 4 : 2);
}

__global__ void embed_kernel(const EmbeddingTable table, const std::int32_t* tokens,
                             const TensorView out) {
  const int row = static_cast<int>(blockIdx.x);
  const std::int64_t id = tokens[row] - table.first_token;
  const bool inside = id >= 0 && id < table.tokens;
  float* target = static_cast<float*>(row_of(out, row));
  for (int i = static_cast<int>(threadIdx.x); i < out.columns; i += kThreads) {
    const std::int64_t place = id * out.columns + i;
    float value = 0.0f;
    if (inside && table.dtype == DType::kF32) {
      value = static_cast<const float*>(table.values)[place];
    } else if (inside) {
      value = bf16_value(static_cast<const std::uint16_t*>(table.values)[place]);
    }
    target[i] = value;
  }
}

// Rows of up to 8192 values stay in registers between the two passes over them.
constexpr int kVector = 4;
constexpr int kHeldVectors = 8;
constexpr int kHeldColumns = kHeldVectors * kVector * kThreads;

__device__ float norm_factor(float squares, int columns, float epsilon) {
  return 1.0f / sqrtf(sum_over_threads<kThreads>(squares) / static_cast<float>(columns) + epsilon);
}

__global__ void __launch_bounds__(kThreads)
    norm_vectors_kernel(const NormArguments arguments, const TensorView out) {
  const int row = static_cast<int>(blockIdx.x);
  const int vectors = static_cast<int>(out.columns) / kVector;
  auto* x = reinterpret_cast<float4*>(arguments.x + row * arguments.x_stride);
  const auto* delta =
      reinterpret_cast<const float4*>(arguments.delta + row * arguments.delta_stride);
  const auto* weight = reinterpret_cast<const float4*>(arguments.weight);
  float4 values[kHeldVectors];
  float squares = 0.0f;
#pragma unroll
  for (int i = 0; i < kHeldVectors; ++i) {
    const int at = static_cast<int>(threadIdx.x) + i * kThreads;
    if (at < vectors) values[i] = x[at];
  }
  if (arguments.delta != nullptr) {
#pragma unroll
    for (int i = 0; i < kHeldVectors; ++i) {
      const int at = static_cast<int>(threadIdx.x) + i * kThreads;
      if (at >= vectors) continue;
      const float4 added = delta[at];
      values[i] = make_float4(values[i].x + added.x, values[i].y + added.y, values[i].z + added.z,
                              values[i].w + added.w);
      x[at] = values[i];
    }
  }
#pragma unroll
  for (int i = 0; i < kHeldVectors; ++i) {
    if (static_cast<int>(threadIdx.x) + i * kThreads >= vectors) continue;
    const float4& v = values[i];
    squares = fmaf(v.x, v.x, fmaf(v.y, v.y, fmaf(v.z, v.z, fmaf(v.w, v.w, squares))));
  }
  const float factor = norm_factor(squares, static_cast<int>(out.columns), arguments.epsilon);
  void* target = row_of(out, row);
#pragma unroll
  for (int i = 0; i < kHeldVectors; ++i) {
    const int at = static_cast<int>(threadIdx.x) + i * kThreads;
    if (at >= vectors) continue;
    const float4 w = weight[at];
    const float4 v = make_float4(values[i].x * factor * w.x, values[i].y * factor * w.y,
                                 values[i].z * factor * w.z, values[i].w * factor * w.w);
    if (out.dtype == DType::kF32) {
      static_cast<float4*>(target)[at] = v;
    } else {
      static_cast<uint2*>(target)[at] = make_uint2(pack_bf16(v.x, v.y), pack_bf16(v.z, v.w));
    }
  }
}

__global__ void __launch_bounds__(kThreads)
    norm_kernel(const NormArguments arguments, const TensorView out) {
  const int row = static_cast<int>(blockIdx.x);
  float* x = arguments.x + row * arguments.x_stride;
  const float* delta =
      arguments.delta == nullptr ? nullptr : arguments.delta + row * arguments.delta_stride;
  const int columns = static_cast<int>(out.columns);
  float squares = 0.0f;
  for (int i = static_cast<int>(threadIdx.x); i < columns; i += kThreads) {
    float value = x[i];
    if (delta != nullptr) {
      value += delta[i];
      x[i] = value;
    }
    squares = fmaf(value, value, squares);
  }
  const float factor = norm_factor(squares, columns, arguments.epsilon);
  void* target = row_of(out, row);
  for (int i = static_cast<int>(threadIdx.x); i < columns; i += kThreads) {
    store(target, out.dtype, i, x[i] * factor * arguments.weight[i]);
  }
}

// Values i and i + half, turned by the angle of the position.
struct Pair {
  float low;
  float high;
};
__device__ Pair rotated(const RopeTable& rope, int position, int i, float low, float high) {
  const std::int64_t place = static_cast<std::int64_t>(position) * rope.half + i;
  const float cos = rope.cos[place];
  const float sin = rope.sin[place];
  return {low * cos - high * sin, high * cos + low * sin};
}

__global__ void rotate_kernel(const AttentionShape shape, const RopeTable rope,
                              const std::int32_t* positions, const TensorView q) {
  const int row = static_cast<int>(blockIdx.x);
  auto* values = static_cast<std::uint16_t*>(row_of(q, row));
  const int pairs = static_cast<int>(shape.heads) * rope.half;
  for (int pair = static_cast<int>(threadIdx.x); pair < pairs; pair += kThreads) {
    const int i = pair % rope.half;
    std::uint16_t* head = values + pair / rope.half * (shape.nope + shape.rope) + shape.nope;
    const Pair turned =
        rotated(rope, positions[row], i, bf16_value(head[i]), bf16_value(head[rope.half + i]));
    head[i] = bf16_bits(turned.low);
    head[rope.half + i] = bf16_bits(turned.high);
  }
}

__global__ void __launch_bounds__(kThreads)
    write_latent_kernel(const AttentionShape shape, const TensorView kv,
                        const LatentWrite arguments) {
  const int row = static_cast<int>(blockIdx.x);
  const float* values = static_cast<const float*>(row_of(kv, row));
  const int latent = static_cast<int>(shape.latent);
  std::uint16_t* slot = arguments.cache + arguments.slots[row] * (shape.latent + shape.rope);
  float squares = 0.0f;
  for (int i = static_cast<int>(threadIdx.x); i < latent; i += kThreads) {
    squares = fmaf(values[i], values[i], squares);
  }
  squares = sum_over_threads<kThreads>(squares);
  const float factor = 1.0f / sqrtf(squares / static_cast<float>(latent) + arguments.epsilon);
  for (int i = static_cast<int>(threadIdx.x); i < latent; i += kThreads) {
    slot[i] = bf16_bits(values[i] * factor * arguments.norm[i]);
  }
  const float* rope = values + latent;
  const int half = arguments.rope.half;
  for (int i = static_cast<int>(threadIdx.x); i < half; i += kThreads) {
    const Pair turned =
        rotated(arguments.rope, arguments.positions[row], i, rope[i], rope[half + i]);
    slot[latent + i] = bf16_bits(turned.low);
    slot[latent + half + i] = bf16_bits(turned.high);
  }
}

__global__ void copy_rotary_kernel(const AttentionShape shape, const TensorView q,
                                   const std::int32_t* rows, const TensorView q_latent) {
  const int row = static_cast<int>(blockIdx.x);
  const auto* source = static_cast<const std::uint16_t*>(row_of(q, rows[row]));
  auto* target = static_cast<std::uint16_t*>(row_of(q_latent, row));
  const int rope = static_cast<int>(shape.rope);
  const int count = static_cast<int>(shape.heads) * rope;
  for (int i = static_cast<int>(threadIdx.x); i < count; i += kThreads) {
    const int head = i / rope;
    target[head * (shape.latent + shape.rope) + shape.latent + i % rope] =
        source[head * (shape.nope + shape.rope) + shape.nope + i % rope];
  }
}

__global__ void gather_kernel(const TensorView x, const std::int32_t* rows, const TensorView out) {
  const int row = static_cast<int>(blockIdx.x);
  const void* source = row_of(x, rows[row]);
  void* target = row_of(out, row);
  for (int i = static_cast<int>(threadIdx.x); i < out.columns; i += kThreads) {
    if (out.dtype == DType::kF32) {
      static_cast<float*>(target)[i] = static_cast<const float*>(source)[i];
    } else {
      static_cast<std::uint16_t*>(target)[i] = static_cast<const std::uint16_t*>(source)[i];
    }
  }
}

}  // namespace

void embed(const EmbeddingTable& table, const std::int32_t* tokens, const TensorView& out,
           cudaStream_t stream) {
  launch(embed_kernel, dim3(row_count(out)), kThreads, stream, table, tokens, out);
}

void norm_rows(const NormArguments& arguments, const TensorView& out, cudaStream_t stream) {
  const bool vectors = out.columns <= kHeldColumns && out.columns % kVector == 0 &&
                       arguments.x_stride % kVector == 0 && arguments.delta_stride % kVector == 0 &&
                       out.stride % kVector == 0;
  launch(vectors ? norm_vectors_kernel : norm_kernel, dim3(row_count(out)), kThreads, stream,
         arguments, out);
}

void rotate_heads(const AttentionShape& shape, const RopeTable& rope, const std::int32_t* positions,
                  const TensorView& q, cudaStream_t stream) {
  launch(rotate_kernel, dim3(row_count(q)), kThreads, stream, shape, rope, positions, q);
}

void write_latent_rows(const AttentionShape& shape, const TensorView& kv,
                       const LatentWrite& arguments, cudaStream_t stream) {
  launch(write_latent_kernel, dim3(row_count(kv)), kThreads, stream, shape, kv, arguments);
}

void copy_rotary(const AttentionShape& shape, const TensorView& q, const std::int32_t* rows,
                 const TensorView& q_latent, cudaStream_t stream) {
  launch(copy_rotary_kernel, dim3(row_count(q_latent)), kThreads, stream, shape, q, rows, q_latent);
}

void gather_rows(const TensorView& x, const std::int32_t* rows, const TensorView& out,
                 cudaStream_t stream) {
  launch(gather_kernel, dim3(row_count(out)), kThreads, stream, x, rows, out);
}

}  // namespace etap::cuda
