// Times the kernels of the cpu backend on one core against the roofs of the same core, in one run.
//   cpu_kernels [--isa NAME]
// Times are CPU seconds of the thread, best of several runs.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "backend/create.h"
#include "bench/peaks.h"

namespace etap::bench {
namespace {

constexpr double kSecondsPerPoint = 0.3;
constexpr int kRunsMax = 50;

struct Roofs {
  double compute;  // GFLOPS
  double read;     // GB/s
};

// Best time of one call.
double best_seconds(const std::function<void()>& run) {
  double best = 1e9;
  double total = 0.0;
  for (int i = 0; i < kRunsMax && (i < 3 || total < kSecondsPerPoint); ++i) {
    const double begin = thread_seconds();
    run();
    const double seconds = thread_seconds() - begin;
    best = std::min(best, seconds);
    total += seconds;
  }
  return best;
}

void print_row(const std::string& name, double seconds, double flops, double bytes,
               const Roofs& roofs) {
  const double floor = std::max(flops / roofs.compute, bytes / roofs.read) * 1e-9;
  std::printf("%-44s %10.1f us %8.1f GFLOPS %7.2f GB/s %6.1f %% of the roof\n", name.c_str(),
              seconds * 1e6, flops / seconds * 1e-9, bytes / seconds * 1e-9,
              100.0 * floor / seconds);
}

HostMatrix host_matrix(DType dtype, std::int64_t rows, std::int64_t columns) {
  HostMatrix matrix;
  matrix.values = HostTensor(dtype, {rows, columns});
  auto* bytes = matrix.values.data<std::uint8_t>();
  std::uint32_t state = 1;
  for (std::size_t i = 0; i < matrix.values.bytes(); ++i) {
    state = state * 1664525U + 1013904223U;
    // 0x30 .. 0x3f: positive numbers near 1 in every format, whichever byte it is.
    bytes[i] = static_cast<std::uint8_t>(0x30U | (state >> 28));
  }
  if (dtype == DType::kF8E4M3) {
    const std::int64_t blocks = (columns + kScaleBlock - 1) / kScaleBlock;
    matrix.scales = HostTensor(DType::kF32, {rows, blocks});
    std::fill_n(matrix.scales.data<float>(), rows * blocks, 0.01F);
  }
  return matrix;
}

// Enough copies of the weight that each call reads it from memory, as a model's layers do.
void bench_linear(Backend& backend, DType dtype, const Roofs& roofs) {
  constexpr std::int64_t kOutputs = 2048;
  constexpr std::int64_t kColumns = 2048;
  constexpr std::int64_t kDistinctBytes = std::int64_t{256} << 20;
  const HostMatrix matrix = host_matrix(dtype, kOutputs, kColumns);
  const auto bytes = static_cast<std::int64_t>(matrix.values.bytes());
  std::vector<WeightHandle> weights;
  while (static_cast<std::int64_t>(weights.size()) * bytes < kDistinctBytes) {
    weights.push_back(backend.upload_linear("w", matrix));
  }
  for (const std::int64_t rows : {1, 4, 8, 16, 32, 64, 128, 512}) {
    const auto x = backend.allocate(DType::kBF16, rows, kColumns);
    const auto out = backend.allocate(DType::kF32, rows, kOutputs);
    std::fill_n(static_cast<std::uint16_t*>(x->view().data), rows * kColumns, 0x3f80);
    std::size_t next = 0;
    const double seconds = best_seconds(
        [&] { backend.linear(x->view(), *weights[next++ % weights.size()], out->view()); });
    print_row(
        std::string("linear 2048 x 2048 ") + dtype_name(dtype) + ", rows " + std::to_string(rows),
        seconds, 2.0 * static_cast<double>(rows * kOutputs * kColumns), static_cast<double>(bytes),
        roofs);
  }
}

constexpr AttentionShape kShape{16, 128, 64, 128, 512, 0.07F};

struct AttentionStep {
  std::vector<std::int32_t> blocks;
  std::vector<std::int32_t> positions;
  std::vector<std::int64_t> slots;
  std::vector<AttentionSegment> segments;
  StepLayout layout{};

