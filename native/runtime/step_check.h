// Verifies a step before anything is computed, so that kernels may trust it.
#pragma once

#include "runtime/slot_table.h"
#include "runtime/step_batch.h"

namespace etap {

// Throws ETAP_ERR_STEP_FAILED when the counts exceed the arena.
void check_counts(const StepCounts& counts, const StepCounts& capacity);

// Applies the block-table entries, then checks every sequence against its slot.
// Throws ETAP_ERR_STEP_FAILED naming the sequence, the field, the value found and what is allowed.
void apply_and_check_step(const StepBatch& batch, SlotTable& slots);

}  // namespace etap
