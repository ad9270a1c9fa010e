/// Schemas from text, for tests of columns.
#ifndef ICE_COLUMNAR_TEST_SUPPORT_H
#define ICE_COLUMNAR_TEST_SUPPORT_H

#include "columnar/batch.h"

/// The schema of "struct<a: int, …>", ids from 1 in order. Fails the test where the text is wrong.
static inline ice_schema *test_schema(const char *text) {
  ice_schema *schema = NULL;
  ice_error err = {0};
  assert_int_equal(ice_schema_create(&schema, &err), ICE_OK);
  if (ice_type_parse(schema, ice_str_of(text), &schema->root, &err) != ICE_OK) {
    fail_msg("%s", err.message);
  }
  for (uint32_t i = 0; i < schema->root.field_count; i++) {
    schema->root.fields[i].id = (int32_t)i + 1;
  }
  if (ice_schema_validate(schema, &err) != ICE_OK) {
    fail_msg("%s", err.message);
  }
  return schema;
}

#define OK(call) assert_int_equal(call, ICE_OK)

/// Appends value `n` of a series; null where `null_every` divides n. Every kind, every size of text.
static inline void test_append_number(ice_column *column, int n, int null_every) {
  char text[64];
  if (null_every && n % null_every == 0) {
    OK(ice_column_append_null(column, NULL));
    return;
  }
  memset(text, 'a' + n % 26, sizeof text);
  uint8_t bytes[16];
  memset(bytes, n, sizeof bytes);
  switch (column->kind) {
    case ICE_KIND_BOOLEAN: OK(ice_column_append_boolean(column, n % 3 == 0, NULL)); break;
    case ICE_KIND_STRING:
    case ICE_KIND_BINARY: OK(ice_column_append_text(column, ice_str_make(text, (size_t)(n % 5)), NULL)); break;
    case ICE_KIND_LIST:
    case ICE_KIND_MAP:
      for (int i = 0; i < n % 4; i++) {
        for (uint32_t c = 0; c < column->child_count; c++) {
          test_append_number(&column->children[c], n + i, c == 0 ? 0 : null_every);
        }
      }
      OK(ice_column_append_list_end(column, NULL));
      break;
    case ICE_KIND_STRUCT:
      for (uint32_t c = 0; c < column->child_count; c++) {
        test_append_number(&column->children[c], n + (int)c, null_every);
      }
      OK(ice_column_append_struct_end(column, NULL));
      break;
    case ICE_KIND_INT:
    case ICE_KIND_LONG:
    case ICE_KIND_FLOAT:
    case ICE_KIND_DOUBLE:
    case ICE_KIND_DECIMAL:
    case ICE_KIND_DATE:
    case ICE_KIND_TIME:
    case ICE_KIND_TIMESTAMP:
    case ICE_KIND_TIMESTAMPTZ:
    case ICE_KIND_UUID:
    case ICE_KIND_FIXED: OK(ice_column_append_fixed(column, bytes, NULL)); break;
  }
}

#endif
