#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store_s3_priv.h"
#include <stdio.h>

static void assert_text(ice_str found, const char *expected) {
  assert_int_equal(found.size, strlen(expected));
  assert_memory_equal(found.data ? found.data : "", expected, found.size);
}

static void test_store_s3_location__every_spelling_of_the_scheme_is_the_same_place(void **state) {
  (void)state;
  static const char *const locations[] = {
      "s3://b.kt-1/a b/\xc3\xb6+%20?#&=", "s3a://b.kt-1/a b/\xc3\xb6+%20?#&=", "s3n://b.kt-1/a b/\xc3\xb6+%20?#&="};
  for (size_t i = 0; i < ICE_COUNT_OF(locations); i++) {
    ice_s3_place place;
    assert_int_equal(ice_s3_place_read(ice_str_of(locations[i]), false, &place, NULL), ICE_OK);
    assert_text(place.location, locations[i]);
    assert_text(place.bucket, "b.kt-1");
    assert_text(place.key, "a b/\xc3\xb6+%20?#&=");
  }
}

static void test_store_s3_location__refuses_what_could_reach_something_else(void **state) {
  (void)state;
  static const char *const bad[] = {"",
                                    "/bucket/key",
                                    "file:///bucket/key",
                                    "s3:/bucket/key",
                                    "S3://bucket/key",
                                    "s3://",
                                    "s3:///key",
                                    "s3://bucket",
                                    "s3://bucket/",
                                    "s3://bucket/a/",
                                    "s3://bu/key",
                                    "s3://-bucket/key",
                                    "s3://b@ucket/key",
                                    "s3://b:cket/key",
                                    "s3://buc?ket/key",
                                    "s3://buc#ket/key",
                                    "s3://buc%2fket/key",
                                    "s3://buc\\ket/key",
                                    "s3://buc..ket/key",
                                    "s3://bucket/..",
                                    "s3://bucket/../other/key",
                                    "s3://bucket/a/../key",
                                    "s3://bucket/a/.",
                                    "s3://bucket/./a",
                                    "s3://bucket/a\nb",
                                    "s3://bucket/a\x7f"};
  for (size_t i = 0; i < ICE_COUNT_OF(bad); i++) {
    ice_s3_place place;
    ice_error err;
    if (ice_s3_place_read(ice_str_of(bad[i]), false, &place, &err) != ICE_INVALID_ARGUMENT) {
      fail_msg("accepted: %s", bad[i]);
    }
    assert_null(strchr(err.message, '\n'));
  }
  char text[ICE_S3_KEY_MAX + 32];
  ice_s3_place place;
  snprintf(text, sizeof text, "s3://bucket/%0*d", ICE_S3_KEY_MAX, 0);
  assert_int_equal(ice_s3_place_read(ice_str_of(text), false, &place, NULL), ICE_OK);
  snprintf(text, sizeof text, "s3://bucket/%0*d", ICE_S3_KEY_MAX + 1, 0);
  assert_int_equal(ice_s3_place_read(ice_str_of(text), false, &place, NULL), ICE_INVALID_ARGUMENT);
  assert_int_equal(ice_s3_place_read(ice_str_make("s3://bucket/a\0b", 15), false, &place, NULL),
                   ICE_INVALID_ARGUMENT);
}

static bool holds(const char *prefix, const char *location) {
  ice_s3_place outer;
  ice_s3_place inner;
  assert_int_equal(ice_s3_place_read(ice_str_of(prefix), true, &outer, NULL), ICE_OK);
  assert_int_equal(ice_s3_place_read(ice_str_of(location), true, &inner, NULL), ICE_OK);
  return ice_s3_place_holds(&outer, &inner);
}

static void test_store_s3_location__a_prefix_holds_whole_steps(void **state) {
  (void)state;
  assert_true(holds("s3://bucket", "s3a://bucket/k"));
  assert_true(holds("s3://bucket/", "s3://bucket/k"));
  assert_true(holds("s3://bucket/t", "s3n://bucket/t/k"));
  assert_true(holds("s3://bucket/t/", "s3://bucket/t/k"));
  assert_true(holds("s3://bucket/t/", "s3://bucket/t"));
  assert_false(holds("s3://bucket/t", "s3://bucket/t2/k"));
  assert_false(holds("s3://bucket/t", "s3://bucket/"));
  assert_false(holds("s3://bucket/t", "s3://bucket2/t/k"));
  assert_false(holds("s3://bucket/t", "s3://Bucket/t/k"));
}

static void test_store_s3_location__writes_checksums_as_s3_does(void **state) {
  (void)state;
  char text[ICE_S3_CHECKSUM_SIZE + 1];
  // RFC 3720, B.4: the CRC-32C of 32 zero bytes, and of "123456789".
  ice_s3_checksum_text(0x8a9136aa, text);
  assert_string_equal(text, "ipE2qg==");
  ice_s3_checksum_text(0xe3069283, text);
  assert_string_equal(text, "4waSgw==");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_store_s3_location__every_spelling_of_the_scheme_is_the_same_place),
      cmocka_unit_test(test_store_s3_location__refuses_what_could_reach_something_else),
      cmocka_unit_test(test_store_s3_location__a_prefix_holds_whole_steps),
      cmocka_unit_test(test_store_s3_location__writes_checksums_as_s3_does),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
