#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "parquet/parquet_statistics.h"
#include <math.h>

static const ice_field text_field = {.name = ICE_STR_INIT("t"), .type = {.kind = ICE_KIND_STRING}};
static const ice_field binary_field = {.name = ICE_STR_INIT("b"), .type = {.kind = ICE_KIND_BINARY}};

static ice_parquet_leaf leaf_of(const ice_field *field, ice_parquet_physical physical, uint32_t width) {
  return (ice_parquet_leaf){.field = field, .kind = field->type.kind, .physical = physical, .value_width = width};
}

static void expect_bound(const ice_parquet_bounds *bounds, const ice_parquet_leaf *leaf, bool is_max,
                         const void *wanted, size_t size, bool wanted_exact) {
  ice_bytes out;
  bool exact;
  bool fits;
  ice_bytes_init(&out, 4096);
  assert_int_equal(ice_parquet_bounds_write(bounds, leaf, is_max, &out, &exact, &fits, NULL), ICE_OK);
  assert_true(fits);
  assert_int_equal(exact, wanted_exact);
  assert_int_equal(out.size, size);
  assert_memory_equal(out.data, wanted, size);
  ice_bytes_deinit(&out);
}

static void test_parquet_statistics__integers_are_signed(void **context) {
  (void)context;
  ice_parquet_bounds bounds;
  ice_parquet_bounds_init(&bounds);
  static const int64_t values[] = {5, INT64_MIN, -3, INT64_MAX, 0};
  ice_parquet_bounds_add_i64(&bounds, (const uint8_t *)values, 0);
  assert_false(bounds.present);
  ice_parquet_bounds_add_i64(&bounds, (const uint8_t *)values, 5);
  assert_true(bounds.present && bounds.min.integer == INT64_MIN && bounds.max.integer == INT64_MAX);
  ice_parquet_bounds_clear(&bounds);
  static const int32_t narrow[] = {7, -7, 3};
  ice_parquet_bounds_add_i32(&bounds, (const uint8_t *)narrow, 3);
  assert_true(bounds.min.integer == -7 && bounds.max.integer == 7);
}

static void test_parquet_statistics__nan_is_never_a_bound(void **context) {
  (void)context;
  ice_parquet_bounds bounds;
  ice_parquet_bounds_init(&bounds);
  static const double only[] = {NAN, -NAN};
  assert_int_equal(ice_parquet_bounds_add_f64(&bounds, (const uint8_t *)only, 2), 2);
  assert_false(bounds.present);
  static const double mixed[] = {NAN, 3.5, NAN, -2.0};
  assert_int_equal(ice_parquet_bounds_add_f64(&bounds, (const uint8_t *)mixed, 4), 2);
  assert_true(bounds.min.real == -2.0 && bounds.max.real == 3.5);
  static const float narrow[] = {NAN, INFINITY};
  assert_int_equal(ice_parquet_bounds_add_f32(&bounds, (const uint8_t *)narrow, 2), 1);
  assert_true(isinf(bounds.max.real));
}

static void test_parquet_statistics__zeros_are_signed_towards_the_outside(void **context) {
  (void)context;
  static const ice_field field = {.name = ICE_STR_INIT("d"), .type = {.kind = ICE_KIND_DOUBLE}};
  ice_parquet_leaf leaf = leaf_of(&field, ICE_PARQUET_DOUBLE, 8);
  for (int negative = 0; negative < 2; negative++) {
    ice_parquet_bounds bounds;
    ice_parquet_bounds_init(&bounds);
    double zero = negative ? -0.0 : 0.0;
    ice_parquet_bounds_add_f64(&bounds, (const uint8_t *)&zero, 1);
    expect_bound(&bounds, &leaf, false, "\0\0\0\0\0\0\0\x80", 8, true);
    expect_bound(&bounds, &leaf, true, "\0\0\0\0\0\0\0\0", 8, true);
  }
}

static void test_parquet_statistics__texts_are_unsigned_bytes(void **context) {
  (void)context;
  ice_parquet_leaf leaf = leaf_of(&text_field, ICE_PARQUET_BYTE_ARRAY, 0);
  assert_int_equal(ice_parquet_leaf_order(&leaf), ICE_PARQUET_ORDER_BYTES);
  ice_parquet_bounds bounds;
  ice_parquet_bounds_init(&bounds);
  static const char *const texts[] = {"m", "\xc3\xa4", "ma", "", "z"};
  for (int i = 0; i < 5; i++) {
    ice_str text = ice_str_of(texts[i]);
    assert_int_equal(ice_parquet_bounds_add_text(&bounds, ICE_PARQUET_ORDER_BYTES, text, NULL), ICE_OK);
  }
  expect_bound(&bounds, &leaf, false, "", 0, true);
  expect_bound(&bounds, &leaf, true, "\xc3\xa4", 2, true);
  ice_parquet_bounds_deinit(&bounds);
}

static void test_parquet_statistics__decimals_are_signed_big_endian(void **context) {
  (void)context;
  ice_str minus_one = ICE_STR("\xff\xff");
  ice_str one = ICE_STR("\x00\x01");
  ice_str lowest = ICE_STR("\x80\x00");
  assert_true(ice_parquet_text_compare(ICE_PARQUET_ORDER_DECIMAL, minus_one, one) < 0);
  assert_true(ice_parquet_text_compare(ICE_PARQUET_ORDER_DECIMAL, lowest, minus_one) < 0);
  assert_true(ice_parquet_text_compare(ICE_PARQUET_ORDER_BYTES, minus_one, one) > 0);
}

