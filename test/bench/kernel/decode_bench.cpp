// Times MLA decode over a grid of shapes on the device at hand and prints, last, a short table:
// median time of one layer's call, bandwidth, arithmetic rate, share of the measured read ceiling,
// ratio to the floor of a kernel that pads its rows to 64, error against double precision.
//
// "padded" is the floor of a kernel that pads its rows to 64 over the measured time.
//
//   decode_bench [--json PATH] [--quick] [--shape HEADSxQLENxBATCHxLENGTH[:fixed|:balanced]]...
//
// A call is one layer in a chain of layers in a CUDA graph, each with a KV pool of its own, so that
// nothing is found in the L2 cache that a model would not find there.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "backend/cuda/etap/config.h"
#include "inputs.h"
#include "read_ceiling.h"
#include "timing.h"

namespace etap::cuda {
namespace {

constexpr std::int64_t kCeilingBytes = std::int64_t{4} << 30;
constexpr std::int64_t kPoolBytesPerChain = std::int64_t{1} << 30;  // many times the L2 cache
constexpr int kLayersMin = 2;
constexpr int kLayersMax = 32;
constexpr int kWarmup = 3;
constexpr int kRepeats = 15;
constexpr std::int64_t kErrorPairsMax = 40'000'000;  // (row, key) pairs that the reference may take

struct BenchShape {
  int heads;
  int query_length;
  int batch;
  int length;
  SplitPolicy policy;
};

struct BenchResult {
  BenchShape shape;
  int layers;
  double call_us;
  double p99_us;
  double plan_us;
  double bytes;
  double flops;
  double relative_error;  // negative: not computed
};

BenchShape parse_shape(const char* text) {
  BenchShape shape{0, 0, 0, 0, SplitPolicy::kFixed};
  char policy[16] = "fixed";
  if (std::sscanf(text, "%dx%dx%dx%d:%15s", &shape.heads, &shape.query_length, &shape.batch,
                  &shape.length, policy) < 4) {
    throw std::runtime_error(std::string("bad --shape ") + text);
  }
  if (std::strcmp(policy, "balanced") == 0) shape.policy = SplitPolicy::kBalanced;
  return shape;
}

std::vector<BenchShape> default_shapes(bool quick) {
  std::vector<BenchShape> shapes;
  const auto add = [&shapes](int heads, int query_length, int batch, int length) {
    shapes.push_back({heads, query_length, batch, length, SplitPolicy::kFixed});
  };
  shapes.push_back({16, 1, 16, 65536, SplitPolicy::kBalanced});
  add(16, 1, 16, 65536);
  for (const int length : {512, 1024, 2048, 4096, 8192, 16384, 32768}) add(16, 1, 16, length);
  if (quick) return shapes;
  for (const int batch : {1, 32, 64}) {
    for (const int length : {512, 4096, 16384, 65536}) add(16, 1, batch, length);
  }
  for (const int heads : {8, 32, 48, 64, 128}) {
    for (const int length : {4096, 65536}) add(heads, 1, 16, length);
  }
  for (const int query_length : {2, 3, 4}) add(16, query_length, 16, 16384);
  return shapes;
}

class Graph {
 public:
  template <typename Enqueue>
  Graph(cudaStream_t stream, const Enqueue& enqueue) {
    cudaGraph_t graph = nullptr;
    CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    enqueue();
    CUDA_CHECK(cudaStreamEndCapture(stream, &graph));
    CUDA_CHECK(cudaGraphInstantiate(&executable_, graph, 0));
    CUDA_CHECK(cudaGraphDestroy(graph));
  }
  ~Graph() { cudaGraphExecDestroy(executable_); }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  void launch(cudaStream_t stream) const { CUDA_CHECK(cudaGraphLaunch(executable_, stream)); }

