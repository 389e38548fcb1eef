// A backend that times another one, operation by operation: two looks at the clock, about 50 ns.
#pragma once

#include <memory>

#include "backend/backend.h"

namespace etap {

// Operations of `inner` must have ended when they return, or it must profile itself
// (Backend::profile); then this only hands on. Results are those of `inner`.
std::unique_ptr<Backend> create_profiled_backend(std::unique_ptr<Backend> inner);

}  // namespace etap
