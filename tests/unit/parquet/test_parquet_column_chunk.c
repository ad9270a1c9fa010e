#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "parquet_one_column.h"

static one_column one;
static ice_parquet_chunk chunk;
static ice_parquet_page_settings settings;

static void open_chunk(const char *type, bool required) {
  settings = (ice_parquet_page_settings){.page_size = 1 << 20, .page_row_max = 20000, .dictionary_size_max = 1 << 20};
  assert_int_equal(one_column_open(&one, type, required, NULL), ICE_OK);
  assert_int_equal(ice_parquet_chunk_init(&chunk, &one.layout->leaves[0], &settings, false, NULL), ICE_OK);
}

static int teardown(void **context) {
  (void)context;
  ice_parquet_chunk_deinit(&chunk);
  one_column_close(&one);
  return 0;
}

static void append_texts(int from, int to, int modulo) {
  for (int i = from; i < to; i++) {
    char text[40];
    int size = snprintf(text, sizeof text, "text-number-%06d", i % modulo);
    assert_int_equal(ice_column_append_text(one.column, ice_str_make(text, (size_t)size), NULL), ICE_OK);
  }
  assert_int_equal(one_column_append(&one, &chunk, NULL), ICE_OK);
}

static void close_page(void) { assert_int_equal(ice_parquet_chunk_close_page(&chunk, one.scratch, NULL), ICE_OK); }

static void test_parquet_column_chunk__repeating_texts_become_codes(void **context) {
  (void)context;
  open_chunk("string", true);
  append_texts(0, 10000, 100);
  close_page();
  assert_int_equal(chunk.page_count, 1);
  assert_true(chunk.pages[0].dictionary);
  assert_int_equal(chunk.dictionary->count, 100);
  // 10,000 codes of 7 bits.
  assert_true(chunk.encoded_size < 9000);
  assert_int_equal(chunk.totals.text_size, 10000 * 18);
}

static void test_parquet_column_chunk__unique_texts_lose_their_dictionary_early(void **context) {
  (void)context;
  open_chunk("string", true);
  append_texts(0, 500, 1000000);
  assert_true(chunk.dictionary_open);
  append_texts(500, 2000, 1000000);
  assert_null(chunk.dictionary);
  close_page();
  assert_false(chunk.pages[0].dictionary);
  // Header, then PLAIN with the first text: nothing is lost in the change.
  assert_int_equal(chunk.pages[0].slot_count, 2000);
  assert_true(chunk.pages[0].plain_size > 2000 * 22);
  const uint8_t *body = chunk.pages[0].data + chunk.pages[0].size - 2000 * 22;
  assert_memory_equal(body, "\x12\0\0\0text-number-000000", 22);
  assert_memory_equal(body + 22 * 1999, "\x12\0\0\0text-number-001999", 22);
}

static void test_parquet_column_chunk__a_full_dictionary_stays_for_its_pages(void **context) {
  (void)context;
  open_chunk("string", true);
  settings.dictionary_size_max = 22 * 50;
  settings.page_row_max = 1000;
  append_texts(0, 1500, 50);
  append_texts(1500, 3000, 80);
  close_page();
  assert_false(chunk.dictionary_open);
  assert_int_equal(chunk.dictionary->count, 50);
  assert_int_equal(chunk.dictionary_pages, 1);
  assert_int_equal(chunk.page_count, 3);
  assert_true(chunk.pages[0].dictionary && !chunk.pages[1].dictionary && !chunk.pages[2].dictionary);
}

static void test_parquet_column_chunk__a_dictionary_that_saves_nothing_is_not_written(void **context) {
  (void)context;
  open_chunk("string", true);
  append_texts(0, 10, 1000);
  close_page();
  assert_null(chunk.dictionary);
  assert_false(chunk.pages[0].dictionary);
}

