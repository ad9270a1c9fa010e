#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <icesink/error.h>
#include <string.h>

static void test_error__set_fills_every_field(void **state) {
  (void)state;
  ice_error err = {.flags = ICE_ERROR_FATAL, .origin_code = 7};
  assert_int_equal(ice_error_set(&err, ICE_IO, "file %s, byte %d", "a", 3), ICE_IO);
  assert_int_equal(err.status, ICE_IO);
  assert_int_equal(err.flags, 0);
  assert_int_equal(err.origin_code, 0);
  assert_string_equal(err.message, "file a, byte 3");
}

static void test_error__null_is_accepted(void **state) {
  (void)state;
  assert_int_equal(ice_error_set(NULL, ICE_LIMIT, "%d", 1), ICE_LIMIT);
  ice_error_prepend(NULL, "%d", 1);
  ice_error_clear(NULL);
}

static void test_error__set_may_quote_the_old_message(void **state) {
  (void)state;
  ice_error err;
  ice_error_set(&err, ICE_IO, "inner");
  ice_error_set(&err, ICE_CORRUPT, "outer of %s", err.message);
  assert_string_equal(err.message, "outer of inner");
}

static void test_error__long_messages_are_cut(void **state) {
  (void)state;
  ice_error err;
  char text[2000];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  ice_error_set(&err, ICE_IO, "%s", text);
  assert_int_equal(strlen(err.message), sizeof err.message - 1);
  ice_error_prepend(&err, "topic %s", "t");
  assert_int_equal(strlen(err.message), sizeof err.message - 1);
  assert_memory_equal(err.message, "topic t: xxx", 12);
  ice_error_prepend(&err, "%s", text);
  assert_int_equal(strlen(err.message), sizeof err.message - 1);
}

static void test_error__prepend_keeps_status_and_flags(void **state) {
  (void)state;
  ice_error err;
  ice_error_set(&err, ICE_IO, "gone");
  err.flags = ICE_ERROR_RETRYABLE;
  err.origin_code = 5;
  ice_error_prepend(&err, "offset %d", 42);
  assert_string_equal(err.message, "offset 42: gone");
  assert_int_equal(err.status, ICE_IO);
  assert_int_equal(err.flags, ICE_ERROR_RETRYABLE);
  assert_int_equal(err.origin_code, 5);
  ice_error_clear(&err);
  assert_int_equal(err.status, ICE_OK);
  assert_string_equal(err.message, "");
  assert_int_equal(err.flags, 0);
}

static void test_error__every_status_has_a_name(void **state) {
  (void)state;
  for (int status = ICE_OK; status <= ICE_INTERNAL; status++) {
    assert_string_not_equal(ice_status_name((ice_status)status), "UNKNOWN_STATUS");
    for (int other = ICE_OK; other < status; other++) {
      assert_string_not_equal(ice_status_name((ice_status)status), ice_status_name((ice_status)other));
    }
  }
  assert_string_equal(ice_status_name(ICE_COMMIT_UNKNOWN), "COMMIT_UNKNOWN");
  assert_string_equal(ice_status_name((ice_status)(ICE_INTERNAL + 1)), "UNKNOWN_STATUS");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_error__set_fills_every_field),
      cmocka_unit_test(test_error__null_is_accepted),
      cmocka_unit_test(test_error__set_may_quote_the_old_message),
      cmocka_unit_test(test_error__long_messages_are_cut),
      cmocka_unit_test(test_error__prepend_keeps_status_and_flags),
      cmocka_unit_test(test_error__every_status_has_a_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
