// How one dimension of the model is shared among tensor-parallel ranks.
#pragma once

#include <cstdint>

namespace etap {

struct Range {
  std::int64_t begin;
  std::int64_t end;
  std::int64_t size() const { return end - begin; }
};

// The heads of `rank`: every rank has as many. Throws ETAP_ERR_CONFIG where they do not divide.
Range partition_heads(std::int64_t heads, int ranks, int rank);

// A share of an intermediate dimension. Borders lie on the largest power of two, up to a scale
// block, that gives every rank the same number of columns, or else at least one unit each. Throws
// ETAP_ERR_CONFIG where there are fewer columns than ranks.
Range partition_columns(std::int64_t columns, int ranks, int rank);

// A share of the vocabulary; the largest share is ceil(vocabulary / ranks).
Range partition_vocabulary(std::int64_t tokens, int ranks, int rank);

}  // namespace etap
