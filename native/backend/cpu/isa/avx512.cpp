#include "backend/cpu/isa/vector_avx512.h"
#include "backend/cpu/isa/wide_table.h"

namespace etap::cpu {

const Kernels& avx512_kernels() {
  static const Kernels kTable = wide_table<Avx512Vector>("avx512");
  return kTable;
}

}  // namespace etap::cpu
