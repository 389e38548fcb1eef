// Operations that treat every row alone: embedding, norms, rotation, gathering.
#include <string>
#include <vector>

#include "backend/op_harness.h"
#include "base/float_bits.h"

namespace etap::test {
namespace {

constexpr double kRounding = 4e-3;

Floats run_rmsnorm(Backend& backend, const Floats& x, const Floats& weight, std::int64_t rows,
                   DType out_dtype) {
  const auto columns = static_cast<std::int64_t>(weight.size());
  const auto input = backend.allocate(DType::kF32, rows, columns);
  const auto output = backend.allocate(out_dtype, rows, columns);
  const WeightHandle handle = backend.upload_vector("norm", float_tensor(weight, {columns}));
  write_view(input->view(), x);
  backend.rmsnorm(input->view(), *handle, 1e-6F, output->view());
  return read_view(output->view());
}

TEST("rmsnorm equals the reference") {
  for (const std::int64_t columns : {1, 15, 16, 100, 2048}) {
    Random random(static_cast<std::uint64_t>(columns));
    const Floats x = random_floats(random, 19 * columns, 3.0F);
    const Floats weight = random_floats(random, columns, 1.0F);
    const Floats expected = run_rmsnorm(*open_reference(), x, weight, 19, DType::kF32);
    for_each_subject([&](const std::string& subject) {
      const auto backend = open_subject(subject, 2);
      CHECK_CLOSE(run_rmsnorm(*backend, x, weight, 19, DType::kF32), expected, 1e-6, subject);
      CHECK_CLOSE(run_rmsnorm(*backend, x, weight, 19, DType::kBF16), expected, kRounding, subject);
    });
  }
}

TEST("add_rmsnorm adds to the residual and norms the sum") {
  Random random(3);
  const Floats x = random_floats(random, 5 * 33, 1.0F);
  const Floats delta = random_floats(random, 5 * 33, 1.0F);
  Floats sum = x;
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += delta[i];
  const Floats weight = random_floats(random, 33, 1.0F);
  for_each_subject([&](const std::string& subject) {
    const auto backend = open_subject(subject, 1);
    const auto residual = backend->allocate(DType::kF32, 5, 33);
    const auto addend = backend->allocate(DType::kF32, 5, 33);
    const auto out = backend->allocate(DType::kF32, 5, 33);
    const WeightHandle handle = backend->upload_vector("norm", float_tensor(weight, {33}));
    write_view(residual->view(), x);
    write_view(addend->view(), delta);
    backend->add_rmsnorm(residual->view(), addend->view(), *handle, 1e-6F, out->view());
    CHECK(read_view(residual->view()) == sum);
    CHECK(read_view(out->view()) == run_rmsnorm(*backend, sum, weight, 5, DType::kF32));
  });
}

TEST("NaN stays NaN where fp32 is narrowed") {
  // A payload in the low bits only: plain rounding would make it infinite.
  const float nan = std::bit_cast<float>(0x7f800001U);
  Floats x(20, 1.0F);
  x[3] = nan;
  for_each_subject([&](const std::string& subject) {
    for (const float value :
         run_rmsnorm(*open_subject(subject, 1), x, Floats(20, 1.0F), 1, DType::kBF16)) {
      CHECK(std::isnan(value));
    }
  });
}

TEST("embedding looks rows up in every stored type, and gives zero outside its share") {
  for (const DType dtype : {DType::kBF16, DType::kF16, DType::kF32}) {
    Random random(11);
    const HostMatrix table = random_matrix(random, dtype, 6, 21);
    const auto expected_rows = open_reference();
    StepFixture step({{0, 4, false, {1}}});
    step.tokens = {10, 13, 9, 16};
    step.layout.tokens = step.tokens;
    Floats expected;
    for (const std::int64_t row : {0, 3, -1, -1}) {
      for (std::int64_t i = 0; i < 21; ++i) {
        const auto place = static_cast<std::size_t>(row * 21 + i);
        expected.push_back(row < 0 ? 0.0F
                                   : load_float(dtype, table.values.data<std::byte>(), place));
      }
    }
    for_each_subject([&](const std::string& subject) {
      const auto backend = open_subject(subject, 2);
      const auto out = backend->allocate(DType::kF32, 4, 21);
      const WeightHandle handle = backend->upload_embedding("table", table.values);
      backend->begin_step(step.layout);
      backend->embedding(*handle, 10, out->view());
      CHECK(read_view(out->view()) == expected);
    });
  }
}

TEST("gather_logit_rows copies the rows that the step names") {
  StepFixture step({{0, 5, false, {1}}});
  const std::vector<std::int32_t> rows = {1, 4};
  step.layout.logit_rows = rows;
  const Floats x = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  for_each_subject([&](const std::string& subject) {
    const auto backend = open_subject(subject, 1);
    const auto input = backend->allocate(DType::kBF16, 5, 2);
    const auto out = backend->allocate(DType::kBF16, 2, 2);
    write_view(input->view(), x);
    backend->begin_step(step.layout);
    backend->gather_logit_rows(input->view(), out->view());
    CHECK(read_view(out->view()) == Floats({2, 3, 8, 9}));
  });
}

}  // namespace
}  // namespace etap::test
