#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "comma_locale.h"
#include "columnar/batch.h"
#include "json/json_text.h"
#include <float.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>

static ice_schema *schema;
static ice_column column;

static void begin(const char *type) {
  assert_int_equal(ice_schema_create(&schema, NULL), ICE_OK);
  assert_int_equal(ice_type_set_fields(schema, &schema->root, 1, NULL), ICE_OK);
  schema->root.fields[0].name = ICE_STR("x");
  assert_int_equal(ice_type_parse(schema, ice_str_of(type), &schema->root.fields[0].type, NULL), ICE_OK);
  assert_int_equal(ice_column_init(&column, &schema->root.fields[0].type, NULL), ICE_OK);
}

static void end(void) {
  ice_column_deinit(&column);
  ice_schema_unref(schema);
}

// The last value of the column, as JSON and as plain text.
static void expect(const char *json, const char *plain) {
  ice_bytes out;
  ice_bytes_init(&out, 1 << 16);
  assert_int_equal(ice_json_append_value(&out, &column, column.length - 1, NULL), ICE_OK);
  assert_string_equal(ice_bytes_c_str(&out, NULL), json);
  json_t *parsed = json_loadb((const char *)out.data, out.size, JSON_DECODE_ANY, NULL);
  assert_non_null(parsed);
  json_decref(parsed);
  ice_bytes_clear(&out);
  assert_int_equal(ice_json_append_plain(&out, &column, column.length - 1, NULL), ICE_OK);
  assert_string_equal(ice_bytes_c_str(&out, NULL), plain);
  ice_bytes_deinit(&out);
}

static void text(const char *data, size_t size, const char *json) {
  ice_bytes out;
  ice_bytes_init(&out, 1 << 16);
  assert_int_equal(ice_json_append_string(&out, ice_str_make(data, size), NULL), ICE_OK);
  assert_string_equal(ice_bytes_c_str(&out, NULL), json);
  ice_bytes_deinit(&out);
}

static void test_json_text__strings_are_escaped(void **state) {
  (void)state;
  text("", 0, "\"\"");
  text("a\"b\\c\n\r\t\x01\x1f\x7f/", 12, "\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u001f\x7f/\"");
  text("\0", 1, "\"\\u0000\"");
  text("\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", 9, "\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\"");
}

