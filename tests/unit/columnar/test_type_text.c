#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "columnar/schema.h"

static void test_type_text__what_is_parsed_is_formatted_the_same(void **state) {
  (void)state;
  static const char *const texts[] = {"boolean",
                                      "int",
                                      "long",
                                      "float",
                                      "double",
                                      "decimal(9,2)",
                                      "decimal(38,0)",
                                      "date",
                                      "time",
                                      "timestamp",
                                      "timestamptz",
                                      "string",
                                      "uuid",
                                      "fixed[16]",
                                      "binary",
                                      "list<string>",
                                      "map<string, long>",
                                      "struct<a: int, b_2: map<int, list<struct<x: decimal(1,1)>>>>"};
  for (size_t i = 0; i < ICE_COUNT_OF(texts); i++) {
    ice_schema *schema = NULL;
    ice_type type;
    ice_bytes out;
    ice_bytes_init(&out, 1000);
    assert_int_equal(ice_schema_create(&schema, NULL), ICE_OK);
    assert_int_equal(ice_type_parse(schema, ice_str_of(texts[i]), &type, NULL), ICE_OK);
    assert_int_equal(ice_type_format(&type, &out, NULL), ICE_OK);
    assert_string_equal(ice_bytes_c_str(&out, NULL), texts[i]);
    ice_bytes_deinit(&out);
    ice_schema_unref(schema);
  }
}

static void test_type_text__spaces_do_not_matter(void **state) {
  (void)state;
  ice_schema *schema = NULL;
  ice_type type;
  assert_int_equal(ice_schema_create(&schema, NULL), ICE_OK);
  assert_int_equal(ice_type_parse(schema, ICE_STR(" map < string , decimal ( 9 , 2 ) > "), &type, NULL), ICE_OK);
  assert_int_equal(type.kind, ICE_KIND_MAP);
  assert_true(type.fields[0].required);
  assert_false(type.fields[1].required);
  assert_int_equal(type.fields[1].type.precision, 9);
  assert_int_equal(type.fields[1].type.scale, 2);
  ice_schema_unref(schema);
}

static void test_type_text__names_the_place_of_a_mistake(void **state) {
  (void)state;
  static const struct {
    const char *text;
    const char *place;
  } cases[] = {{"", "character 1"},
               {"strin", "expected a type"},
               {"list", "expected < at character 5"},
               {"list<int", "expected > at character 9"},
               {"map<string>", "expected , at character 11"},
               {"decimal(9)", "expected (precision, scale)"},
               {"decimal(9,)", "expected (precision, scale)"},
               {"fixed", "expected [size]"},
               {"fixed[]", "expected [size]"},
               {"struct<a int>", "expected name: type"},
               {"struct<>", "expected name: type"},
               {"struct<a: int,>", "expected name: type"},
               {"int int", "expected the end at character 5"},
               {"fixed[99999999999999999999]", "expected [size]"}};
  for (size_t i = 0; i < ICE_COUNT_OF(cases); i++) {
    ice_schema *schema = NULL;
    ice_type type;
    ice_error err = {0};
    assert_int_equal(ice_schema_create(&schema, NULL), ICE_OK);
    assert_int_equal(ice_type_parse(schema, ice_str_of(cases[i].text), &type, &err), ICE_INVALID_ARGUMENT);
    if (!strstr(err.message, cases[i].place)) {
      fail_msg("\"%s\": %s", cases[i].text, err.message);
    }
    ice_schema_unref(schema);
  }
}

static void test_type_text__depth_is_bounded(void **state) {
  (void)state;
  char text[2000] = "";
  for (int i = 0; i < 200; i++) {
    memcpy(text + (size_t)i * 5, "list<", 5);
  }
  ice_schema *schema = NULL;
  ice_type type;
  assert_int_equal(ice_schema_create(&schema, NULL), ICE_OK);
  assert_int_equal(ice_type_parse(schema, ice_str_of(text), &type, NULL), ICE_LIMIT);
  ice_schema_unref(schema);
}

static void test_type_text__every_kind_has_a_name(void **state) {
  (void)state;
  for (int kind = ICE_KIND_BOOLEAN; kind <= ICE_KIND_MAP; kind++) {
    assert_string_not_equal(ice_kind_name((ice_kind)kind), "unknown");
  }
  assert_string_equal(ice_kind_name(ICE_KIND_TIMESTAMPTZ), "timestamptz");
  assert_string_equal(ice_kind_name((ice_kind)(ICE_KIND_MAP + 1)), "unknown");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_type_text__what_is_parsed_is_formatted_the_same),
      cmocka_unit_test(test_type_text__spaces_do_not_matter),
      cmocka_unit_test(test_type_text__names_the_place_of_a_mistake),
      cmocka_unit_test(test_type_text__depth_is_bounded),
      cmocka_unit_test(test_type_text__every_kind_has_a_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
