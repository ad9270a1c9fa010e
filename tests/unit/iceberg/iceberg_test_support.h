/// A small table to change.
#ifndef ICE_ICEBERG_TEST_SUPPORT_H
#define ICE_ICEBERG_TEST_SUPPORT_H

#include "iceberg/iceberg_schema.h"
#include "iceberg/iceberg_table_metadata.h"

/// A new v2 table of one column, uuid "u", last updated at 1000.
static inline ice_table_metadata *test_make_table(void) {
  ice_schema *schema = NULL;
  ice_table_metadata *table = NULL;
  assert_int_equal(ice_schema_from_json_text(ICE_STR("{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"x\","
                                                     "\"required\":true,\"type\":\"long\"}]}"),
                                             &schema, NULL),
                   ICE_OK);
  const ice_property property = {ICE_STR("keep"), ICE_STR("me")};
  const ice_table_create create = {.uuid = ICE_STR("u"),
                                   .location = ICE_STR("s3://b/t"),
                                   .schema = schema,
                                   .properties = &property,
                                   .property_count = 1,
                                   .now_ms = 1000};
  assert_int_equal(ice_table_metadata_create(&create, &table, NULL), ICE_OK);
  ice_schema_unref(schema);
  return table;
}

static inline const char *test_member(const ice_table_metadata *table, const char *key, ice_bytes *out) {
  ice_bytes_init(out, 1 << 20);
  assert_int_equal(ice_json_text_append(json_object_get(table->document, key), out, NULL), ICE_OK);
  return ice_bytes_c_str(out, NULL);
}

#define ASSERT_MEMBER(table, key, expected)                               \
  do {                                                                    \
    ice_bytes member_text;                                                \
    assert_string_equal(test_member(table, key, &member_text), expected); \
    ice_bytes_deinit(&member_text);                                       \
  } while (0)

#endif
