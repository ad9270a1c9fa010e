#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "parquet/parquet_encoding.h"
#include <stdlib.h>

static ice_bytes out;

static int setup(void **context) {
  (void)context;
  ice_bytes_init(&out, 1 << 24);
  return 0;
}

static int teardown(void **context) {
  (void)context;
  ice_bytes_deinit(&out);
  return 0;
}

static void test_parquet_encoding__bit_width_counts_the_bits_of_the_largest_number(void **context) {
  (void)context;
  assert_int_equal(ice_parquet_bit_width(0), 0);
  assert_int_equal(ice_parquet_bit_width(1), 1);
  assert_int_equal(ice_parquet_bit_width(2), 2);
  assert_int_equal(ice_parquet_bit_width(255), 8);
  assert_int_equal(ice_parquet_bit_width(256), 9);
  assert_int_equal(ice_parquet_bit_width(UINT32_MAX), 32);
}

// Encodings.md: the numbers 0 to 7 at width 3 are the bytes 10001000 11000110 11111010.
static void test_parquet_encoding__packs_the_example_of_the_specification(void **context) {
  (void)context;
  static const uint16_t values[] = {0, 1, 2, 3, 4, 5, 6, 7};
  assert_int_equal(ice_parquet_rle_encode_u16(values, 8, 3, &out, NULL), ICE_OK);
  static const uint8_t golden[] = {0x03, 0x88, 0xc6, 0xfa};
  assert_int_equal(out.size, sizeof golden);
  assert_memory_equal(out.data, golden, sizeof golden);
}

static void test_parquet_encoding__runs_are_golden(void **context) {
  (void)context;
  uint16_t values[100];
  for (int i = 0; i < 100; i++) {
    values[i] = 300;
  }
  assert_int_equal(ice_parquet_rle_encode_u16(values, 100, 9, &out, NULL), ICE_OK);
  static const uint8_t golden[] = {0xc8, 0x01, 0x2c, 0x01};
  assert_int_equal(out.size, sizeof golden);
  assert_memory_equal(out.data, golden, sizeof golden);
}

static void test_parquet_encoding__bitmaps_are_packed_as_they_stand(void **context) {
  (void)context;
  // 16 bits of noise, 64 ones, 4 bits.
  static const uint8_t bits[] = {0xa5, 0x3c, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf6};
  assert_int_equal(ice_parquet_rle_encode_bits(bits, 84, &out, NULL), ICE_OK);
  static const uint8_t golden[] = {0x05, 0xa5, 0x3c, 0x80, 0x01, 0x01, 0x03, 0x06};
  assert_int_equal(out.size, sizeof golden);
  assert_memory_equal(out.data, golden, sizeof golden);
}

static uint32_t next(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

// Numbers with runs of all lengths between noise.
static void fill(uint16_t *values, size_t count, unsigned width, uint32_t seed) {
  uint32_t state = seed;
  uint16_t mask = (uint16_t)((1u << width) - 1);
  for (size_t i = 0; i < count;) {
    size_t run = next(&state) % 3 == 0 ? next(&state) % 200 : 1;
    uint16_t value = (uint16_t)(next(&state) & mask);
    for (; run > 0 && i < count; run--) {
      values[i++] = value;
    }
  }
}

static void expect(const uint16_t *values, size_t count, unsigned width, size_t step) {
  uint8_t *copy = malloc(out.size + 1);
  if (out.size > 0) {
    memcpy(copy, out.data, out.size);
  }
  uint32_t *got = malloc(count * sizeof *got + 1);
  ice_parquet_rle_decoder decoder;
  assert_true(ice_parquet_rle_decoder_init(&decoder, copy, out.size, width));
  for (size_t i = 0; i < count; i += step) {
    size_t n = count - i < step ? count - i : step;
    assert_true(ice_parquet_rle_decode(&decoder, got + i, n));
  }
  for (size_t i = 0; i < count; i++) {
    if (got[i] != values[i]) {
      fail_msg("width %u, number %zu of %zu", width, i, count);
    }
  }
  free(copy);
  free(got);
}

static void test_parquet_encoding__round_trips_every_width_and_length(void **context) {
  (void)context;
  static uint16_t values[3000];
  static const size_t counts[] = {0, 1, 7, 8, 9, 63, 64, 65, 1000, 3000};
  for (unsigned width = 0; width <= 16; width++) {
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
      fill(values, counts[c], width, width * 31 + (uint32_t)c);
      ice_bytes_clear(&out);
      assert_int_equal(ice_parquet_rle_encode_u16(values, counts[c], width, &out, NULL), ICE_OK);
      expect(values, counts[c], width, 1);
      expect(values, counts[c], width, 100);
      expect(values, counts[c], width, 5000);
    }
  }
}

