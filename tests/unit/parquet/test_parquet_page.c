#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "parquet/parquet_page.h"
#include <stdlib.h>

static const ice_parquet_page_header data_page = {.type = ICE_PARQUET_DATA_PAGE,
                                                  .uncompressed_size = 100,
                                                  .compressed_size = 60,
                                                  .has_crc = true,
                                                  .crc = 0x80000001u,
                                                  .value_count = 7,
                                                  .encoding = ICE_PARQUET_RLE_DICTIONARY};

static void test_parquet_page__header_is_golden(void **context) {
  (void)context;
  ice_bytes out;
  ice_bytes_init(&out, 1000);
  assert_int_equal(ice_parquet_page_header_write(&data_page, &out, NULL), ICE_OK);
  // The CRC is an i32: 0x80000001 is -2147483647, zigzag 0xfffffffd.
  static const uint8_t golden[] = {0x15, 0x00, 0x15, 0xc8, 0x01, 0x15, 0x78, 0x15, 0xfd, 0xff, 0xff, 0xff,
                                   0x0f, 0x1c, 0x15, 0x0e, 0x15, 0x10, 0x15, 0x06, 0x15, 0x06, 0x00, 0x00};
  assert_int_equal(out.size, sizeof golden);
  assert_memory_equal(out.data, golden, sizeof golden);
  ice_bytes_deinit(&out);
}

static void test_parquet_page__reads_its_own_header(void **context) {
  (void)context;
  ice_bytes out;
  ice_bytes_init(&out, 1000);
  assert_int_equal(ice_parquet_page_header_write(&data_page, &out, NULL), ICE_OK);
  size_t size = out.size;
  assert_int_equal(ice_bytes_append(&out, "body", 4, NULL), ICE_OK);
  ice_parquet_page_header header;
  size_t used = 0;
  bool truncated = true;
  assert_int_equal(ice_parquet_page_header_read(out.data, out.size, &header, &used, &truncated, NULL), ICE_OK);
  assert_int_equal(used, size);
  assert_false(truncated);
  assert_int_equal(header.type, ICE_PARQUET_DATA_PAGE);
  assert_int_equal(header.crc, 0x80000001u);
  assert_true(header.has_crc);
  assert_int_equal(header.value_count, 7);
  assert_int_equal(header.encoding, ICE_PARQUET_RLE_DICTIONARY);
  assert_int_equal(header.compressed_size, 60);
  assert_int_equal(header.uncompressed_size, 100);
  ice_bytes_deinit(&out);
}

static void test_parquet_page__rejects_truncated_header(void **context) {
  (void)context;
  ice_bytes out;
  ice_bytes_init(&out, 1000);
  assert_int_equal(ice_parquet_page_header_write(&data_page, &out, NULL), ICE_OK);
  for (size_t size = 0; size < out.size; size++) {
    uint8_t *copy = malloc(size + 1);
    memcpy(copy, out.data, size);
    ice_parquet_page_header header;
    size_t used = 0;
    bool truncated = false;
    assert_int_equal(ice_parquet_page_header_read(copy, size, &header, &used, &truncated, NULL), ICE_CORRUPT);
    assert_true(truncated);
    free(copy);
  }
  ice_bytes_deinit(&out);
}

static void expect_corrupt(ice_parquet_page_header header, size_t damaged_byte, uint8_t value) {
  ice_bytes out;
  ice_bytes_init(&out, 1000);
  assert_int_equal(ice_parquet_page_header_write(&header, &out, NULL), ICE_OK);
  if (damaged_byte > 0) {
    out.data[damaged_byte] = value;
  }
  size_t used = 0;
  bool truncated = true;
  assert_int_equal(ice_parquet_page_header_read(out.data, out.size, &header, &used, &truncated, NULL), ICE_CORRUPT);
  assert_false(truncated);
  ice_bytes_deinit(&out);
}

static void test_parquet_page__rejects_headers_that_contradict_themselves(void **context) {
  (void)context;
  ice_parquet_page_header header = data_page;
  header.compressed_size = -1;
  expect_corrupt(header, 0, 0);
  header = data_page;
  header.value_count = -1;
  expect_corrupt(header, 0, 0);
  // The type says dictionary, the header is that of data; then a type that does not exist.
  expect_corrupt(data_page, 1, 0x04);
  expect_corrupt(data_page, 1, 0x08);
}

static void test_parquet_page__packs_with_crc_over_the_compressed_body(void **context) {
  (void)context;
  ice_parquet_scratch *scratch = NULL;
  assert_int_equal(ice_parquet_scratch_create(&scratch, NULL), ICE_OK);
  ice_parquet_page_header header = {.type = ICE_PARQUET_DICTIONARY_PAGE, .value_count = 2};
  ice_str body;
  assert_int_equal(ice_parquet_page_pack(scratch, ICE_CODEC_NONE, 0, ICE_STR("123456789"), &header, &body, NULL),
                   ICE_OK);
  assert_int_equal(header.crc, 0xcbf43926u);
  assert_int_equal(body.size, 9);
  assert_int_equal(header.uncompressed_size, 9);
  char zeros[5000] = {0};
  assert_int_equal(
      ice_parquet_page_pack(scratch, ICE_CODEC_SNAPPY, 0, ice_str_make(zeros, sizeof zeros), &header, &body, NULL),
      ICE_OK);
  assert_int_equal(header.uncompressed_size, 5000);
  assert_int_equal(header.compressed_size, body.size);
  assert_true(body.size < 500);
  ice_parquet_page_header again;
  size_t used = 0;
  bool truncated;
  assert_int_equal(
      ice_parquet_page_header_read(scratch->header.data, scratch->header.size, &again, &used, &truncated, NULL),
      ICE_OK);
  assert_int_equal(again.type, ICE_PARQUET_DICTIONARY_PAGE);
  assert_int_equal(again.crc, header.crc);
  ice_parquet_scratch_destroy(scratch);
}

static void test_parquet_page__names_codecs_it_does_not_read(void **context) {
  (void)context;
  ice_error err = {0};
  ice_codec codec;
  ice_parquet_compression compression;
  assert_int_equal(ice_parquet_codec_of(ICE_PARQUET_BROTLI, &codec, &err), ICE_UNSUPPORTED);
  assert_string_equal(err.message, "compression BROTLI (4)");
  // The Hadoop framing, which is not LZ4_RAW.
  assert_int_equal(ice_parquet_codec_of(ICE_PARQUET_LZ4, &codec, &err), ICE_UNSUPPORTED);
  assert_int_equal(ice_parquet_codec_of(-3, &codec, &err), ICE_UNSUPPORTED);
  assert_string_equal(err.message, "compression unknown (-3)");
  assert_int_equal(ice_parquet_compression_of(ICE_CODEC_LZ4_RAW, &compression, &err), ICE_OK);
  assert_int_equal(compression, ICE_PARQUET_LZ4_RAW);
  assert_int_equal(ice_parquet_compression_of(ICE_CODEC_DEFLATE, &compression, &err), ICE_UNSUPPORTED);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_parquet_page__header_is_golden),
      cmocka_unit_test(test_parquet_page__reads_its_own_header),
      cmocka_unit_test(test_parquet_page__rejects_truncated_header),
      cmocka_unit_test(test_parquet_page__rejects_headers_that_contradict_themselves),
      cmocka_unit_test(test_parquet_page__packs_with_crc_over_the_compressed_body),
      cmocka_unit_test(test_parquet_page__names_codecs_it_does_not_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
