/// Definition and repetition levels: which rows of a batch become which slots of a leaf (Dremel encoding).
#ifndef ICE_PARQUET_LEVELS_H
#define ICE_PARQUET_LEVELS_H

#include "columnar/batch.h"
#include "parquet/parquet_schema.h"
#include "parquet/parquet_scratch.h"

/// Some values of a column: `indices`, or `count` values from `first` on where `indices` is NULL.
typedef struct ice_parquet_rows {
  const uint32_t *indices;
  uint32_t first;
  size_t count;
} ice_parquet_rows;

/// The first of `rows` as a selection of its own; `rows` keeps the rest.
static inline ice_parquet_rows ice_parquet_rows_take(ice_parquet_rows *rows, size_t count) {
  ice_parquet_rows taken = {.indices = rows->indices, .first = rows->first, .count = count};
  rows->indices = rows->indices ? rows->indices + count : NULL;
  rows->first += (uint32_t)count;
  rows->count -= count;
  return taken;
}

/// A few rows of one leaf, shredded. Borrows the batch and the scratch.
typedef struct ice_parquet_slice {
  const ice_column *column;  ///< the leaf's
  ice_parquet_rows values;   ///< what is not null, in order
  size_t row_count;
  size_t slot_count;  ///< values and nulls and empty lists
  /// Leaf that is a column itself, with nulls among the rows: a bit per slot. NULL: no nulls.
  const uint8_t *validity;
  /// Leaf further down: a byte per slot; NULL where the leaf's maximum is 0.
  const uint8_t *definition_levels;
  const uint8_t *repetition_levels;
} ice_parquet_slice;

/// Errors: NO_MEMORY, LIMIT.
ICE_MUST_CHECK ice_status ice_parquet_levels_build(ice_parquet_scratch *scratch, const ice_parquet_leaf *leaf,
                                                   const ice_batch *batch, ice_parquet_rows rows,
                                                   ice_parquet_slice *out, ice_error *err);

#endif
