#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/uuid.h"
#include <string.h>

static void test_uuid__version_5_is_the_vector_of_the_rfc(void **state) {
  (void)state;
  // RFC 9562, A.4: name space DNS, "www.example.com".
  ice_uuid dns;
  ice_uuid uuid;
  char text[ICE_UUID_TEXT_SIZE + 1];
  assert_true(ice_uuid_parse(ICE_STR("6ba7b810-9dad-11d1-80b4-00c04fd430c8"), &dns));
  assert_int_equal(ice_uuid_v5(&dns, ICE_STR("www.example.com"), &uuid, NULL), ICE_OK);
  ice_uuid_format(&uuid, text);
  assert_string_equal(text, "2ed6657d-e927-568b-95e1-2665a8aea6a2");
}

static void test_uuid__version_4_keeps_the_random_bits(void **state) {
  (void)state;
  // RFC 9562, A.3: the bytes of its example, with version and variant taken away.
  static const uint8_t random[16] = {0x91, 0x91, 0x08, 0xf7, 0x52, 0xd1, 0xf3, 0x20,
                                     0x5b, 0xac, 0xf8, 0x47, 0xdb, 0x41, 0x48, 0xa8};
  char text[ICE_UUID_TEXT_SIZE + 1];
  ice_uuid uuid = ice_uuid_v4(random);
  ice_uuid_format(&uuid, text);
  assert_string_equal(text, "919108f7-52d1-4320-9bac-f847db4148a8");
}

static void test_uuid__version_7_begins_with_the_time(void **state) {
  (void)state;
  char first[ICE_UUID_TEXT_SIZE + 1];
  char second[ICE_UUID_TEXT_SIZE + 1];
  // RFC 9562, A.6: the time of its example.
  assert_int_equal(ice_uuid_v7_text(&ice_port_system()->random, INT64_C(0x017F22E279B0), first, NULL), ICE_OK);
  assert_int_equal(ice_uuid_v7_text(&ice_port_system()->random, INT64_C(0x017F22E279B0), second, NULL), ICE_OK);
  assert_memory_equal(first, "017f22e2-79b0-7", 15);
  assert_memory_equal(second, "017f22e2-79b0-7", 15);
  assert_non_null(strchr("89ab", first[19]));
  assert_string_not_equal(first, second);
}

static void test_uuid__reads_either_case(void **state) {
  (void)state;
  ice_uuid lower;
  ice_uuid upper;
  assert_true(ice_uuid_parse(ICE_STR("2ed6657d-e927-568b-95e1-2665a8aea6a2"), &lower));
  assert_true(ice_uuid_parse(ICE_STR("2ED6657D-E927-568B-95E1-2665A8AEA6A2"), &upper));
  assert_memory_equal(lower.bytes, upper.bytes, 16);
  assert_int_equal(lower.bytes[0], 0x2e);
  assert_int_equal(lower.bytes[15], 0xa2);
}

static void test_uuid__refuses_every_text_with_one_wrong_character(void **state) {
  (void)state;
  const char *good = "2ed6657d-e927-568b-95e1-2665a8aea6a2";
  ice_uuid uuid;
  for (size_t i = 0; i < ICE_UUID_TEXT_SIZE; i++) {
    char text[ICE_UUID_TEXT_SIZE + 1];
    memcpy(text, good, sizeof text);
    text[i] = text[i] == '-' ? 'a' : 'g';
    assert_false(ice_uuid_parse(ice_str_of(text), &uuid));
    assert_false(ice_uuid_parse(ice_str_make(good, i), &uuid));
  }
  assert_false(ice_uuid_parse(ICE_STR("{2ed6657d-e927-568b-95e1-2665a8aea6a2}"), &uuid));
  assert_false(ice_uuid_parse(ICE_STR("2ed6657de927568b95e12665a8aea6a2"), &uuid));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_uuid__version_5_is_the_vector_of_the_rfc),
      cmocka_unit_test(test_uuid__version_4_keeps_the_random_bits),
      cmocka_unit_test(test_uuid__version_7_begins_with_the_time),
      cmocka_unit_test(test_uuid__reads_either_case),
      cmocka_unit_test(test_uuid__refuses_every_text_with_one_wrong_character),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
