// The oracle: every operation as its definition reads, fp32 storage, fp64 accumulation, any
// dimensions, one thread. Slow on purpose; the other backends are tested against it.
#pragma once

#include <memory>

#include "backend/backend.h"

namespace etap {

std::unique_ptr<Backend> create_reference_backend();

}  // namespace etap
