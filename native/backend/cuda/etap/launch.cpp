#include "backend/cuda/etap/launch.h"

#include <string>

#include "backend/cuda/etap/instances.h"
#include "base/error.h"

namespace etap::cuda {
namespace {

struct Entry {
  int rows;
  int cluster;
  const DecodeLauncher& (*launcher)(DType dtype);
};

constexpr Entry kInstances[] = {
    {8, 1, decode_rows8},
    {16, 1, decode_rows16},
    {24, 1, decode_rows24},
    {32, 1, decode_rows32},
};

}  // namespace

const DecodeLauncher& find_launcher(DType dtype, const RowLayout& layout) {
  for (const Entry& entry : kInstances) {
    if (entry.rows == layout.rows && entry.cluster == layout.cluster) return entry.launcher(dtype);
  }
  throw Error("ETAP_ERR_INTERNAL", "No decode kernel was compiled for " +
                                       std::to_string(layout.rows) + " rows in clusters of " +
                                       std::to_string(layout.cluster) + ".");
}

}  // namespace etap::cuda
