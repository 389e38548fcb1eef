// The whole decode against double precision, and its promises: same bits in any batch, in a graph,
// and again.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "backend/cuda/etap/config.h"
#include "inputs.h"
#include "test.h"

namespace etap::cuda {
namespace {

DecodeLimits limits_of(const std::vector<std::int32_t>& lengths) {
  return {.batch = static_cast<int>(lengths.size()),
          .context_tokens = std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0})};
}

// Relative error of the output's norm that rounding explains: operands and result have 8 or 11
// bits.
double relative_bound(DType dtype) {
  return dtype == DType::kBF16 ? 5e-3 : 7e-4;
}

struct Result {
  std::vector<std::uint16_t> out;
  std::vector<float> lse;
};

Result run(const DecodeCase& test_case, SplitPolicy policy = SplitPolicy::kFixed,
           const std::vector<std::uint32_t>& ids = {}) {
  DecodeInputs inputs(test_case, ids);
  MlaDecoder decoder(test_case.shape, limits_of(test_case.context_lengths), policy);
  decoder.plan(inputs.context_lengths(), inputs.batch(), nullptr);
  decoder.decode(inputs.arguments(), nullptr);
  CUDA_CHECK(cudaDeviceSynchronize());
  return {inputs.download_out(), inputs.download_lse()};
}

std::string describe(const DecodeCase& test_case, SplitPolicy policy) {
  std::string text = std::string(dtype_name(test_case.shape.dtype)) + " heads " +
                     std::to_string(test_case.shape.heads) + " q_len " +
                     std::to_string(test_case.shape.query_length) +
                     (policy == SplitPolicy::kFixed ? " fixed" : " balanced") + " lengths";
  for (std::size_t r = 0; r < std::min<std::size_t>(test_case.context_lengths.size(), 6); ++r) {
    text += " " + std::to_string(test_case.context_lengths[r]);
  }
  return text;
}

ErrorFigures check_case(const DecodeCase& test_case, SplitPolicy policy = SplitPolicy::kFixed) {
  DecodeInputs inputs(test_case);
  MlaDecoder decoder(test_case.shape, limits_of(test_case.context_lengths), policy);
  decoder.plan(inputs.context_lengths(), inputs.batch(), nullptr);
  decoder.decode(inputs.arguments(), nullptr);
  CUDA_CHECK(cudaDeviceSynchronize());
  const ErrorFigures figures = compare_with_reference(inputs);
  const bool good = figures.finite && figures.relative < relative_bound(test_case.shape.dtype) &&
                    figures.lse_max < 1e-3;
  if (!good) {
    std::printf("  %s: rmse %.3g relative %.3g lse %.3g finite %d\n",
                describe(test_case, policy).c_str(), figures.rmse, figures.relative,
                figures.lse_max, figures.finite ? 1 : 0);
  }
  CHECK(good);
  return figures;
}

const std::vector<std::int32_t> kEdgeLengths = {1,   63,  64,  65,   127,  128,  129,
                                                511, 512, 513, 1024, 1025, 4095, 4096};

std::vector<std::int32_t> at_least(std::vector<std::int32_t> lengths, int least) {
  for (std::int32_t& length : lengths) length = std::max(length, least);
  return lengths;
}

}  // namespace

TEST("first: one request of one tile") {
  check_case({.shape = {DType::kBF16, 16, 1}, .context_lengths = {64}});
}

TEST("first: one request of two tiles") {
  check_case({.shape = {DType::kBF16, 16, 1}, .context_lengths = {128}});
}

TEST("first: one request with a tail") {
  check_case({.shape = {DType::kBF16, 16, 1}, .context_lengths = {100}});
}

TEST("first: several splits") {
  check_case({.shape = {DType::kBF16, 16, 1}, .context_lengths = {3000}});
}

TEST("first: a ragged batch") {
  check_case({.shape = {DType::kBF16, 16, 1}, .context_lengths = kEdgeLengths});
}

