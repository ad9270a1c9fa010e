#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "columnar_test_support.h"

static void expect(const ice_schema *schema, ice_status status, const char *part) {
  ice_error err = {0};
  assert_int_equal(ice_schema_validate(schema, &err), status);
  if (!strstr(err.message, part)) {
    fail_msg("\"%s\" is not in \"%s\"", part, err.message);
  }
}

static void test_schema__names_are_there_and_unique_among_siblings(void **state) {
  (void)state;
  ice_schema *schema = test_schema("struct<a: int, b: struct<a: int, b: int>>");
  ice_str name = schema->root.fields[1].name;
  schema->root.fields[1].name = ICE_STR("a");
  expect(schema, ICE_INVALID_ARGUMENT, "\"a\" is used twice");
  schema->root.fields[1].name = (ice_str){0};
  expect(schema, ICE_INVALID_ARGUMENT, "has no name");
  schema->root.fields[1].name = name;
  schema->root.fields[1].type.fields[0].name = ICE_STR("b");
  expect(schema, ICE_INVALID_ARGUMENT, "\"b\" is used twice");
  ice_schema_unref(schema);
}

static void test_schema__ids_are_unique_at_every_depth(void **state) {
  (void)state;
  ice_schema *schema = test_schema("struct<a: int, b: list<struct<c: int>>, d: int>");
  ice_field *deep = &schema->root.fields[1].type.fields[0].type.fields[0];
  deep->id = 3;
  expect(schema, ICE_INVALID_ARGUMENT, "field id 3");
  deep->id = 4;
  OK(ice_schema_validate(schema, NULL));
  assert_ptr_equal(ice_schema_find_id(schema, 4), deep);
  assert_null(ice_schema_find_id(schema, 5));
  assert_int_equal(ice_schema_highest_id(schema), 4);
  assert_ptr_equal(ice_schema_find_name(schema, ICE_STR("d")), &schema->root.fields[2]);
  assert_null(ice_schema_find_name(schema, ICE_STR("c")));
  ice_schema_unref(schema);
}

static void test_schema__parameters_have_ranges(void **state) {
  (void)state;
  static const struct {
    int32_t precision, scale;
    ice_status status;
  } decimals[] = {{1, 0, ICE_OK},
                  {38, 38, ICE_OK},
                  {0, 0, ICE_INVALID_ARGUMENT},
                  {39, 0, ICE_INVALID_ARGUMENT},
                  {5, 6, ICE_INVALID_ARGUMENT},
                  {5, -1, ICE_INVALID_ARGUMENT}};
  ice_schema *schema = test_schema("struct<a: decimal(5,2), b: fixed[4]>");
  for (size_t i = 0; i < ICE_COUNT_OF(decimals); i++) {
    schema->root.fields[0].type.precision = decimals[i].precision;
    schema->root.fields[0].type.scale = decimals[i].scale;
    expect(schema, decimals[i].status, decimals[i].status == ICE_OK ? "" : "decimal(");
  }
  schema->root.fields[0].type.precision = 38;
  schema->root.fields[0].type.scale = 0;
  schema->root.fields[1].type.size = 0;
  expect(schema, ICE_INVALID_ARGUMENT, "fixed[0]");
  schema->root.fields[1].type.size = (1 << 20) + 1;
  expect(schema, ICE_INVALID_ARGUMENT, "out of range");
  ice_schema_unref(schema);
}

static void test_schema__nested_types_have_their_fields(void **state) {
  (void)state;
  ice_schema *schema = test_schema("struct<m: map<string, int>, l: list<int>, i: int>");
  schema->root.fields[0].type.fields[0].required = false;
  expect(schema, ICE_INVALID_ARGUMENT, "map keys are required");
  schema->root.fields[0].type.fields[0].required = true;
  schema->root.fields[0].type.field_count = 1;
  expect(schema, ICE_INVALID_ARGUMENT, "map with 1 fields");
  schema->root.fields[0].type.field_count = 2;
  schema->root.fields[1].type.field_count = 0;
  expect(schema, ICE_INVALID_ARGUMENT, "list with 0 fields");
  schema->root.fields[1].type.field_count = 1;
  schema->root.fields[2].type = schema->root.fields[1].type;
  schema->root.fields[2].type.kind = ICE_KIND_INT;
  expect(schema, ICE_INVALID_ARGUMENT, "int with 1 fields");
  ice_schema_unref(schema);
}

