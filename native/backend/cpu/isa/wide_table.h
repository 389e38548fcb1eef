// The kernel table of an instruction set without bf16 products: everything on fp32 words.
// Included by ISA files only; everything is internal to them.
#pragma once

#include "backend/cpu/isa/rows.h"
#include "backend/cpu/isa/wide_attention.h"
#include "backend/cpu/isa/wide_panels.h"

namespace etap::cpu {
namespace {

inline RowForm wide_row_form(const PanelView&) {
  return RowForm::kWide;
}

template <typename V>
Kernels wide_table(const char* name) {
  Kernels table{};
  table.name = name;
  table.row_form = wide_row_form;
  table.prepared_bytes = word_bytes;
  table.prepared_rows = word_rows;
  table.prepare_group = prepare_word_group<V>;
  table.panel_product = multiply_wide_panel<V>;
  table.product_rows = kWideProductRows;
  table.write_panel = write_panel_rows<V>;
  table.values_per_word = 1;
  table.tile_blocks = 1;
  table.split_keys = 512;
  table.keys_are_values = true;
  table.pack_queries = pack_query_words;
  table.prepare_keys = widen_keys<V>;
  table.score_keys = score_key_words<V>;
  table.pack_values = widen_rows<V>;
  table.softmax_tile = softmax<V, false, WideProbabilities<V>>;
  table.add_values = add_value_words<V>;
  table.merge_splits = merge<V, false>;
  table.write_attention = write_columns<V, false>;
  table.rmsnorm = rmsnorm_row<V>;
  table.add = add_row<V>;
  table.rotate = rotate_row<V>;
  return table;
}

}  // namespace
}  // namespace etap::cpu