static void test_json_text__what_is_no_utf8_becomes_the_replacement_character(void **state) {
  (void)state;
  text(
      "a\xFF"
      "b",
      3,
      "\"a\xEF\xBF\xBD"
      "b\"");
  text("\xE2\x82", 2, "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
  text("\xC0\xAF", 2, "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
  text("\xED\xA0\x80", 3, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
  text("\xF0\x9F\x98", 3, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

static void test_json_text__doubles_are_the_shortest_that_read_back(void **state) {
  (void)state;
  static const struct {
    double value;
    const char *text;
  } cases[] = {{0, "0"},
               {-0.0, "-0"},
               {1, "1"},
               {0.1, "0.1"},
               {0.1 + 0.2, "0.30000000000000004"},
               {1e21, "1e+21"},
               {72.5, "72.5"},
               {-1e-7, "-1e-07"},
               {DBL_MAX, "1.7976931348623157e+308"},
               {9007199254740993.0, "9007199254740992"},
               {5e-324, "4.94065645841247e-324"}};
  begin("double");
  for (size_t i = 0; i < ICE_COUNT_OF(cases); i++) {
    assert_int_equal(ice_column_append_f64(&column, cases[i].value, NULL), ICE_OK);
    expect(cases[i].text, cases[i].text);
  }
  end();
}

static void test_json_text__not_a_number_is_text(void **state) {
  (void)state;
  begin("double");
  assert_int_equal(ice_column_append_f64(&column, NAN, NULL), ICE_OK);
  expect("\"NaN\"", "NaN");
  assert_int_equal(ice_column_append_f64(&column, -INFINITY, NULL), ICE_OK);
  expect("\"-Infinity\"", "-Infinity");
  end();
  begin("float");
  assert_int_equal(ice_column_append_f32(&column, INFINITY, NULL), ICE_OK);
  expect("\"Infinity\"", "Infinity");
  assert_int_equal(ice_column_append_f32(&column, 0.1f, NULL), ICE_OK);
  expect("0.1", "0.1");
  assert_int_equal(ice_column_append_f32(&column, 16777216.0f, NULL), ICE_OK);
  expect("16777216", "16777216");
  end();
}

static void test_json_text__whole_numbers_and_booleans(void **state) {
  (void)state;
  begin("long");
  assert_int_equal(ice_column_append_i64(&column, INT64_MIN, NULL), ICE_OK);
  expect("-9223372036854775808", "-9223372036854775808");
  end();
  begin("int");
  assert_int_equal(ice_column_append_i32(&column, -7, NULL), ICE_OK);
  expect("-7", "-7");
  assert_int_equal(ice_column_append_null(&column, NULL), ICE_OK);
  expect("null", "");
  end();
  begin("boolean");
  assert_int_equal(ice_column_append_boolean(&column, true, NULL), ICE_OK);
  expect("true", "true");
  end();
}

static void decimal(int64_t low, int64_t high, const char *expected) {
  uint8_t value[16];
  char quoted[64];
  ice_store_u64le(value, (uint64_t)low);
  ice_store_u64le(value + 8, (uint64_t)high);
  assert_int_equal(ice_column_append_fixed(&column, value, NULL), ICE_OK);
  snprintf(quoted, sizeof quoted, "\"%s\"", expected);
  expect(quoted, expected);
}

static void test_json_text__decimals_keep_their_scale(void **state) {
  (void)state;
  begin("decimal(38,2)");
  decimal(0, 0, "0.00");
  decimal(5, 0, "0.05");
  decimal(-5, -1, "-0.05");
  decimal(12345, 0, "123.45");
  decimal(-12345, -1, "-123.45");
  // 10^38 - 1 = 0x4B3B4CA85A86C47A098A223FFFFFFFFF.
  decimal((int64_t)0x098A223FFFFFFFFF, (int64_t)0x4B3B4CA85A86C47A, "999999999999999999999999999999999999.99");
  end();
  begin("decimal(5,0)");
  decimal(0, 0, "0");
  decimal(-99999, -1, "-99999");
  end();
}

static void test_json_text__times_identifiers_and_bytes(void **state) {
  (void)state;
  uint8_t bytes[16] = {0x2e, 0xd6, 0x65, 0x7d, 0xe9, 0x27, 0x56, 0x8b,
                       0x95, 0xe1, 0x26, 0x65, 0xa8, 0xae, 0xa6, 0xa2};
  begin("timestamp");
  assert_int_equal(ice_column_append_i64(&column, -1, NULL), ICE_OK);
  expect("\"1969-12-31T23:59:59.999999\"", "1969-12-31T23:59:59.999999");
  end();
  begin("timestamptz");
  assert_int_equal(ice_column_append_i64(&column, 0, NULL), ICE_OK);
  expect("\"1970-01-01T00:00:00Z\"", "1970-01-01T00:00:00Z");
  end();
  begin("date");
  assert_int_equal(ice_column_append_i32(&column, 59, NULL), ICE_OK);
  expect("\"1970-03-01\"", "1970-03-01");
  end();
  begin("time");
  assert_int_equal(ice_column_append_i64(&column, 3661000001, NULL), ICE_OK);
  expect("\"01:01:01.000001\"", "01:01:01.000001");
  end();
  begin("uuid");
  assert_int_equal(ice_column_append_fixed(&column, bytes, NULL), ICE_OK);
  expect("\"2ed6657d-e927-568b-95e1-2665a8aea6a2\"", "2ed6657d-e927-568b-95e1-2665a8aea6a2");
  end();
  begin("binary");
  assert_int_equal(ice_column_append_text(&column, ICE_STR("foobar"), NULL), ICE_OK);
  expect("\"Zm9vYmFy\"", "Zm9vYmFy");
  end();
  begin("fixed[2]");
  assert_int_equal(ice_column_append_fixed(&column, "fo", NULL), ICE_OK);
  expect("\"Zm8=\"", "Zm8=");
  end();
}

static void test_json_text__nested_values(void **state) {
  (void)state;
  begin("map<string, list<int>>");
  assert_int_equal(ice_column_append_text(&column.children[0], ICE_STR("a\""), NULL), ICE_OK);
  assert_int_equal(ice_column_append_i32(&column.children[1].children[0], 1, NULL), ICE_OK);
  assert_int_equal(ice_column_append_null(&column.children[1].children[0], NULL), ICE_OK);
  assert_int_equal(ice_column_append_list_end(&column.children[1], NULL), ICE_OK);
  assert_int_equal(ice_column_append_list_end(&column, NULL), ICE_OK);
  expect("{\"a\\\"\":[1,null]}", "{\"a\\\"\":[1,null]}");
  assert_int_equal(ice_column_append_list_end(&column, NULL), ICE_OK);
  expect("{}", "{}");
  end();
  begin("map<int, string>");
  assert_int_equal(ice_column_append_i32(&column.children[0], 1, NULL), ICE_OK);
  assert_int_equal(ice_column_append_text(&column.children[1], ICE_STR("x"), NULL), ICE_OK);
  assert_int_equal(ice_column_append_list_end(&column, NULL), ICE_OK);
  expect("[{\"key\":1,\"value\":\"x\"}]", "[{\"key\":1,\"value\":\"x\"}]");
  end();
  begin("struct<a: string, b: struct<c: boolean>>");
  assert_int_equal(ice_column_append_text(&column.children[0], ICE_STR("x"), NULL), ICE_OK);
  assert_int_equal(ice_column_append_null(&column.children[1], NULL), ICE_OK);
  assert_int_equal(ice_column_append_struct_end(&column, NULL), ICE_OK);
  expect("{\"a\":\"x\",\"b\":null}", "{\"a\":\"x\",\"b\":null}");
  end();
}

static void test_json_text__a_locale_with_a_comma_changes_nothing(void **state) {
  (void)state;
  assert_true(comma_locale_set());
  begin("double");
  assert_int_equal(ice_column_append_f64(&column, 72.5, NULL), ICE_OK);
  expect("72.5", "72.5");
  assert_int_equal(ice_column_append_f64(&column, 0.1 + 0.2, NULL), ICE_OK);
  expect("0.30000000000000004", "0.30000000000000004");
  end();
  begin("float");
  assert_int_equal(ice_column_append_f32(&column, 0.1f, NULL), ICE_OK);
  expect("0.1", "0.1");
  end();
  comma_locale_unset();
}

static void test_json_text__the_ceiling_of_the_buffer_holds(void **state) {
  (void)state;
  ice_bytes out;
  ice_bytes_init(&out, 4);
  assert_int_equal(ice_json_append_string(&out, ICE_STR("abc"), NULL), ICE_LIMIT);
  ice_bytes_deinit(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_json_text__strings_are_escaped),
      cmocka_unit_test(test_json_text__what_is_no_utf8_becomes_the_replacement_character),
      cmocka_unit_test(test_json_text__doubles_are_the_shortest_that_read_back),
      cmocka_unit_test(test_json_text__not_a_number_is_text),
      cmocka_unit_test(test_json_text__whole_numbers_and_booleans),
      cmocka_unit_test(test_json_text__decimals_keep_their_scale),
      cmocka_unit_test(test_json_text__times_identifiers_and_bytes),
      cmocka_unit_test(test_json_text__nested_values),
      cmocka_unit_test(test_json_text__a_locale_with_a_comma_changes_nothing),
      cmocka_unit_test(test_json_text__the_ceiling_of_the_buffer_holds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
