// One function per file of instantiations/: the launcher of its instance for an element type.
#pragma once

#include "backend/cuda/etap/launch.h"

namespace etap::cuda {

const DecodeLauncher& decode_rows8(DType dtype);
const DecodeLauncher& decode_rows16(DType dtype);
const DecodeLauncher& decode_rows24(DType dtype);
const DecodeLauncher& decode_rows32(DType dtype);

}  // namespace etap::cuda
