/// Rows as text, so that a test states a whole value in one line.
#ifndef ICE_AVRO_TEST_SUPPORT_H
#define ICE_AVRO_TEST_SUPPORT_H

#include <stdio.h>
#include "columnar/batch.h"

static inline void test_put_value(ice_bytes *out, const ice_column *column, int64_t row) {
  ice_status status = ICE_OK;
  if (ice_column_is_null(column, row)) {
    status = ice_bytes_append_str(out, ICE_STR("null"), NULL);
    assert_int_equal(status, ICE_OK);
    return;
  }
  switch (column->kind) {
    case ICE_KIND_BOOLEAN:
      status = ice_bytes_append_format(out, NULL, "%s", ice_column_boolean(column, row) ? "true" : "false");
      break;
    case ICE_KIND_INT:
    case ICE_KIND_DATE: status = ice_bytes_append_format(out, NULL, "%d", ice_column_i32(column, row)); break;
    case ICE_KIND_LONG:
    case ICE_KIND_TIME:
    case ICE_KIND_TIMESTAMP:
    case ICE_KIND_TIMESTAMPTZ:
      status = ice_bytes_append_format(out, NULL, "%lld", (long long)ice_column_i64(column, row));
      break;
    case ICE_KIND_FLOAT:
      status = ice_bytes_append_format(out, NULL, "%g", (double)ice_column_f32(column, row));
      break;
    case ICE_KIND_DOUBLE: status = ice_bytes_append_format(out, NULL, "%g", ice_column_f64(column, row)); break;
    case ICE_KIND_STRING: {
      ice_str text = ice_column_text(column, row);
      status = ice_bytes_append_format(out, NULL, "'%.*s'", ICE_STR_ARG(text));
      break;
    }
    case ICE_KIND_BINARY:
    case ICE_KIND_DECIMAL:
    case ICE_KIND_UUID:
    case ICE_KIND_FIXED: {
      ice_str raw = column->kind == ICE_KIND_BINARY
                        ? ice_column_text(column, row)
                        : ice_str_make((const char *)ice_column_fixed(column, row), column->width);
      status = ice_bytes_append_str(out, ICE_STR("x"), NULL);
      for (size_t i = 0; i < raw.size && status == ICE_OK; i++) {
        status = ice_bytes_append_format(out, NULL, "%02x", (unsigned)(unsigned char)raw.data[i]);
      }
      break;
    }
    case ICE_KIND_STRUCT:
      status = ice_bytes_append_str(out, ICE_STR("{"), NULL);
      for (uint32_t i = 0; i < column->child_count; i++) {
        if (i != 0) {
          status = ice_bytes_append_str(out, ICE_STR(","), NULL);
        }
        test_put_value(out, &column->children[i], row);
      }
      status = status == ICE_OK ? ice_bytes_append_str(out, ICE_STR("}"), NULL) : status;
      break;
    case ICE_KIND_LIST:
    case ICE_KIND_MAP:
      status = ice_bytes_append_str(out, ICE_STR("["), NULL);
      for (int32_t i = ice_column_offset(column, row); i < ice_column_offset(column, row + 1); i++) {
        if (i != ice_column_offset(column, row)) {
          status = ice_bytes_append_str(out, ICE_STR(","), NULL);
        }
        test_put_value(out, &column->children[0], i);
        if (column->kind == ICE_KIND_MAP) {
          status = ice_bytes_append_str(out, ICE_STR("="), NULL);
          test_put_value(out, &column->children[1], i);
        }
      }
      status = status == ICE_OK ? ice_bytes_append_str(out, ICE_STR("]"), NULL) : status;
      break;
  }
  assert_int_equal(status, ICE_OK);
}

/// The columns of one row, separated by blanks. Ownership: the caller deinits `out`.
static inline const char *test_row_text(const ice_batch *batch, int64_t row, ice_bytes *out) {
  ice_bytes_init(out, 1 << 20);
  for (uint32_t i = 0; i < batch->column_count; i++) {
    if (i != 0) {
      assert_int_equal(ice_bytes_append_str(out, ICE_STR(" "), NULL), ICE_OK);
    }
    test_put_value(out, &batch->columns[i], row);
  }
  return ice_bytes_c_str(out, NULL);
}

#endif
