#include "backend/cpu/isa/pairs.h"
#include "backend/cpu/isa/wide_table.h"

namespace etap::cpu {
namespace {

RowForm pair_row_form(const PanelView& panel) {
  const bool pairs = panel.dtype == DType::kBF16 || panel.dtype == DType::kF8E4M3;
  return pairs ? RowForm::kPairs : RowForm::kWide;
}

// Probabilities as bf16 pairs: [keys / 2][columns] words.
class PairProbabilities {
 public:
  PairProbabilities(const SoftmaxTile& tile, std::int64_t column)
      : words_(static_cast<std::uint32_t*>(tile.probabilities) + column), columns_(tile.columns) {}
  void operator()(std::int64_t pair, __m512 even, __m512 odd) const {
    _mm512_storeu_si512(words_ + pair * columns_, narrow_pairs(even, odd));
  }
  void finish() const {}

 private:
  std::uint32_t* words_;
  std::int64_t columns_;
};

}  // namespace

const Kernels& avx512_bf16_kernels() {
  static const Kernels kTable = [] {
    Kernels table = wide_table<PairVector>("avx512_bf16");
    table.row_form = pair_row_form;
    table.panel_product = multiply_panel<PairVector, PairStep>;
    table.product_rows = kPairProductRows;
    table.values_per_word = 2;
    table.tile_blocks = kPairTileBlocks;
    table.split_keys = kPairSplitKeys;
    table.keys_are_values = false;
    table.pack_queries = pack_query_pairs;
    table.prepare_keys = keys_in_place;
    table.score_keys = score_key_pairs;
    table.pack_values = interleave_values;
    table.softmax_tile = softmax<PairVector, false, PairProbabilities>;
    table.add_values = add_value_pairs;
    return table;
  }();
  return kTable;
}

}  // namespace etap::cpu
