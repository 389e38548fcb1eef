#include "backend/cpu/packed_matrix.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/float_bits.h"

namespace etap::cpu {
namespace {

constexpr std::int64_t round_up(std::int64_t value, std::int64_t unit) {
  return (value + unit - 1) / unit * unit;
}

bool is_paired(DType dtype) {
  return dtype == DType::kBF16 || dtype == DType::kF8E4M3;
}

// One output to its place in a panel: pairs [columns / 2][64][2], others [columns][64].
template <typename T>
void pack_output(const T* source, std::int64_t columns, bool paired, std::int64_t output,
                 T* panel) {
  for (std::int64_t column = 0; column < columns; ++column) {
    const std::int64_t place =
        paired ? (column / 2 * kPanel + output) * 2 + column % 2 : column * kPanel + output;
    panel[place] = source[column];
  }
}

void pack_any_output(const HostTensor& matrix, std::int64_t row, std::int64_t output, void* panel) {
  const std::int64_t columns = matrix.dim(1);
  const std::int64_t first = row * columns;
  const bool paired = is_paired(matrix.dtype());
  if (matrix.dtype() == DType::kF8E4M3) {
    pack_output(matrix.data<std::uint8_t>() + first, columns, paired, output,
                static_cast<std::uint8_t*>(panel));
  } else if (matrix.dtype() == DType::kF32) {
    pack_output(matrix.data<float>() + first, columns, paired, output, static_cast<float*>(panel));
  } else {
    pack_output(matrix.data<std::uint16_t>() + first, columns, paired, output,
                static_cast<std::uint16_t*>(panel));
  }
}

void check_no_nan(const std::string& name, const HostMatrix& matrix) {
  if (matrix.values.dtype() != DType::kF8E4M3) return;
  const auto* values = matrix.values.data<std::uint8_t>();
  const std::uint8_t* end = values + matrix.values.bytes();
  const std::uint8_t* found = std::find_if(values, end, is_e4m3_nan);
  if (found == end) return;
  throw Error("ETAP_ERR_TENSOR", "tensor " + name + " holds NaN at element " +
                                     std::to_string(found - values) +
                                     " of this rank's share; the file is damaged, fetch it again");
}

// fp32 rows to a bf16 matrix; `transposed` swaps rows and columns.
HostMatrix narrowed(const float* values, std::int64_t rows, std::int64_t columns, bool transposed) {
  HostMatrix matrix;
  const Shape shape = transposed ? Shape{columns, rows} : Shape{rows, columns};
  matrix.values = HostTensor(DType::kBF16, shape);
  auto* out = matrix.values.data<std::uint16_t>();
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t column = 0; column < columns; ++column) {
      const std::int64_t place = transposed ? column * rows + row : row * columns + column;
      out[place] = float_to_bf16(values[row * columns + column]);
    }
  }
  return matrix;
}

std::vector<float> floats_of(const HostTensor& tensor) {
  const float* values = tensor.data<float>();
  return {values, values + element_count(tensor.shape())};
}

std::int64_t total_bytes(const std::vector<PackedMatrix>& matrices) {
  std::int64_t total = 0;
  for (const PackedMatrix& matrix : matrices) total += matrix.bytes();
  return total;
}

std::int64_t total_bytes(const std::vector<ExpertWeights>& experts) {
  std::int64_t total = 0;
  for (const ExpertWeights& expert : experts) {
    total += expert.gate_up->bytes() + expert.down->bytes();
  }
  return total;
}

}  // namespace

PackedMatrix::PackedMatrix(ThreadPool& pool, const std::string& name, const HostMatrix& matrix) {
  check_no_nan(name, matrix);
  outputs_ = matrix.values.dim(0);
  allocate(name, matrix);
  pool.parallel_for(panel_count_,
                    [&](std::int64_t index, int) { pack_panel(index, matrix, matrix); });
}

PackedMatrix::PackedMatrix(ThreadPool& pool, const std::string& name, const HostMatrix& gate,
                           const HostMatrix& up)
    : gated_(true) {
  check_no_nan(name, gate);
  check_no_nan(name + " (up)", up);
  if (gate.values.dtype() != up.values.dtype() || gate.values.shape() != up.values.shape()) {
    throw Error("ETAP_ERR_TENSOR",
                "tensor " + name +
                    " and its up projection differ: " + dtype_name(gate.values.dtype()) + " and " +
                    dtype_name(up.values.dtype()) + "; both must be stored alike");
  }
  outputs_ = gate.values.dim(0);
  allocate(name, gate);
  pool.parallel_for(panel_count_, [&](std::int64_t index, int) { pack_panel(index, gate, up); });
}

std::int64_t PackedMatrix::panel_width(std::int64_t index) const {
  return std::min(panel_width(), outputs_ - index * panel_width());
}

PanelView PackedMatrix::panel(std::int64_t index, std::int64_t ahead) const {
  const float* scales = reinterpret_cast<const float*>(scales_.data());
  if (scales != nullptr) scales += index * scale_blocks_ * kPanel;
  const bool has_next = ahead > 0 && index + ahead < panel_count_;
  return {dtype_,
          values_.data() + index * panel_bytes_,
          scales,
          columns_,
          first_scale_columns_,
          tiles_,
          has_next ? values_.data() + (index + ahead) * panel_bytes_ : nullptr,
          has_next ? panel_bytes_ : 0};
}

