#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "parquet/parquet_dictionary.h"
#include <stdio.h>

static const ice_type text_type = {.kind = ICE_KIND_STRING};

static void test_parquet_dictionary__gives_codes_in_order_of_appearance(void **context) {
  (void)context;
  ice_parquet_dictionary dictionary;
  ice_column column;
  assert_int_equal(ice_column_init(&column, &text_type, NULL), ICE_OK);
  static const char *const texts[] = {"b", "a", "b", "b", "", "a", "a longer text of more than sixteen bytes", ""};
  for (int i = 0; i < 8; i++) {
    assert_int_equal(ice_column_append_text(&column, ice_str_of(texts[i]), NULL), ICE_OK);
  }
  ice_parquet_dictionary_init(&dictionary, 0, 1000);
  uint16_t codes[8];
  size_t done = 0;
  ice_parquet_rows rows = {.count = 8};
  assert_int_equal(ice_parquet_dictionary_encode_text(&dictionary, &column, rows, codes, &done, NULL), ICE_OK);
  assert_int_equal(done, 8);
  static const uint16_t wanted[] = {0, 1, 0, 0, 2, 1, 3, 2};
  assert_memory_equal(codes, wanted, sizeof wanted);
  // The page is PLAIN: lengths before the texts.
  assert_memory_equal(dictionary.plain.data, "\1\0\0\0b\1\0\0\0a\0\0\0\0\x28\0\0\0a longer", 26);
  static const uint32_t chosen[] = {6, 1};
  rows = (ice_parquet_rows){.indices = chosen, .count = 2};
  assert_int_equal(ice_parquet_dictionary_encode_text(&dictionary, &column, rows, codes, &done, NULL), ICE_OK);
  assert_int_equal(codes[0], 3);
  assert_int_equal(codes[1], 1);
  assert_int_equal(ice_parquet_dictionary_entry(&dictionary, 3).size, 40);
  ice_parquet_dictionary_deinit(&dictionary);
  ice_column_deinit(&column);
}

static void test_parquet_dictionary__stops_at_its_size(void **context) {
  (void)context;
  ice_parquet_dictionary dictionary;
  int64_t values[10] = {1, 2, 2, 3, 4, 5, 1};
  uint16_t codes[10];
  size_t done = 0;
  ice_parquet_dictionary_init(&dictionary, 8, 3 * 8);
  assert_int_equal(ice_parquet_dictionary_encode_fixed(&dictionary, (const uint8_t *)values, 7, codes, &done, NULL),
                   ICE_OK);
  assert_int_equal(done, 4);
  assert_int_equal(dictionary.count, 3);
  assert_int_equal(ice_parquet_dictionary_encode_fixed(&dictionary, (const uint8_t *)values, 4, codes, &done, NULL),
                   ICE_OK);
  assert_int_equal(done, 4);
  assert_int_equal(codes[3], 2);
  ice_parquet_dictionary_deinit(&dictionary);
}

static void fill_and_check(uint32_t width, uint64_t factor) {
  ice_parquet_dictionary dictionary;
  ice_parquet_dictionary_init(&dictionary, width, 16 << 20);
  enum { COUNT = 70000 };
  static uint8_t values[COUNT * 12];
  static uint16_t codes[COUNT];
  memset(values, 0, sizeof values);
  for (uint64_t i = 0; i < COUNT; i++) {
    uint64_t value = i * factor;
    memcpy(values + i * width, &value, width < 8 ? width : 8);
  }
  size_t done = 0;
  assert_int_equal(ice_parquet_dictionary_encode_fixed(&dictionary, values, COUNT, codes, &done, NULL), ICE_OK);
  assert_int_equal(done, ICE_PARQUET_DICTIONARY_COUNT_MAX);
  for (uint32_t i = 0; i < done; i++) {
    assert_int_equal(codes[i], i);
    assert_memory_equal(ice_parquet_dictionary_entry(&dictionary, i).data, values + (size_t)i * width, width);
  }
  ice_parquet_dictionary_deinit(&dictionary);
}

static void test_parquet_dictionary__holds_65535_values_of_every_width(void **context) {
  (void)context;
  fill_and_check(4, 1);
  fill_and_check(4, 65536);
  fill_and_check(8, 1000000);
  fill_and_check(8, 1ull << 44);
  fill_and_check(12, 3);
}

static void test_parquet_dictionary__tells_zeros_and_nans_apart_by_their_bits(void **context) {
  (void)context;
  ice_parquet_dictionary dictionary;
  double values[] = {0.0, -0.0, 0.0, -0.0};
  uint16_t codes[4];
  size_t done = 0;
  ice_parquet_dictionary_init(&dictionary, 8, 1000);
  assert_int_equal(ice_parquet_dictionary_encode_fixed(&dictionary, (const uint8_t *)values, 4, codes, &done, NULL),
                   ICE_OK);
  static const uint16_t wanted[] = {0, 1, 0, 1};
  assert_memory_equal(codes, wanted, sizeof wanted);
  ice_parquet_dictionary_deinit(&dictionary);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_parquet_dictionary__gives_codes_in_order_of_appearance),
      cmocka_unit_test(test_parquet_dictionary__stops_at_its_size),
      cmocka_unit_test(test_parquet_dictionary__holds_65535_values_of_every_width),
      cmocka_unit_test(test_parquet_dictionary__tells_zeros_and_nans_apart_by_their_bits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
