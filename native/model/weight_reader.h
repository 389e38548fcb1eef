// Reads the weights of one rank from a checkpoint, in the forms that the backend takes, and reports
// how far it has come.
#pragma once

#include <string>

#include "backend/backend.h"
#include "model/partition.h"
#include "model/transformer.h"
#include "weights/checkpoint.h"

namespace etap {

class WeightReader {
 public:
  WeightReader(const Checkpoint& checkpoint, const LoadProgress& progress);

  bool contains(const std::string& name) const { return checkpoint_.contains(name); }

  // [rows, columns], or a slice of it, in the stored dtype; FP8 with the scales of
  // `name`_scale_inv. Throws ETAP_ERR_TENSOR, as do all below.
  HostMatrix matrix(const std::string& name, std::int64_t rows, std::int64_t columns,
                    Slice slice = {});
  // The same, widened to fp32.
  HostTensor wide_matrix(const std::string& name, std::int64_t rows, std::int64_t columns,
                         Slice slice = {});
  // [count] fp32.
  HostTensor vector(const std::string& name, std::int64_t count);

 private:
  HostTensor load(const std::string& name, const Shape& shape, Slice slice);

  const Checkpoint& checkpoint_;
  const LoadProgress& progress_;
  std::int64_t done_bytes_ = 0;
};

// Turns the rotary rows of every head from interleaved pairs (2i, 2i + 1), as checkpoints store
// them, into halves (i, i + rope / 2), as the backends rotate them. A head has `nope` rows, which
// stay, and then `rope` rows.
void deinterleave_rope_rows(HostMatrix& matrix, std::int64_t heads, std::int64_t nope,
                            std::int64_t rope);

}  // namespace etap