static void test_parquet_encoding__levels_of_one_byte_give_the_same(void **context) {
  (void)context;
  static uint16_t values[2000];
  static uint8_t narrow[2000];
  for (unsigned width = 1; width <= 8; width++) {
    fill(values, 2000, width, width);
    for (int i = 0; i < 2000; i++) {
      narrow[i] = (uint8_t)values[i];
    }
    ice_bytes_clear(&out);
    assert_int_equal(ice_parquet_rle_encode_u8(narrow, 2000, width, &out, NULL), ICE_OK);
    expect(values, 2000, width, 77);
    size_t size = out.size;
    assert_int_equal(ice_parquet_rle_encode_u16(values, 2000, width, &out, NULL), ICE_OK);
    assert_int_equal(out.size, 2 * size);
    assert_memory_equal(out.data, out.data + size, size);
  }
}

static void test_parquet_encoding__round_trips_bitmaps(void **context) {
  (void)context;
  static uint16_t values[5000];
  static const size_t counts[] = {1, 8, 31, 32, 33, 100, 4999, 5000};
  for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
    uint8_t bits[632];
    // Bits beyond the count are noise, and must not matter.
    memset(bits, 0xff, sizeof bits);
    fill(values, counts[c], 1, (uint32_t)c + 5);
    for (size_t i = 0; i < counts[c]; i++) {
      if (values[i] == 0) {
        bits[i / 8] = (uint8_t)(bits[i / 8] & ~(1u << (i % 8)));
      }
    }
    ice_bytes_clear(&out);
    assert_int_equal(ice_parquet_rle_encode_bits(bits, counts[c], &out, NULL), ICE_OK);
    expect(values, counts[c], 1, 64);
  }
}

static bool decodes(const uint8_t *data, size_t size, unsigned width, size_t count) {
  uint8_t *copy = malloc(size + 1);
  memcpy(copy, data, size);
  uint32_t *got = malloc(count * sizeof *got);
  ice_parquet_rle_decoder decoder;
  bool result =
      ice_parquet_rle_decoder_init(&decoder, copy, size, width) && ice_parquet_rle_decode(&decoder, got, count);
  free(copy);
  free(got);
  return result;
}

static void test_parquet_encoding__rejects_damage(void **context) {
  (void)context;
  assert_false(decodes((const uint8_t *)"", 0, 3, 1));
  assert_false(decodes((const uint8_t *)"\x10", 1, 3, 8));  // run without its value
  assert_true(decodes((const uint8_t *)"\x10\x05", 2, 3, 8));
  assert_false(decodes((const uint8_t *)"\x10\x05", 2, 3, 9));          // one number more than there is
  assert_false(decodes((const uint8_t *)"\x10\x08", 2, 3, 8));          // a value of four bits
  assert_false(decodes((const uint8_t *)"\x00\x05\x10\x05", 4, 3, 8));  // a run of nothing
  assert_false(decodes((const uint8_t *)"\x80\x80\x80\x80\x80\x01\x05", 7, 3, 8));
  assert_false(decodes((const uint8_t *)"\x03", 1, 3, 8));             // packed, but nothing there
  assert_true(decodes((const uint8_t *)"\x05\x88\xc6\xfa", 4, 3, 8));  // the last group cut short
  assert_false(decodes((const uint8_t *)"\x05\x88\xc6\xfa", 4, 3, 9));
  ice_parquet_rle_decoder decoder;
  assert_false(ice_parquet_rle_decoder_init(&decoder, "", 0, 33));
  assert_true(decodes((const uint8_t *)"\x02\xff\xff\xff\xff", 5, 32, 1));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_parquet_encoding__bit_width_counts_the_bits_of_the_largest_number),
      cmocka_unit_test_setup_teardown(test_parquet_encoding__packs_the_example_of_the_specification, setup, teardown),
      cmocka_unit_test_setup_teardown(test_parquet_encoding__runs_are_golden, setup, teardown),
      cmocka_unit_test_setup_teardown(test_parquet_encoding__bitmaps_are_packed_as_they_stand, setup, teardown),
      cmocka_unit_test_setup_teardown(test_parquet_encoding__round_trips_every_width_and_length, setup, teardown),
      cmocka_unit_test_setup_teardown(test_parquet_encoding__levels_of_one_byte_give_the_same, setup, teardown),
      cmocka_unit_test_setup_teardown(test_parquet_encoding__round_trips_bitmaps, setup, teardown),
      cmocka_unit_test(test_parquet_encoding__rejects_damage),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