static void test_schema__depth_and_fields_are_bounded(void **state) {
  (void)state;
  ice_schema *schema = NULL;
  OK(ice_schema_create(&schema, NULL));
  ice_type *at = &schema->root;
  for (int depth = 0; depth < ICE_SCHEMA_DEPTH_MAX + 1; depth++) {
    OK(ice_type_set_fields(schema, at, 1, NULL));
    at->fields[0].name = ICE_STR("x");
    at->fields[0].type.kind = ICE_KIND_STRUCT;
    at = &at->fields[0].type;
  }
  expect(schema, ICE_LIMIT, "nest deeper");
  ice_type wide = {0};
  assert_int_equal(ice_type_set_fields(schema, &wide, ICE_SCHEMA_FIELDS_MAX + 1, NULL), ICE_LIMIT);
  ice_schema_unref(schema);
}

static void test_schema__a_copy_outlives_its_original(void **state) {
  (void)state;
  ice_schema *from = test_schema("struct<a: struct<m: map<string, list<decimal(9,2)>>, f: fixed[3]>>");
  ice_schema *to = NULL;
  OK(ice_schema_create(&to, NULL));
  OK(ice_type_set_fields(to, &to->root, 1, NULL));
  from->root.fields[0].doc = ICE_STR("what it is");
  from->root.fields[0].required = true;
  OK(ice_field_copy(to, &from->root.fields[0], &to->root.fields[0], NULL));
  assert_true(ice_type_equal(&from->root, &to->root));
  ice_schema_unref(from);
  assert_true(ice_str_equal_c(to->root.fields[0].name, "a"));
  assert_true(ice_str_equal_c(to->root.fields[0].doc, "what it is"));
  assert_true(to->root.fields[0].required);
  assert_int_equal(to->root.fields[0].type.fields[1].type.size, 3);
  ice_schema_unref(to);
}

static void test_schema__types_differ_in_anything_that_counts(void **state) {
  (void)state;
  ice_schema *a = test_schema("struct<x: list<decimal(9,2)>>");
  ice_schema *b = test_schema("struct<x: list<decimal(9,2)>>");
  ice_field *element = &b->root.fields[0].type.fields[0];
  assert_true(ice_type_equal(&a->root, &b->root));
  element->type.scale = 3;
  assert_false(ice_type_equal(&a->root, &b->root));
  element->type.scale = 2;
  element->required = true;
  assert_false(ice_type_equal(&a->root, &b->root));
  element->required = false;
  element->id = 9;
  assert_false(ice_type_equal(&a->root, &b->root));
  element->id = 0;
  assert_true(ice_type_equal(&a->root, &b->root));
  ice_schema_unref(a);
  ice_schema_unref(b);
}

static void test_schema__references_are_counted(void **state) {
  (void)state;
  ice_schema *schema = test_schema("struct<a: int>");
  ice_schema *again = ice_schema_ref(schema);
  assert_ptr_equal(again, schema);
  ice_schema_unref(schema);
  assert_true(ice_str_equal_c(again->root.fields[0].name, "a"));
  ice_schema_unref(again);
  ice_schema_unref(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_schema__names_are_there_and_unique_among_siblings),
      cmocka_unit_test(test_schema__ids_are_unique_at_every_depth),
      cmocka_unit_test(test_schema__parameters_have_ranges),
      cmocka_unit_test(test_schema__nested_types_have_their_fields),
      cmocka_unit_test(test_schema__depth_and_fields_are_bounded),
      cmocka_unit_test(test_schema__a_copy_outlives_its_original),
      cmocka_unit_test(test_schema__types_differ_in_anything_that_counts),
      cmocka_unit_test(test_schema__references_are_counted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