 private:
  cudaGraphExec_t executable_ = nullptr;
};

BenchResult run_shape(const BenchShape& shape, cudaStream_t stream) {
  BenchResult result{};
  result.shape = shape;
  const std::int64_t tokens = static_cast<std::int64_t>(shape.batch) * shape.length;
  const std::int64_t pool_bytes = tokens * kKvDim * kElementBytes;
  result.layers = static_cast<int>(std::min<std::int64_t>(
      std::max<std::int64_t>(kPoolBytesPerChain / pool_bytes, kLayersMin), kLayersMax));
  DecodeCase test_case{.shape = {DType::kBF16, shape.heads, shape.query_length},
                       .context_lengths = std::vector<std::int32_t>(
                           static_cast<std::size_t>(shape.batch), shape.length)};
  std::vector<std::unique_ptr<DecodeInputs>> layers;
  for (int layer = 0; layer < result.layers; ++layer) {
    test_case.seed = static_cast<std::uint64_t>(layer) + 1;
    layers.push_back(std::make_unique<DecodeInputs>(test_case));
  }
  MlaDecoder decoder(test_case.shape, {.batch = shape.batch, .context_tokens = tokens},
                     shape.policy);
  const std::int32_t* lengths = layers.front()->context_lengths();
  decoder.plan(lengths, shape.batch, stream);
  CUDA_CHECK(cudaStreamSynchronize(stream));

  const Graph chain(stream, [&] {
    for (const auto& layer : layers) decoder.decode(layer->arguments(), stream);
  });
  const Timing timing =
      time_device(stream, kWarmup, kRepeats, [&](cudaStream_t s) { chain.launch(s); });
  result.call_us = timing.median_us / result.layers;
  result.p99_us = timing.p99_us / result.layers;
  constexpr int kPlans = 16;
  const Graph plans(stream, [&] {
    for (int i = 0; i < kPlans; ++i) decoder.plan(lengths, shape.batch, stream);
  });
  result.plan_us =
      time_device(stream, kWarmup, kRepeats, [&](cudaStream_t s) { plans.launch(s); }).median_us /
      kPlans;

  const double rows = static_cast<double>(shape.batch) * test_case.shape.rows();
  result.bytes = static_cast<double>(pool_bytes) + rows * (kKvDim + kLatentDim) * kElementBytes;
  result.flops = 2.0 * static_cast<double>(tokens) * test_case.shape.rows() * (kKvDim + kLatentDim);
  result.relative_error = -1;
  if (tokens * test_case.shape.rows() <= kErrorPairsMax) {
    const ErrorFigures figures = compare_with_reference(*layers.back());
    result.relative_error = figures.finite ? figures.relative : NAN;
  }
  return result;
}

struct Ceiling {
  double load;
  double copy;

