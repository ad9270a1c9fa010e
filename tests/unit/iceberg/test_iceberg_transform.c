#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "iceberg/iceberg_transform.h"

static ice_str raw_i64(int64_t value, uint8_t buffer[16]) {
  memset(buffer, value < 0 ? 0xFF : 0, 16);
  ice_store_u64le(buffer, (uint64_t)value);
  return ice_str_make((const char *)buffer, 8);
}

static void assert_hash(ice_type type, ice_str raw, int32_t expected) {
  uint32_t hash = 0;
  assert_int_equal(ice_bucket_hash(&type, raw, &hash, NULL), ICE_OK);
  assert_int_equal((int32_t)hash, expected);
}

// Spec, Appendix B, "32-bit Hash Requirements".
static void test_iceberg_transform__hashes_as_appendix_b(void **state) {
  (void)state;
  uint8_t buffer[16];
  ice_str narrow = {.data = (const char *)buffer, .size = 4};
  ice_str wide = {.data = (const char *)buffer, .size = 16};
  raw_i64(34, buffer);
  assert_hash((ice_type){.kind = ICE_KIND_INT}, narrow, 2017239379);
  assert_hash((ice_type){.kind = ICE_KIND_LONG}, raw_i64(34, buffer), 2017239379);
  raw_i64(1420, buffer);
  assert_hash((ice_type){.kind = ICE_KIND_DECIMAL, .precision = 9, .scale = 2}, wide, -500754589);
  raw_i64(17486, buffer);
  assert_hash((ice_type){.kind = ICE_KIND_DATE}, narrow, -653330422);
  assert_hash((ice_type){.kind = ICE_KIND_TIME}, raw_i64(INT64_C(81068000000), buffer), -662762989);
  assert_hash((ice_type){.kind = ICE_KIND_TIMESTAMP}, raw_i64(INT64_C(1510871468000000), buffer), -2047944441);
  assert_hash((ice_type){.kind = ICE_KIND_TIMESTAMPTZ}, raw_i64(INT64_C(1510871468000000), buffer), -2047944441);
  assert_hash((ice_type){.kind = ICE_KIND_STRING}, ICE_STR("iceberg"), 1210000089);
  assert_hash((ice_type){.kind = ICE_KIND_UUID},
              ICE_STR("\xf7\x9c\x3e\x09\x67\x7c\x4b\xbd\xa4\x79\x3f\x34\x9c\xb7\x85\xe7"), 1488055340);
  assert_hash((ice_type){.kind = ICE_KIND_FIXED, .size = 4}, ICE_STR("\x00\x01\x02\x03"), -188683207);
  assert_hash((ice_type){.kind = ICE_KIND_BINARY}, ICE_STR("\x00\x01\x02\x03"), -188683207);
  raw_i64(-1, buffer);
  assert_hash((ice_type){.kind = ICE_KIND_INT}, narrow, 1651860712);
}

static void test_iceberg_transform__parses_and_spells(void **state) {
  (void)state;
  static const char *const pairs[][2] = {{"identity", "identity"},
                                         {"bucket[16]", "bucket[16]"},
                                         {"bucket(16)", "bucket[16]"},
                                         {"truncate[4]", "truncate[4]"},
                                         {"days", "day"},
                                         {"day", "day"},
                                         {"hours", "hour"},
                                         {"months", "month"},
                                         {"year", "year"},
                                         {"void", "void"}};
  for (size_t i = 0; i < ICE_COUNT_OF(pairs); i++) {
    ice_transform transform;
    ice_bytes text;
    ice_bytes_init(&text, 100);
    assert_int_equal(ice_transform_parse(ice_str_of(pairs[i][0]), &transform, NULL), ICE_OK);
    assert_int_equal(ice_transform_format(transform, &text, NULL), ICE_OK);
    assert_string_equal(ice_bytes_c_str(&text, NULL), pairs[i][1]);
    ice_bytes_deinit(&text);
  }
  ice_transform transform;
  assert_int_equal(ice_transform_parse(ICE_STR("zorder"), &transform, NULL), ICE_OK);
  assert_int_equal(transform.kind, ICE_TRANSFORM_UNKNOWN);
  static const char *const bad[] = {"bucket[0]", "bucket[-1]", "truncate[x]", "bucket[99999999999]"};
  for (size_t i = 0; i < ICE_COUNT_OF(bad); i++) {
    assert_int_equal(ice_transform_parse(ice_str_of(bad[i]), &transform, NULL), ICE_INVALID_ARGUMENT);
  }
}

