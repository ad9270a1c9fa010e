/// A column seen through an index: row r of the pipeline is value map[r] of the column. Parent fields of an exploded
/// array repeat this way without being copied.
#ifndef ICE_PIPELINE_PIPELINE_VIEW_H
#define ICE_PIPELINE_PIPELINE_VIEW_H

#include "columnar/column.h"

typedef struct ice_view {
  const ice_column *column;  ///< NULL: every row is null
  const uint32_t *map;       ///< NULL: row r is value r
} ice_view;

static inline int64_t ice_view_index(const ice_view *view, size_t row) {
  return view->map ? (int64_t)view->map[row] : (int64_t)row;
}

static inline bool ice_view_is_null(const ice_view *view, size_t row) {
  return !view->column || ice_column_is_null(view->column, ice_view_index(view, row));
}

/// The first thing that is wrong with a row.
typedef enum ice_fault_kind {
  ICE_FAULT_NONE,
  ICE_FAULT_TEXT,     ///< column `index` is no UTF-8
  ICE_FAULT_MISSING,  ///< required column `index` is absent, null or empty
  ICE_FAULT_CONVERT,  ///< column `index` does not convert
  ICE_FAULT_RULE,     ///< rule `index` failed
  ICE_FAULT_FILTERED  ///< filter `index` matched: no fault, but no row either
} ice_fault_kind;

typedef struct ice_fault {
  uint16_t kind;
  uint16_t index;
  uint32_t note;  ///< of a value that did not fit when it was decoded: 1 + its place in the decoder's notes; else 0
} ice_fault;

/// Record a fault unless the row has one already: the first in configuration order counts.
static inline void ice_fault_set(ice_fault *fault, ice_fault_kind kind, uint32_t index) {
  if (fault->kind == ICE_FAULT_NONE) {
    fault->kind = (uint16_t)kind;
    fault->index = (uint16_t)index;
  }
}

#endif
