// Each hardware-facing piece of the decode kernel on its own, for one tile: what the copy engine
// wrote, S^T, the stored P^T, O^T. When a whole decode is wrong, this says which piece is.
#include <cuda_bf16.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "backend/cuda/device_array.h"
#include "backend/cuda/etap/kernel.cuh"
#include "backend/cuda/tensor_map.h"
#include "test.h"

namespace etap::cuda {
namespace {

using Bf16 = __nv_bfloat16;

// Offsets of the two operands' descriptors, so that wrong ones can be searched for.
struct OperandOffsets {
  std::uint32_t leading;
  std::uint32_t stride;
  std::uint32_t step;
};

struct ProbeParams {
  CUtensorMap kv_map;
  CUtensorMap query_map;
  const float* weights;    // [64, rows]: P to store and multiply by
  std::uint8_t* chunk;     // [8192] the first latent chunk as it lies in shared memory
  std::uint8_t* stored;    // [rows * 128] P^T as it lies in shared memory
  float* scores;           // [64, rows]
  float* out;              // [512, rows] with the kernel's own descriptors
  float* out_alternative;  // [64, rows] of the first latent chunk with `offsets`
  OperandOffsets offsets;
};

template <typename Traits>
__device__ void probe_alternative(const ProbeParams& params,
                                  const kernel::SharedMemory<Traits>& smem) {
  using Mma = sm90::Wgmma<typename Traits::Element, Traits::kRows, 1>;
  float out[Traits::kFragment] = {};
  const std::uint64_t values =
      matrix_descriptor(smem.chunk(1), params.offsets.leading, params.offsets.stride);
  const std::uint64_t weights = operand_descriptor(smem.weights(0));
  sm90::wgmma_fence_accumulators(out);
  sm90::wgmma_fence();
  for (int step = 0; step < kMmaStepsPerTile; ++step) {
    Mma::issue(out, advance_descriptor(values, step * params.offsets.step),
               advance_descriptor(weights, step * kKMajorStepBytes), 1);
  }
  sm90::wgmma_commit();
  sm90::wgmma_wait<0>();
  sm90::wgmma_fence_accumulators(out);
  for (int i = 0; i < Traits::kFragment; ++i) {
    const int row = fragment_row(kernel::warp_in_group(), kernel::lane_index(), i);
    params.out_alternative[row * Traits::kRows + fragment_column(kernel::lane_index(), i)] = out[i];
  }
}

template <typename Traits>
__device__ void probe_consumer(const ProbeParams& params,
                               const kernel::SharedMemory<Traits>& smem) {
  const int lane = kernel::lane_index();
  const int warp = kernel::warp_in_group();
  const int thread = static_cast<int>(threadIdx.x) % kWarpgroupThreads;
  const kernel::RingCursor<Traits> cursor(0u);
  float scores[Traits::kFragment];
  sm90::mbarrier_wait(smem.query_full(), 0);
  kernel::compute_scores(smem, cursor, scores);
  for (int i = thread; i < kChunkBytes; i += kWarpgroupThreads) {
    params.chunk[i] = kernel::shared_bytes[Traits::kRingOffset + kChunkBytes + i];
  }
  for (int i = 0; i < Traits::kFragment; ++i) {
    const int at = fragment_row(warp, lane, i) * Traits::kRows + fragment_column(lane, i);
    params.scores[at] = scores[i];
    scores[i] = params.weights[at];
  }
  kernel::store_weights<Traits>(smem.weights(0), scores);
  sm90::fence_async_shared();
  sm90::named_barrier_sync(kernel::kGroupBarrier, kWarpgroupThreads);
  for (int i = thread; i < Traits::kWeightBytes; i += kWarpgroupThreads) {
    params.stored[i] = kernel::shared_bytes[Traits::kWeightOffset + i];
  }
  float out[kLatentChunks][Traits::kFragment] = {};
  kernel::accumulate_output(smem, 0, cursor, out);
  for (int block = 0; block < kLatentChunks; ++block) {
    for (int i = 0; i < Traits::kFragment; ++i) {
      const int row = block * kMmaM + fragment_row(warp, lane, i);
      params.out[row * Traits::kRows + fragment_column(lane, i)] = out[block][i];
    }
  }
  probe_alternative(params, smem);
}

template <typename Traits>
__global__ void __launch_bounds__(kCtaThreads, 1)
    probe_kernel(const __grid_constant__ ProbeParams params) {
  const kernel::SharedMemory<Traits> smem{sm90::smem_address(kernel::shared_bytes)};
  if (threadIdx.x == 0) kernel::init_barriers(smem);
  __syncthreads();
  if (threadIdx.x == 0) {
    sm90::mbarrier_arrive_expect_tx(smem.query_full(), Traits::kQueryBytes);
    for (int chunk = 0; chunk < kChunksPerTile; ++chunk) {
      sm90::tma_load_3d(smem.query() + chunk * Traits::kQueryChunkBytes, &params.query_map,
                        smem.query_full(), chunk_column(chunk), 0, 0, sm90::kEvictLast);
      sm90::mbarrier_arrive_expect_tx(smem.chunk_full(chunk), kChunkBytes);
      sm90::tma_load_3d(smem.chunk(chunk), &params.kv_map, smem.chunk_full(chunk),
                        chunk_column(chunk), 0, 0, sm90::kEvictFirst);
    }
  }
  if (threadIdx.x / kWarpgroupThreads == 1) probe_consumer(params, smem);
}

// Small integers, exact in bf16 and in every order of summation.
struct Tile {
  std::vector<float> kv;       // [64, 576]
  std::vector<float> query;    // [rows, 576]
  std::vector<float> weights;  // [64, rows]
};

Tile make_tile(int rows) {
  test::Random random(7);
  Tile tile;
  const auto draw = [&random](std::vector<float>& values, int count, int bound) {
    for (int i = 0; i < count; ++i) {
      values.push_back(static_cast<float>(random.below(2 * bound + 1) - bound));
    }
  };
  draw(tile.kv, kBlockTokens * kKvDim, 7);
  draw(tile.query, rows * kKvDim, 3);
  draw(tile.weights, kBlockTokens * rows, 15);
  return tile;
}

std::vector<Bf16> to_bf16(const std::vector<float>& values) {
  std::vector<Bf16> rounded;
  for (const float value : values) rounded.push_back(__float2bfloat16(value));
  return rounded;
}

int count_differences(const char* piece, const std::vector<float>& actual,
                      const std::vector<float>& expected, int columns) {
  int different = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (actual[i] == expected[i]) continue;
    if (++different <= 3) {
      std::printf("  %s [%zu, %zu]: got %g, expected %g\n", piece,
                  i / static_cast<std::size_t>(columns), i % static_cast<std::size_t>(columns),
                  static_cast<double>(actual[i]), static_cast<double>(expected[i]));
    }
  }
  std::printf("  %s: %d of %zu differ\n", piece, different, expected.size());
  return different;
}

float bf16_at(const std::vector<std::uint8_t>& bytes, std::uint32_t at) {
  const auto bits = static_cast<std::uint16_t>(bytes[at] | bytes[at + 1] << 8);
  return __bfloat162float(__ushort_as_bfloat16(bits));
}

template <int kRows>
void run_probe() {
  using Traits = DecodeTraits<Bf16, kRows, 1>;
  const Tile tile = make_tile(kRows);
  DeviceArray<Bf16> kv(tile.kv.size());
  DeviceArray<Bf16> query(tile.query.size());
  DeviceArray<float> weights(tile.weights.size());
  DeviceArray<std::uint8_t> chunk(kChunkBytes);
  DeviceArray<std::uint8_t> stored(Traits::kWeightBytes);
  DeviceArray<float> scores(kBlockTokens * kRows);
  DeviceArray<float> out(kLatentDim * kRows);
  DeviceArray<float> out_alternative(kMmaM * kRows);
  kv.upload(to_bf16(tile.kv));
  query.upload(to_bf16(tile.query));
  weights.upload(tile.weights);
  ProbeParams params{};
  params.kv_map = make_tensor_map({.dtype = DType::kBF16,
                                   .data = kv.data(),
                                   .outer = 1,
                                   .rows = kBlockTokens,
                                   .columns = kKvDim,
                                   .box_rows = kBlockTokens,
                                   .box_columns = kChunkColumns});
  params.query_map = make_tensor_map({.dtype = DType::kBF16,
                                      .data = query.data(),
                                      .outer = 1,
                                      .rows = kRows,
                                      .columns = kKvDim,
                                      .box_rows = kRows,
                                      .box_columns = kChunkColumns});
  params.weights = weights.data();
  params.chunk = chunk.data();
  params.stored = stored.data();
  params.scores = scores.data();
  params.out = out.data();
  params.out_alternative = out_alternative.data();
  params.offsets = {0, kSwizzleAtomBytes, kMnMajorStepBytes};
  CUDA_CHECK(cudaFuncSetAttribute(probe_kernel<Traits>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                  Traits::kSharedBytes));
  const auto launch = [&params] {
    probe_kernel<Traits><<<1, kCtaThreads, Traits::kSharedBytes>>>(params);
    CUDA_CHECK(cudaDeviceSynchronize());
  };
  launch();

  std::vector<float> chunk_expected;
  std::vector<float> chunk_actual;
  const std::vector<std::uint8_t> chunk_bytes = chunk.download();
  for (int key = 0; key < kBlockTokens; ++key) {
    for (int column = 0; column < kChunkColumns; ++column) {
      chunk_expected.push_back(tile.kv[static_cast<std::size_t>(key * kKvDim + column)]);
      chunk_actual.push_back(bf16_at(chunk_bytes, chunk_byte(key, column)));
    }
  }
  std::vector<float> scores_expected;
  for (int key = 0; key < kBlockTokens; ++key) {
    for (int row = 0; row < kRows; ++row) {
      float sum = 0;
      for (int d = 0; d < kKvDim; ++d) {
        sum += tile.kv[static_cast<std::size_t>(key * kKvDim + d)] *
               tile.query[static_cast<std::size_t>(row * kKvDim + d)];
      }
      scores_expected.push_back(sum);
    }
  }
  std::vector<float> stored_expected;
  std::vector<float> stored_actual;
  const std::vector<std::uint8_t> stored_bytes = stored.download();
  for (int row = 0; row < kRows; ++row) {
    for (int key = 0; key < kBlockTokens; ++key) {
      stored_expected.push_back(tile.weights[static_cast<std::size_t>(key * kRows + row)]);
      stored_actual.push_back(bf16_at(stored_bytes, chunk_byte(row, key)));
    }
  }
  std::vector<float> out_expected;
  for (int d = 0; d < kLatentDim; ++d) {
    for (int row = 0; row < kRows; ++row) {
      float sum = 0;
      for (int key = 0; key < kBlockTokens; ++key) {
        sum += tile.kv[static_cast<std::size_t>(key * kKvDim + d)] *
               tile.weights[static_cast<std::size_t>(key * kRows + row)];
      }
      out_expected.push_back(sum);
    }
  }
  CHECK_EQ(count_differences("copied chunk", chunk_actual, chunk_expected, kChunkColumns), 0);
  CHECK_EQ(count_differences("S^T", scores.download(), scores_expected, kRows), 0);
  CHECK_EQ(count_differences("stored P^T", stored_actual, stored_expected, kBlockTokens), 0);
  const int wrong = count_differences("O^T", out.download(), out_expected, kRows);
  CHECK_EQ(wrong, 0);
  if (wrong == 0) return;
  const std::vector<float> first_block(out_expected.begin(), out_expected.begin() + kMmaM * kRows);
  for (const std::uint32_t leading : {0u, 16u, 128u, 1024u, 2048u, 8192u}) {
    for (const std::uint32_t stride : {0u, 16u, 128u, 1024u, 2048u, 8192u}) {
      for (const std::uint32_t step : {32u, 256u, 1024u, 2048u}) {
        params.offsets = {leading, stride, step};
        launch();
        const std::vector<float> actual = out_alternative.download();
        int different = 0;
        for (std::size_t i = 0; i < actual.size(); ++i) different += actual[i] != first_block[i];
        if (different == 0) {
          std::printf("  V^T is right with leading %u, stride %u, step %u\n", leading, stride,
                      step);
        }
      }
    }
  }
}

}  // namespace

TEST("one tile, 8 rows") {
  run_probe<8>();
}
TEST("one tile, 16 rows") {
  run_probe<16>();
}
TEST("one tile, 24 rows") {
  run_probe<24>();
}
TEST("one tile, 32 rows") {
  run_probe<32>();
}

}  // namespace etap::cuda