static void test_iceberg_transform__refuses_types_it_does_not_take(void **state) {
  (void)state;
  ice_type out;
  ice_type string = {.kind = ICE_KIND_STRING};
  ice_type number = {.kind = ICE_KIND_DOUBLE};
  ice_type date = {.kind = ICE_KIND_DATE};
  ice_type list = {.kind = ICE_KIND_LIST};
  assert_int_equal(ice_transform_result_type((ice_transform){.kind = ICE_TRANSFORM_DAY}, &string, &out, NULL),
                   ICE_UNSUPPORTED);
  assert_int_equal(
      ice_transform_result_type((ice_transform){.kind = ICE_TRANSFORM_BUCKET, .parameter = 4}, &number, &out, NULL),
      ICE_UNSUPPORTED);
  assert_int_equal(ice_transform_result_type((ice_transform){.kind = ICE_TRANSFORM_HOUR}, &date, &out, NULL),
                   ICE_UNSUPPORTED);
  assert_int_equal(ice_transform_result_type((ice_transform){.kind = ICE_TRANSFORM_IDENTITY}, &list, &out, NULL),
                   ICE_UNSUPPORTED);
  assert_int_equal(ice_transform_result_type((ice_transform){.kind = ICE_TRANSFORM_UNKNOWN}, &date, &out, NULL),
                   ICE_UNSUPPORTED);
  assert_int_equal(ice_transform_result_type((ice_transform){.kind = ICE_TRANSFORM_DAY}, &date, &out, NULL), ICE_OK);
  assert_int_equal(out.kind, ICE_KIND_DATE);
}

static int32_t apply_i64(ice_kind kind, int64_t value, ice_transform transform, bool with_null) {
  ice_type type = {.kind = kind};
  ice_type result;
  ice_column source;
  ice_column out;
  assert_int_equal(ice_transform_result_type(transform, &type, &result, NULL), ICE_OK);
  assert_int_equal(ice_column_init(&source, &type, NULL), ICE_OK);
  assert_int_equal(ice_column_init(&out, &result, NULL), ICE_OK);
  if (with_null) {
    assert_int_equal(ice_column_append_null(&source, NULL), ICE_OK);
  }
  assert_int_equal(kind == ICE_KIND_DATE ? ice_column_append_i32(&source, (int32_t)value, NULL)
                                         : ice_column_append_i64(&source, value, NULL),
                   ICE_OK);
  assert_int_equal(ice_transform_apply(transform, &source, &out, NULL), ICE_OK);
  assert_int_equal(out.length, source.length);
  assert_int_equal(out.null_count, source.null_count);
  int32_t value_out = ice_column_i32(&out, source.length - 1);
  ice_column_deinit(&source);
  ice_column_deinit(&out);
  return value_out;
}

typedef struct time_case {
  ice_kind kind;
  int64_t value;
  int32_t year;
  int32_t month;
  int32_t day;
  int32_t hour;
} time_case;

static void test_iceberg_transform__floors_before_1970(void **state) {
  (void)state;
  static const time_case cases[] = {{ICE_KIND_TIMESTAMP, 0, 0, 0, 0, 0},
                                    {ICE_KIND_TIMESTAMP, -1, -1, -1, -1, -1},
                                    {ICE_KIND_TIMESTAMP, INT64_C(1510871468000001), 47, 574, 17486, 419686},
                                    {ICE_KIND_TIMESTAMPTZ, INT64_C(-86400000000), -1, -1, -1, -24},
                                    {ICE_KIND_TIMESTAMPTZ, INT64_C(-86400000001), -1, -1, -2, -25},
                                    {ICE_KIND_DATE, 17486, 47, 574, 17486, 0},
                                    {ICE_KIND_DATE, -1, -1, -1, -1, 0},
                                    {ICE_KIND_DATE, -366, -2, -13, -366, 0}};
  for (size_t i = 0; i < ICE_COUNT_OF(cases); i++) {
    for (int with_null = 0; with_null < 2; with_null++) {
      const time_case *item = &cases[i];
      assert_int_equal(apply_i64(item->kind, item->value, (ice_transform){ICE_TRANSFORM_YEAR, 0}, with_null),
                       item->year);
      assert_int_equal(apply_i64(item->kind, item->value, (ice_transform){ICE_TRANSFORM_MONTH, 0}, with_null),
                       item->month);
      assert_int_equal(apply_i64(item->kind, item->value, (ice_transform){ICE_TRANSFORM_DAY, 0}, with_null),
                       item->day);
      if (item->kind != ICE_KIND_DATE) {
        assert_int_equal(apply_i64(item->kind, item->value, (ice_transform){ICE_TRANSFORM_HOUR, 0}, with_null),
                         item->hour);
      }
    }
  }
}

