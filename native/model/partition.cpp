#include "model/partition.h"

#include <string>

#include "backend/backend.h"
#include "base/error.h"

namespace etap {
namespace {

[[noreturn]] void throw_too_many_ranks(const char* what, std::int64_t count, int ranks) {
  throw Error("ETAP_ERR_CONFIG", "tensor parallel size " + std::to_string(ranks) +
                                     " does not fit the model: " + std::to_string(count) + " " +
                                     what + " cannot be shared evenly; choose a divisor of " +
                                     std::to_string(count));
}

Range units(std::int64_t total, std::int64_t unit, int ranks, int rank) {
  const std::int64_t count = total / unit;
  return {count * rank / ranks * unit, count * (rank + 1) / ranks * unit};
}

}  // namespace

Range partition_heads(std::int64_t heads, int ranks, int rank) {
  if (heads % ranks != 0) throw_too_many_ranks("attention heads", heads, ranks);
  return units(heads, 1, ranks, rank);
}

Range partition_columns(std::int64_t columns, int ranks, int rank) {
  if (columns < ranks) throw_too_many_ranks("intermediate columns", columns, ranks);
  for (std::int64_t unit = kScaleBlock; unit > 1; unit /= 2) {
    if (columns % (unit * ranks) == 0) return units(columns, unit, ranks, rank);
  }
  std::int64_t unit = kScaleBlock;
  while (columns % unit != 0 || columns / unit < ranks) unit /= 2;
  return units(columns, unit, ranks, rank);
}

Range partition_vocabulary(std::int64_t tokens, int ranks, int rank) {
  if (tokens < ranks) throw_too_many_ranks("tokens of the vocabulary", tokens, ranks);
  return units(tokens, 1, ranks, rank);
}

}  // namespace etap
