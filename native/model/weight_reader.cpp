#include "model/weight_reader.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "base/float_bits.h"

namespace etap {
namespace {

std::int64_t block_count(std::int64_t size) {
  return (size + kScaleBlock - 1) / kScaleBlock;
}

// One scale for each row of the slice and each block of columns it touches.
HostTensor scales_of_slice(const HostTensor& blocks, Range rows, Range columns) {
  const std::int64_t first = columns.begin / kScaleBlock;
  const std::int64_t count = block_count(columns.end) - first;
  HostTensor scales(DType::kF32, {rows.size(), count});
  for (std::int64_t row = 0; row < rows.size(); ++row) {
    const float* source =
        blocks.data<float>() + (rows.begin + row) / kScaleBlock * blocks.dim(1) + first;
    std::copy(source, source + count, scales.data<float>() + row * count);
  }
  return scales;
}

float scale_at(const HostMatrix& matrix, std::int64_t row, std::int64_t column) {
  if (matrix.scales.empty()) return 1.0F;
  const std::int64_t past_first = column - matrix.first_scale_columns;
  const std::int64_t block = past_first < 0 ? 0 : 1 + past_first / kScaleBlock;
  return matrix.scales.data<float>()[row * matrix.scales.dim(1) + block];
}

// Moves row `order[i]` of a [rows, ...] tensor to row i, within [first, first + order.size()).
void reorder_rows(HostTensor& tensor, std::int64_t first, const std::vector<std::int64_t>& order) {
  const std::size_t row_bytes = tensor.bytes() / static_cast<std::size_t>(tensor.dim(0));
  std::byte* rows = tensor.data<std::byte>() + static_cast<std::size_t>(first) * row_bytes;
  const std::vector<std::byte> source(rows, rows + order.size() * row_bytes);
  for (std::size_t i = 0; i < order.size(); ++i) {
    std::memcpy(rows + i * row_bytes,
                source.data() + static_cast<std::size_t>(order[i]) * row_bytes, row_bytes);
  }
}

}  // namespace

WeightReader::WeightReader(const Checkpoint& checkpoint, const LoadProgress& progress)
    : checkpoint_(checkpoint), progress_(progress) {}

HostMatrix WeightReader::matrix(const std::string& name, std::int64_t rows, std::int64_t columns,
                                Slice slice) {
  HostMatrix result{load(name, {rows, columns}, slice), {}, kScaleBlock};
  if (result.values.dtype() != DType::kF8E4M3) return result;
  const std::string scale_name = name + "_scale_inv";
  const HostTensor blocks = load(scale_name, {block_count(rows), block_count(columns)}, Slice{});
  if (blocks.dtype() != DType::kF32) {
    throw Error("ETAP_ERR_TENSOR", "tensor " + scale_name + " is " + dtype_name(blocks.dtype()) +
                                       ", expected F32; convert the checkpoint's scales");
  }
  const Range row_range = slice.dim == 0 ? Range{slice.begin, slice.end} : Range{0, rows};
  const Range column_range = slice.dim == 1 ? Range{slice.begin, slice.end} : Range{0, columns};
  result.scales = scales_of_slice(blocks, row_range, column_range);
  result.first_scale_columns = kScaleBlock - column_range.begin % kScaleBlock;
  return result;
}

HostTensor WeightReader::wide_matrix(const std::string& name, std::int64_t rows,
                                     std::int64_t columns, Slice slice) {
  const HostMatrix source = matrix(name, rows, columns, slice);
  HostTensor wide(DType::kF32, source.values.shape());
  for (std::int64_t row = 0; row < wide.dim(0); ++row) {
    for (std::int64_t column = 0; column < wide.dim(1); ++column) {
      const std::int64_t index = row * wide.dim(1) + column;
      wide.data<float>()[index] = load_float(source.values.dtype(), source.values.data<std::byte>(),
                                             static_cast<std::size_t>(index)) *
                                  scale_at(source, row, column);
    }
  }
  return wide;
}

HostTensor WeightReader::vector(const std::string& name, std::int64_t count) {
  const HostTensor source = load(name, {count}, Slice{});
  HostTensor wide(DType::kF32, {count});
  for (std::int64_t i = 0; i < count; ++i) {
    wide.data<float>()[i] =
        load_float(source.dtype(), source.data<std::byte>(), static_cast<std::size_t>(i));
  }
  return wide;
}

HostTensor WeightReader::load(const std::string& name, const Shape& shape, Slice slice) {
  HostTensor tensor = checkpoint_.load(name, shape, slice);
  if (tensor.dtype() == DType::kI32) {
    throw Error("ETAP_ERR_TENSOR", "tensor " + name + " holds I32, expected a float type");
  }
  // The whole tensor counts, also where this rank reads a slice: the ranks read in step.
  done_bytes_ += checkpoint_.info(name).bytes;
  if (progress_) progress_(done_bytes_);
  return tensor;
}

void deinterleave_rope_rows(HostMatrix& matrix, std::int64_t heads, std::int64_t nope,
                            std::int64_t rope) {
  std::vector<std::int64_t> order;
  for (std::int64_t i = 0; i < rope; ++i) {
    const std::int64_t half = rope / 2;
    order.push_back(i < half ? 2 * i : 2 * (i - half) + 1);
  }
  for (std::int64_t head = 0; head < heads; ++head) {
    const std::int64_t first = head * (nope + rope) + nope;
    reorder_rows(matrix.values, first, order);
    if (!matrix.scales.empty()) reorder_rows(matrix.scales, first, order);
  }
}

}  // namespace etap
