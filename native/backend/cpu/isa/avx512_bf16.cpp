#include "backend/cpu/isa/pairs.h"
#include "backend/cpu/isa/wide_table.h"

namespace etap::cpu {
namespace {

RowForm pair_row_form(const PanelView& panel) {
  const bool pairs = panel.dtype == DType::kBF16 || panel.dtype == DType::kF8E4M3;
  return pairs ? RowForm::kPairs : RowForm::kWide;
}

void softmax_pairs(const SoftmaxTile& tile) {
  softmax<Avx512Vector, false>(tile, [](const SoftmaxTile& done, std::int64_t column) {
    auto* words = static_cast<std::uint32_t*>(done.probabilities);
    for (std::int64_t pair = 0; pair < done.keys / 2; ++pair) {
      _mm512_storeu_si512(words + pair * done.columns + column,
                          probability_pairs(done, pair, column));
    }
  });
}

}  // namespace

const Kernels& avx512_bf16_kernels() {
  static const Kernels kTable = [] {
    Kernels table = wide_table<Avx512Vector>("avx512_bf16");
    table.row_form = pair_row_form;
    table.panel_product = multiply_panel<Avx512Vector, PairStep>;
    table.values_per_word = 2;
    table.pack_queries = pack_query_words<true>;
    table.prepare_keys = keys_in_place;
    table.score_keys = score_key_words<Avx512Vector, PairStep, true>;
    table.pack_values = interleave_values;
    table.softmax_tile = softmax_pairs;
    table.add_values = add_value_words<Avx512Vector, PairStep, true>;
    return table;
  }();
  return kTable;
}

}  // namespace etap::cpu
