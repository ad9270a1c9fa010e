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

#endif
