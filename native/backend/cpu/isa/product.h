// The register-blocked product that everything is made of: rows of words, broadcast, against
// vectors of sixteen outputs. Templates over the vector type and over how a word meets a vector.
// Included by ISA files only; everything is internal to them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace etap::cpu {
namespace {

// fp32 words against fp32 vectors.
template <typename V>
struct WideStep {
  static constexpr int kWords = 1;         // words of a row in one step
  static constexpr int kSpare = 0;         // accumulators given up for wider operands
  static constexpr int kAhead = 0;         // lines of `ahead` fetched in one step, at most
  static constexpr int kVectorBytes = 64;  // of b, for sixteen outputs
  using B = typename V::F;
  static B load(const std::byte* p, const float*) { return V::load(p); }
  static typename V::F apply(typename V::F sum, const std::uint32_t* a, const B& b) {
    return V::fma(V::broadcast(a), b, sum);
  }
};

// The same, while what comes later is fetched.
template <typename V, int kLines>
struct WideAheadStep : WideStep<V> {
  static constexpr int kAhead = kLines;
};

// fp32 words against vectors of bf16 pairs.
template <typename V>
struct WidePairStep {
  static constexpr int kWords = 2;
  static constexpr int kSpare = V::kVectors;
  static constexpr int kAhead = 0;
  static constexpr int kVectorBytes = 64;
  struct B {
    typename V::F low;
    typename V::F high;
  };
  static B load(const std::byte* p, const float*) {
    const typename V::F words = V::load(p);
    return {V::low_bf16(words), V::high_bf16(words)};
  }
  static typename V::F apply(typename V::F sum, const std::uint32_t* a, const B& b) {
    return V::fma(V::broadcast(a + 1), b.high, V::fma(V::broadcast(a), b.low, sum));
  }
};

// The same, while the panel streams by.
template <typename V>
struct StreamPairStep : WidePairStep<V> {
  static constexpr int kAhead = 4;
};

// fp32 words against e4m3 pairs, which are scaled as they stream by.
template <typename V>
struct StreamE4m3Step : WidePairStep<V> {
  static constexpr int kAhead = 2;
  static constexpr int kVectorBytes = 32;
  using B = typename WidePairStep<V>::B;
  static B load(const std::byte* p, const float* scales) {
    const typename V::F scale = V::mul(V::load(scales), V::set(V::kE4m3Unit));
    B pair;
    V::e4m3_pair(reinterpret_cast<const std::uint8_t*>(p), pair.low, pair.high);
    return {V::mul(pair.low, scale), V::mul(pair.high, scale)};
  }
};

// What happens to the sums of a product.
enum class Finish { kStore, kAccumulate, kAddScaled };

struct Product {
  const std::uint32_t* a;  // words
  std::ptrdiff_t a_row;    // words from one row to the next
  std::ptrdiff_t a_step;   // words from one step to the next
  const std::byte* b;
  std::ptrdiff_t b_step;  // bytes
  std::int64_t steps;
  float* c;
  std::ptrdiff_t c_row;  // floats
  Finish finish;
  const float* scales;  // [columns]; kAddScaled: c += scale * sum
  // What to fetch into the second-level cache meanwhile, and how many bytes of it for each row.
  const std::byte* ahead = nullptr;
  std::ptrdiff_t ahead_row = 0;
  std::ptrdiff_t ahead_step = 0;  // of one row and step, in 1 / kAheadUnit bytes; set by multiply
};

// A division for every block would take a tenth of its time.
constexpr std::ptrdiff_t kAheadUnit = 256;

template <typename V, typename Step, int kRows, int kVectors>
void product_block(const Product& product, std::int64_t row, std::int64_t column) {
  using F = typename V::F;
  const std::uint32_t* a = product.a + row * product.a_row;
  const std::byte* b = product.b + column / 16 * Step::kVectorBytes;
  float* c = product.c + row * product.c_row + column;
  const bool fetches = Step::kAhead > 0 && product.ahead != nullptr;
  const std::byte* ahead = fetches ? product.ahead + row * product.ahead_row : b;
  const std::ptrdiff_t ahead_step = fetches ? kRows * product.ahead_step / kAheadUnit : 0;
  F sums[kRows][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      sums[r][v] = product.finish == Finish::kAccumulate ? V::load(c + r * product.c_row + 16 * v)
                                                         : V::zero();
    }
  }
  for (std::int64_t step = 0; step < product.steps; ++step) {
    typename Step::B vectors[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      vectors[v] = Step::load(b + Step::kVectorBytes * v, product.scales + column + 16 * v);
    }
#pragma GCC unroll 4
    for (int line = 0; line < Step::kAhead; ++line) __builtin_prefetch(ahead + 64 * line, 0, 2);
    ahead += ahead_step;
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        sums[r][v] = Step::apply(sums[r][v], a + r * product.a_row, vectors[v]);
      }
    }
    a += product.a_step;
    b += product.b_step;
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      float* target = c + r * product.c_row + 16 * v;
      if (product.finish == Finish::kAddScaled) {
        const F scale = V::load(product.scales + column + 16 * v);
        V::store(target, V::fma(sums[r][v], scale, V::load(target)));
      } else {
        V::store(target, sums[r][v]);
      }
    }
  }
}

// The last rows, fewer than a full block.
template <typename V, typename Step, int kRows, int kVectors>
void product_tail(const Product& product, std::int64_t row, std::int64_t rows,
                  std::int64_t column) {
  if constexpr (kRows > 0) {
    if (rows == kRows) {
      product_block<V, Step, kRows, kVectors>(product, row, column);
    } else {
      product_tail<V, Step, kRows - 1, kVectors>(product, row, rows, column);
    }
  }
}

template <typename V, typename Step, int kVectors>
void product_column(const Product& product, std::int64_t rows, std::int64_t column) {
  constexpr int kFull = (V::kAccumulators - Step::kSpare) / kVectors;
  constexpr int kRows = kFull > 16 ? 16 : kFull;
  std::int64_t row = 0;
  for (; row + kRows <= rows; row += kRows) {
    product_block<V, Step, kRows, kVectors>(product, row, column);
  }
  product_tail<V, Step, kRows - 1, kVectors>(product, row, rows - row, column);
}

// c [rows, columns] = a b, columns a multiple of 16. The sum of an element runs over the steps in
// order, whatever block it falls into.
template <typename V, typename Step>
void multiply(Product product, std::int64_t rows, std::int64_t columns) {
  if (product.ahead != nullptr) {
    product.ahead_step = product.ahead_row * kAheadUnit / product.steps;
  }
  // Few rows need more vectors to have as many independent sums as keep the pipeline full.
  const std::int64_t widest = V::kVectors == 4 || rows == 1 ? 4 : rows <= 3 ? 2 : 1;
  for (std::int64_t column = 0; column < columns;) {
    const std::int64_t left = (columns - column) / 16;
    const std::int64_t vectors = left < widest ? left : widest;
    if constexpr (V::kVectors == 4) {
      if (vectors == 4) product_column<V, Step, 4>(product, rows, column);
      if (vectors == 3) product_column<V, Step, 3>(product, rows, column);
    } else {
      if (vectors == 4) product_block<V, Step, 1, 4>(product, 0, column);
      if (vectors == 3) product_block<V, Step, 1, 3>(product, 0, column);
    }
    if (vectors == 2) product_column<V, Step, 2>(product, rows, column);
    if (vectors == 1) product_column<V, Step, 1>(product, rows, column);
    column += 16 * vectors;
  }
}

}  // namespace
}  // namespace etap::cpu
