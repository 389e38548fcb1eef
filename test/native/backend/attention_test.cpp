// Both forms of attention over the paged latent cache.
#include <limits>
#include <string>
#include <vector>

#include "backend/op_harness.h"

namespace etap::test {
namespace {

constexpr double kBound = 1.5e-2;  // keys, values and probabilities are rounded to bf16
constexpr std::int32_t kNoBlock = std::numeric_limits<std::int32_t>::max();

struct AttentionCase {
  AttentionShape shape;
  std::vector<StepFixture::Sequence> sequences;
};

AttentionShape shape_of(std::int64_t heads, std::int64_t nope, std::int64_t rope,
                        std::int64_t value, std::int64_t latent) {
  return {heads, nope, rope, value, latent, 0.09F};
}

// Blocks in any order, and absurd entries past the last one in use.
std::vector<std::int32_t> blocks(std::vector<std::int32_t> used) {
  used.push_back(kNoBlock);
  used.push_back(-1);
  return used;
}

std::vector<std::int32_t> many_blocks(std::int32_t first, std::int32_t count) {
  std::vector<std::int32_t> used;
  for (std::int32_t i = 0; i < count; ++i) used.push_back(first + (i * 7) % count);
  return blocks(used);
}

// Real widths, odd heads and widths; contexts of one token, at block, tile and split borders.
std::vector<AttentionCase> cases_for(bool absorbed) {
  return {
      {shape_of(16, 128, 64, 128, 512),
       {{0, 1, absorbed, blocks({3})}, {299, 2, absorbed, blocks({9, 4, 5, 8, 7})}}},
      {shape_of(3, 24, 8, 20, 40),
       {{0, 130, absorbed, blocks({2, 5, 1})}, {63, 1, absorbed, blocks({6})}}},
      {shape_of(20, 16, 16, 16, 32), {{1023, 3, absorbed, many_blocks(1, 17)}}},
      {shape_of(1, 2, 2, 1, 3), {{2049, 5, absorbed, many_blocks(1, 33)}}},
      {shape_of(5, 16, 16, 48, 32), {{250, 70, absorbed, many_blocks(20, 5)}}},
  };
}

constexpr std::int64_t kBlocks = 40;
constexpr std::int64_t kLayers = 2;

// Queries and keys of all positions are drawn per sequence, so that any split of the rows over
// steps sees the same ones.
struct AttentionInputs {
  HostHeadProjections heads;
  Floats norm;
  Floats cos;
  Floats sin;
  std::vector<Floats> kv;  // [sequence] [positions, latent + rope]
  std::vector<Floats> q;   // [sequence] [positions, heads * (nope + rope)]
};

AttentionInputs random_inputs(const AttentionCase& c, std::uint64_t seed) {
  Random random(seed);
  const AttentionShape& s = c.shape;
  AttentionInputs inputs;
  const auto projection = [&](std::int64_t rows) {
    Floats values = random_floats(random, s.heads * rows * s.latent, 0.15F);
    return float_tensor(bf16_rounded(std::move(values)), {s.heads, rows, s.latent});
  };
  inputs.heads = {projection(s.nope), projection(s.value)};
  inputs.norm = Floats(static_cast<std::size_t>(s.latent), 1.0F);
  constexpr std::int64_t kPositions = kBlocks * kBlockTokens;
  for (std::int64_t i = 0; i < kPositions * s.rope / 2; ++i) {
    const double angle = static_cast<double>(i % 97);
    inputs.cos.push_back(static_cast<float>(std::cos(angle)));
    inputs.sin.push_back(static_cast<float>(std::sin(angle)));
  }
  for (const StepFixture::Sequence& sequence : c.sequences) {
    const std::int64_t positions = sequence.first + sequence.count;
    inputs.kv.push_back(random_floats(random, positions * s.cache_width(), 1.0F));
    inputs.q.push_back(
        bf16_rounded(random_floats(random, positions * s.heads * s.query_width(), 1.0F)));
  }
  return inputs;
}

// A backend with the weights and a cache that holds NaN in every slot nothing was written to.
class AttentionRun {
 public:
  AttentionRun(std::unique_ptr<Backend> backend, const AttentionCase& c,
               const AttentionInputs& inputs)
      : backend_(std::move(backend)), case_(c), inputs_(inputs) {
    const AttentionShape& s = c.shape;
    const std::int64_t positions = kBlocks * kBlockTokens;
    cache_ = backend_->allocate_cache(kLayers, kBlocks, s.cache_width());
    heads_ = backend_->upload_heads("kv_b", inputs.heads);
    norm_ = backend_->upload_vector("norm", float_tensor(inputs.norm, {s.latent}));
    rope_ = backend_->upload_rope(float_tensor(inputs.cos, {positions, s.rope / 2}),
                                  float_tensor(inputs.sin, {positions, s.rope / 2}));
    std::vector<std::int32_t> all;
    for (std::int32_t id = 0; id < kBlocks; ++id) all.push_back(id);
    const Floats nan(static_cast<std::size_t>(positions * s.cache_width()),
                     std::numeric_limits<float>::quiet_NaN());
    write(StepFixture({{0, static_cast<std::int32_t>(positions), false, all}}), nan);
    for (std::size_t i = 0; i < c.sequences.size(); ++i) {
      const StepFixture::Sequence& sequence = c.sequences[i];
      const std::int32_t count = sequence.first + sequence.count;
      write(StepFixture({{0, count, false, sequence.block_table}}), inputs.kv[i]);
    }
  }

