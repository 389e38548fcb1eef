// The sum over ranks: kernels of several ranks that wait for each other, here on one device, with
// everything allocated beforehand. Runs on a GPU, and emulated with a host thread for each rank.
#include <cuda_runtime_api.h>

#include <thread>
#include <vector>

#include "backend/cuda/all_reduce.h"
#include "test.h"

namespace etap::cuda {
namespace {

constexpr std::size_t kArrivals = 2u * kExchangeCtas * kRanksMax;

struct Rank {
  Rank()
      : values(2 * kExchangeFloats),
        sums(2 * kExchangeFloats),
        arrived(kArrivals),
        epochs(kExchangeCtas),
        x(kExchangeFloats) {
    CUDA_CHECK(cudaMemset(arrived.data(), 0, arrived.bytes()));
    CUDA_CHECK(cudaMemset(epochs.data(), 0, epochs.bytes()));
    CUDA_CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  }
  DeviceArray<float> values;
  DeviceArray<float> sums;
  DeviceArray<std::uint32_t> arrived;
  DeviceArray<std::uint32_t> epochs;
  DeviceArray<float> x;
  cudaStream_t stream = nullptr;
};

float value_of(int round, int rank, std::int64_t index) {
  return 1e-3F * static_cast<float>((index * 7919 + rank * 104729 + round * 31) % 10007) +
         1e-7F * static_cast<float>(rank);
}

// One thread for each rank, which enqueues the exchange and waits for it.
void exchange(std::vector<Rank>& ranks, int round, std::int64_t count) {
  std::vector<std::thread> threads;
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    threads.emplace_back([&ranks, round, count, r] {
      std::vector<float> values;
      for (std::int64_t i = 0; i < count; ++i) {
        values.push_back(value_of(round, static_cast<int>(r), i));
      }
      Rank& mine = ranks[r];
      CUDA_CHECK(cudaMemcpyAsync(mine.x.data(), values.data(), values.size() * sizeof(float),
                                 cudaMemcpyHostToDevice, mine.stream));
      CUDA_CHECK(cudaStreamSynchronize(mine.stream));
      ExchangePeers peers{};
      for (std::size_t other = 0; other < ranks.size(); ++other) {
        peers.values[other] = ranks[other].values.data();
        peers.sums[other] = ranks[other].sums.data();
        peers.arrived[other] = ranks[other].arrived.data();
      }
      peers.epochs = mine.epochs.data();
      peers.rank = static_cast<int>(r);
      peers.size = static_cast<int>(ranks.size());
      exchange_sums(peers, mine.x.data(), count, mine.stream);
      CUDA_CHECK(cudaStreamSynchronize(mine.stream));
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST("every rank gets the sums in rank order, one-shot and two-shot, again and again") {
  for (const std::size_t size : {2, 3, 8}) {
    std::vector<Rank> ranks(size);
    int round = 0;
    for (const std::int64_t count : {4L, 256L, 7168L, 65536L, 65540L, 300000L, 100L}) {
      exchange(ranks, ++round, count);
      std::vector<float> expected;
      for (std::int64_t i = 0; i < count; ++i) {
        float sum = value_of(round, 0, i);
        for (std::size_t r = 1; r < size; ++r) sum += value_of(round, static_cast<int>(r), i);
        expected.push_back(sum);
      }
      for (const Rank& rank : ranks) {
        std::vector<float> actual = rank.x.download();
        actual.resize(static_cast<std::size_t>(count));
        if (actual != expected) {
          test::fail(__FILE__, __LINE__,
                     std::to_string(size) + " ranks, " + std::to_string(count) + " values");
        }
      }
    }
  }
}

}  // namespace
}  // namespace etap::cuda
