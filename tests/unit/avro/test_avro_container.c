#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "avro/avro_container.h"
#include "avro/avro_encode.h"
#include "codec/checksum.h"

static void write_file(ice_codec codec, int count, ice_bytes *out) {
  ice_avro_writer *writer = NULL;
  ice_avro_meta meta[] = {{ICE_STR("k"), ICE_STR("v")}};
  ice_avro_writer_options options = {.schema = ICE_STR("\"int\""), .codec = codec, .meta = meta, .meta_count = 1};
  memset(options.sync, 0xAB, sizeof options.sync);
  ice_bytes_init(out, 1 << 24);
  assert_int_equal(ice_avro_writer_create(&options, out, &writer, NULL), ICE_OK);
  for (int i = 0; i < count; i++) {
    ice_bytes datum;
    ice_bytes_init(&datum, 100);
    assert_int_equal(ice_avro_put_int(&datum, i, NULL), ICE_OK);
    assert_int_equal(ice_avro_writer_append(writer, ice_bytes_str(&datum), NULL), ICE_OK);
    ice_bytes_deinit(&datum);
  }
  assert_int_equal(ice_avro_writer_finish(writer, NULL), ICE_OK);
  ice_avro_writer_destroy(writer);
}

static void test_avro_container__writes_the_specified_bytes(void **state) {
  (void)state;
  static const uint8_t head[] =
      "Obj\x01\x06\x16"
      "avro.schema\x0a\"int\"\x14"
      "avro.codec\x08null\x02k\x02v\x00";
  ice_bytes file;
  write_file(ICE_CODEC_NONE, 2, &file);
  assert_int_equal(file.size, sizeof head - 1 + 16 + 4 + 16);
  assert_memory_equal(file.data, head, sizeof head - 1);
  const uint8_t *block = file.data + sizeof head - 1 + 16;
  static const uint8_t expected[] = {4, 4, 0, 2, 0xAB};
  assert_memory_equal(block, expected, sizeof expected);
  ice_bytes_deinit(&file);
}

static void test_avro_container__reads_back_what_it_wrote(void **state) {
  (void)state;
  static const ice_codec codecs[] = {ICE_CODEC_NONE, ICE_CODEC_DEFLATE};
  for (size_t i = 0; i < ICE_COUNT_OF(codecs); i++) {
    ice_bytes file;
    ice_avro_reader *reader = NULL;
    write_file(codecs[i], 100000, &file);
    assert_int_equal(ice_avro_reader_create(ice_bytes_str(&file), &reader, NULL), ICE_OK);
    assert_true(ice_str_equal_c(ice_avro_reader_find(reader, ICE_STR("avro.schema")), "\"int\""));
    assert_true(ice_str_equal_c(ice_avro_reader_find(reader, ICE_STR("k")), "v"));
    assert_null(ice_avro_reader_find(reader, ICE_STR("absent")).data);
    int64_t total = 0;
    int blocks = 0;
    ice_bytes all;
    ice_bytes expected;
    ice_bytes_init(&all, 1 << 24);
    ice_bytes_init(&expected, 1 << 24);
    for (;;) {
      int64_t count;
      ice_str data;
      assert_int_equal(ice_avro_reader_next(reader, &count, &data, NULL), ICE_OK);
      if (!data.data) {
        break;
      }
      total += count;
      blocks++;
      assert_int_equal(ice_bytes_append_str(&all, data, NULL), ICE_OK);
    }
    for (int k = 0; k < 100000; k++) {
      assert_int_equal(ice_avro_put_int(&expected, k, NULL), ICE_OK);
    }
    assert_int_equal(total, 100000);
    assert_true(blocks > 1);
    assert_int_equal(all.size, expected.size);
    assert_memory_equal(all.data, expected.data, all.size);
    ice_bytes_deinit(&all);
    ice_bytes_deinit(&expected);
    ice_avro_reader_destroy(reader);
    ice_bytes_deinit(&file);
  }
}

static void test_avro_container__writes_equal_bytes_for_equal_input(void **state) {
  (void)state;
  ice_bytes a;
  ice_bytes b;
  write_file(ICE_CODEC_DEFLATE, 1000, &a);
  write_file(ICE_CODEC_DEFLATE, 1000, &b);
  assert_int_equal(a.size, b.size);
  assert_memory_equal(a.data, b.data, a.size);
  ice_bytes_deinit(&a);
  ice_bytes_deinit(&b);
}

