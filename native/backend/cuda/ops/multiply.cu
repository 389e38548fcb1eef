#include "backend/cuda/launch.cuh"
#include "backend/cuda/ops/matrix.h"
#include "backend/cuda/ops/packed_product.cuh"
#include "backend/cuda/ops/plain_product.h"

namespace etap::cuda {
namespace {

int ceil_of(int a, int b) {
  return (a + b - 1) / b;
}

// Vector loads need every row and group to begin on 16 bytes.
bool x_aligned(const Product& product) {
  return reinterpret_cast<std::uintptr_t>(product.x) % 16 == 0 &&
         product.x_stride % kLaneValues == 0 && product.x_group_stride % kLaneValues == 0;
}

template <MatrixForm kForm, int kTiles, int kColumns, int kWarps, int kStages>
void launch_packed(const Product& product, cudaStream_t stream) {
  using Kernel = PackedProduct<kForm, kTiles, kColumns, kWarps, kStages>;
  const int tile_outputs = (product.gated ? kTileRows / 2 : kTileRows) * kTiles * kWarps;
  const int tiles =
      product.tiles != nullptr ? product.tile_capacity : ceil_of(product.rows, Kernel::kTileRowsX);
  const int groups = product.tiles != nullptr ? 1 : product.groups;
  const dim3 grid(static_cast<unsigned>(ceil_of(product.matrix.outputs, tile_outputs)),
                  static_cast<unsigned>(tiles), static_cast<unsigned>(groups));
  launch(packed_product_kernel<Kernel>, grid, Kernel::kThreads, stream, product,
         x_aligned(product));
}

// CTAs below which a product leaves much of an H20 (78 SMs) or H200 (132) idle.
constexpr int kCtasWanted = 128;

// CTAs of `outputs` outputs and `rows` rows each. Experts always make enough.
bool makes_enough(const Product& product, int outputs, int rows) {
  if (product.tiles != nullptr) return true;
  const int per_tile = product.gated ? outputs / 2 : outputs;
  return ceil_of(product.matrix.outputs, per_tile) * ceil_of(product.rows, rows) * product.groups >=
         kCtasWanted;
}

// The more rows share the weights, the more weights a CTA takes, so that
// reading x does not cost more than reading them; unless that leaves too few
// CTAs.
template <MatrixForm kForm>
void multiply_packed(const Product& product, int hint, cudaStream_t stream) {
  const int rows = tile_rows(kForm, hint);
  if (rows == 8) return launch_packed<kForm, 1, 1, 1, 1>(product, stream);
  if (rows == 16) {
    if (makes_enough(product, 32, 16)) return launch_packed<kForm, 1, 2, 2, 1>(product, stream);
    return launch_packed<kForm, 1, 2, 1, 1>(product, stream);
  }
  if (rows == 64 && makes_enough(product, 64, 64)) {
    return launch_packed<kForm, 2, 8, 2, 0>(product, stream);
  }
  if (rows == 64 || !makes_enough(product, 64, 32)) {
    return launch_packed<kForm, 2, 4, 1, 1>(product, stream);
  }
  launch_packed<kForm, 2, 4, 2, 1>(product, stream);
}

}  // namespace

int tile_rows(MatrixForm form, int rows) {
  if (form == MatrixForm::kF32) return kPlainRows;
  if (rows <= 8) return 8;
  if (rows <= 16) return 16;
  return rows <= 32 ? 32 : 64;
}

void multiply(const Product& product, int hint, cudaStream_t stream) {
  switch (product.form) {
    case MatrixForm::kBf16:
      return multiply_packed<MatrixForm::kBf16>(product, hint, stream);
    case MatrixForm::kE4m3:
      return multiply_packed<MatrixForm::kE4m3>(product, hint, stream);
    case MatrixForm::kF32:
      return multiply_plain(product, stream);
  }
}

}  // namespace etap::cuda
