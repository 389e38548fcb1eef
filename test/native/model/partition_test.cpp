// Shares of the ranks.
#include "model/partition.h"

#include <string>

#include "test.h"

namespace etap::test {
namespace {

std::string shares(Range (*partition)(std::int64_t, int, int), std::int64_t total, int ranks) {
  std::string text;
  for (int rank = 0; rank < ranks; ++rank) {
    const Range range = partition(total, ranks, rank);
    text += std::to_string(range.begin) + "-" + std::to_string(range.end) + " ";
  }
  return text;
}

TEST("heads are shared evenly or not at all") {
  CHECK_EQ(shares(partition_heads, 16, 4), std::string("0-4 4-8 8-12 12-16 "));
  CHECK_ERROR(partition_heads(20, 8, 0), "ETAP_ERR_CONFIG", "8", "20 attention heads");
}

TEST("columns are cut at scale blocks where that is even, at smaller powers of two elsewhere") {
  CHECK_EQ(shares(partition_columns, 2048, 8),
           std::string("0-256 256-512 512-768 768-1024 1024-1280 1280-1536 1536-1792 1792-2048 "));
  CHECK_EQ(shares(partition_columns, 1408, 2), std::string("0-704 704-1408 "));
  CHECK_EQ(shares(partition_columns, 144, 2), std::string("0-72 72-144 "));
  CHECK_EQ(shares(partition_columns, 384, 2), std::string("0-192 192-384 "));
}

TEST("columns that cannot be shared evenly are all given away, and every rank gets some") {
  for (const std::int64_t columns : {5, 48, 100, 1407}) {
    for (const int ranks : {2, 3, 4, 5}) {
      std::int64_t next = 0;
      for (int rank = 0; rank < ranks; ++rank) {
        const Range range = partition_columns(columns, ranks, rank);
        CHECK_EQ(range.begin, next);
        CHECK(range.size() > 0);
        next = range.end;
      }
      CHECK_EQ(next, columns);
    }
  }
  CHECK_ERROR(partition_columns(3, 4, 0), "ETAP_ERR_CONFIG", "4", "3 intermediate columns");
}

TEST("the vocabulary is shared in parts of at most the rounded-up mean") {
  CHECK_EQ(shares(partition_vocabulary, 193, 4), std::string("0-48 48-96 96-144 144-193 "));
  CHECK_ERROR(partition_vocabulary(1, 2, 0), "ETAP_ERR_CONFIG", "2");
}

}  // namespace
}  // namespace etap::test
