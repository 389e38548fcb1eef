#include "model/mlp.h"

#include "model/partition.h"

namespace etap {

ExpertWeights read_gated_block(Backend& backend, WeightReader& reader,
                               const Communicator& communicator, const std::string& prefix,
                               std::int64_t hidden, std::int64_t intermediate) {
  const Range columns = partition_columns(intermediate, communicator.size(), communicator.rank());
  const std::string gate = prefix + "gate_proj.weight";
  const std::string up = prefix + "up_proj.weight";
  const std::string down = prefix + "down_proj.weight";
  const Slice rows{0, columns.begin, columns.end};
  const HostMatrix gate_rows = reader.matrix(gate, intermediate, hidden, rows);
  const HostMatrix up_rows = reader.matrix(up, intermediate, hidden, rows);
  ExpertWeights weights;
  weights.gate_up = backend.upload_gated(gate, gate_rows, up_rows);
  weights.down = backend.upload_linear(
      down, reader.matrix(down, hidden, intermediate, Slice{1, columns.begin, columns.end}));
  return weights;
}

Mlp::Mlp(Backend& backend, WeightReader& reader, const Communicator& communicator,
         const std::string& prefix, std::int64_t hidden, std::int64_t intermediate)
    : intermediate_(
          partition_columns(intermediate, communicator.size(), communicator.rank()).size()),
      weights_(read_gated_block(backend, reader, communicator, prefix, hidden, intermediate)) {}

void Mlp::forward(Backend& backend, const TensorView& x, const Buffer& gated,
                  const TensorView& out) const {
  TensorView inner = gated.rows(x.rows);
  inner.columns = intermediate_;
  backend.gated_linear(x, *weights_.gate_up, inner);
  backend.linear(inner, *weights_.down, out);
}

std::int64_t Mlp::weight_bytes() const {
  return weights_.gate_up->bytes() + weights_.down->bytes();
}

}  // namespace etap
