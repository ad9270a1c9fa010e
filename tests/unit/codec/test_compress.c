#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec/compress.h"
#include <stdlib.h>
#include <string.h>

static const ice_codec codecs[] = {ICE_CODEC_NONE,      ICE_CODEC_SNAPPY, ICE_CODEC_ZSTD,   ICE_CODEC_LZ4_RAW,
                                   ICE_CODEC_LZ4_FRAME, ICE_CODEC_GZIP,   ICE_CODEC_DEFLATE};

enum { SIZE_MAX_OUT = 1 << 24 };

static ice_compressor *compressor;

static int setup(void **context) {
  (void)context;
  return ice_compressor_create(&compressor, NULL) == ICE_OK ? 0 : 1;
}

static int teardown(void **context) {
  (void)context;
  ice_compressor_destroy(compressor);
  return 0;
}

// Text-like data: repeats at varying distances, some noise.
static void fill(uint8_t *data, size_t size) {
  uint32_t state = 99;
  for (size_t i = 0; i < size; i++) {
    state = state * 1664525u + 1013904223u;
    data[i] = (uint8_t)((state >> 28) == 0 ? state >> 20 : (uint32_t)('a' + (i / 7) % 23));
  }
}

static void round_trip(ice_codec codec, const uint8_t *data, size_t size, size_t hint) {
  ice_error err = {0};
  ice_bytes packed;
  ice_bytes plain;
  ice_bytes_init(&packed, SIZE_MAX_OUT);
  ice_bytes_init(&plain, SIZE_MAX_OUT);
  // Both outputs append: what stands before stays.
  assert_int_equal(ice_bytes_append(&packed, "ab", 2, &err), ICE_OK);
  assert_int_equal(ice_bytes_append(&plain, "xyz", 3, &err), ICE_OK);
  assert_int_equal(ice_compress(compressor, codec, 0, data, size, &packed, &err), ICE_OK);
  assert_memory_equal(packed.data, "ab", 2);
  if (ice_decompress(compressor, codec, packed.data + 2, packed.size - 2, hint, &plain, &err) != ICE_OK) {
    fail_msg("%s of %zu bytes: %s", ice_codec_name(codec), size, err.message);
  }
  assert_int_equal(plain.size, size + 3);
  assert_memory_equal(plain.data, "xyz", 3);
  if (size > 0) {
    assert_memory_equal(plain.data + 3, data, size);
  }
  ice_bytes_deinit(&packed);
  ice_bytes_deinit(&plain);
}

static void test_compress__round_trips_every_codec_and_size(void **context) {
  (void)context;
  static uint8_t data[700000];
  fill(data, sizeof data);
  static const size_t sizes[] = {0, 1, 2, 100, 4096, 65536, 65537, 700000};
  for (size_t c = 0; c < ICE_COUNT_OF(codecs); c++) {
    for (size_t i = 0; i < ICE_COUNT_OF(sizes); i++) {
      round_trip(codecs[c], data, sizes[i], sizes[i]);
      if (codecs[c] != ICE_CODEC_LZ4_RAW) {
        round_trip(codecs[c], data, sizes[i], 0);
        round_trip(codecs[c], data, sizes[i], 1);
      }
    }
  }
}

static void test_compress__gives_the_same_bytes_twice(void **context) {
  (void)context;
  static uint8_t data[100000];
  fill(data, sizeof data);
  for (size_t c = 0; c < ICE_COUNT_OF(codecs); c++) {
    ice_bytes first;
    ice_bytes second;
    ice_bytes_init(&first, SIZE_MAX_OUT);
    ice_bytes_init(&second, SIZE_MAX_OUT);
    assert_int_equal(ice_compress(compressor, codecs[c], 0, data, sizeof data, &first, NULL), ICE_OK);
    assert_int_equal(ice_compress(compressor, codecs[c], 0, data, sizeof data, &second, NULL), ICE_OK);
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data, second.data, first.size);
    ice_bytes_deinit(&first);
    ice_bytes_deinit(&second);
  }
}

