#include "backend/cuda/etap/split.h"

#include "test.h"

namespace etap::cuda {

TEST("a fixed split covers its request and depends on the length alone") {
  for (int blocks = 1; blocks <= 4096; ++blocks) {
    const int split_blocks = fixed_split_blocks(blocks);
    const int splits = fixed_split_count(blocks);
    CHECK(split_blocks >= kSplitBlocksMin && split_blocks <= kSplitBlocksMax);
    CHECK_EQ(split_blocks % 2, 0);
    CHECK((splits - 1) * split_blocks < blocks && splits * split_blocks >= blocks);
    CHECK(splits <= kSplitTarget || split_blocks == kSplitBlocksMax);
  }
  CHECK_EQ(fixed_split_count(0), 0);
}

TEST("context lengths round up to blocks") {
  CHECK_EQ(context_blocks(0), 0);
  CHECK_EQ(context_blocks(1), 1);
  CHECK_EQ(context_blocks(64), 1);
  CHECK_EQ(context_blocks(65), 2);
}

TEST("shares of the balanced policy are equal, complete and found again") {
  for (const int workers : {1, 2, 33, 78, 132}) {
    for (const int total : {1, 2, 77, 132, 1000, 65536}) {
      CHECK_EQ(share_begin(0, workers, total), 0);
      CHECK_EQ(share_begin(workers, workers, total), total);
      for (int worker = 0; worker < workers; ++worker) {
        const int size =
            share_begin(worker + 1, workers, total) - share_begin(worker, workers, total);
        CHECK(size == total / workers || size == total / workers + 1);
      }
      for (int block = 0; block < total; block += 1 + total / 500) {
        const int worker = share_of(block, workers, total);
        CHECK(share_begin(worker, workers, total) <= block);
        CHECK(share_begin(worker + 1, workers, total) > block);
      }
    }
  }
}

}  // namespace etap::cuda
