/// A batch of rows: one column per top-level field of a schema.
///
/// Ownership: the caller's storage; the batch holds a reference to its schema. Threads: one at a time.
#ifndef ICE_COLUMNAR_BATCH_H
#define ICE_COLUMNAR_BATCH_H

#include "columnar/column.h"
#include "columnar/schema.h"

typedef struct ice_batch {
  const ice_schema *schema;
  int64_t row_count;
  uint32_t column_count;
  ice_column *columns;
} ice_batch;

/// An empty batch of `schema`.
ICE_MUST_CHECK ice_status ice_batch_init(ice_batch *batch, const ice_schema *schema, ice_error *err);
/// Accepts a zeroed batch.
void ice_batch_deinit(ice_batch *batch);

/// Count one more row, after every column got its value. INTERNAL where one did not.
ICE_MUST_CHECK ice_status ice_batch_end_row(ice_batch *batch, ice_error *err);

/// Drop rows from `row_count` on; repairs the batch after a row that failed half way.
void ice_batch_truncate(ice_batch *batch, int64_t row_count);

/// Drop all rows, keep the memory.
static inline void ice_batch_clear(ice_batch *batch) { ice_batch_truncate(batch, 0); }

size_t ice_batch_memory(const ice_batch *batch);
size_t ice_batch_size(const ice_batch *batch);

#endif
