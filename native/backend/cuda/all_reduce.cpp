#include "backend/cuda/all_reduce.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "backend/cuda/cuda_check.h"

namespace etap::cuda {
namespace {

constexpr std::size_t kArrivals = 2u * kExchangeCtas * kRanksMax;

// What a rank tells the others, carried as floats.
struct Card {
  int device;
  float* values;
  float* sums;
  std::uint32_t* arrived;
};
constexpr std::size_t kCardFloats = (sizeof(Card) + sizeof(float) - 1) / sizeof(float);

std::vector<Card> exchange_cards(Communicator& communicator, const Card& mine) {
  float packed[kCardFloats] = {};
  std::memcpy(packed, &mine, sizeof mine);
  const auto ranks = static_cast<std::size_t>(communicator.size());
  std::vector<float> all(kCardFloats * ranks);
  communicator.all_gather(packed, kCardFloats, all.data());
  std::vector<Card> cards(ranks);
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    std::memcpy(&cards[rank], all.data() + rank * kCardFloats, sizeof(Card));
  }
  return cards;
}

// Ranks on one device cannot wait for each other in kernels: an allocation of one of them would
// wait for the kernel of another, which waits for the first.
bool reach(int device, int other) {
  if (device == other) return false;
  int possible = 0;
  CUDA_CHECK(cudaDeviceCanAccessPeer(&possible, device, other));
  if (possible == 0) return false;
  const cudaError_t status = cudaDeviceEnablePeerAccess(other, 0);
  if (status == cudaErrorPeerAccessAlreadyEnabled) {
    cudaGetLastError();  // clears it
    return true;
  }
  CUDA_CHECK(status);
  return true;
}

}  // namespace

AllReduce::AllReduce()
    : values_(2 * kExchangeFloats),
      sums_(2 * kExchangeFloats),
      arrived_(kArrivals),
      epochs_(kExchangeCtas) {
  CUDA_CHECK(cudaMemset(arrived_.data(), 0, arrived_.bytes()));
  CUDA_CHECK(cudaMemset(epochs_.data(), 0, epochs_.bytes()));
  CUDA_CHECK(cudaDeviceSynchronize());
}

std::unique_ptr<AllReduce> AllReduce::create(Communicator& communicator, int device) {
  if (communicator.size() > kRanksMax) return nullptr;
  std::unique_ptr<AllReduce> reduce(new AllReduce());
  const std::vector<Card> cards = exchange_cards(
      communicator,
      {device, reduce->values_.data(), reduce->sums_.data(), reduce->arrived_.data()});
  float reachable = 1.0f;
  for (std::size_t rank = 0; rank < cards.size(); ++rank) {
    if (static_cast<int>(rank) == communicator.rank()) continue;
    reachable *= reach(device, cards[rank].device) ? 1.0f : 0.0f;
  }
  // All ranks decide alike. Everyone's memory is cleared before anyone's kernel writes to it.
  communicator.all_reduce(&reachable, 1);
  if (reachable < static_cast<float>(communicator.size())) return nullptr;
  for (std::size_t rank = 0; rank < cards.size(); ++rank) {
    reduce->peers_.values[rank] = cards[rank].values;
    reduce->peers_.sums[rank] = cards[rank].sums;
    reduce->peers_.arrived[rank] = cards[rank].arrived;
  }
  reduce->peers_.epochs = reduce->epochs_.data();
  reduce->peers_.rank = communicator.rank();
  reduce->peers_.size = communicator.size();
  return reduce;
}

void AllReduce::run(float* x, std::int64_t count, cudaStream_t stream) const {
  for (std::int64_t begin = 0; begin < count; begin += kExchangeFloats) {
    exchange_sums(peers_, x + begin, std::min(kExchangeFloats, count - begin), stream);
  }
}

}  // namespace etap::cuda