  // One step over the sequences; each may be narrowed to some of its rows.
  Floats attend(const std::vector<StepFixture::Sequence>& sequences,
                const std::vector<std::size_t>& ids) {
    const AttentionShape& s = case_.shape;
    StepFixture step(sequences);
    Floats queries;
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      const Floats& all = inputs_.q[ids[i]];
      const std::int64_t width = s.heads * s.query_width();
      queries.insert(queries.end(), all.begin() + sequences[i].first * width,
                     all.begin() + (sequences[i].first + sequences[i].count) * width);
    }
    const DType narrow = backend_->activation_dtype();
    const std::int64_t rows = step.row_count();
    const std::int64_t packed = step.layout.absorbed_rows;
    const auto q = backend_->allocate(narrow, rows, s.heads * s.query_width());
    const auto out = backend_->allocate(narrow, rows, s.heads * s.value);
    const auto q_latent = backend_->allocate(narrow, packed, s.heads * s.cache_width());
    const auto o_latent = backend_->allocate(narrow, packed, s.heads * s.latent);
    write_view(q->view(), queries);
    backend_->begin_step(step.layout);
    backend_->rotate_queries(s, *rope_, q->view());
    backend_->expanded_attention(s, q->view(), *heads_, *cache_, 1, out->view());
    if (packed > 0) {
      backend_->absorb_queries(s, q->view(), *heads_, q_latent->view());
      backend_->latent_attention(s, q_latent->view(), *cache_, 1, o_latent->view());
      backend_->project_values(s, o_latent->view(), *heads_, out->view());
    }
    return read_view(out->view());
  }

  Floats attend_all() {
    std::vector<std::size_t> ids;
    for (std::size_t i = 0; i < case_.sequences.size(); ++i) ids.push_back(i);
    return attend(case_.sequences, ids);
  }

 private:
  void write(const StepFixture& step, const Floats& kv) {
    const auto rows = backend_->allocate(DType::kF32, step.row_count(), case_.shape.cache_width());
    write_view(rows->view(), kv);
    backend_->begin_step(step.layout);
    backend_->write_latent(case_.shape, rows->view(), *norm_, 1e-6F, *rope_, *cache_, 1);
  }

  std::unique_ptr<Backend> backend_;
  const AttentionCase& case_;
  const AttentionInputs& inputs_;
  std::unique_ptr<LatentCache> cache_;
  WeightHandle heads_;
  WeightHandle norm_;
  WeightHandle rope_;
};

void check_against_reference(bool absorbed) {
  std::uint64_t seed = 40;
  for (const AttentionCase& c : cases_for(absorbed)) {
    const AttentionInputs inputs = random_inputs(c, seed++);
    const Floats expected = AttentionRun(open_reference(), c, inputs).attend_all();
    for_each_subject([&](const std::string& subject) {
      const Floats actual = AttentionRun(open_subject(subject, 2), c, inputs).attend_all();
      CHECK_CLOSE(
          actual, expected, kBound,
          subject + (absorbed ? " absorbed" : " expanded") + ", seed " + std::to_string(seed));
    });
  }
}

TEST("expanded attention equals the reference; unused slots hold NaN") {
  check_against_reference(false);
}

TEST("absorbed attention equals the reference; unused slots hold NaN") {
  check_against_reference(true);
}

TEST("the two forms agree") {
  for (std::size_t i = 0; i < cases_for(true).size(); ++i) {
    const AttentionCase absorbed = cases_for(true)[i];
    const AttentionCase expanded = cases_for(false)[i];
    const AttentionInputs inputs = random_inputs(absorbed, 60 + i);
    const Floats first = AttentionRun(open_reference(), absorbed, inputs).attend_all();
    const Floats second = AttentionRun(open_reference(), expanded, inputs).attend_all();
    CHECK_CLOSE(first, second, 1e-5, "case " + std::to_string(i));
  }
}

// Every row alone, and all rows at once with one and with three threads.
void check_rows_alone(bool absorbed) {
  for (const AttentionCase& c : cases_for(absorbed)) {
    const AttentionInputs inputs = random_inputs(c, 80);
    for_each_subject([&](const std::string& subject) {
      AttentionRun run(open_subject(subject, 1), c, inputs);
      const Floats all = run.attend_all();
      CHECK(AttentionRun(open_subject(subject, 3), c, inputs).attend_all() == all);
      const std::int64_t width = c.shape.heads * c.shape.value;
      std::int64_t row = 0;
      for (std::size_t i = 0; i < c.sequences.size(); ++i) {
        StepFixture::Sequence one = c.sequences[i];
        const std::int32_t count = one.count;
        one.count = 1;
        for (std::int32_t j = 0; j < count; ++j, ++one.first, ++row) {
          const Floats expected(all.begin() + row * width, all.begin() + (row + 1) * width);
          if (run.attend({one}, {i}) != expected) {
            fail(__FILE__, __LINE__, subject + ": row " + std::to_string(row) + " has other bits");
          }
        }
      }
    });
  }
}

TEST("an expanded row has the same bits alone and in any batch") {
  check_rows_alone(false);
}

TEST("an absorbed row has the same bits alone and in any batch") {
  check_rows_alone(true);
}

TEST("a step may hold expanded and absorbed rows") {
  const AttentionCase c{shape_of(4, 16, 16, 16, 32),
                        {{0, 40, false, blocks({1})},
                         {70, 3, true, blocks({2, 3})},
                         {10, 2, false, blocks({4})},
                         {5, 1, true, blocks({5})}}};
  const AttentionInputs inputs = random_inputs(c, 90);
  const Floats expected = AttentionRun(open_reference(), c, inputs).attend_all();
  for_each_subject([&](const std::string& subject) {
    CHECK_CLOSE(AttentionRun(open_subject(subject, 2), c, inputs).attend_all(), expected, kBound,
                subject);
  });
}

}  // namespace
}  // namespace etap::test
