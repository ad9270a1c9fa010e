#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "parquet/parquet_page_index.h"
#include "parquet_one_column.h"

static one_column one;
static ice_parquet_chunk chunk;
static ice_parquet_page_settings settings;
static ice_bytes out;

static void open_chunk(const char *type, bool required) {
  settings = (ice_parquet_page_settings){.page_size = 1 << 20, .page_row_max = 20000};
  assert_int_equal(one_column_open(&one, type, required, NULL), ICE_OK);
  assert_int_equal(ice_parquet_chunk_init(&chunk, &one.layout->leaves[0], &settings, false, NULL), ICE_OK);
  ice_bytes_init(&out, 1 << 20);
}

static int teardown(void **context) {
  (void)context;
  ice_bytes_deinit(&out);
  ice_parquet_chunk_deinit(&chunk);
  one_column_close(&one);
  return 0;
}

static void add_page(const int32_t *values, size_t count) {
  for (size_t i = 0; i < count; i++) {
    bool null = values[i] == INT32_MIN;
    assert_int_equal(
        null ? ice_column_append_null(one.column, NULL) : ice_column_append_i32(one.column, values[i], NULL), ICE_OK);
  }
  assert_int_equal(one_column_append(&one, &chunk, NULL), ICE_OK);
  assert_int_equal(ice_parquet_chunk_close_page(&chunk, one.scratch, NULL), ICE_OK);
}

static void test_parquet_page_index__column_index_is_golden(void **context) {
  (void)context;
  open_chunk("int", false);
  add_page((const int32_t[]){3, 1, INT32_MIN}, 3);
  add_page((const int32_t[]){INT32_MIN, INT32_MIN}, 2);
  add_page((const int32_t[]){3, 9}, 2);
  assert_int_equal(ice_parquet_column_index_write(&chunk, &out, NULL), ICE_OK);
  static const char golden[] =
      "\x19\x31\x02\x01\x02"                      // null_pages
      "\x19\x38\x04\x01\0\0\0\x00\x04\x03\0\0\0"  // min_values
      "\x19\x38\x04\x03\0\0\0\x00\x04\x09\0\0\0"  // max_values
      "\x15\x02"                                  // ASCENDING
      "\x19\x36\x02\x04\x00"                      // null_counts
      "\x00";
  assert_int_equal(out.size, sizeof golden - 1);
  assert_memory_equal(out.data, golden, out.size);
}

static int32_t order_of(void) {
  ice_bytes_clear(&out);
  assert_int_equal(ice_parquet_column_index_write(&chunk, &out, NULL), ICE_OK);
  ice_thrift_reader reader;
  ice_thrift_field field = {0};
  int32_t order = -1;
  ice_thrift_reader_init(&reader, out.data, out.size);
  while (ice_thrift_next(&reader, &field)) {
    if (field.id == 4) {
      order = ice_thrift_read_i32(&reader, &field);
    } else {
      ice_thrift_skip(&reader, &field);
    }
  }
  return order;
}

static void test_parquet_page_index__boundary_order_looks_at_both_bounds(void **context) {
  (void)context;
  open_chunk("int", false);
  add_page((const int32_t[]){5, 8}, 2);
  add_page((const int32_t[]){5, 8}, 2);
  assert_int_equal(order_of(), ICE_PARQUET_ASCENDING);
  add_page((const int32_t[]){-4, 8}, 2);
  assert_int_equal(order_of(), ICE_PARQUET_DESCENDING);
  add_page((const int32_t[]){-5, 9}, 2);
  assert_int_equal(order_of(), ICE_PARQUET_UNORDERED);
}

static void test_parquet_page_index__offset_index_is_golden(void **context) {
  (void)context;
  open_chunk("int", true);
  add_page((const int32_t[]){1, 2, 3}, 3);
  add_page((const int32_t[]){1, 2}, 2);
  uint8_t first = (uint8_t)chunk.pages[0].size;
  uint8_t second = (uint8_t)chunk.pages[1].size;
  assert_true(first < 64 && second < 64);
  assert_int_equal(ice_parquet_offset_index_write(&chunk, 4, &out, NULL), ICE_OK);
  const uint8_t golden[] = {0x19,
                            0x2c,
                            0x16,
                            8,
                            0x15,
                            (uint8_t)(first * 2),
                            0x16,
                            0,
                            0x00,
                            0x16,
                            (uint8_t)((4 + first) * 2),
                            0x15,
                            (uint8_t)(second * 2),
                            0x16,
                            6,
                            0x00,
                            0x00};
  assert_true((4 + first) * 2 < 128);
  assert_int_equal(out.size, sizeof golden);
  assert_memory_equal(out.data, golden, sizeof golden);
}

static void test_parquet_page_index__is_left_out_where_a_page_cannot_be_stated(void **context) {
  (void)context;
  open_chunk("double", true);
  assert_int_equal(ice_column_append_f64(one.column, 1, NULL), ICE_OK);
  assert_int_equal(one_column_append(&one, &chunk, NULL), ICE_OK);
  assert_int_equal(ice_parquet_chunk_close_page(&chunk, one.scratch, NULL), ICE_OK);
  assert_int_equal(order_of(), ICE_PARQUET_ASCENDING);
  assert_int_equal(ice_column_append_f64(one.column, NAN, NULL), ICE_OK);
  assert_int_equal(one_column_append(&one, &chunk, NULL), ICE_OK);
  assert_int_equal(ice_parquet_chunk_close_page(&chunk, one.scratch, NULL), ICE_OK);
  assert_int_equal(order_of(), -1);
  assert_int_equal(out.size, 0);
}

static void test_parquet_page_index__bounds_compare_in_the_order_of_their_type(void **context) {
  (void)context;
  open_chunk("int", true);
  const ice_parquet_leaf *leaf = &one.layout->leaves[0];
  assert_true(ice_parquet_bound_compare(leaf, ICE_STR("\xff\xff\xff\xff"), ICE_STR("\1\0\0\0")) < 0);
  ice_parquet_leaf other = *leaf;
  other.physical = ICE_PARQUET_DOUBLE;
  ice_str minus_one = ICE_STR("\0\0\0\0\0\0\xf0\xbf");
  assert_true(ice_parquet_bound_compare(&other, minus_one, ICE_STR("\0\0\0\0\0\0\xf0\x3f")) < 0);
  other.physical = ICE_PARQUET_BYTE_ARRAY;
  assert_true(ice_parquet_bound_compare(&other, ICE_STR("\xff"), ICE_STR("a")) > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_parquet_page_index__column_index_is_golden, teardown),
      cmocka_unit_test_teardown(test_parquet_page_index__boundary_order_looks_at_both_bounds, teardown),
      cmocka_unit_test_teardown(test_parquet_page_index__offset_index_is_golden, teardown),
      cmocka_unit_test_teardown(test_parquet_page_index__is_left_out_where_a_page_cannot_be_stated, teardown),
      cmocka_unit_test_teardown(test_parquet_page_index__bounds_compare_in_the_order_of_their_type, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