// 1,024 bytes are kept; among texts that share them the exact one is smaller.
static void test_parquet_statistics__long_texts_keep_a_prefix_and_say_so(void **context) {
  (void)context;
  static char text[3000];
  memset(text, 'a', sizeof text);
  ice_parquet_bounds bounds;
  ice_parquet_bounds_init(&bounds);
  assert_int_equal(ice_parquet_bounds_add_text(&bounds, ICE_PARQUET_ORDER_BYTES, ice_str_make(text, 3000), NULL),
                   ICE_OK);
  assert_true(bounds.min_truncated && bounds.max_truncated);
  assert_int_equal(bounds.min_text.size, ICE_PARQUET_BOUND_SIZE_MAX);
  assert_int_equal(ice_parquet_bounds_add_text(&bounds, ICE_PARQUET_ORDER_BYTES, ice_str_make(text, 1024), NULL),
                   ICE_OK);
  assert_true(!bounds.min_truncated && bounds.max_truncated);
  ice_parquet_bounds other;
  ice_parquet_bounds_init(&other);
  assert_int_equal(ice_parquet_bounds_merge(&other, ICE_PARQUET_ORDER_BYTES, &bounds, NULL), ICE_OK);
  assert_true(!other.min_truncated && other.max_truncated && other.max_text.size == 1024);
  ice_parquet_bounds_deinit(&bounds);
  ice_parquet_bounds_deinit(&other);
}

static void bound_one(ice_parquet_bounds *bounds, const char *text, size_t size) {
  ice_parquet_bounds_init(bounds);
  assert_int_equal(ice_parquet_bounds_add_text(bounds, ICE_PARQUET_ORDER_BYTES, ice_str_make(text, size), NULL),
                   ICE_OK);
}

static void test_parquet_statistics__written_texts_are_cut_at_a_character(void **context) {
  (void)context;
  ice_parquet_leaf leaf = leaf_of(&text_field, ICE_PARQUET_BYTE_ARRAY, 0);
  char text[80];
  char wanted[80];
  // 63 letters, then a character of two bytes that the cut at 64 would split.
  memset(text, 'x', sizeof text);
  memcpy(text + 63, "\xc3\xa4", 2);
  ice_parquet_bounds bounds;
  bound_one(&bounds, text, sizeof text);
  memcpy(wanted, text, 63);
  expect_bound(&bounds, &leaf, false, wanted, 63, false);
  wanted[62] = 'y';
  expect_bound(&bounds, &leaf, true, wanted, 63, false);
  ice_parquet_bounds_deinit(&bounds);
  // The last character before the surrogates is followed by the first behind them.
  memset(text, 'x', sizeof text);
  memcpy(text + 61, "\xed\x9f\xbf", 3);
  memcpy(wanted, text, 64);
  memcpy(wanted + 61, "\xee\x80\x80", 3);
  bound_one(&bounds, text, sizeof text);
  expect_bound(&bounds, &leaf, true, wanted, 64, false);
  ice_parquet_bounds_deinit(&bounds);
  // One that cannot grow gives way to the one before; 64 bytes are exact.
  memset(text, 'x', sizeof text);
  memcpy(text + 60, "\xf4\x8f\xbf\xbf", 4);
  bound_one(&bounds, text, sizeof text);
  memset(wanted, 'x', 60);
  wanted[59] = 'y';
  expect_bound(&bounds, &leaf, true, wanted, 60, false);
  ice_parquet_bounds_deinit(&bounds);
  bound_one(&bounds, text, 64);
  expect_bound(&bounds, &leaf, true, text, 64, true);
  ice_parquet_bounds_deinit(&bounds);
}

static void test_parquet_statistics__a_maximum_without_successor_is_not_written(void **context) {
  (void)context;
  ice_parquet_leaf leaf = leaf_of(&binary_field, ICE_PARQUET_BYTE_ARRAY, 0);
  char bytes[70];
  memset(bytes, 0xff, sizeof bytes);
  ice_parquet_bounds bounds;
  bound_one(&bounds, bytes, sizeof bytes);
  ice_bytes out;
  bool exact;
  bool fits;
  ice_bytes_init(&out, 100);
  assert_int_equal(ice_parquet_bounds_write(&bounds, &leaf, true, &out, &exact, &fits, NULL), ICE_OK);
  assert_false(fits);
  assert_int_equal(out.size, 0);
  expect_bound(&bounds, &leaf, false, bytes, 64, false);
  ice_parquet_bounds_deinit(&bounds);
  bytes[10] = 0x7f;
  bound_one(&bounds, bytes, sizeof bytes);
  bytes[10] = (char)0x80;
  expect_bound(&bounds, &leaf, true, bytes, 11, false);
  ice_parquet_bounds_deinit(&bounds);
  ice_bytes_deinit(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_parquet_statistics__integers_are_signed),
      cmocka_unit_test(test_parquet_statistics__nan_is_never_a_bound),
      cmocka_unit_test(test_parquet_statistics__zeros_are_signed_towards_the_outside),
      cmocka_unit_test(test_parquet_statistics__texts_are_unsigned_bytes),
      cmocka_unit_test(test_parquet_statistics__decimals_are_signed_big_endian),
      cmocka_unit_test(test_parquet_statistics__long_texts_keep_a_prefix_and_say_so),
      cmocka_unit_test(test_parquet_statistics__written_texts_are_cut_at_a_character),
      cmocka_unit_test(test_parquet_statistics__a_maximum_without_successor_is_not_written),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
