// Collectives between the tensor-parallel ranks of one process. Sums are made in rank order, so
// every rank gets the same bits in every run.
#pragma once

#include <cstddef>

namespace etap {

class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  // Sums `count` floats over all ranks, in place.
  virtual void all_reduce(float* values, std::size_t count) = 0;
  // Concatenates each rank's `count` floats in rank order into `all` [size * count].
  virtual void all_gather(const float* mine, std::size_t count, float* all) = 0;
  virtual void barrier() = 0;
};

}  // namespace etap