static void test_iceberg_transform__truncates_numbers_towards_the_lower(void **state) {
  (void)state;
  ice_type type = {.kind = ICE_KIND_INT};
  ice_transform ten = {ICE_TRANSFORM_TRUNCATE, 10};
  ice_column source;
  ice_column out;
  static const int32_t values[][2] = {{1, 0}, {-1, -10}, {10, 10}, {-10, -10}, {-11, -20}, {19, 10}};
  assert_int_equal(ice_column_init(&source, &type, NULL), ICE_OK);
  assert_int_equal(ice_column_init(&out, &type, NULL), ICE_OK);
  for (size_t i = 0; i < ICE_COUNT_OF(values); i++) {
    assert_int_equal(ice_column_append_i32(&source, values[i][0], NULL), ICE_OK);
  }
  assert_int_equal(ice_transform_apply(ten, &source, &out, NULL), ICE_OK);
  for (size_t i = 0; i < ICE_COUNT_OF(values); i++) {
    assert_int_equal(ice_column_i32(&out, (int64_t)i), values[i][1]);
  }
  ice_column_deinit(&source);
  ice_column_deinit(&out);
  // decimal(9,2) 10.65 by 50 is 10.50 (spec, "Truncate Transform Details").
  ice_type decimal = {.kind = ICE_KIND_DECIMAL, .precision = 9, .scale = 2};
  uint8_t raw[16];
  uint8_t expected[16];
  raw_i64(1065, raw);
  raw_i64(1050, expected);
  assert_int_equal(ice_column_init(&source, &decimal, NULL), ICE_OK);
  assert_int_equal(ice_column_init(&out, &decimal, NULL), ICE_OK);
  assert_int_equal(ice_column_append_fixed(&source, raw, NULL), ICE_OK);
  assert_int_equal(ice_transform_apply((ice_transform){ICE_TRANSFORM_TRUNCATE, 50}, &source, &out, NULL), ICE_OK);
  assert_memory_equal(ice_column_fixed(&out, 0), expected, 16);
  ice_column_deinit(&source);
  ice_column_deinit(&out);
}

static void test_iceberg_transform__truncates_text_by_code_point_and_binary_by_byte(void **state) {
  (void)state;
  for (int binary = 0; binary < 2; binary++) {
    ice_type type = {.kind = binary ? ICE_KIND_BINARY : ICE_KIND_STRING};
    ice_column source;
    ice_column out;
    assert_int_equal(ice_column_init(&source, &type, NULL), ICE_OK);
    assert_int_equal(ice_column_init(&out, &type, NULL), ICE_OK);
    assert_int_equal(ice_column_append_text(&source, ICE_STR("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z"), NULL), ICE_OK);
    assert_int_equal(ice_column_append_null(&source, NULL), ICE_OK);
    assert_int_equal(ice_transform_apply((ice_transform){ICE_TRANSFORM_TRUNCATE, 3}, &source, &out, NULL), ICE_OK);
    ice_str text = ice_column_text(&out, 0);
    assert_true(
        ice_str_equal(text, binary ? ICE_STR("\xc3\xa4\xe2") : ICE_STR("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80")));
    assert_true(ice_column_is_null(&out, 1));
    ice_column_deinit(&source);
    ice_column_deinit(&out);
  }
}

static void test_iceberg_transform__puts_values_into_buckets(void **state) {
  (void)state;
  // (hash & 2^31-1) mod N.
  assert_int_equal(apply_i64(ICE_KIND_LONG, 34, (ice_transform){ICE_TRANSFORM_BUCKET, 16}, true), 2017239379 % 16);
  assert_int_equal(apply_i64(ICE_KIND_DATE, 17486, (ice_transform){ICE_TRANSFORM_BUCKET, 100}, true),
                   ((-653330422) & 0x7FFFFFFF) % 100);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_iceberg_transform__hashes_as_appendix_b),
      cmocka_unit_test(test_iceberg_transform__parses_and_spells),
      cmocka_unit_test(test_iceberg_transform__refuses_types_it_does_not_take),
      cmocka_unit_test(test_iceberg_transform__floors_before_1970),
      cmocka_unit_test(test_iceberg_transform__truncates_numbers_towards_the_lower),
      cmocka_unit_test(test_iceberg_transform__truncates_text_by_code_point_and_binary_by_byte),
      cmocka_unit_test(test_iceberg_transform__puts_values_into_buckets),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
