#include "backend/op_harness.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <utility>

#include "backend/cuda_library.h"
#include "base/float_bits.h"

namespace etap::test {
namespace {

bool testing_cuda() {
  const char* name = std::getenv("ETAP_TEST_BACKEND");
  return name != nullptr && std::string(name) == "cuda";
}

// Views of the cuda backend lie in the memory of a device.
void copy_bytes(void* target, const void* source, std::size_t bytes) {
  if (bytes == 0) return;
  if (testing_cuda()) {
    cuda_library().copy(target, source, bytes);
  } else {
    std::memcpy(target, source, bytes);
  }
}

}  // namespace

Floats random_floats(Random& random, std::int64_t count, float spread) {
  Floats values;
  for (std::int64_t i = 0; i < count; ++i) {
    // The sum of four uniform values is close enough to normal.
    double sum = -2.0;
    for (int j = 0; j < 4; ++j) sum += random.uniform();
    values.push_back(static_cast<float>(sum * 1.7) * spread);
  }
  return values;
}

Floats bf16_rounded(Floats values) {
  for (float& value : values) value = bf16_to_float(float_to_bf16(value));
  return values;
}

HostMatrix random_matrix(Random& random, DType dtype, std::int64_t rows, std::int64_t columns,
                         std::int64_t first_scale_columns) {
  HostMatrix matrix;
  matrix.values = HostTensor(dtype, {rows, columns});
  const Floats values = random_floats(random, rows * columns, 0.1F);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (dtype == DType::kF32) {
      matrix.values.data<float>()[i] = values[i];
    } else if (dtype == DType::kBF16) {
      matrix.values.data<std::uint16_t>()[i] = float_to_bf16(values[i]);
    } else if (dtype == DType::kF16) {
      // Any bits but infinities and NaN, subnormals included.
      matrix.values.data<std::uint16_t>()[i] =
          static_cast<std::uint16_t>(random.below(0x3400) | (random.below(2) << 15));
    } else {
      const auto bits = static_cast<std::uint8_t>(random.below(256));
      matrix.values.data<std::uint8_t>()[i] = is_e4m3_nan(bits) ? std::uint8_t{1} : bits;
    }
  }
  if (dtype != DType::kF8E4M3) return matrix;
  matrix.first_scale_columns = first_scale_columns;
  const std::int64_t past = columns - std::min(columns, first_scale_columns);
  const std::int64_t blocks = 1 + (past + kScaleBlock - 1) / kScaleBlock;
  matrix.scales = HostTensor(DType::kF32, {rows, blocks});
  for (std::int64_t i = 0; i < rows * blocks; ++i) {
    matrix.scales.data<float>()[i] = static_cast<float>(0.001 + 0.001 * random.uniform());
  }
  return matrix;
}

HostTensor float_tensor(const Floats& values, Shape shape) {
  HostTensor tensor(DType::kF32, std::move(shape));
  std::copy(values.begin(), values.end(), tensor.data<float>());
  return tensor;
}

void write_view(const TensorView& view, const Floats& values) {
  const std::size_t bytes = dtype_bytes(view.dtype);
  std::vector<std::byte> row(static_cast<std::size_t>(view.columns) * bytes);
  for (std::int64_t r = 0; r < view.rows; ++r) {
    for (std::int64_t i = 0; i < view.columns; ++i) {
      const float value = values[static_cast<std::size_t>(r * view.columns + i)];
      if (view.dtype == DType::kF32) {
        reinterpret_cast<float*>(row.data())[i] = value;
      } else {
        reinterpret_cast<std::uint16_t*>(row.data())[i] = float_to_bf16(value);
      }
    }
    copy_bytes(view.row_range(r, 1).data, row.data(), row.size());
  }
}

Floats read_view(const TensorView& view) {
  Floats values;
  if (view.rows == 0) return values;
  const std::size_t bytes = dtype_bytes(view.dtype);
  const auto span = static_cast<std::size_t>((view.rows - 1) * view.stride + view.columns);
  std::vector<std::byte> copy(span * bytes);
  copy_bytes(copy.data(), view.data, copy.size());
  for (std::int64_t row = 0; row < view.rows; ++row) {
    for (std::int64_t i = 0; i < view.columns; ++i) {
      values.push_back(
          load_float(view.dtype, copy.data(), static_cast<std::size_t>(row * view.stride + i)));
    }
  }
  return values;
}

std::unique_ptr<Backend> open_reference() {
  return create_backend("reference", {});
}

std::vector<std::string> subjects() {
  return testing_cuda() ? std::vector<std::string>{"cuda"} : available_cpu_isas();
}

std::unique_ptr<Backend> open_subject(const std::string& subject, int threads) {
  if (testing_cuda()) return create_backend("cuda", {});
  BackendOptions options;
  options.isa = subject;
  options.thread_count = threads;
  return create_backend("cpu", options);
}

double relative_error(const Floats& actual, const Floats& expected) {
  if (actual.size() != expected.size()) return std::numeric_limits<double>::quiet_NaN();
  double error = 0.0;
  double size = 0.0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double difference = static_cast<double>(actual[i]) - static_cast<double>(expected[i]);
    error += difference * difference;
    size += static_cast<double>(expected[i]) * static_cast<double>(expected[i]);
  }
  return error == 0.0 ? 0.0 : std::sqrt(error / size);
}

StepFixture::StepFixture(std::vector<Sequence> described) : sequences(std::move(described)) {
  std::int32_t packed[2] = {0, 0};
  std::int32_t row = 0;
  for (const Sequence& sequence : sequences) {
    for (std::int32_t i = 0; i < sequence.count; ++i) {
      const std::int64_t position = sequence.first + i;
      tokens.push_back(0);
      positions.push_back(static_cast<std::int32_t>(position));
      const auto block = static_cast<std::size_t>(position / kBlockTokens);
      slots.push_back(sequence.block_table[block] * kBlockTokens + position % kBlockTokens);
    }
    auto& segments = sequence.absorbed ? absorbed : expanded;
    std::int32_t& packed_row = packed[sequence.absorbed ? 1 : 0];
    segments.push_back(
        {row, packed_row, sequence.count, sequence.first, sequence.block_table.data()});
    row += sequence.count;
    packed_row += sequence.count;
  }
  layout = {tokens, positions, slots, expanded, absorbed, packed[1], {}};
}

}  // namespace etap::test
