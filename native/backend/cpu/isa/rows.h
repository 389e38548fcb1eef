// Operations on single rows. Included by ISA files only; everything is internal to them.
#pragma once

#include <cstdint>
#include <cstring>

#include "backend/cpu/isa/panels.h"

namespace etap::cpu {
namespace {

// Up to sixteen values, the rest zero.
template <typename V>
typename V::F load_values(const float* p, std::int64_t count) {
  if (count >= 16) return V::load(p);
  float all[16] = {};
  std::memcpy(all, p, static_cast<std::size_t>(count) * 4);
  return V::load(all);
}

template <typename V>
typename V::F load_values(const std::uint16_t* p, std::int64_t count) {
  if (count >= 16) return V::load_bf16(p);
  std::uint16_t all[16] = {};
  std::memcpy(all, p, static_cast<std::size_t>(count) * 2);
  return V::load_bf16(all);
}

template <typename V>
void rmsnorm_row(const float* x, const float* weight, float epsilon, std::int64_t count, void* out,
                 DType out_dtype) {
  using F = typename V::F;
  F squares = V::zero();
  for (std::int64_t i = 0; i < count; i += 16) {
    const F values = load_values<V>(x + i, count - i);
    squares = V::fma(values, values, squares);
  }
  const float mean = V::sum(squares) / static_cast<float>(count);
  const F factor = V::set(1.0F / __builtin_sqrtf(mean + epsilon));
  const std::int64_t value_bytes = out_dtype == DType::kF32 ? 4 : 2;
  for (std::int64_t i = 0; i < count; i += 16) {
    const F scaled = V::mul(load_values<V>(x + i, count - i), factor);
    write_values<V>(V::mul(scaled, load_values<V>(weight + i, count - i)),
                    static_cast<std::byte*>(out) + i * value_bytes, out_dtype,
                    lesser(16, count - i));
  }
}

template <typename V>
void add_row(float* x, const float* delta, std::int64_t count) {
  for (std::int64_t i = 0; i < count; i += 16) {
    const typename V::F sum =
        V::add(load_values<V>(x + i, count - i), load_values<V>(delta + i, count - i));
    write_values<V>(sum, x + i, DType::kF32, lesser(16, count - i));
  }
}

template <typename V, typename T>
void rotate_pairs(const T* x, const float* cos, const float* sin, std::int64_t half,
                  std::uint16_t* out) {
  using F = typename V::F;
  for (std::int64_t i = 0; i < half; i += 16) {
    const std::int64_t count = lesser(16, half - i);
    const F a = load_values<V>(x + i, count);
    const F b = load_values<V>(x + half + i, count);
    const F c = load_values<V>(cos + i, count);
    const F s = load_values<V>(sin + i, count);
    const F turned_a = V::sub(V::mul(a, c), V::mul(b, s));
    const F turned_b = V::add(V::mul(b, c), V::mul(a, s));
    write_values<V>(turned_a, out + i, DType::kBF16, count);
    write_values<V>(turned_b, out + half + i, DType::kBF16, count);
  }
}

template <typename V>
void rotate_row(const void* x, DType dtype, const float* cos, const float* sin, std::int64_t half,
                std::uint16_t* out) {
  if (dtype == DType::kF32) {
    rotate_pairs<V>(static_cast<const float*>(x), cos, sin, half, out);
  } else {
    rotate_pairs<V>(static_cast<const std::uint16_t*>(x), cos, sin, half, out);
  }
}

}  // namespace
}  // namespace etap::cpu
