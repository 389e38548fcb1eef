#include "backend/cpu/isa/key_lanes.h"
#include "backend/cpu/isa/vector_avx512.h"
#include "backend/cpu/isa/wide_table.h"

namespace etap::cpu {

const Kernels& avx512_kernels() {
  static const Kernels kTable = [] {
    Kernels table = wide_table<Avx512Vector>("avx512");
    table.keys_are_values = false;
    table.pack_queries = widen_queries;
    table.prepare_keys = transpose_keys;
    table.score_keys = score_transposed_keys;
    table.pack_values = widen_value_panels;
    table.softmax_tile = softmax<Avx512Vector, true, WideProbabilities<Avx512Vector>>;
    table.add_values = add_value_panels;
    table.merge_splits = merge<Avx512Vector, true>;
    table.write_attention = write_columns<Avx512Vector, true>;
    return table;
  }();
  return kTable;
}

}  // namespace etap::cpu
