#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include "avro/avro_schema.h"
#include "base/bytes.h"

static ice_avro_schema *parse(const char *text) {
  ice_avro_schema *schema = NULL;
  ice_error err = {0};
  ice_status status = ice_avro_schema_parse(ice_str_of(text), &schema, &err);
  if (status != ICE_OK) {
    fail_msg("%s", err.message);
  }
  return schema;
}

static void assert_text(ice_str actual, const char *expected) {
  if (!ice_str_equal_c(actual, expected)) {
    fail_msg("\"%.*s\" is not \"%s\"", ICE_STR_ARG(actual), expected);
  }
}

static void test_avro_schema__reads_primitives_by_name_and_by_object(void **state) {
  (void)state;
  static const char *const names[] = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"};
  for (size_t i = 0; i < ICE_COUNT_OF(names); i++) {
    char text[64];
    snprintf(text, sizeof text, i % 2 == 0 ? "\"%s\"" : "{\"type\":\"%s\"}", names[i]);
    ice_avro_schema *schema = parse(text);
    assert_int_equal(ice_avro_schema_root(schema)->kind, i);
    ice_avro_schema_destroy(schema);
  }
}

static void test_avro_schema__resolves_names_in_their_namespace(void **state) {
  (void)state;
  ice_avro_schema *schema = parse(
      "{\"type\":\"record\",\"name\":\"Outer\",\"namespace\":\"a.b\",\"aliases\":[\"Old\",\"x.Older\"],\"fields\":["
      "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"c.E\",\"symbols\":[\"X\",\"Y\"],\"default\":\"Y\"}},"
      "{\"name\":\"f\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":4}},"
      "{\"name\":\"g\",\"type\":[\"null\",\"F\"],\"default\":null},"
      "{\"name\":\"h\",\"type\":\"c.E\"},"
      "{\"name\":\"i\",\"type\":[\"null\",\"a.b.Outer\"]}]}");
  const ice_avro_type *root = ice_avro_schema_root(schema);
  assert_text(root->name, "a.b.Outer");
  assert_text(root->aliases[0], "a.b.Old");
  assert_text(root->aliases[1], "x.Older");
  assert_int_equal(root->field_count, 5);
  assert_text(root->fields[0].type->name, "c.E");
  assert_int_equal(root->fields[0].type->enum_default, 1);
  assert_text(root->fields[1].type->name, "a.b.F");
  assert_int_equal(root->fields[1].type->size, 4);
  assert_ptr_equal(root->fields[2].type->branches[1], root->fields[1].type);
  assert_true(json_is_null(root->fields[2].default_value));
  assert_ptr_equal(root->fields[3].type, root->fields[0].type);
  assert_null(root->fields[3].default_value);
  assert_ptr_equal(root->fields[4].type->branches[1], root);
  assert_text(ice_avro_short_name(root->name), "Outer");
  ice_avro_schema_destroy(schema);
}

static void test_avro_schema__reads_iceberg_ids(void **state) {
  (void)state;
  ice_avro_schema *schema = parse(
      "{\"type\":\"record\",\"name\":\"r\",\"fields\":["
      "{\"name\":\"a\",\"field-id\":7,\"type\":{\"type\":\"array\",\"items\":\"int\",\"element-id\":8}},"
      "{\"name\":\"m\",\"field-id\":9,\"type\":{\"type\":\"map\",\"values\":\"int\",\"key-id\":10,\"value-id\":11}},"
      "{\"name\":\"l\",\"type\":{\"type\":\"array\",\"logicalType\":\"map\",\"items\":{\"type\":\"record\",\"name\":"
      "\"k1_v2\",\"fields\":[{\"name\":\"key\",\"type\":\"int\",\"field-id\":1},{\"name\":\"value\",\"type\":"
      "\"bytes\",\"field-id\":2}]}}}]}");
  const ice_avro_type *root = ice_avro_schema_root(schema);
  assert_int_equal(root->fields[0].field_id, 7);
  assert_int_equal(root->fields[0].type->element_id, 8);
  assert_int_equal(root->fields[1].type->key_id, 10);
  assert_int_equal(root->fields[1].type->value_id, 11);
  assert_int_equal(root->fields[2].field_id, 0);
  assert_int_equal(root->fields[2].type->logical, ICE_AVRO_LOGICAL_MAP);
  ice_avro_schema_destroy(schema);
}

typedef struct logical_case {
  const char *text;
  ice_avro_logical logical;
} logical_case;

