/// Rows as a host would hand them over.
#ifndef ICE_TESTS_SESSION_ROWS_H
#define ICE_TESTS_SESSION_ROWS_H

#include "columnar/arrow.h"
#include "columnar/batch.h"

/// `count` rows of `type`, whose columns are a long and a text: ids from `first` on, each third name null. Both outputs are the
/// caller's to release.
static inline void session_rows(const char *type, int64_t first, int64_t count, bool scattered,
                                struct ArrowArray *rows, struct ArrowSchema *schema) {
  ice_schema *columns = NULL;
  ice_batch batch;
  assert_int_equal(ice_schema_create(&columns, NULL), ICE_OK);
  assert_int_equal(ice_type_parse(columns, ice_str_of(type), &columns->root, NULL), ICE_OK);
  assert_int_equal(ice_batch_init(&batch, columns, NULL), ICE_OK);
  for (int64_t i = first; i < first + count; i++) {
    // No encoding makes scattered ids small.
    int64_t id = scattered ? (int64_t)(((uint64_t)i * 0x9e3779b97f4a7c15u) >> 8) : i;
    assert_int_equal(ice_column_append_i64(&batch.columns[0], id, NULL), ICE_OK);
    assert_int_equal(i % 3 == 0 ? ice_column_append_null(&batch.columns[1], NULL)
                                : ice_column_append_text(&batch.columns[1], ICE_STR("name"), NULL),
                     ICE_OK);
    assert_int_equal(ice_batch_end_row(&batch, NULL), ICE_OK);
  }
  assert_int_equal(ice_arrow_export_schema(columns, schema, NULL), ICE_OK);
  assert_int_equal(ice_arrow_export_batch(&batch, rows, NULL), ICE_OK);
  ice_batch_deinit(&batch);
  ice_schema_unref(columns);
}

#endif