  double best() const { return std::max(load, copy); }
};

// The least time of a kernel that pads its query rows to 64, at the tensor rate of the data sheet.
double padded_floor_us(const BenchResult& r, const Ceiling& ceiling) {
  constexpr double kTensorRate = 989e12;
  constexpr int kPaddedRows = 64;
  const int rows = r.shape.heads * r.shape.query_length;
  const double padding =
      static_cast<double>((rows + kPaddedRows - 1) / kPaddedRows * kPaddedRows) / rows;
  return 1e6 * std::max(r.bytes / ceiling.best(), r.flops * padding / kTensorRate);
}

void print_row(const BenchResult& r, const Ceiling& ceiling) {
  const double seconds = r.call_us * 1e-6;
  char error[16] = "-";
  if (!(r.relative_error < 0)) std::snprintf(error, sizeof error, "%.1e", r.relative_error);
  std::printf("%5d %4d %5d %6d %-8s %9.2f %7.0f %7.1f %6.1f%% %6.2f %8s %6.2f %6.2f\n",
              r.shape.heads, r.shape.query_length, r.shape.batch, r.shape.length,
              r.shape.policy == SplitPolicy::kFixed ? "fixed" : "balanced", r.call_us,
              r.bytes / seconds * 1e-9, r.flops / seconds * 1e-12,
              r.bytes / seconds / ceiling.best() * 100, r.p99_us / r.call_us, error, r.plan_us,
              padded_floor_us(r, ceiling) / r.call_us);
}

void write_json(const char* path, const char* device, const Ceiling& ceiling,
                const std::vector<BenchResult>& results) {
  std::FILE* file = std::fopen(path, "w");
  if (file == nullptr) throw std::runtime_error(std::string("cannot write ") + path);
  std::fprintf(file,
               "{\"device\":\"%s\",\"warmup\":%d,\"repeats\":%d,\"read_ceiling_load\":%.6g,"
               "\"read_ceiling_copy\":%.6g,\"results\":[",
               device, kWarmup, kRepeats, ceiling.load, ceiling.copy);
  for (const BenchResult& r : results) {
    std::fprintf(file,
                 "%s\n{\"heads\":%d,\"query_length\":%d,\"batch\":%d,\"length\":%d,"
                 "\"policy\":\"%s\",\"layers\":%d,\"median_us\":%.4f,\"p99_us\":%.4f,"
                 "\"plan_us\":%.4f,\"bytes\":%.0f,\"flops\":%.0f,\"ceiling_share\":%.4f,"
                 "\"relative_error\":%.4g}",
                 &r == results.data() ? "" : ",", r.shape.heads, r.shape.query_length,
                 r.shape.batch, r.shape.length,
                 r.shape.policy == SplitPolicy::kFixed ? "fixed" : "balanced", r.layers, r.call_us,
                 r.p99_us, r.plan_us, r.bytes, r.flops,
                 r.bytes / (r.call_us * 1e-6) / ceiling.best(), r.relative_error);
  }
  std::fprintf(file, "\n]}\n");
  std::fclose(file);
}

int run(int argc, char** argv) {
  const char* json = nullptr;
  bool quick = false;
  std::vector<BenchShape> shapes;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--quick") == 0) {
      quick = true;
    } else if (std::strcmp(argv[i], "--json") == 0 && i + 1 < argc) {
      json = argv[++i];
    } else if (std::strcmp(argv[i], "--shape") == 0 && i + 1 < argc) {
      shapes.push_back(parse_shape(argv[++i]));
    } else {
      throw std::runtime_error(std::string("unknown argument ") + argv[i]);
    }
  }
  if (shapes.empty()) shapes = default_shapes(quick);

  cudaDeviceProp properties{};
  CUDA_CHECK(cudaGetDeviceProperties(&properties, 0));
  const int ctas = multiprocessor_count();
  Ceiling ceiling{measure_load_ceiling(kCeilingBytes), 0};
  std::printf("copy engine, GB/s by chunks of 8 KB in flight per SM:");
  for (const int chunks : {4, 8, 16, 25}) {
    const double rate = measure_copy_ceiling(kCeilingBytes, chunks, ctas);
    ceiling.copy = std::max(ceiling.copy, rate);
    std::printf(" %d: %.0f", chunks, rate * 1e-9);
  }
  std::printf("; %d CTAs, 25: %.0f\n", ctas * 94 / 132,
              measure_copy_ceiling(kCeilingBytes, 25, ctas * 94 / 132) * 1e-9);

  cudaStream_t stream = nullptr;
  CUDA_CHECK(cudaStreamCreate(&stream));
  std::printf("%s, %d SMs; read ceiling %.0f GB/s (loads %.0f, copy engine %.0f)\n",
              properties.name, ctas, ceiling.best() * 1e-9, ceiling.load * 1e-9,
              ceiling.copy * 1e-9);
  std::printf("%5s %4s %5s %6s %-8s %9s %7s %7s %7s %6s %8s %6s %6s\n", "heads", "qlen", "batch",
              "length", "split", "us/call", "GB/s", "TFLOPS", "ceiling", "p99/m", "error", "plan",
              "padded");
  std::vector<BenchResult> results;
  for (const BenchShape& shape : shapes) {
    results.push_back(run_shape(shape, stream));
    print_row(results.back(), ceiling);
    std::fflush(stdout);
  }
  CUDA_CHECK(cudaStreamDestroy(stream));
  if (json != nullptr) write_json(json, properties.name, ceiling, results);
  return 0;
}

}  // namespace
}  // namespace etap::cuda

int main(int argc, char** argv) {
  try {
    return etap::cuda::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "decode_bench: %s\n", error.what());
    return 1;
  }
}
