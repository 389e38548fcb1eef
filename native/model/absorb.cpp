#include "model/absorb.h"

#include <algorithm>

namespace etap {

HostHeadProjections read_head_projections(WeightReader& reader, const std::string& name,
                                          std::int64_t all_heads, Range heads,
                                          const AttentionShape& shape) {
  const std::int64_t head_rows = shape.nope + shape.value;
  const HostTensor rows =
      reader.wide_matrix(name, all_heads * head_rows, shape.latent,
                         Slice{0, heads.begin * head_rows, heads.end * head_rows});
  HostHeadProjections projections{
      HostTensor(DType::kF32, {heads.size(), shape.nope, shape.latent}),
      HostTensor(DType::kF32, {heads.size(), shape.value, shape.latent})};
  const std::int64_t key_values = shape.nope * shape.latent;
  const std::int64_t value_values = shape.value * shape.latent;
  for (std::int64_t head = 0; head < heads.size(); ++head) {
    const float* source = rows.data<float>() + head * head_rows * shape.latent;
    std::copy(source, source + key_values, projections.key.data<float>() + head * key_values);
    std::copy(source + key_values, source + key_values + value_values,
              projections.value.data<float>() + head * value_values);
  }
  return projections;
}

}  // namespace etap