static void test_parquet_column_chunk__pages_close_at_rows_and_size(void **context) {
  (void)context;
  open_chunk("long", true);
  settings.dictionary_size_max = 0;
  settings.page_row_max = 300;
  for (int64_t i = 0; i < 1000; i++) {
    assert_int_equal(ice_column_append_i64(one.column, i, NULL), ICE_OK);
  }
  assert_int_equal(one_column_append(&one, &chunk, NULL), ICE_OK);
  assert_int_equal(chunk.page_count, 3);
  assert_int_equal(chunk.pages[2].row_count, 300);
  assert_int_equal(chunk.page_rows, 100);
  settings.page_row_max = 100000;
  settings.page_size = 1600;
  for (int64_t i = 0; i < 1000; i++) {
    assert_int_equal(ice_column_append_i64(one.column, i, NULL), ICE_OK);
  }
  assert_int_equal(one_column_append(&one, &chunk, NULL), ICE_OK);
  for (uint32_t i = 3; i < chunk.page_count; i++) {
    assert_true(chunk.pages[i].row_count >= 125 && chunk.pages[i].row_count < 400);
  }
  assert_true(chunk.page_count >= 6);
}

static void test_parquet_column_chunk__large_values_do_not_gather_in_one_page(void **context) {
  (void)context;
  open_chunk("binary", true);
  settings.page_size = 10000;
  static char value[6000];
  for (int i = 0; i < 50; i++) {
    memset(value, i, sizeof value);
    assert_int_equal(ice_column_append_text(one.column, ice_str_make(value, sizeof value), NULL), ICE_OK);
  }
  assert_int_equal(one_column_append(&one, &chunk, NULL), ICE_OK);
  close_page();
  // Codes take no room, yet the page must not grow beyond measure when they become PLAIN again.
  assert_null(chunk.dictionary);
  assert_true(chunk.pages[0].size > 40000 && chunk.pages[0].size < 60000);
  assert_true(chunk.page_count >= 20);
  for (uint32_t i = 1; i < chunk.page_count; i++) {
    assert_true(chunk.pages[i].size < 20000);
  }
}

// Texts of 36 hexadecimal digits: random, but for the few characters of a UUID that are always the same.
static void append_uuids(int from, int to) {
  for (int i = from; i < to; i++) {
    uint64_t bits[2] = {((uint64_t)i + 1) * 0x9e3779b97f4a7c15u, ((uint64_t)i + 7) * 0xd6e8feb86659fd93u};
    bits[0] ^= bits[0] >> 29;
    bits[1] ^= bits[1] >> 31;
    char text[40];
    int size = snprintf(text, sizeof text, "%08x-%04x-4%03x-a%03x-%012llx", (unsigned)(bits[0] >> 32),
                        (unsigned)(bits[0] >> 16 & 0xffff), (unsigned)(bits[0] & 0xfff), (unsigned)(bits[1] >> 52),
                        (unsigned long long)(bits[1] & 0xffffffffffffu));
    assert_int_equal(ice_column_append_text(one.column, ice_str_make(text, (size_t)size), NULL), ICE_OK);
  }
  assert_int_equal(one_column_append(&one, &chunk, NULL), ICE_OK);
}

static void test_parquet_column_chunk__what_a_codec_hardly_shrinks_is_written_as_it_is(void **context) {
  (void)context;
  open_chunk("string", true);
  settings.codec = ICE_CODEC_SNAPPY;
  ice_parquet_chunk_reset(&chunk);
  append_uuids(0, 3000);
  close_page();
  assert_null(chunk.dictionary);
  assert_int_equal(chunk.codec, ICE_CODEC_NONE);
  assert_int_equal(chunk.pages[0].size, chunk.pages[0].plain_size);
  // The chunk has one codec, whatever comes later.
  append_texts(0, 3000, 1000000);
  close_page();
  assert_int_equal(chunk.pages[1].size, chunk.pages[1].plain_size);
  ice_parquet_chunk_reset(&chunk);
  append_texts(0, 3000, 1000000);
  close_page();
  assert_int_equal(chunk.codec, ICE_CODEC_SNAPPY);
  assert_true(chunk.pages[0].size < chunk.pages[0].plain_size / 2);
}

