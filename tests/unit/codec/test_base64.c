#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/base64.h"

// RFC 4648, section 10.
static const struct {
  const char *plain;
  const char *text;
} vectors[] = {{"", ""},
               {"f", "Zg=="},
               {"fo", "Zm8="},
               {"foo", "Zm9v"},
               {"foob", "Zm9vYg=="},
               {"fooba", "Zm9vYmE="},
               {"foobar", "Zm9vYmFy"}};

static void test_base64__writes_the_vectors_of_the_rfc(void **state) {
  (void)state;
  for (size_t i = 0; i < ICE_COUNT_OF(vectors); i++) {
    ice_bytes out;
    // Exactly as large as the text: no spare byte is asked for.
    ice_bytes_init(&out, strlen(vectors[i].text));
    assert_int_equal(ice_base64_append(&out, ice_str_of(vectors[i].plain), NULL), ICE_OK);
    assert_true(ice_str_equal_c(ice_bytes_str(&out), vectors[i].text));
    ice_bytes_deinit(&out);
  }
}

static void test_base64__reads_the_vectors_of_the_rfc(void **state) {
  (void)state;
  for (size_t i = 0; i < ICE_COUNT_OF(vectors); i++) {
    ice_bytes out;
    ice_bytes_init(&out, 100);
    assert_int_equal(ice_base64_decode(&out, ice_str_of(vectors[i].text), NULL), ICE_OK);
    assert_true(ice_str_equal_c(ice_bytes_str(&out), vectors[i].plain));
    ice_bytes_deinit(&out);
  }
}

static void test_base64__every_byte_goes_there_and_back(void **state) {
  (void)state;
  uint8_t data[768];
  for (size_t i = 0; i < sizeof data; i++) {
    data[i] = (uint8_t)(i * 7 + i / 256);
  }
  for (size_t size = 0; size <= sizeof data; size++) {
    ice_bytes text;
    ice_bytes back;
    ice_bytes_init(&text, 2000);
    ice_bytes_init(&back, 2000);
    assert_int_equal(ice_base64_append(&text, ice_str_make((const char *)data, size), NULL), ICE_OK);
    assert_int_equal(text.size, (size + 2) / 3 * 4);
    assert_int_equal(ice_base64_decode(&back, ice_bytes_str(&text), NULL), ICE_OK);
    assert_int_equal(back.size, size);
    assert_memory_equal(back.data ? back.data : data, data, size);
    ice_bytes_deinit(&text);
    ice_bytes_deinit(&back);
  }
}

static void test_base64__refuses_what_is_not_whole(void **state) {
  (void)state;
  static const char *const texts[] = {"Z",    "Zg",       "Zg=",    "Zm9vZ",   "====", "=AAA", "A===",
                                      "AA=A", "Zg==Zg==", "Zm9v\n", "Zm9\x80", "Zm-_", "AA A", "Zm9vYg==Zm9v"};
  for (size_t i = 0; i < ICE_COUNT_OF(texts); i++) {
    ice_bytes out;
    ice_bytes_init(&out, 100);
    assert_int_equal(ice_bytes_append_u8(&out, 'x', NULL), ICE_OK);
    if (ice_base64_decode(&out, ice_str_of(texts[i]), NULL) != ICE_CORRUPT) {
      fail_msg("\"%s\" is taken", texts[i]);
    }
    assert_int_equal(out.size, 1);
    ice_bytes_deinit(&out);
  }
  ice_bytes out;
  ice_bytes_init(&out, 100);
  assert_int_equal(ice_base64_decode(&out, ice_str_make("AA\0A", 4), NULL), ICE_CORRUPT);
}

static void test_base64__the_ceiling_of_the_buffer_holds(void **state) {
  (void)state;
  ice_bytes out;
  ice_bytes_init(&out, 3);
  assert_int_equal(ice_base64_append(&out, ICE_STR("a"), NULL), ICE_LIMIT);
  assert_int_equal(ice_base64_decode(&out, ICE_STR("Zm9vYg=="), NULL), ICE_LIMIT);
  assert_int_equal(out.size, 0);
  assert_int_equal(ice_base64_decode(&out, ICE_STR("Zm9v"), NULL), ICE_OK);
  ice_bytes_deinit(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_base64__writes_the_vectors_of_the_rfc),
      cmocka_unit_test(test_base64__reads_the_vectors_of_the_rfc),
      cmocka_unit_test(test_base64__every_byte_goes_there_and_back),
      cmocka_unit_test(test_base64__refuses_what_is_not_whole),
      cmocka_unit_test(test_base64__the_ceiling_of_the_buffer_holds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
