#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"

static void test_bytes__grows_and_keeps_what_it_has(void **state) {
  (void)state;
  ice_bytes bytes;
  ice_bytes_init(&bytes, 1 << 20);
  for (int i = 0; i < 100000; i++) {
    assert_int_equal(ice_bytes_append_u8(&bytes, (uint8_t)i, NULL), ICE_OK);
  }
  assert_int_equal(bytes.size, 100000);
  for (int i = 0; i < 100000; i++) {
    assert_int_equal(bytes.data[i], (uint8_t)i);
  }
  assert_int_equal(ice_bytes_append_zero(&bytes, 3, NULL), ICE_OK);
  assert_memory_equal(bytes.data + 100000, "\0\0\0", 3);
  ice_bytes_deinit(&bytes);
  assert_null(bytes.data);
  assert_int_equal(bytes.size_max, 1 << 20);
}

static void test_bytes__ceiling_holds_in_one_step_and_in_many(void **state) {
  (void)state;
  // 70 lies between the first capacity and the next, 10 below the first.
  static const size_t ceilings[] = {0, 1, 10, 63, 64, 65, 70, 96, 97, 1000};
  for (size_t i = 0; i < ICE_COUNT_OF(ceilings); i++) {
    ice_bytes bytes;
    ice_error err = {0};
    ice_bytes_init(&bytes, ceilings[i]);
    for (size_t n = 0; n < ceilings[i]; n++) {
      assert_int_equal(ice_bytes_append_u8(&bytes, 'a', &err), ICE_OK);
    }
    assert_int_equal(ice_bytes_append_u8(&bytes, 'b', &err), ICE_LIMIT);
    assert_int_equal(ice_bytes_reserve(&bytes, 1, &err), ICE_LIMIT);
    assert_int_equal(ice_bytes_append_zero(&bytes, 1, &err), ICE_LIMIT);
    assert_int_equal(err.status, ICE_LIMIT);
    assert_int_equal(bytes.size, ceilings[i]);
    assert_true(bytes.capacity <= ceilings[i]);
    ice_bytes_clear(&bytes);
    assert_int_equal(ice_bytes_append(&bytes, "", 0, &err), ICE_OK);
    assert_int_equal(ice_bytes_reserve(&bytes, ceilings[i] + 1, &err), ICE_LIMIT);
    assert_int_equal(ice_bytes_reserve(&bytes, SIZE_MAX, &err), ICE_LIMIT);
    assert_int_equal(ice_bytes_reserve(&bytes, ceilings[i], &err), ICE_OK);
    ice_bytes_deinit(&bytes);
  }
}

static void test_bytes__a_refused_append_changes_nothing(void **state) {
  (void)state;
  ice_bytes bytes;
  ice_bytes_init(&bytes, 8);
  assert_int_equal(ice_bytes_append_str(&bytes, ICE_STR("12345"), NULL), ICE_OK);
  assert_int_equal(ice_bytes_append_str(&bytes, ICE_STR("6789"), NULL), ICE_LIMIT);
  assert_int_equal(ice_bytes_append_format(&bytes, NULL, "%d", 6789), ICE_LIMIT);
  assert_true(ice_str_equal_c(ice_bytes_str(&bytes), "12345"));
  ice_bytes_deinit(&bytes);
}

static void test_bytes__format_writes_no_terminator(void **state) {
  (void)state;
  ice_bytes bytes;
  ice_bytes_init(&bytes, 1000);
  assert_int_equal(ice_bytes_append_format(&bytes, NULL, "%s-%d", "ab", 7), ICE_OK);
  assert_int_equal(ice_bytes_append_format(&bytes, NULL, "%s", ""), ICE_OK);
  assert_int_equal(bytes.size, 4);
  assert_memory_equal(bytes.data, "ab-7", 4);
  assert_string_equal(ice_bytes_c_str(&bytes, NULL), "ab-7");
  assert_int_equal(bytes.size, 4);
  ice_bytes_deinit(&bytes);
}

static void test_bytes__a_full_buffer_has_no_room_for_a_terminator(void **state) {
  (void)state;
  ice_bytes bytes;
  ice_error err = {0};
  ice_bytes_init(&bytes, 4);
  assert_int_equal(ice_bytes_append_str(&bytes, ICE_STR("abcd"), NULL), ICE_OK);
  assert_null(ice_bytes_c_str(&bytes, &err));
  assert_int_equal(err.status, ICE_LIMIT);
  ice_bytes_deinit(&bytes);
}

static void test_bytes__an_empty_buffer_may_be_freed_and_shown(void **state) {
  (void)state;
  ice_bytes bytes;
  ice_bytes_init(&bytes, 4);
  assert_int_equal(ice_bytes_str(&bytes).size, 0);
  assert_int_equal(ice_bytes_append(&bytes, NULL, 0, NULL), ICE_OK);
  ice_bytes_deinit(&bytes);
  ice_bytes_deinit(&bytes);
}

static void test_str__a_foreign_text_is_shown_short_and_on_one_line(void **state) {
  (void)state;
  char shown[6];
  ice_str_print(ICE_STR("a\nb\x7f\xc3\xbc"), shown, sizeof shown);
  assert_string_equal(shown, "a b  ");
  ice_str_print(ICE_STR("abcde"), shown, sizeof shown);
  assert_string_equal(shown, "abcde");
  ice_str_print((ice_str){0}, shown, sizeof shown);
  assert_string_equal(shown, "");
  ice_str_print(ICE_STR("abc"), shown, 1);
  assert_string_equal(shown, "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_bytes__grows_and_keeps_what_it_has),
      cmocka_unit_test(test_bytes__ceiling_holds_in_one_step_and_in_many),
      cmocka_unit_test(test_bytes__a_refused_append_changes_nothing),
      cmocka_unit_test(test_bytes__format_writes_no_terminator),
      cmocka_unit_test(test_bytes__a_full_buffer_has_no_room_for_a_terminator),
      cmocka_unit_test(test_bytes__an_empty_buffer_may_be_freed_and_shown),
      cmocka_unit_test(test_str__a_foreign_text_is_shown_short_and_on_one_line),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