TEST("the reference kernel agrees with plain double arithmetic on the host") {
  const DecodeCase test_case{.shape = {DType::kF16, 8, 2}, .context_lengths = {2, 70, 130}};
  DecodeInputs inputs(test_case);
  ReferenceArguments arguments = inputs.reference_arguments();
  const int rows = test_case.shape.rows();
  const std::size_t out_size = 3u * static_cast<std::size_t>(rows) * kLatentDim;
  DeviceArray<double> out(out_size);
  arguments.out = out.data();
  reference_decode(test_case.shape, arguments, ReferencePrecision::kDouble, nullptr);
  const std::vector<double> actual = out.download();
  std::vector<std::uint16_t> query(3u * static_cast<std::size_t>(rows) * kKvDim);
  std::vector<std::uint16_t> pool(static_cast<std::size_t>(arguments.kv.block_count) *
                                  kBlockTokens * kKvDim);
  std::vector<std::int32_t> table(3u * static_cast<std::size_t>(arguments.block_table_stride));
  CUDA_CHECK(cudaMemcpy(query.data(), arguments.query, query.size() * 2, cudaMemcpyDeviceToHost));
  CUDA_CHECK(cudaMemcpy(pool.data(), arguments.kv.data, pool.size() * 2, cudaMemcpyDeviceToHost));
  CUDA_CHECK(
      cudaMemcpy(table.data(), arguments.block_table, table.size() * 4, cudaMemcpyDeviceToHost));
  double worst = 0;
  for (int request = 0; request < 3; ++request) {
    for (int row = 0; row < rows; ++row) {
      const int visible = test_case.context_lengths[static_cast<std::size_t>(request)] - 1 +
                          row / test_case.shape.heads;
      const std::size_t line = static_cast<std::size_t>(request * rows + row);
      std::vector<double> weights;
      double sum = 0;
      std::vector<double> expected(kLatentDim, 0.0);
      for (int key = 0; key < visible; ++key) {
        const auto block = static_cast<std::size_t>(table[static_cast<std::size_t>(
            request * arguments.block_table_stride + key / kBlockTokens)]);
        const std::uint16_t* latent =
            &pool[(block * kBlockTokens + static_cast<std::size_t>(key % kBlockTokens)) * kKvDim];
        double score = 0;
        for (std::size_t d = 0; d < kKvDim; ++d) {
          score +=
              to_double(query[line * kKvDim + d], DType::kF16) * to_double(latent[d], DType::kF16);
        }
        const double weight = std::exp(score * static_cast<double>(test_case.softmax_scale));
        sum += weight;
        for (std::size_t d = 0; d < kLatentDim; ++d) {
          expected[d] += weight * to_double(latent[d], DType::kF16);
        }
      }
      for (std::size_t d = 0; d < kLatentDim; ++d) {
        worst = std::max(worst, std::abs(actual[line * kLatentDim + d] - expected[d] / sum));
      }
    }
  }
  CHECK(worst < 1e-12);
}

TEST("rows: every head count and query length, both types, edge lengths") {
  for (const DType dtype : {DType::kBF16, DType::kF16}) {
    for (const int heads : {1, 8, 16, 20, 32, 48, 64, 128}) {
      for (int query_length = 1; query_length <= kQueryLengthMax; ++query_length) {
        check_case({.shape = {dtype, heads, query_length},
                    .context_lengths = at_least(kEdgeLengths, query_length)});
      }
    }
  }
}

TEST("policy: the balanced split is right too") {
  for (const int heads : {8, 16, 32, 64, 128}) {
    check_case({.shape = {DType::kBF16, heads, 1}, .context_lengths = kEdgeLengths},
               SplitPolicy::kBalanced);
    check_case({.shape = {DType::kF16, heads, 2}, .context_lengths = {70000, 3, 20000}},
               SplitPolicy::kBalanced);
  }
}

