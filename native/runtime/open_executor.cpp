#include "runtime/open_executor.h"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "backend/backend.h"
#include "backend/create.h"
#include "backend/profiled.h"
#include "base/error.h"
#include "model/config.h"
#include "model/transformer.h"
#include "model/workspace.h"
#include "runtime/host_resources.h"
#include "runtime/memory_plan.h"
#include "runtime/weight_memory.h"
#include "weights/checkpoint.h"

namespace etap {

namespace {

static_assert(kBlockSize == kBlockTokens);

// What depends on where the model runs.
struct DeviceDefaults {
  std::int64_t slot_count;
  std::int64_t step_token_capacity;
  bool strict;
  double spare_share;  // of the memory beside the weights, for the KV cache
};
constexpr DeviceDefaults kHostDefaults{16, 512, true, 0.5};
constexpr DeviceDefaults kDeviceDefaults{256, 8192, false, 0.9};

// Logits are computed for this many rows at a time, in at most so much memory.
constexpr std::int64_t kLogitRowsMax = 256;
constexpr std::int64_t kLogitBytesMax = std::int64_t{256} << 20;

// More threads take longer to wake than they save.
constexpr int kSamplingThreadsMax = 16;

// Steps between two reports of progress while loading.
constexpr std::int64_t kProgressSteps = 200;

struct Device {
  std::string backend;
  std::string isa;
  std::int64_t free_memory_bytes;  // 0: the model lives in the host's memory
};

// The configuration has narrower ranges; these keep the arithmetic below sound whoever calls.
void check_options(const ExecutorOptions& options) {
  const auto check = [](const char* name, std::int64_t value, std::int64_t min, std::int64_t max) {
    if (value >= min && value <= max) return;
    throw Error("ETAP_ERR_CONFIG", std::string(name) + " is " + std::to_string(value) +
                                       ", expected " + std::to_string(min) + " to " +
                                       std::to_string(max));
  };
  check("engine.tensorParallelSize", options.rank_count, 1, 64);
  check("engine.threads", options.thread_count, 0, 1024);
  check("engine.kvMemoryBytes", options.kv_memory_bytes, 0, std::int64_t{1} << 44);
  check("model.maxModelLen", options.max_model_len, 0, std::int64_t{1} << 24);
  check("engine.maxSequences", options.slot_count, 0, 4096);
  check("engine.stepTokenCapacity", options.step_token_capacity, 0, 1 << 20);
}

BackendOptions backend_options(const ExecutorOptions& options, int thread_count, int rank) {
  BackendOptions result;
  result.thread_count = std::max(1, thread_count / options.rank_count);
  result.isa = options.isa;
  result.rank = rank;
  result.rank_count = options.rank_count;
  return result;
}

Device probe(const std::string& backend, const ExecutorOptions& options, int thread_count) {
  const auto probed = create_backend(backend, backend_options(options, thread_count, 0));
  return {backend, probed->isa(), probed->free_memory_bytes()};
}

// `auto` takes the GPU where it can be used, and otherwise reports why it was not.
Device choose_device(const ExecutorOptions& options, int thread_count,
                     const OpenProgress& progress) {
  if (options.backend != "auto") return probe(options.backend, options, thread_count);
  try {
    return probe("cuda", options, thread_count);
  } catch (const Error& error) {
    if (!error.code().starts_with("ETAP_ERR_CUDA_")) throw;
    progress(("on the CPU: " + std::string(error.what())).c_str(), 0, -1);
    return probe("cpu", options, thread_count);
  }
}

// Sums what the ranks have loaded and reports it now and then.
class LoadMeter {
 public:
  LoadMeter(const OpenProgress& progress, std::int64_t total_bytes, int rank_count)
      : progress_(progress),
        total_bytes_(total_bytes),
        done_bytes_(static_cast<std::size_t>(rank_count)) {}

  void report(int rank, std::int64_t rank_done_bytes) {
    const std::lock_guard lock(mutex_);
    done_bytes_[static_cast<std::size_t>(rank)] = rank_done_bytes;
    std::int64_t done = 0;
    for (const std::int64_t bytes : done_bytes_) done += bytes;
    // Replicated tensors are read by every rank.
    done = std::min(done, total_bytes_);
    if (done - reported_bytes_ < total_bytes_ / kProgressSteps) return;
    reported_bytes_ = done;
    progress_("loading weights", done, total_bytes_);
  }

 private:
  const OpenProgress& progress_;
  const std::int64_t total_bytes_;
  std::mutex mutex_;
  std::vector<std::int64_t> done_bytes_;  // by rank
  std::int64_t reported_bytes_ = 0;
};

class TransformerRank final : public RankModel {
 public:
  TransformerRank(std::unique_ptr<Backend> backend, const ModelConfig& config,
                  const Checkpoint& checkpoint, Communicator& communicator,
                  const TransformerOptions& options, const LoadProgress& progress)
      : backend_(create_profiled_backend(std::move(backend))),
        transformer_(config, checkpoint, *backend_, communicator, options, progress) {}

  void forward(const ForwardBatch& batch) override { transformer_.forward(batch); }
  void logits(std::int64_t first, std::int64_t count, float* logits) override {
    transformer_.logits(first, count, logits);
  }
  std::int64_t weight_bytes() const override { return transformer_.weight_bytes(); }
  StepProfile profile() const override { return *backend_->profile(); }