// A file with one block of `plain` packed by `codec`, as other writers make them.
static void foreign_file(const char *name, ice_codec codec, ice_str plain, ice_bytes *out) {
  ice_compressor *compressor = NULL;
  ice_bytes packed;
  uint8_t sync[16] = {1, 2, 3};
  ice_bytes_init(&packed, 1 << 20);
  ice_bytes_init(out, 1 << 20);
  assert_int_equal(ice_compressor_create(&compressor, NULL), ICE_OK);
  assert_int_equal(ice_compress(compressor, codec, 0, plain.data, plain.size, &packed, NULL), ICE_OK);
  if (codec == ICE_CODEC_SNAPPY) {
    uint8_t crc[4];
    ice_store_u32be(crc, ice_crc32(0, plain.data, plain.size));
    assert_int_equal(ice_bytes_append(&packed, crc, 4, NULL), ICE_OK);
  }
  assert_int_equal(ice_bytes_append(out, "Obj\x01", 4, NULL), ICE_OK);
  // One negative block count with its size, as the C++ library writes maps.
  assert_int_equal(ice_avro_put_long(out, -2, NULL), ICE_OK);
  assert_int_equal(ice_avro_put_long(out, 40, NULL), ICE_OK);
  assert_int_equal(ice_avro_put_bytes(out, ICE_STR("avro.codec"), NULL), ICE_OK);
  assert_int_equal(ice_avro_put_bytes(out, ice_str_of(name), NULL), ICE_OK);
  assert_int_equal(ice_avro_put_bytes(out, ICE_STR("avro.schema"), NULL), ICE_OK);
  assert_int_equal(ice_avro_put_bytes(out, ICE_STR("\"string\""), NULL), ICE_OK);
  assert_int_equal(ice_avro_put_long(out, 0, NULL), ICE_OK);
  assert_int_equal(ice_bytes_append(out, sync, 16, NULL), ICE_OK);
  assert_int_equal(ice_avro_put_long(out, 1, NULL), ICE_OK);
  assert_int_equal(ice_avro_put_bytes(out, ice_bytes_str(&packed), NULL), ICE_OK);
  assert_int_equal(ice_bytes_append(out, sync, 16, NULL), ICE_OK);
  ice_bytes_deinit(&packed);
  ice_compressor_destroy(compressor);
}

static ice_status read_one(ice_str file, ice_str expected) {
  ice_avro_reader *reader = NULL;
  ice_status status = ice_avro_reader_create(file, &reader, NULL);
  if (status == ICE_OK) {
    int64_t count;
    ice_str data;
    status = ice_avro_reader_next(reader, &count, &data, NULL);
    if (status == ICE_OK && expected.data) {
      assert_int_equal(count, 1);
      assert_true(ice_str_equal(data, expected));
    }
  }
  ice_avro_reader_destroy(reader);
  return status;
}

static void test_avro_container__reads_snappy_and_zstandard(void **state) {
  (void)state;
  ice_bytes file;
  foreign_file("snappy", ICE_CODEC_SNAPPY, ICE_STR("\x0ahello"), &file);
  assert_int_equal(read_one(ice_bytes_str(&file), ICE_STR("\x0ahello")), ICE_OK);
  ice_bytes_deinit(&file);
  foreign_file("zstandard", ICE_CODEC_ZSTD, ICE_STR("\x0ahello"), &file);
  assert_int_equal(read_one(ice_bytes_str(&file), ICE_STR("\x0ahello")), ICE_OK);
  ice_bytes_deinit(&file);
  foreign_file("bzip2", ICE_CODEC_ZSTD, ICE_STR("\x0ahello"), &file);
  assert_int_equal(read_one(ice_bytes_str(&file), (ice_str){0}), ICE_UNSUPPORTED);
  ice_bytes_deinit(&file);
}

static void test_avro_container__finds_damage(void **state) {
  (void)state;
  ice_bytes file;
  foreign_file("snappy", ICE_CODEC_SNAPPY, ICE_STR("\x0ahello"), &file);
  for (size_t size = 0; size < file.size; size++) {
    ice_str cut = {.data = (const char *)file.data, .size = size};
    ice_status status = read_one(cut, (ice_str){0});
    // A file that ends behind the header has no blocks and is whole.
    bool header_only = size == file.size - 16 - 1 - 1 - 12;
    assert_int_equal(status, header_only ? ICE_OK : ICE_CORRUPT);
  }
  file.data[file.size - 1] ^= 1;
  assert_int_equal(read_one(ice_bytes_str(&file), (ice_str){0}), ICE_CORRUPT);
  file.data[file.size - 1] ^= 1;
  file.data[file.size - 17] ^= 1;
  assert_int_equal(read_one(ice_bytes_str(&file), (ice_str){0}), ICE_CORRUPT);
  ice_bytes_deinit(&file);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_avro_container__writes_the_specified_bytes),
      cmocka_unit_test(test_avro_container__reads_back_what_it_wrote),
      cmocka_unit_test(test_avro_container__writes_equal_bytes_for_equal_input),
      cmocka_unit_test(test_avro_container__reads_snappy_and_zstandard),
      cmocka_unit_test(test_avro_container__finds_damage),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