TEST("long: 65,536 tokens, ragged, both types and distributions") {
  for (const DType dtype : {DType::kBF16, DType::kF16}) {
    for (const Distribution distribution : {Distribution::kNormal, Distribution::kOutliers}) {
      for (const int heads : {16, 128}) {
        const DecodeCase test_case{.shape = {dtype, heads, 1},
                                   .context_lengths = {65536, 65535, 8192, 1},
                                   .distribution = distribution};
        check_case(test_case);
      }
    }
  }
}

TEST("empty places of the batch give zeros and an LSE of minus infinity") {
  const DecodeCase test_case{.shape = {DType::kBF16, 16, 1}, .context_lengths = {0, 700, 0}};
  const Result result = run(test_case);
  const std::size_t request = 16u * kLatentDim;
  CHECK(std::all_of(result.out.begin(), result.out.begin() + request,
                    [](std::uint16_t bits) { return bits == 0; }));
  CHECK(std::all_of(result.lse.begin() + 32, result.lse.end(),
                    [](float lse) { return std::isinf(lse) && lse < 0; }));
  check_case(test_case);
  check_case({.shape = {DType::kBF16, 16, 1}, .context_lengths = {0, 0}});
  check_case({.shape = {DType::kBF16, 16, 1}, .context_lengths = {0, 0}}, SplitPolicy::kBalanced);
}

TEST("bits: a request gets the same result alone, in any batch and again") {
  for (const int heads : {16, 64}) {
    const DecodeShape shape{DType::kBF16, heads, 1};
    const std::vector<std::int32_t> lengths = {5000, 64, 20000, 1, 777, 130};
    const Result batch = run({.shape = shape, .context_lengths = lengths});
    const Result again = run({.shape = shape, .context_lengths = lengths});
    CHECK(batch.out == again.out);
    CHECK(batch.lse == again.lse);
    const std::vector<std::uint32_t> order = {4, 2, 0, 5, 1, 3};
    std::vector<std::int32_t> shuffled;
    for (const std::uint32_t id : order) shuffled.push_back(lengths[id]);
    const Result mixed =
        run({.shape = shape, .context_lengths = shuffled}, SplitPolicy::kFixed, order);
    const std::size_t size = static_cast<std::size_t>(heads) * kLatentDim;
    for (std::size_t place = 0; place < order.size(); ++place) {
      const std::size_t id = order[place];
      CHECK(std::memcmp(&mixed.out[place * size], &batch.out[id * size], size * 2) == 0);
      const Result alone = run({.shape = shape, .context_lengths = {lengths[id]}},
                               SplitPolicy::kFixed, {static_cast<std::uint32_t>(id)});
      CHECK(std::memcmp(alone.out.data(), &batch.out[id * size], size * 2) == 0);
    }
  }
}

TEST("graph: a captured step replays with new lengths") {
  const DecodeShape shape{DType::kBF16, 16, 1};
  const std::vector<std::int32_t> longest = {9000, 9000, 9000, 9000};
  const std::vector<std::int32_t> second = {1, 4096, 0, 130};
  DecodeInputs inputs({.shape = shape, .context_lengths = longest});
  MlaDecoder decoder(shape, limits_of(longest));
  cudaStream_t stream = nullptr;
  CUDA_CHECK(cudaStreamCreate(&stream));
  cudaGraph_t graph = nullptr;
  CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  decoder.plan(inputs.context_lengths(), inputs.batch(), stream);
  decoder.decode(inputs.arguments(), stream);
  decoder.decode(inputs.arguments(), stream);
  CUDA_CHECK(cudaStreamEndCapture(stream, &graph));
  cudaGraphExec_t executable = nullptr;
  CUDA_CHECK(cudaGraphInstantiate(&executable, graph, 0));
  CUDA_CHECK(cudaGraphLaunch(executable, stream));
  CUDA_CHECK(cudaStreamSynchronize(stream));
  const Result eager = run({.shape = shape, .context_lengths = longest});
  CHECK(inputs.download_out() == eager.out);
  CUDA_CHECK(cudaMemcpy(const_cast<std::int32_t*>(inputs.context_lengths()), second.data(),
                        second.size() * sizeof(std::int32_t), cudaMemcpyHostToDevice));
  inputs.poison_output();
  CUDA_CHECK(cudaGraphLaunch(executable, stream));
  CUDA_CHECK(cudaStreamSynchronize(stream));
  const ErrorFigures figures = compare_with_reference(inputs);
  CHECK(figures.finite);
  CHECK(figures.relative < relative_bound(DType::kBF16));
  CUDA_CHECK(cudaGraphExecDestroy(executable));
  CUDA_CHECK(cudaGraphDestroy(graph));
  CUDA_CHECK(cudaStreamDestroy(stream));
}

