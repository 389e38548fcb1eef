// The routed experts of one layer.
#pragma once

#include "backend/backend.h"
#include "backend/cpu/context.h"
#include "backend/cpu/packed_matrix.h"
#include "backend/cpu/routing.h"

namespace etap::cpu {

// out (fp32) = [out +] sum over the chosen experts, in ascending order of their ids, of weight *
// down(silu(gate x) * up x).
void run_experts(const Context& context, const Routing& routing, const TensorView& x,
                 const ExpertsWeight& experts, bool accumulate, const TensorView& out);

}  // namespace etap::cpu
