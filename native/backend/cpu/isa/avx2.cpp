#include "backend/cpu/isa/vector_avx2.h"
#include "backend/cpu/isa/wide_table.h"

namespace etap::cpu {

const Kernels& avx2_kernels() {
  static const Kernels kTable = wide_table<Avx2Vector>("avx2");
  return kTable;
}

}  // namespace etap::cpu
