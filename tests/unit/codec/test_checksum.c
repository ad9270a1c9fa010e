#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/checked.h"
#include "codec/checksum.h"
#include "codec/checksum_priv.h"
#include <string.h>

static void fill(uint8_t *data, size_t size) {
  uint32_t state = 12345;
  for (size_t i = 0; i < size; i++) {
    state = state * 1664525u + 1013904223u;
    data[i] = (uint8_t)(state >> 24);
  }
}

static void test_crc32__matches_the_check_value_and_chains(void **context) {
  (void)context;
  assert_int_equal(ice_crc32(0, "123456789", 9), 0xcbf43926u);
  assert_int_equal(ice_crc32(ice_crc32(0, "1234", 4), "56789", 5), 0xcbf43926u);
  assert_int_equal(ice_crc32(0, NULL, 0), 0);
  assert_int_equal(ice_crc32(77, "", 0), 77);
}

// RFC 3720, B.4.
static void test_crc32c__matches_the_iscsi_vectors(void **context) {
  (void)context;
  uint8_t data[32];
  memset(data, 0, sizeof data);
  assert_int_equal(ice_crc32c(0, data, 32), 0x8a9136aau);
  memset(data, 0xff, sizeof data);
  assert_int_equal(ice_crc32c(0, data, 32), 0x62a8ab43u);
  for (uint8_t i = 0; i < 32; i++) {
    data[i] = i;
  }
  assert_int_equal(ice_crc32c(0, data, 32), 0x46dd794eu);
  assert_int_equal(ice_crc32c(0, "123456789", 9), 0xe3069283u);
  assert_int_equal(ice_crc32c_portable(0, "123456789", 9), 0xe3069283u);
  assert_int_equal(ice_crc32c(0, NULL, 0), 0);
}

static void test_crc32c__is_the_same_with_and_without_the_instruction(void **context) {
  (void)context;
  static uint8_t data[20000];
  fill(data, sizeof data);
  static const size_t sizes[] = {0, 1, 7, 8, 9, 1023, 3071, 3072, 3073, 6143, 6144, 9999, 19990};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    for (size_t from = 0; from < 3; from++) {
      uint32_t fast = ice_crc32c(0, data + from, sizes[i]);
      assert_int_equal(fast, ice_crc32c_portable(0, data + from, sizes[i]));
      uint32_t half = ice_crc32c(0, data + from, sizes[i] / 2);
      assert_int_equal(fast, ice_crc32c(half, data + from + sizes[i] / 2, sizes[i] - sizes[i] / 2));
    }
  }
}

static void test_xxh64__matches_published_values(void **context) {
  (void)context;
  assert_true(ice_xxh64("", 0) == 0xef46db3751d8e999u);
  assert_true(ice_xxh64("abc", 3) == 0x44bc2cf5ad770999u);
}

// Iceberg spec, Appendix B: the 32-bit hash requirements.
static void test_murmur3__matches_the_iceberg_table(void **context) {
  (void)context;
  uint8_t number[8];
  ice_store_u64le(number, 34);
  assert_int_equal((int32_t)ice_murmur3(number, 8), 2017239379);
  ice_store_u64le(number, 81068000000);
  assert_int_equal((int32_t)ice_murmur3(number, 8), -662762989);
  assert_int_equal((int32_t)ice_murmur3("iceberg", 7), 1210000089);
  static const uint8_t uuid[] = {0xf7, 0x9c, 0x3e, 0x09, 0x67, 0x7c, 0x4b, 0xbd,
                                 0xa4, 0x79, 0x3f, 0x34, 0x9c, 0xb7, 0x85, 0xe7};
  assert_int_equal((int32_t)ice_murmur3(uuid, sizeof uuid), 1488055340);
  static const uint8_t fixed[] = {0, 1, 2, 3};
  assert_int_equal((int32_t)ice_murmur3(fixed, sizeof fixed), -188683207);
  static const uint8_t decimal[] = {0x05, 0x8c};
  assert_int_equal((int32_t)ice_murmur3(decimal, sizeof decimal), -500754589);
  assert_int_equal(ice_murmur3("", 0), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_crc32__matches_the_check_value_and_chains),
      cmocka_unit_test(test_crc32c__matches_the_iscsi_vectors),
      cmocka_unit_test(test_crc32c__is_the_same_with_and_without_the_instruction),
      cmocka_unit_test(test_xxh64__matches_published_values),
      cmocka_unit_test(test_murmur3__matches_the_iceberg_table),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