static void test_parquet_column_chunk__codes_and_small_pages_do_not_decide_on_compression(void **context) {
  (void)context;
  open_chunk("string", true);
  settings.codec = ICE_CODEC_SNAPPY;
  ice_parquet_chunk_reset(&chunk);
  // Codes in no order take as much room compressed.
  for (int i = 0; i < 20000; i++) {
    char text[40];
    uint64_t bits = ((uint64_t)i + 1) * 0x9e3779b97f4a7c15u;
    bits = (bits ^ bits >> 29) * 0xd6e8feb86659fd93u;
    int size = snprintf(text, sizeof text, "text-number-%06u", (unsigned)(bits >> 54));
    assert_int_equal(ice_column_append_text(one.column, ice_str_make(text, (size_t)size), NULL), ICE_OK);
  }
  assert_int_equal(one_column_append(&one, &chunk, NULL), ICE_OK);
  close_page();
  assert_true(chunk.pages[0].dictionary);
  assert_true(chunk.pages[0].size > chunk.pages[0].plain_size - chunk.pages[0].plain_size / 8);
  assert_int_equal(chunk.codec, ICE_CODEC_SNAPPY);
  settings.dictionary_size_max = 0;
  ice_parquet_chunk_reset(&chunk);
  append_uuids(0, 90);
  close_page();
  assert_int_equal(chunk.codec, ICE_CODEC_SNAPPY);
}

static void test_parquet_column_chunk__a_page_of_nulls_alone_has_no_dictionary(void **context) {
  (void)context;
  open_chunk("string", false);
  for (int i = 0; i < 100; i++) {
    assert_int_equal(ice_column_append_null(one.column, NULL), ICE_OK);
  }
  assert_int_equal(one_column_append(&one, &chunk, NULL), ICE_OK);
  close_page();
  assert_false(chunk.pages[0].dictionary);
  assert_int_equal(chunk.pages[0].null_count, 100);
  assert_false(chunk.pages[0].bounded);
  assert_true(chunk.index_possible);
  // Levels: their size, then one run of 100 zeros.
  assert_memory_equal(chunk.pages[0].data + chunk.pages[0].size - 7, "\3\0\0\0\xc8\1\0", 7);
}

static void test_parquet_column_chunk__a_page_of_nan_alone_has_no_column_index(void **context) {
  (void)context;
  open_chunk("double", true);
  for (int i = 0; i < 100; i++) {
    assert_int_equal(ice_column_append_f64(one.column, NAN, NULL), ICE_OK);
  }
  assert_int_equal(one_column_append(&one, &chunk, NULL), ICE_OK);
  close_page();
  assert_int_equal(chunk.totals.nan_count, 100);
  assert_false(chunk.chunk_bounds.present);
  assert_false(chunk.index_possible);
}

static void test_parquet_column_chunk__memory_follows_what_is_buffered(void **context) {
  (void)context;
  open_chunk("string", true);
  assert_int_equal(ice_parquet_chunk_memory(&chunk), 0);
  append_texts(0, 20000, 1000000);
  size_t full = ice_parquet_chunk_memory(&chunk);
  assert_true(full > 20000 * 22);
  ice_parquet_chunk_reset(&chunk);
  assert_true(ice_parquet_chunk_memory(&chunk) < full);
  assert_int_equal(ice_parquet_chunk_size(&chunk), 0);
  append_texts(0, 100, 10);
  close_page();
  assert_true(chunk.pages[0].dictionary);
  assert_int_equal(chunk.totals.slot_count, 100);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_parquet_column_chunk__repeating_texts_become_codes, teardown),
      cmocka_unit_test_teardown(test_parquet_column_chunk__unique_texts_lose_their_dictionary_early, teardown),
      cmocka_unit_test_teardown(test_parquet_column_chunk__a_full_dictionary_stays_for_its_pages, teardown),
      cmocka_unit_test_teardown(test_parquet_column_chunk__a_dictionary_that_saves_nothing_is_not_written, teardown),
      cmocka_unit_test_teardown(test_parquet_column_chunk__pages_close_at_rows_and_size, teardown),
      cmocka_unit_test_teardown(test_parquet_column_chunk__large_values_do_not_gather_in_one_page, teardown),
      cmocka_unit_test_teardown(test_parquet_column_chunk__what_a_codec_hardly_shrinks_is_written_as_it_is, teardown),
      cmocka_unit_test_teardown(test_parquet_column_chunk__codes_and_small_pages_do_not_decide_on_compression,
                                teardown),
      cmocka_unit_test_teardown(test_parquet_column_chunk__a_page_of_nulls_alone_has_no_dictionary, teardown),
      cmocka_unit_test_teardown(test_parquet_column_chunk__a_page_of_nan_alone_has_no_column_index, teardown),
      cmocka_unit_test_teardown(test_parquet_column_chunk__memory_follows_what_is_buffered, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
