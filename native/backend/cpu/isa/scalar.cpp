#include "backend/cpu/isa/vector_scalar.h"
#include "backend/cpu/isa/wide_table.h"

namespace etap::cpu {

const Kernels& scalar_kernels() {
  static const Kernels kTable = wide_table<ScalarVector>("scalar");
  return kTable;
}

}  // namespace etap::cpu