static void test_compress__levels_change_size_not_content(void **context) {
  (void)context;
  static uint8_t data[200000];
  fill(data, sizeof data);
  static const ice_codec leveled[] = {ICE_CODEC_ZSTD, ICE_CODEC_GZIP, ICE_CODEC_DEFLATE};
  for (size_t c = 0; c < ICE_COUNT_OF(leveled); c++) {
    size_t sizes[2];
    static const int levels[] = {1, 9};
    for (int i = 0; i < 2; i++) {
      ice_bytes packed;
      ice_bytes plain;
      ice_bytes_init(&packed, SIZE_MAX_OUT);
      ice_bytes_init(&plain, SIZE_MAX_OUT);
      assert_int_equal(ice_compress(compressor, leveled[c], levels[i], data, sizeof data, &packed, NULL), ICE_OK);
      sizes[i] = packed.size;
      assert_int_equal(ice_decompress(compressor, leveled[c], packed.data, packed.size, 0, &plain, NULL), ICE_OK);
      assert_int_equal(plain.size, sizeof data);
      assert_memory_equal(plain.data, data, sizeof data);
      ice_bytes_deinit(&packed);
      ice_bytes_deinit(&plain);
    }
    assert_true(sizes[1] < sizes[0]);
  }
}

static void test_decompress__stops_at_the_ceiling(void **context) {
  (void)context;
  static uint8_t data[300000];
  for (size_t c = 0; c < ICE_COUNT_OF(codecs); c++) {
    ice_error err = {0};
    ice_bytes packed;
    ice_bytes plain;
    ice_bytes_init(&packed, SIZE_MAX_OUT);
    assert_int_equal(ice_compress(compressor, codecs[c], 0, data, sizeof data, &packed, &err), ICE_OK);
    ice_bytes_init(&plain, sizeof data - 1);
    assert_int_equal(ice_decompress(compressor, codecs[c], packed.data, packed.size, sizeof data, &plain, &err),
                     ICE_LIMIT);
    assert_int_equal(plain.size, 0);
    ice_bytes_deinit(&plain);
    ice_bytes_init(&plain, sizeof data);
    assert_int_equal(ice_decompress(compressor, codecs[c], packed.data, packed.size, sizeof data, &plain, &err),
                     ICE_OK);
    assert_int_equal(plain.size, sizeof data);
    ice_bytes_deinit(&plain);
    ice_bytes_deinit(&packed);
  }
}

static void test_decompress__rejects_truncation_and_survives_damage(void **context) {
  (void)context;
  uint8_t data[3000];
  fill(data, sizeof data);
  for (size_t c = 0; c < ICE_COUNT_OF(codecs); c++) {
    if (codecs[c] == ICE_CODEC_NONE) {
      continue;
    }
    ice_bytes packed;
    ice_bytes plain;
    ice_bytes_init(&packed, SIZE_MAX_OUT);
    ice_bytes_init(&plain, 1 << 20);
    assert_int_equal(ice_compress(compressor, codecs[c], 0, data, sizeof data, &packed, NULL), ICE_OK);
    for (size_t size = 0; size < packed.size; size++) {
      // A copy of the exact size, so that the sanitizers see a read beyond it.
      uint8_t *copy = malloc(size + 1);
      memcpy(copy, packed.data, size);
      ice_error err = {0};
      assert_int_equal(ice_decompress(compressor, codecs[c], copy, size, sizeof data, &plain, &err), ICE_CORRUPT);
      assert_int_equal(err.status, ICE_CORRUPT);
      assert_int_equal(plain.size, 0);
      for (size_t i = 0; i < size; i++) {
        copy[i] ^= (uint8_t)(1u << (i % 8));
      }
      ice_status status = ice_decompress(compressor, codecs[c], copy, size, sizeof data, &plain, NULL);
      assert_true(status == ICE_OK || status == ICE_CORRUPT || status == ICE_LIMIT);
      ice_bytes_clear(&plain);
      free(copy);
    }
    ice_bytes_deinit(&packed);
    ice_bytes_deinit(&plain);
  }
}