TEST("plan: the device's plan is the host's") {
  test::Random random(11);
  for (int round = 0; round < 20; ++round) {
    std::vector<std::int32_t> lengths(
        static_cast<std::size_t>(1 + random.below(round == 0 ? 4096 : 300)));
    for (std::int32_t& length : lengths) {
      length = static_cast<std::int32_t>(random.below((std::int64_t{1} << random.below(17)) + 1));
    }
    const DecodeShape shape{DType::kBF16, 128, 1 + static_cast<int>(random.below(2))};
    DeviceArray<std::int32_t> device_lengths(lengths.size());
    device_lengths.upload(lengths);
    for (const SplitPolicy policy : {SplitPolicy::kFixed, SplitPolicy::kBalanced}) {
      MlaDecoder decoder(shape, limits_of(lengths), policy);
      decoder.plan(device_lengths.data(), static_cast<int>(lengths.size()), nullptr);
      Plan actual = decoder.download_plan();
      Plan expected = make_plan(lengths, decoder.layout().passes, policy, decoder.worker_count());
      CHECK_EQ(actual.header.item_count, expected.header.item_count);
      CHECK_EQ(actual.header.slot_count, expected.header.slot_count);
      CHECK(actual.slot_begin == expected.slot_begin);
      CHECK(actual.worker_begin == expected.worker_begin);
      const auto sizes_fall = [](const WorkItem& a, const WorkItem& b) {
        return a.block_count > b.block_count;
      };
      if (policy == SplitPolicy::kFixed) {
        CHECK(std::is_sorted(actual.items.begin(), actual.items.end(), sizes_fall));
        const auto before = [](const WorkItem& a, const WorkItem& b) {
          return std::tie(a.request, a.block_begin, a.pass) <
                 std::tie(b.request, b.block_begin, b.pass);
        };
        std::sort(actual.items.begin(), actual.items.end(), before);
        std::sort(expected.items.begin(), expected.items.end(), before);
      }
      CHECK(actual.items == expected.items);
    }
  }
}

// The bound is the published figure of the ETAP paper for fp16; its scale is that of its test,
// 576^-0.5. The error is that of rounding the result to 16 bits, whatever the kernel.
TEST("accuracy: RMSE on both distributions, printed") {
  for (const DType dtype : {DType::kBF16, DType::kF16}) {
    for (const Distribution distribution : {Distribution::kNormal, Distribution::kOutliers}) {
      for (const int length : {1024, 8192, 65536}) {
        const ErrorFigures figures = check_case({.shape = {dtype, 16, 1},
                                                 .context_lengths = {length, length},
                                                 .distribution = distribution,
                                                 .softmax_scale = 1.0f / 24});
        std::printf("  %s %s %d tokens: rmse %.3g relative %.3g lse %.2g\n", dtype_name(dtype),
                    distribution == Distribution::kNormal ? "normal" : "outliers", length,
                    figures.rmse, figures.relative, figures.lse_max);
        if (dtype == DType::kF16 && distribution == Distribution::kNormal && length >= 8192) {
          CHECK(figures.rmse <= 1.25e-5);
        }
      }
    }
  }
}

}  // namespace etap::cuda
