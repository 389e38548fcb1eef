// Products with packed weights: against the reference, and bit for bit against themselves.
#include <string>
#include <vector>

#include "backend/op_harness.h"
#include "base/float_bits.h"

namespace etap::test {
namespace {

constexpr double kRounding = 4e-3;   // bf16 outputs
constexpr double kSummation = 2e-5;  // fp32 outputs: only the order of additions differs

struct LinearCase {
  DType dtype;
  std::int64_t outputs;
  std::int64_t columns;
  std::int64_t rows;
  std::int64_t first_scale_columns = kScaleBlock;
};

std::string name_of(const LinearCase& c, const std::string& subject) {
  return subject + " " + dtype_name(c.dtype) + " [" + std::to_string(c.rows) + ", " +
         std::to_string(c.columns) + "] to " + std::to_string(c.outputs);
}

// Panels, tails of rows, columns and outputs, scale blocks cut by a slice; and more columns than
// are kept in a cache at once.
const std::vector<LinearCase> kCases = {
    {DType::kBF16, 64, 32, 1},        {DType::kBF16, 1, 2, 3},
    {DType::kBF16, 100, 75, 17},      {DType::kBF16, 193, 160, 70},
    {DType::kBF16, 130, 4300, 66},    {DType::kBF16, 33, 31, 5},
    {DType::kF8E4M3, 64, 128, 1},     {DType::kF8E4M3, 48, 300, 16},
    {DType::kF8E4M3, 65, 129, 33},    {DType::kF8E4M3, 64, 256, 100},
    {DType::kF8E4M3, 96, 200, 7, 56}, {DType::kF8E4M3, 70, 90, 9, 64},
    {DType::kF16, 80, 260, 6},        {DType::kF16, 17, 33, 20},
    {DType::kF32, 64, 64, 2},         {DType::kF32, 7, 111, 40},
};

Floats run_linear(Backend& backend, const HostMatrix& matrix, const Floats& x, std::int64_t rows,
                  DType x_dtype) {
  const std::int64_t columns = matrix.values.dim(1);
  const std::int64_t outputs = matrix.values.dim(0);
  const bool narrow = backend.activation_dtype() == DType::kBF16;
  const auto input = backend.allocate(narrow ? x_dtype : DType::kF32, rows, columns);
  const auto output = backend.allocate(DType::kF32, rows, outputs);
  const WeightHandle weight = backend.upload_linear("w", matrix);
  write_view(input->view(), x);
  backend.linear(input->view(), *weight, output->view());
  return read_view(output->view());
}

TEST("linear equals the reference for every type and shape") {
  std::uint64_t seed = 1;
  for (const LinearCase& c : kCases) {
    Random random(seed++);
    const HostMatrix matrix =
        random_matrix(random, c.dtype, c.outputs, c.columns, c.first_scale_columns);
    const Floats x = bf16_rounded(random_floats(random, c.rows * c.columns, 1.0F));
    const Floats expected = run_linear(*open_reference(), matrix, x, c.rows, DType::kF32);
    for_each_subject([&](const std::string& subject) {
      const auto backend = open_subject(subject, 2);
      CHECK_CLOSE(run_linear(*backend, matrix, x, c.rows, DType::kBF16), expected, kSummation,
                  name_of(c, subject));
    });
  }
}

TEST("linear takes fp32 rows for fp32 weights without rounding them") {
  Random random(7);
  const HostMatrix matrix = random_matrix(random, DType::kF32, 70, 130);
  const Floats x = random_floats(random, 9 * 130, 1.0F);
  const Floats expected = run_linear(*open_reference(), matrix, x, 9, DType::kF32);
  for_each_subject([&](const std::string& subject) {
    CHECK_CLOSE(run_linear(*open_subject(subject, 2), matrix, x, 9, DType::kF32), expected, 1e-6,
                subject);
  });
}

TEST("e4m3 weights are multiplied exactly") {
  // One column at a time, and scales of few bits: the product is exact in whatever order an
  // instruction set forms it. The largest scales are far beyond those of any checkpoint.
  HostMatrix matrix;
  matrix.values = HostTensor(DType::kF8E4M3, {254, 1});
  matrix.scales = HostTensor(DType::kF32, {254, 1});
  Floats expected;
  for (std::int64_t i = 0; i < 254; ++i) {
    const auto bits = static_cast<std::uint8_t>(i < 127 ? i : i + 1);
    const float scale = (0.375F + static_cast<float>(i) / 512.0F) * (i % 2 == 0 ? 1.0F : 0x1p40F);
    matrix.values.data<std::uint8_t>()[i] = bits;
    matrix.scales.data<float>()[i] = scale;
    expected.push_back(1.5F * e4m3_to_float(bits) * scale);
  }
  for_each_subject([&](const std::string& subject) {
    const Floats actual = run_linear(*open_subject(subject, 1), matrix, {1.5F}, 1, DType::kBF16);
    CHECK(actual == expected);
  });
}

TEST("rows of linear do not depend on the other rows, nor on the threads") {
  constexpr std::int64_t kRows = 64;
  for (const LinearCase& c : kCases) {
    Random random(99);
    const HostMatrix matrix =
        random_matrix(random, c.dtype, c.outputs, c.columns, c.first_scale_columns);
    const Floats x = bf16_rounded(random_floats(random, kRows * c.columns, 1.0F));
    for_each_subject([&](const std::string& subject) {
      const Floats all = run_linear(*open_subject(subject, 1), matrix, x, kRows, DType::kBF16);
      CHECK(run_linear(*open_subject(subject, 3), matrix, x, kRows, DType::kBF16) == all);
      const auto backend = open_subject(subject, 1);
      for (const std::int64_t rows : {1, 2, 5, 15, 16, 17, 33}) {
        const Floats some(x.end() - rows * c.columns, x.end());
        const Floats actual = run_linear(*backend, matrix, some, rows, DType::kBF16);
        const Floats expected(all.end() - rows * c.outputs, all.end());
        if (actual != expected) fail(__FILE__, __LINE__, name_of(c, subject) + " other bits");
      }
    });
  }
}

Floats run_gated(Backend& backend, const HostMatrix& gate, const HostMatrix& up, const Floats& x,
                 std::int64_t rows) {
  const DType narrow = backend.activation_dtype();
  const auto input = backend.allocate(narrow, rows, gate.values.dim(1));
  const auto output = backend.allocate(narrow, rows, gate.values.dim(0));
  const WeightHandle weight = backend.upload_gated("gate", gate, up);
  write_view(input->view(), x);
  backend.gated_linear(input->view(), *weight, output->view());
  return read_view(output->view());
}

TEST("gated_linear equals the reference") {
  for (const LinearCase& c : kCases) {
    Random random(5);
    const HostMatrix gate =
        random_matrix(random, c.dtype, c.outputs, c.columns, c.first_scale_columns);
    const HostMatrix up =
        random_matrix(random, c.dtype, c.outputs, c.columns, c.first_scale_columns);
    const Floats x = bf16_rounded(random_floats(random, c.rows * c.columns, 1.0F));
    const Floats expected = run_gated(*open_reference(), gate, up, x, c.rows);
    for_each_subject([&](const std::string& subject) {
      CHECK_CLOSE(run_gated(*open_subject(subject, 2), gate, up, x, c.rows), expected, kRounding,
                  name_of(c, subject));
    });
  }
}

TEST("silu holds at its ends") {
  // gate = x * 1, up = 1 for x far from zero: silu must neither overflow nor lose the sign.
  HostMatrix gate;
  gate.values = float_tensor({1.0F, 0.0F}, {1, 2});
  HostMatrix up;
  up.values = float_tensor({0.0F, 1.0F}, {1, 2});
  const Floats x = {-1e4F, 1.0F, -100.0F, 1.0F, 0.0F, 1.0F, 100.0F, 1.0F, 1e4F, 1.0F};
  for_each_subject([&](const std::string& subject) {
    const Floats actual = run_gated(*open_subject(subject, 1), gate, up, x, 5);
    CHECK(std::abs(actual[0]) < 1e-30F);
    CHECK(std::abs(actual[1]) < 1e-30F);
    CHECK_EQ(actual[2], 0.0F);
    CHECK_EQ(actual[3], 100.0F);
    CHECK_EQ(actual[4], 9984.0F);  // 1e4 in bf16
  });
}

TEST("a NaN in FP8 values is refused with the tensor's name") {
  HostMatrix matrix;
  matrix.values = HostTensor(DType::kF8E4M3, {2, 2});
  matrix.scales = float_tensor({1.0F, 1.0F}, {2, 1});
  matrix.values.data<std::uint8_t>()[0] = 0x10;
  matrix.values.data<std::uint8_t>()[1] = 0x10;
  matrix.values.data<std::uint8_t>()[2] = 0xff;
  matrix.values.data<std::uint8_t>()[3] = 0x10;
  for_each_subject([&](const std::string& subject) {
    CHECK_ERROR(open_subject(subject, 1)->upload_linear("model.x.weight", matrix),
                "ETAP_ERR_TENSOR", "model.x.weight", "element 2");
  });
}

}  // namespace
}  // namespace etap::test