  AttentionStep(std::int32_t first, std::int32_t count, bool absorbed) {
    blocks.resize(static_cast<std::size_t>((first + count + 63) / 64));
    std::iota(blocks.begin(), blocks.end(), 1);
    for (std::int32_t i = 0; i < count; ++i) {
      positions.push_back(first + i);
      slots.push_back(blocks[static_cast<std::size_t>((first + i) / 64)] * 64 + (first + i) % 64);
    }
    segments = {{0, 0, count, first, blocks.data()}};
    layout.positions = positions;
    layout.slots = slots;
    (absorbed ? layout.absorbed : layout.expanded) = segments;
    layout.absorbed_rows = absorbed ? count : 0;
  }
};

// A cache whose every slot was written.
std::unique_ptr<LatentCache> filled_cache(Backend& backend, std::int64_t tokens) {
  auto cache = backend.allocate_cache(1, tokens / kBlockTokens + 2, kShape.cache_width());
  const auto count = static_cast<std::int32_t>(tokens);
  const AttentionStep step(0, count, false);
  const auto kv = backend.allocate(DType::kF32, tokens, kShape.cache_width());
  std::fill_n(static_cast<float*>(kv->view().data), tokens * kShape.cache_width(), 0.5F);
  HostTensor ones(DType::kF32, {kShape.latent});
  std::fill_n(ones.data<float>(), kShape.latent, 1.0F);
  HostTensor angles(DType::kF32, {tokens, kShape.rope / 2});
  std::fill_n(angles.data<float>(), tokens * kShape.rope / 2, 0.5F);
  const WeightHandle norm = backend.upload_vector("norm", ones);
  const WeightHandle rope = backend.upload_rope(angles, angles);
  backend.begin_step(step.layout);
  backend.write_latent(kShape, kv->view(), *norm, 1e-6F, *rope, *cache, 0);
  return cache;
}

void bench_decode(Backend& backend, std::int64_t context, const Roofs& roofs) {
  const auto cache = filled_cache(backend, context);
  const AttentionStep step(static_cast<std::int32_t>(context) - 1, 1, true);
  const auto q = backend.allocate(DType::kBF16, 1, kShape.heads * kShape.cache_width());
  const auto o = backend.allocate(DType::kBF16, 1, kShape.heads * kShape.latent);
  std::fill_n(static_cast<std::uint16_t*>(q->view().data), q->view().columns, 0x3d00);
  backend.begin_step(step.layout);
  const double seconds =
      best_seconds([&] { backend.latent_attention(kShape, q->view(), *cache, 0, o->view()); });
  const auto keys = static_cast<double>(context);
  const auto widths = static_cast<double>(kShape.cache_width() + kShape.latent);
  print_row("latent attention, 16 heads, context " + std::to_string(context), seconds,
            2.0 * 16.0 * keys * widths, keys * static_cast<double>(kShape.cache_width()) * 2.0,
            roofs);
}

void bench_prefill(Backend& backend, std::int64_t before, std::int64_t rows, const Roofs& roofs) {
  const auto cache = filled_cache(backend, before + rows);
  const AttentionStep step(static_cast<std::int32_t>(before), static_cast<std::int32_t>(rows),
                           false);
  const auto projection = [](std::int64_t width) {
    HostTensor tensor(DType::kF32, {kShape.heads, width, kShape.latent});
    std::fill_n(tensor.data<float>(), kShape.heads * width * kShape.latent, 0.01F);
    return tensor;
  };
  const WeightHandle heads =
      backend.upload_heads("kv_b", {projection(kShape.nope), projection(kShape.value)});
  const auto q = backend.allocate(DType::kBF16, rows, kShape.heads * kShape.query_width());
  const auto out = backend.allocate(DType::kBF16, rows, kShape.heads * kShape.value);
  std::fill_n(static_cast<std::uint16_t*>(q->view().data), rows * q->view().columns, 0x3d00);
  backend.begin_step(step.layout);
  const double seconds = best_seconds(
      [&] { backend.expanded_attention(kShape, q->view(), *heads, *cache, 0, out->view()); });
  const auto count = static_cast<double>(rows);
  const double pairs = count * static_cast<double>(before) + count * (count + 1.0) / 2.0;
  const auto keys = static_cast<double>(before + rows);
  const double flops = 16.0 * (pairs * 2.0 * (192.0 + 128.0) + keys * 2.0 * 256.0 * 512.0);
  print_row("expanded attention, 16 heads, " + std::to_string(rows) + " rows after " +
                std::to_string(before),
            seconds, flops, keys * static_cast<double>(kShape.cache_width()) * 2.0, roofs);
}

void bench_isa(const std::string& isa) {
  BackendOptions options;
  options.thread_count = 1;
  options.isa = isa;
  const std::unique_ptr<Backend> backend = create_backend("cpu", options);
  const double fma = fma_peak();
  const double pairs = pair_peak();
  const double tiles = tile_peak();
  const double read = read_bandwidth();
  std::printf(
      "\n%s\none core: fp32 FMA %.0f, bf16 pairs %.0f, bf16 tiles %.0f GFLOPS; read %.1f "
      "GB/s\n",
      backend->description().c_str(), fma, pairs, tiles, read);
  const double compute = isa == "amx"           ? tiles
                         : isa == "avx512_bf16" ? pairs
                         : isa == "avx2"        ? fma / 2.0
                                                : fma;
  const Roofs roofs{compute, read};
  bench_linear(*backend, DType::kBF16, roofs);
  bench_linear(*backend, DType::kF8E4M3, roofs);
  for (const std::int64_t context : {1024, 4096, 16384}) bench_decode(*backend, context, roofs);
  bench_prefill(*backend, 0, 512, roofs);
  bench_prefill(*backend, 2048, 512, roofs);
  bench_prefill(*backend, 8128, 64, roofs);
}

}  // namespace
}  // namespace etap::bench

int main(int argc, char** argv) {
  const bool one = argc == 3 && std::string(argv[1]) == "--isa";
  for (const std::string& isa : etap::available_cpu_isas()) {
    if (one ? isa == argv[2] : isa != "scalar") etap::bench::bench_isa(isa);
  }
  return 0;
}