 private:
  std::unique_ptr<Backend> backend_;
  Transformer transformer_;
};

// Capacities as asked for, else as the device has them. Throws ETAP_ERR_CONFIG where a step could
// not hold a token of every sequence and a block of a prompt.
ExecutorLimits executor_limits(const ExecutorOptions& options, const DeviceDefaults& defaults,
                               const ModelConfig& config) {
  ExecutorLimits limits{};
  limits.slots.slot_count = options.slot_count > 0 ? options.slot_count : defaults.slot_count;
  limits.slots.vocab_size = config.vocab_size;
  limits.step_token_capacity =
      options.step_token_capacity > 0 ? options.step_token_capacity : defaults.step_token_capacity;
  const std::int64_t needed = limits.slots.slot_count + kBlockSize;
  if (limits.step_token_capacity < needed) {
    throw Error("ETAP_ERR_CONFIG",
                "engine.stepTokenCapacity is " + std::to_string(limits.step_token_capacity) +
                    ", but a step holds a token of each of engine.maxSequences (" +
                    std::to_string(limits.slots.slot_count) + ") and a block of " +
                    std::to_string(kBlockSize) + " prompt tokens: raise it to " +
                    std::to_string(needed) + " or more, or lower engine.maxSequences");
  }
  limits.logit_row_capacity =
      std::clamp<std::int64_t>(kLogitBytesMax / (config.vocab_size * 4), 1,
                               std::min(kLogitRowsMax, limits.step_token_capacity));
  limits.rank_count = options.rank_count;
  return limits;
}

MemoryNeeds memory_needs(const ExecutorOptions& options, const Device& device,
                         const DeviceDefaults& defaults, const ExecutorLimits& limits,
                         const ModelConfig& config, const Checkpoint& checkpoint) {
  const bool wide = device.backend == "reference";
  const RankShape shape = rank_shape(config, options.rank_count, 0);
  // Ranks on the host share its memory; on devices each has its own.
  const bool shared = device.free_memory_bytes == 0;
  const std::int64_t ranks_in_memory = shared ? options.rank_count : 1;
  MemoryNeeds needs{};
  needs.available_bytes = shared ? available_memory_bytes() : device.free_memory_bytes;
  needs.weight_bytes =
      ranks_in_memory * resident_weight_bytes(config, checkpoint, options.rank_count,
                                              wide ? WeightForm::kWide : WeightForm::kStored);
  needs.activation_bytes =
      ranks_in_memory *
      Workspace::bytes(config, shape, limits.step_token_capacity, limits.logit_row_capacity);
  // The reference backend keeps fp32 where others keep bf16.
  needs.kv_bytes_per_token =
      Transformer::kv_bytes_per_token(config) * ranks_in_memory * (wide ? 2 : 1);
  needs.spare_share = defaults.spare_share;
  needs.kv_memory_bytes = options.kv_memory_bytes * ranks_in_memory;
  needs.max_model_len = options.max_model_len;
  needs.max_positions = config.max_position_embeddings;
  needs.slot_count = limits.slots.slot_count;
  return needs;
}

std::string weight_dtype(const ModelConfig& config, const Checkpoint& checkpoint) {
  if (config.fp8_weights) return "fp8_e4m3";
  switch (checkpoint.info("model.embed_tokens.weight").dtype) {
    case DType::kBF16:
      return "bf16";
    case DType::kF16:
      return "fp16";
    default:
      return "fp32";
  }
}

}  // namespace

OpenedExecutor open_executor(const ExecutorOptions& options, const OpenProgress& progress) {
  check_options(options);
  progress("reading the checkpoint", 0, 0);
  const ModelConfig config = load_model_config(options.model_folder);
  const Checkpoint checkpoint = Checkpoint::open(options.model_folder);
  const std::string dtype = weight_dtype(config, checkpoint);
  const int thread_count = options.thread_count > 0 ? options.thread_count : usable_cores();
  const Device device = choose_device(options, thread_count, progress);
  const DeviceDefaults& defaults = device.free_memory_bytes == 0 ? kHostDefaults : kDeviceDefaults;
  ExecutorLimits limits = executor_limits(options, defaults, config);
  const MemoryPlan plan =
      plan_memory(memory_needs(options, device, defaults, limits, config, checkpoint));
  limits.slots.max_model_len = plan.max_model_len;
  limits.slots.block_count = plan.block_count;
  limits.sampling_thread_count = std::min(thread_count, kSamplingThreadsMax);
  const TransformerOptions transformer_options{plan.block_count, limits.step_token_capacity,
                                               limits.slots.slot_count, limits.logit_row_capacity,
                                               options.strict.value_or(defaults.strict)};

  LoadMeter meter(progress, checkpoint.total_bytes(), options.rank_count);
  auto executor = std::make_unique<Executor>(limits, [&](Communicator& communicator) {
    const int rank = communicator.rank();
    return std::make_unique<TransformerRank>(
        create_backend(device.backend, backend_options(options, thread_count, rank)), config,
        checkpoint, communicator, transformer_options,
        [&meter, rank](std::int64_t done_bytes) { meter.report(rank, done_bytes); });
  });
  progress("loading weights", checkpoint.total_bytes(), checkpoint.total_bytes());

  const ExecutorInfo info{device.backend,
                          device.isa,
                          dtype,
                          config.layer_count,
                          config.vocab_size,
                          plan.max_model_len,
                          plan.block_count,
                          limits.slots.slot_count,
                          limits.step_token_capacity,
                          Transformer::kv_bytes_per_token(config),
                          executor->weight_bytes(),
                          thread_count,
                          options.rank_count};
  return {std::move(executor), info};
}

}  // namespace etap
