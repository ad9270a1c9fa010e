#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec/checksum.h"
#include "parquet/parquet_bloom.h"
#include "parquet/parquet_thrift.h"

// BloomFilter.md: block by the high half, one bit in each word by the low half and a salt. The hash of "abc".
static void test_parquet_bloom__sets_the_bits_of_the_specification(void **context) {
  (void)context;
  uint8_t bits[64] = {0};
  uint64_t hash = 0x44bc2cf5ad770999u;
  static const uint32_t salt[] = {0x47b6137bu, 0x44974d91u, 0x8824ad5bu, 0xa2b7289du,
                                  0x705495c7u, 0x2df1424bu, 0x9efc4947u, 0x5c6bfb31u};
  ice_parquet_bloom_set(bits, sizeof bits, hash);
  // 0x44bc2cf5 is in the lower half of 2^32: the first of two blocks.
  for (int word = 0; word < 8; word++) {
    uint32_t value;
    memcpy(&value, bits + word * 4, 4);
    assert_int_equal(value, 1u << ((0xad770999u * salt[word]) >> 27));
    memcpy(&value, bits + 32 + word * 4, 4);
    assert_int_equal(value, 0);
  }
  assert_true(ice_parquet_bloom_check(bits, sizeof bits, hash));
  assert_false(ice_parquet_bloom_check(bits, sizeof bits, hash ^ 0x123456u));
}

static uint64_t hash_of(uint64_t number) { return ice_xxh64(&number, sizeof number); }

static void expect(uint64_t count, uint64_t repeats, int32_t size) {
  ice_parquet_bloom bloom;
  ice_bytes out;
  ice_bytes_init(&out, 1 << 24);
  ice_parquet_bloom_init(&bloom);
  for (uint64_t i = 0; i < count * repeats; i++) {
    assert_int_equal(ice_parquet_bloom_add(&bloom, hash_of(i % count), NULL), ICE_OK);
  }
  assert_int_equal(ice_parquet_bloom_write(&bloom, &out, NULL), ICE_OK);
  ice_thrift_reader reader;
  ice_thrift_field field = {0};
  ice_thrift_reader_init(&reader, out.data, out.size);
  while (ice_thrift_next(&reader, &field)) {
    if (field.id == 1) {
      assert_int_equal(ice_thrift_read_i32(&reader, &field), size);
    } else {
      ice_thrift_skip(&reader, &field);
    }
  }
  assert_int_equal(field.id, 4);
  assert_int_equal(out.size - reader.position, size);
  const uint8_t *bits = out.data + reader.position;
  for (uint64_t i = 0; i < count; i++) {
    assert_true(ice_parquet_bloom_check(bits, (size_t)size, hash_of(i)));
  }
  int wrong = 0;
  for (uint64_t i = 0; i < 10000; i++) {
    wrong += ice_parquet_bloom_check(bits, (size_t)size, hash_of(i + 1000000000));
  }
  assert_true(wrong < 150);
  ice_parquet_bloom_deinit(&bloom);
  ice_bytes_deinit(&out);
}

static void test_parquet_bloom__is_sized_by_different_values(void **context) {
  (void)context;
  expect(1, 1, 32);
  expect(1, 1000, 32);
  expect(1000, 1, 2048);
  expect(1000, 500, 2048);
  // More hashes than the list holds: the largest filter, from then on directly.
  expect(200000, 2, 1 << 20);
}

static void test_parquet_bloom__header_is_golden(void **context) {
  (void)context;
  ice_parquet_bloom bloom;
  ice_bytes out;
  ice_bytes_init(&out, 1000);
  ice_parquet_bloom_init(&bloom);
  assert_int_equal(ice_parquet_bloom_write(&bloom, &out, NULL), ICE_OK);
  static const uint8_t golden[] = {0x15, 0x40, 0x1c, 0x1c, 0x00, 0x00, 0x1c, 0x1c,
                                   0x00, 0x00, 0x1c, 0x1c, 0x00, 0x00, 0x00};
  assert_int_equal(out.size, sizeof golden + 32);
  assert_memory_equal(out.data, golden, sizeof golden);
  ice_bytes_deinit(&out);
  ice_parquet_bloom_deinit(&bloom);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_parquet_bloom__sets_the_bits_of_the_specification),
      cmocka_unit_test(test_parquet_bloom__is_sized_by_different_values),
      cmocka_unit_test(test_parquet_bloom__header_is_golden),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