static void test_avro_schema__takes_a_logical_type_only_where_it_fits(void **state) {
  (void)state;
  static const logical_case cases[] = {
      {"{\"type\":\"int\",\"logicalType\":\"date\"}", ICE_AVRO_LOGICAL_DATE},
      {"{\"type\":\"long\",\"logicalType\":\"date\"}", ICE_AVRO_LOGICAL_NONE},
      {"{\"type\":\"int\",\"logicalType\":\"time-millis\"}", ICE_AVRO_LOGICAL_TIME_MILLIS},
      {"{\"type\":\"long\",\"logicalType\":\"time-micros\"}", ICE_AVRO_LOGICAL_TIME_MICROS},
      {"{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}", ICE_AVRO_LOGICAL_TIMESTAMP_MILLIS},
      {"{\"type\":\"long\",\"logicalType\":\"timestamp-micros\",\"adjust-to-utc\":true}",
       ICE_AVRO_LOGICAL_TIMESTAMP_MICROS},
      {"{\"type\":\"long\",\"logicalType\":\"timestamp-micros\",\"adjust-to-utc\":false}",
       ICE_AVRO_LOGICAL_LOCAL_TIMESTAMP_MICROS},
      {"{\"type\":\"long\",\"logicalType\":\"local-timestamp-millis\"}", ICE_AVRO_LOGICAL_LOCAL_TIMESTAMP_MILLIS},
      {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}", ICE_AVRO_LOGICAL_DECIMAL},
      {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":2,\"scale\":9}", ICE_AVRO_LOGICAL_NONE},
      {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":39}", ICE_AVRO_LOGICAL_NONE},
      {"{\"type\":\"fixed\",\"name\":\"u\",\"size\":16,\"logicalType\":\"uuid\"}", ICE_AVRO_LOGICAL_UUID},
      {"{\"type\":\"fixed\",\"name\":\"u\",\"size\":15,\"logicalType\":\"uuid\"}", ICE_AVRO_LOGICAL_NONE},
      {"{\"type\":\"array\",\"items\":\"int\",\"logicalType\":\"map\"}", ICE_AVRO_LOGICAL_NONE},
      {"{\"type\":\"long\",\"logicalType\":\"timestamp-nanos\"}", ICE_AVRO_LOGICAL_NONE}};
  for (size_t i = 0; i < ICE_COUNT_OF(cases); i++) {
    ice_avro_schema *schema = parse(cases[i].text);
    if (ice_avro_schema_root(schema)->logical != cases[i].logical) {
      fail_msg("%s gives %d", cases[i].text, (int)ice_avro_schema_root(schema)->logical);
    }
    ice_avro_schema_destroy(schema);
  }
}

static void test_avro_schema__refuses_what_is_no_schema(void **state) {
  (void)state;
  static const char *const texts[] = {"",
                                      "{",
                                      "7",
                                      "\"nope\"",
                                      "{\"type\":\"record\",\"name\":\"r\"}",
                                      "{\"type\":\"record\",\"fields\":[]}",
                                      "{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"a\"}]}",
                                      "{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"type\":\"int\"}]}",
                                      "{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"a\",\"type\":"
                                      "\"int\"},{\"name\":\"a\",\"type\":\"int\"}]}",
                                      "{\"type\":\"array\"}",
                                      "{\"type\":\"map\"}",
                                      "{\"type\":\"fixed\",\"name\":\"f\"}",
                                      "{\"type\":\"fixed\",\"name\":\"f\",\"size\":-1}",
                                      "{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[]}",
                                      "{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\"],\"default\":\"B\"}",
                                      "[]",
                                      "[\"int\",[\"null\"]]",
                                      "[\"int\",\"int\"]",
                                      "{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"a\",\"type\":{"
                                      "\"type\":\"fixed\",\"name\":\"r\",\"size\":1}}]}"};
  for (size_t i = 0; i < ICE_COUNT_OF(texts); i++) {
    ice_avro_schema *schema = NULL;
    ice_error err = {0};
    if (ice_avro_schema_parse(ice_str_of(texts[i]), &schema, &err) != ICE_CORRUPT || schema || !err.message[0]) {
      fail_msg("%s: %s %s", texts[i], ice_status_name(err.status), err.message);
    }
  }
}

static void test_avro_schema__limits_depth(void **state) {
  (void)state;
  ice_bytes text;
  ice_bytes_init(&text, 1 << 20);
  for (int i = 0; i < ICE_AVRO_SCHEMA_DEPTH_MAX + 1; i++) {
    assert_int_equal(ice_bytes_append_str(&text, ICE_STR("{\"type\":\"array\",\"items\":"), NULL), ICE_OK);
  }
  assert_int_equal(ice_bytes_append_str(&text, ICE_STR("\"int\""), NULL), ICE_OK);
  for (int i = 0; i < ICE_AVRO_SCHEMA_DEPTH_MAX + 1; i++) {
    assert_int_equal(ice_bytes_append_str(&text, ICE_STR("}"), NULL), ICE_OK);
  }
  ice_avro_schema *schema = NULL;
  assert_int_equal(ice_avro_schema_parse(ice_bytes_str(&text), &schema, NULL), ICE_LIMIT);
  ice_bytes_deinit(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_avro_schema__reads_primitives_by_name_and_by_object),
      cmocka_unit_test(test_avro_schema__resolves_names_in_their_namespace),
      cmocka_unit_test(test_avro_schema__reads_iceberg_ids),
      cmocka_unit_test(test_avro_schema__takes_a_logical_type_only_where_it_fits),
      cmocka_unit_test(test_avro_schema__refuses_what_is_no_schema),
      cmocka_unit_test(test_avro_schema__limits_depth),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
