#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/http_url.h"

static void assert_text(ice_str found, const char *expected) {
  assert_int_equal(found.size, strlen(expected));
  assert_memory_equal(found.data ? found.data : "", expected, found.size);
}

static ice_status read_url(const char *text, ice_arena *arena, ice_http_url *out, ice_error *err) {
  return ice_http_url_read(ice_str_of(text), arena, out, err);
}

static void test_http_url__splits_off_user_information_and_trailing_slashes(void **context) {
  (void)context;
  ice_arena arena;
  ice_http_url url;
  ice_arena_init(&arena, 1 << 16);
  assert_int_equal(read_url("https://me:p%40ss%2Fw@host:8081/apis/v7//", &arena, &url, NULL), ICE_OK);
  assert_text(url.base, "https://host:8081/apis/v7");
  assert_text(url.user, "me");
  assert_text(url.password, "p@ss/w");
  assert_int_equal(read_url("http://host/", &arena, &url, NULL), ICE_OK);
  assert_text(url.base, "http://host");
  assert_null(url.user.data);
  assert_int_equal(read_url("http://only@host", &arena, &url, NULL), ICE_OK);
  assert_text(url.user, "only");
  assert_int_equal(url.password.size, 0);
  // A password that was not encoded ends at the last '@'.
  assert_int_equal(read_url("http://u:a@b@host", &arena, &url, NULL), ICE_OK);
  assert_text(url.base, "http://host");
  assert_text(url.password, "a@b");
  ice_arena_deinit(&arena);
}

static void test_http_url__refuses_what_is_no_base_url_and_never_quotes_it(void **context) {
  (void)context;
  static const char *const bad[] = {"",
                                    "ftp://secret@host",
                                    "host:8081",
                                    "http://",
                                    "http://u:secret@",
                                    "http://u:secret@host?x=1",
                                    "http://u:secret@host/#f",
                                    "http://u:secret@ho st",
                                    "http://u:secret%2@host",
                                    "http://u:secret%00@host",
                                    "http://u:secret%zz@host",
                                    "http://u:secret%@host"};
  for (size_t i = 0; i < ICE_COUNT_OF(bad); i++) {
    ice_arena arena;
    ice_http_url url;
    ice_error err = {0};
    ice_arena_init(&arena, 1 << 16);
    assert_int_equal(read_url(bad[i], &arena, &url, &err), ICE_INVALID_ARGUMENT);
    assert_null(url.base.data);
    assert_null(strstr(err.message, "secret"));
    ice_arena_deinit(&arena);
  }
}

static void test_http_url__shows_neither_credentials_nor_queries(void **context) {
  (void)context;
  assert_text(ice_http_url_shown(ICE_STR("https://h/a/b?X-Amz-Signature=1")), "https://h/a/b");
  assert_text(ice_http_url_shown(ICE_STR("https://h/a@b")), "https://h/a@b");
  assert_text(ice_http_url_shown(ICE_STR("https://u:p@h/a")), "(URL with credentials)");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_http_url__splits_off_user_information_and_trailing_slashes),
      cmocka_unit_test(test_http_url__refuses_what_is_no_base_url_and_never_quotes_it),
      cmocka_unit_test(test_http_url__shows_neither_credentials_nor_queries),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
