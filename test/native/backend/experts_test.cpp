// Routing and routed experts.
#include <string>
#include <vector>

#include "backend/op_harness.h"

namespace etap::test {
namespace {

constexpr double kRounding = 6e-3;
constexpr std::int64_t kHidden = 40;
constexpr std::int64_t kInner = 72;

struct Mixture {
  RoutingParams routing;
  bool has_bias;
  DType dtype;
};

RoutingParams routing(std::int64_t experts, std::int64_t per_token, std::int64_t groups,
                      std::int64_t kept, bool sigmoid) {
  return {experts, per_token, groups, kept, sigmoid, sigmoid, sigmoid, sigmoid ? 2.5F : 1.0F};
}

const std::vector<Mixture> kMixtures = {
    {routing(8, 3, 1, 1, false), false, DType::kBF16},
    {routing(12, 4, 4, 2, false), false, DType::kF32},
    {routing(16, 4, 4, 2, true), true, DType::kBF16},
    {routing(16, 8, 8, 4, true), true, DType::kF8E4M3},
    {routing(1, 1, 1, 1, true), false, DType::kF16},
};

struct MixtureInputs {
  std::vector<HostMatrix> gates;
  std::vector<HostMatrix> ups;
  std::vector<HostMatrix> downs;
  Floats bias;
  Floats logits;
  Floats x;
  Floats before;
};

MixtureInputs random_inputs(const Mixture& mixture, std::int64_t rows, std::uint64_t seed) {
  Random random(seed);
  MixtureInputs inputs;
  for (std::int64_t expert = 0; expert < mixture.routing.experts; ++expert) {
    inputs.gates.push_back(random_matrix(random, mixture.dtype, kInner, kHidden));
    inputs.ups.push_back(random_matrix(random, mixture.dtype, kInner, kHidden));
    inputs.downs.push_back(random_matrix(random, mixture.dtype, kHidden, kInner));
  }
  inputs.bias = random_floats(random, mixture.routing.experts, 1.0F);
  inputs.logits = random_floats(random, rows * mixture.routing.experts, 2.0F);
  inputs.x = bf16_rounded(random_floats(random, rows * kHidden, 1.0F));
  inputs.before = random_floats(random, rows * kHidden, 0.1F);
  return inputs;
}

// Rows [first, first + rows) of the inputs.
Floats run_mixture(Backend& backend, const Mixture& mixture, const MixtureInputs& inputs,
                   std::int64_t first, std::int64_t rows, bool accumulate) {
  std::vector<ExpertWeights> weights;
  for (std::size_t i = 0; i < inputs.gates.size(); ++i) {
    ExpertWeights expert;
    expert.gate_up = backend.upload_gated("gate", inputs.gates[i], inputs.ups[i]);
    expert.down = backend.upload_linear("down", inputs.downs[i]);
    weights.push_back(std::move(expert));
  }
  const WeightHandle experts = backend.bind_experts(std::move(weights));
  const std::int64_t count = mixture.routing.experts;
  const WeightHandle bias = backend.upload_vector("bias", float_tensor(inputs.bias, {count}));
  const auto logits = backend.allocate(DType::kF32, rows, count);
  const auto x = backend.allocate(backend.activation_dtype(), rows, kHidden);
  const auto out = backend.allocate(DType::kF32, rows, kHidden);
  const auto part = [&](const Floats& values, std::int64_t columns) {
    return Floats(values.begin() + first * columns, values.begin() + (first + rows) * columns);
  };
  write_view(logits->view(), part(inputs.logits, count));
  write_view(x->view(), part(inputs.x, kHidden));
  write_view(out->view(), part(inputs.before, kHidden));
  backend.route(mixture.routing, logits->view(), mixture.has_bias ? bias.get() : nullptr);
  backend.experts(x->view(), *experts, accumulate, out->view());
  return read_view(out->view());
}

TEST("experts equal the reference for every routing and type") {
  std::uint64_t seed = 20;
  for (const Mixture& mixture : kMixtures) {
    for (const std::int64_t rows : {1, 2, 50}) {
      const MixtureInputs inputs = random_inputs(mixture, rows, seed++);
      for (const bool accumulate : {false, true}) {
        const Floats expected =
            run_mixture(*open_reference(), mixture, inputs, 0, rows, accumulate);
        for_each_subject([&](const std::string& subject) {
          CHECK_CLOSE(run_mixture(*open_subject(subject, 2), mixture, inputs, 0, rows, accumulate),
                      expected, kRounding, subject + " seed " + std::to_string(seed));
        });
      }
    }
  }
}

TEST("the experts of a row do not depend on the other rows, nor on the threads") {
  for (const Mixture& mixture : kMixtures) {
    const MixtureInputs inputs = random_inputs(mixture, 40, 77);
    for_each_subject([&](const std::string& subject) {
      const Floats all = run_mixture(*open_subject(subject, 1), mixture, inputs, 0, 40, true);
      CHECK(run_mixture(*open_subject(subject, 3), mixture, inputs, 0, 40, true) == all);
      for (const std::int64_t row : {0, 17, 39}) {
        const Floats alone = run_mixture(*open_subject(subject, 1), mixture, inputs, row, 1, true);
        const Floats expected(all.begin() + row * kHidden, all.begin() + (row + 1) * kHidden);
        CHECK(alone == expected);
      }
    });
  }
}

// The expert of each row, seen through experts that output their own number.
Floats chosen_expert(Backend& backend, const RoutingParams& params, const Floats& logits,
                     const Floats& bias, std::int64_t rows) {
  std::vector<ExpertWeights> weights;
  for (std::int64_t expert = 0; expert < params.experts; ++expert) {
    HostMatrix one;
    one.values = float_tensor({100.0F}, {1, 1});
    HostMatrix number;
    number.values = float_tensor({static_cast<float>(expert) / 1e4F}, {1, 1});
    ExpertWeights handles;
    handles.gate_up = backend.upload_gated("gate", one, one);
    handles.down = backend.upload_linear("down", number);
    weights.push_back(std::move(handles));
  }
  const WeightHandle experts = backend.bind_experts(std::move(weights));
  const WeightHandle handle = backend.upload_vector("bias", float_tensor(bias, {params.experts}));
  const auto scores = backend.allocate(DType::kF32, rows, params.experts);
  const auto x = backend.allocate(backend.activation_dtype(), rows, 1);
  const auto out = backend.allocate(DType::kF32, rows, 1);
  write_view(scores->view(), logits);
  write_view(x->view(), Floats(static_cast<std::size_t>(rows), 1.0F));
  backend.route(params, scores->view(), handle.get());
  backend.experts(x->view(), *experts, false, out->view());
  return read_view(out->view());
}

TEST("ties go to the lowest id, the bias chooses but does not weigh, other groups are hidden") {
  RoutingParams params = routing(4, 1, 2, 1, true);
  params.normalize = true;
  params.scaling_factor = 1.0F;
  const Floats logits = {
      1.0F,  1.0F, 1.0F,  1.0F,   // all equal: expert 0
      0.0F,  0.0F, 9.0F,  -9.0F,  // group sums 1.0 and 1.0: group 0, expert 0
      -9.0F, 5.0F, -9.0F, -9.0F,  // expert 1
  };
  // A bias that makes every score negative must not let a masked expert win.
  const Floats negative(4, -2.0F);
  const auto check = [&](Backend& backend, const std::string& name) {
    const Floats plain = chosen_expert(backend, params, logits, Floats(4, 0.0F), 3);
    const Floats biased = chosen_expert(backend, params, logits, negative, 3);
    for (const Floats& chosen : {plain, biased}) {
      if (!(std::abs(chosen[0]) < 0.01F && std::abs(chosen[1]) < 0.01F &&
            std::abs(chosen[2] - 1.0F) < 0.01F)) {
        fail(__FILE__, __LINE__, name + ": another expert was chosen");
      }
    }
    const Floats pushed = chosen_expert(backend, params, logits, {0.0F, 0.0F, 0.0F, 1.0F}, 3);
    CHECK(std::abs(pushed[0] - 3.0F) < 0.03F);
  };
  check(*open_reference(), "reference");
  for_each_subject([&](const std::string& subject) { check(*open_subject(subject, 1), subject); });
}

}  // namespace
}  // namespace etap::test
