#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "iceberg/iceberg_schema.h"

static ice_schema *parse(const char *text) {
  ice_schema *schema = NULL;
  ice_error err = {0};
  if (ice_schema_from_json_text(ice_str_of(text), &schema, &err) != ICE_OK) {
    fail_msg("%s", err.message);
  }
  return schema;
}

static void assert_json(const ice_schema *schema, const char *expected) {
  ice_bytes text;
  ice_bytes_init(&text, 1 << 20);
  assert_int_equal(ice_schema_append_json(schema, &text, NULL), ICE_OK);
  assert_string_equal(ice_bytes_c_str(&text, NULL), expected);
  ice_bytes_deinit(&text);
}

static const char everything[] =
    "{\"type\":\"struct\",\"schema-id\":3,\"identifier-field-ids\":[1],\"fields\":["
    "{\"id\":1,\"name\":\"a\",\"required\":true,\"type\":\"int\",\"doc\":\"why\",\"initial-default\":7,"
    "\"write-default\":8},"
    "{\"id\":2,\"name\":\"b\",\"required\":false,\"type\":\"decimal(9,2)\"},"
    "{\"id\":3,\"name\":\"c\",\"required\":false,\"type\":\"fixed[16]\"},"
    "{\"id\":4,\"name\":\"l\",\"required\":false,\"type\":{\"type\":\"list\",\"element-id\":5,\"element\":\"string\","
    "\"element-required\":false}},"
    "{\"id\":6,\"name\":\"m\",\"required\":true,\"type\":{\"type\":\"map\",\"key-id\":7,\"key\":\"string\","
    "\"value-id\":8,\"value\":{\"type\":\"struct\",\"fields\":[{\"id\":9,\"name\":\"x\",\"required\":true,\"type\":"
    "\"timestamptz\"}]},\"value-required\":true}}]}";

static void test_iceberg_schema__reads_and_writes_every_shape(void **state) {
  (void)state;
  ice_schema *schema = parse(everything);
  assert_int_equal(schema->schema_id, 3);
  assert_int_equal(schema->identifier_field_count, 1);
  assert_int_equal(schema->identifier_field_ids[0], 1);
  const ice_field *x = ice_schema_find_id(schema, 9);
  assert_int_equal(x->type.kind, ICE_KIND_TIMESTAMPTZ);
  assert_true(ice_str_equal_c(schema->root.fields[0].initial_default, "7"));
  assert_false(schema->root.fields[3].type.fields[0].required);
  ice_bytes text;
  ice_bytes_init(&text, 1 << 20);
  assert_int_equal(ice_schema_append_json(schema, &text, NULL), ICE_OK);
  ice_schema *again = parse(ice_bytes_c_str(&text, NULL));
  assert_true(ice_type_equal(&schema->root, &again->root));
  ice_bytes_deinit(&text);
  assert_json(again, everything);
  ice_schema_unref(schema);
  ice_schema_unref(again);
}

typedef struct bad_schema {
  const char *text;
  ice_status status;
  const char *message;
} bad_schema;

#define FIELDS(text) "{\"type\":\"struct\",\"fields\":[" text "]}"

static void test_iceberg_schema__names_what_is_wrong(void **state) {
  (void)state;
  static const bad_schema cases[] = {
      {FIELDS("{\"id\":1,\"name\":\"g\",\"required\":false,\"type\":\"geometry\"}"), ICE_UNSUPPORTED, "\"g\""},
      {FIELDS("{\"id\":1,\"name\":\"g\",\"required\":false,\"type\":\"timestamp_ns\"}"), ICE_UNSUPPORTED, "\"g\""},
      {FIELDS("{\"id\":1,\"name\":\"g\",\"required\":false,\"type\":\"list<int>\"}"), ICE_UNSUPPORTED, "\"g\""},
      {FIELDS("{\"id\":1,\"name\":\"g\",\"required\":false,\"type\":{\"type\":\"variant\"}}"), ICE_UNSUPPORTED,
       "variant"},
      {FIELDS("{\"name\":\"g\",\"required\":false,\"type\":\"int\"}"), ICE_CORRUPT, "\"id\""},
      {FIELDS("{\"id\":1,\"required\":false,\"type\":\"int\"}"), ICE_CORRUPT, "\"name\""},
      {FIELDS("{\"id\":1,\"name\":\"g\",\"type\":\"int\"}"), ICE_CORRUPT, "\"required\""},
      {FIELDS("{\"id\":1,\"name\":\"g\",\"required\":false}"), ICE_CORRUPT, "no type"},
      {FIELDS("{\"id\":1,\"name\":\"g\",\"required\":false,\"type\":\"int\"},"
              "{\"id\":1,\"name\":\"h\",\"required\":false,\"type\":\"int\"}"),
       ICE_CORRUPT, "twice"},
      {FIELDS("{\"id\":9007199254740993,\"name\":\"g\",\"required\":false,\"type\":\"int\"}"), ICE_CORRUPT, "32-bit"},
      {"[]", ICE_CORRUPT, "object"},
      {"{\"fields\":", ICE_CORRUPT, "JSON"}};
  for (size_t i = 0; i < ICE_COUNT_OF(cases); i++) {
    ice_schema *schema = NULL;
    ice_error err = {0};
    ice_status status = ice_schema_from_json_text(ice_str_of(cases[i].text), &schema, &err);
    if (status != cases[i].status || schema || !strstr(err.message, cases[i].message)) {
      fail_msg("%s: %s %s", cases[i].text, ice_status_name(status), err.message);
    }
  }
}

static void test_iceberg_schema__numbers_fields_as_java_does(void **state) {
  (void)state;
  ice_schema *schema = parse(everything);
  ice_schema *fresh = NULL;
  int32_t last = 0;
  assert_int_equal(ice_schema_assign_fresh_ids(schema, &last, &fresh, NULL), ICE_OK);
  assert_int_equal(last, 9);
  for (int32_t i = 0; i < 5; i++) {
    assert_int_equal(fresh->root.fields[i].id, i + 1);
  }
  assert_int_equal(fresh->root.fields[3].type.fields[0].id, 6);
  assert_int_equal(fresh->root.fields[4].type.fields[0].id, 7);
  assert_int_equal(fresh->root.fields[4].type.fields[1].id, 8);
  assert_int_equal(fresh->root.fields[4].type.fields[1].type.fields[0].id, 9);
  assert_int_equal(fresh->identifier_field_ids[0], 1);
  ice_schema_unref(schema);
  ice_schema_unref(fresh);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_iceberg_schema__reads_and_writes_every_shape),
      cmocka_unit_test(test_iceberg_schema__names_what_is_wrong),
      cmocka_unit_test(test_iceberg_schema__numbers_fields_as_java_does),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
