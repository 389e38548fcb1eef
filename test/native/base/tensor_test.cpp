#include "base/tensor.h"

#include <cstdint>

#include "test.h"

namespace etap {

TEST("a tensor knows its shape and size and is aligned to a cache line") {
  HostTensor tensor(DType::kBF16, {3, 5});
  CHECK_EQ(tensor.bytes(), 30u);
  CHECK_EQ(shape_string(tensor.shape()), "[3, 5]");
  CHECK_EQ(reinterpret_cast<std::uintptr_t>(tensor.data<std::byte>()) % 64, 0u);
  tensor.data<std::uint16_t>()[14] = 7;
  const HostTensor moved = std::move(tensor);
  CHECK_EQ(moved.data<std::uint16_t>()[14], 7);
}

TEST("a scalar has one element and an empty tensor has an address") {
  CHECK_EQ(element_count({}), 1);
  CHECK_EQ(shape_string({}), "[]");
  const HostTensor none(DType::kF32, {0, 4});
  CHECK_EQ(none.bytes(), 0u);
  CHECK(!none.empty());
  CHECK(HostTensor().empty());
}

}  // namespace etap