void PackedMatrix::allocate(const std::string& name, const HostMatrix& matrix) {
  dtype_ = matrix.values.dtype();
  columns_ = matrix.values.dim(1);
  panel_count_ = (outputs_ + panel_width() - 1) / panel_width();
  panel_bytes_ =
      round_up(columns_, kColumnAlign) * kPanel * static_cast<std::int64_t>(dtype_bytes(dtype_));
  values_ = Memory(static_cast<std::size_t>(panel_count_ * panel_bytes_));
  if (matrix.scales.empty()) return;
  scale_blocks_ = matrix.scales.dim(1);
  first_scale_columns_ = matrix.first_scale_columns;
  tiles_ = scale_blocks_ == 1 || first_scale_columns_ % kColumnAlign == 0;
  scales_ = Memory(static_cast<std::size_t>(panel_count_ * scale_blocks_ * kPanel) * sizeof(float));
  if (scale_blocks_ > 1 && first_scale_columns_ % 2 != 0) {
    throw Error("ETAP_ERR_TENSOR",
                "tensor " + name + ": this rank's columns begin " +
                    std::to_string(kScaleBlock - first_scale_columns_) +
                    " into an FP8 scale block, expected an even number; choose another tensor "
                    "parallel size");
  }
}

void PackedMatrix::pack_panel(std::int64_t index, const HostMatrix& matrix, const HostMatrix& up) {
  std::byte* panel = values_.data() + index * panel_bytes_;
  auto* scales = reinterpret_cast<float*>(scales_.data());
  const std::int64_t width = panel_width(index);
  for (std::int64_t part = 0; part < (gated_ ? 2 : 1); ++part) {
    const HostMatrix& source = part == 0 ? matrix : up;
    for (std::int64_t i = 0; i < width; ++i) {
      const std::int64_t row = index * panel_width() + i;
      const std::int64_t output = part * (kPanel / 2) + i;
      pack_any_output(source.values, row, output, panel);
      for (std::int64_t block = 0; block < scale_blocks_; ++block) {
        scales[(index * scale_blocks_ + block) * kPanel + output] =
            source.scales.data<float>()[row * scale_blocks_ + block];
      }
    }
  }
}

VectorWeight::VectorWeight(std::vector<float> source)
    : Weight(static_cast<std::int64_t>(source.size() * sizeof(float))), values(std::move(source)) {}

EmbeddingWeight::EmbeddingWeight(const HostTensor& table)
    : Weight(static_cast<std::int64_t>(table.bytes())),
      dtype(table.dtype()),
      tokens(table.dim(0)),
      columns(table.dim(1)),
      values(table.bytes()) {
  std::memcpy(values.data(), table.data<std::byte>(), table.bytes());
}

LinearWeight::LinearWeight(PackedMatrix packed)
    : Weight(packed.bytes()), matrix(std::move(packed)) {}

HeadsWeight::HeadsWeight(std::vector<PackedMatrix> absorb_source,
                         std::vector<PackedMatrix> key_source,
                         std::vector<PackedMatrix> value_source)
    : Weight(total_bytes(absorb_source) + total_bytes(key_source) + total_bytes(value_source)),
      absorb(std::move(absorb_source)),
      key(std::move(key_source)),
      value(std::move(value_source)) {}

RopeWeight::RopeWeight(const HostTensor& cos_source, const HostTensor& sin_source)
    : Weight(static_cast<std::int64_t>(cos_source.bytes() + sin_source.bytes())),
      positions(cos_source.dim(0)),
      half(cos_source.dim(1)),
      cos(floats_of(cos_source)),
      sin(floats_of(sin_source)) {}

ExpertsWeight::ExpertsWeight(std::vector<ExpertWeights> source)
    : Weight(total_bytes(source)), experts(std::move(source)) {}

const PackedMatrix& ExpertsWeight::gate_up(std::int64_t expert) const {
  const ExpertWeights& weights = experts[static_cast<std::size_t>(expert)];
  return static_cast<const LinearWeight&>(*weights.gate_up).matrix;
}

const PackedMatrix& ExpertsWeight::down(std::int64_t expert) const {
  const ExpertWeights& weights = experts[static_cast<std::size_t>(expert)];
  return static_cast<const LinearWeight&>(*weights.down).matrix;
}

WeightHandle pack_heads(ThreadPool& pool, const std::string& name,
                        const HostHeadProjections& projections) {
  const std::int64_t heads = projections.key.dim(0);
  const std::int64_t nope = projections.key.dim(1);
  const std::int64_t latent = projections.key.dim(2);
  const std::int64_t value = projections.value.dim(1);
  std::vector<PackedMatrix> absorb;
  std::vector<PackedMatrix> keys;
  std::vector<PackedMatrix> values;
  for (std::int64_t head = 0; head < heads; ++head) {
    const float* key_rows = projections.key.data<float>() + head * nope * latent;
    const float* value_rows = projections.value.data<float>() + head * value * latent;
    absorb.emplace_back(pool, name, narrowed(key_rows, nope, latent, true));
    keys.emplace_back(pool, name, narrowed(key_rows, nope, latent, false));
    values.emplace_back(pool, name, narrowed(value_rows, value, latent, false));
  }
  return std::make_unique<HeadsWeight>(std::move(absorb), std::move(keys), std::move(values));
}

}  // namespace etap::cpu