static void test_decompress__reads_xerial_framing_and_bare_snappy(void **context) {
  (void)context;
  ice_bytes stream;
  ice_bytes plain;
  ice_bytes_init(&stream, SIZE_MAX_OUT);
  ice_bytes_init(&plain, SIZE_MAX_OUT);
  static const uint8_t header[] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1};
  // Two blocks, each a literal: varint length, tag (length - 1) << 2, bytes.
  static const uint8_t blocks[] = {0, 0, 0, 5, 3, 2 << 2, 'o', 'n', 'e', 0, 0, 0, 5, 3, 2 << 2, 't', 'w', 'o'};
  assert_int_equal(ice_bytes_append(&stream, header, sizeof header, NULL), ICE_OK);
  assert_int_equal(ice_bytes_append(&stream, blocks, sizeof blocks, NULL), ICE_OK);
  assert_int_equal(ice_decompress(compressor, ICE_CODEC_SNAPPY_JAVA, stream.data, stream.size, 0, &plain, NULL),
                   ICE_OK);
  assert_int_equal(plain.size, 6);
  assert_memory_equal(plain.data, "onetwo", 6);
  assert_int_equal(ice_decompress(compressor, ICE_CODEC_SNAPPY_JAVA, blocks + 4, 5, 0, &plain, NULL), ICE_OK);
  assert_memory_equal(plain.data, "onetwoone", 9);
  assert_int_equal(ice_decompress(compressor, ICE_CODEC_SNAPPY_JAVA, stream.data, stream.size - 1, 0, &plain, NULL),
                   ICE_CORRUPT);
  assert_int_equal(plain.size, 9);
  ice_bytes_deinit(&stream);
  ice_bytes_deinit(&plain);
}

static void test_decompress__reads_members_one_behind_the_other(void **context) {
  (void)context;
  static const ice_codec chained[] = {ICE_CODEC_GZIP, ICE_CODEC_ZSTD, ICE_CODEC_LZ4_FRAME};
  for (size_t c = 0; c < ICE_COUNT_OF(chained); c++) {
    ice_bytes packed;
    ice_bytes plain;
    ice_bytes_init(&packed, SIZE_MAX_OUT);
    ice_bytes_init(&plain, SIZE_MAX_OUT);
    assert_int_equal(ice_compress(compressor, chained[c], 0, "first ", 6, &packed, NULL), ICE_OK);
    assert_int_equal(ice_compress(compressor, chained[c], 0, "second", 6, &packed, NULL), ICE_OK);
    assert_int_equal(ice_decompress(compressor, chained[c], packed.data, packed.size, 0, &plain, NULL), ICE_OK);
    assert_int_equal(plain.size, 12);
    assert_memory_equal(plain.data, "first second", 12);
    ice_bytes_deinit(&packed);
    ice_bytes_deinit(&plain);
  }
}

static void test_compress__refuses_the_read_only_codec(void **context) {
  (void)context;
  ice_error err = {0};
  ice_bytes out;
  ice_bytes_init(&out, 100);
  assert_int_equal(ice_compress(compressor, ICE_CODEC_SNAPPY_JAVA, 0, "a", 1, &out, &err), ICE_UNSUPPORTED);
  assert_string_equal(err.message, "compression with snappy-java");
  ice_bytes_deinit(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_compress__round_trips_every_codec_and_size),
      cmocka_unit_test(test_compress__gives_the_same_bytes_twice),
      cmocka_unit_test(test_compress__levels_change_size_not_content),
      cmocka_unit_test(test_decompress__stops_at_the_ceiling),
      cmocka_unit_test(test_decompress__rejects_truncation_and_survives_damage),
      cmocka_unit_test(test_decompress__reads_xerial_framing_and_bare_snappy),
      cmocka_unit_test(test_decompress__reads_members_one_behind_the_other),
      cmocka_unit_test(test_compress__refuses_the_read_only_codec),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
