#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/http_multi.h"
#include "http_test_server.h"

enum { COUNT = 3, BODY_MAX = 1024 };

typedef struct call {
  http_test_server *server;
  ice_http_response response;
  ice_http_exchange *exchange;
} call;

static const char *greet(http_test_server *server, const char *request) {
  (void)server;
  (void)request;
  return "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
}

static const char *say_nothing(http_test_server *server, const char *request) {
  (void)server;
  (void)request;
  return NULL;
}

static ice_http_multi *open_multi(int64_t silence_timeout_ms, const _Atomic bool *stop) {
  ice_http_multi *multi;
  const ice_http_options options = {.silence_timeout_ms = silence_timeout_ms, .stop = stop};
  assert_int_equal(ice_http_multi_create(&options, COUNT, &multi, NULL), ICE_OK);
  return multi;
}

static void start(ice_http_multi *multi, http_test_answer answer, call *self) {
  char url[64];
  self->server = http_test_start(answer, NULL);
  ice_http_response_init(&self->response, BODY_MAX);
  const ice_http_request request = {
      .method = ICE_HTTP_PUT, .url = http_test_url(self->server, "/", url, sizeof url), .body = ICE_STR("body")};
  assert_int_equal(ice_http_multi_start(multi, &request, &self->response, &self->exchange, NULL), ICE_OK);
}

static void stop(call *self) {
  ice_http_response_deinit(&self->response);
  http_test_stop(self->server);
}

static bool drive_until_done(ice_http_multi *multi, const call *self) {
  for (int i = 0; i < 100 && !ice_http_exchange_done(self->exchange); i++) {
    assert_int_equal(ice_http_multi_drive(multi, 100, NULL), ICE_OK);
  }
  return ice_http_exchange_done(self->exchange);
}

static void test_http_multi__requests_do_not_wait_for_each_other(void **state) {
  (void)state;
  ice_http_multi *multi = open_multi(0, NULL);
  call calls[COUNT];
  // The first is never answered.
  for (int i = 0; i < COUNT; i++) {
    start(multi, i == 0 ? say_nothing : greet, &calls[i]);
  }
  for (int i = 1; i < COUNT; i++) {
    assert_true(drive_until_done(multi, &calls[i]));
    assert_int_equal(ice_http_exchange_finish(calls[i].exchange, NULL), ICE_OK);
    assert_int_equal(calls[i].response.status, 200);
    assert_int_equal(calls[i].response.body.size, 5);
  }
  assert_false(ice_http_exchange_done(calls[0].exchange));
  // Given up, not waited for.
  assert_int_equal(ice_http_exchange_finish(calls[0].exchange, NULL), ICE_CANCELLED);
  for (int i = 0; i < COUNT; i++) {
    stop(&calls[i]);
  }
  ice_http_multi_destroy(multi);
}

static void test_http_multi__silence_counts_only_while_somebody_drives(void **state) {
  (void)state;
  ice_http_multi *multi = open_multi(1000, NULL);
  call self;
  start(multi, say_nothing, &self);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(ice_http_multi_drive(multi, 50, NULL), ICE_OK);
  }
  usleep(1500 * 1000);
  assert_int_equal(ice_http_multi_drive(multi, 0, NULL), ICE_OK);
  assert_false(ice_http_exchange_done(self.exchange));
  assert_true(drive_until_done(multi, &self));
  ice_error err;
  assert_int_equal(ice_http_exchange_finish(self.exchange, &err), ICE_TIMEOUT);
  assert_true((err.flags & ICE_ERROR_RETRYABLE) != 0);
  assert_non_null(strstr(err.message, "no byte moved for 1000 ms"));
  assert_true(self.response.maybe_sent);
  stop(&self);
  ice_http_multi_destroy(multi);
}

static void test_http_multi__a_stop_ends_all(void **state) {
  (void)state;
  _Atomic bool flag = false;
  ice_http_multi *multi = open_multi(0, &flag);
  call calls[2];
  for (int i = 0; i < 2; i++) {
    start(multi, say_nothing, &calls[i]);
  }
  assert_int_equal(ice_http_multi_drive(multi, 50, NULL), ICE_OK);
  flag = true;
  assert_int_equal(ice_http_multi_drive(multi, 50, NULL), ICE_OK);
  for (int i = 0; i < 2; i++) {
    assert_true(ice_http_exchange_done(calls[i].exchange));
    assert_int_equal(ice_http_exchange_finish(calls[i].exchange, NULL), ICE_CANCELLED);
    stop(&calls[i]);
  }
  ice_http_multi_destroy(multi);
}

static void test_http_multi__a_request_that_cannot_be_made_is_refused_at_once(void **state) {
  (void)state;
  ice_http_multi *multi = open_multi(0, NULL);
  ice_http_response response;
  ice_http_exchange *exchange;
  ice_http_response_init(&response, BODY_MAX);
  const ice_http_request request = {.method = ICE_HTTP_GET, .url = "http://u:p@127.0.0.1/"};
  assert_int_equal(ice_http_multi_start(multi, &request, &response, &exchange, NULL), ICE_INVALID_ARGUMENT);
  assert_null(exchange);
  assert_false(response.maybe_sent);
  assert_int_equal(ice_http_exchange_finish(NULL, NULL), ICE_CANCELLED);
  ice_http_response_deinit(&response);
  ice_http_multi_destroy(multi);
  ice_http_multi_destroy(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_http_multi__requests_do_not_wait_for_each_other),
      cmocka_unit_test(test_http_multi__silence_counts_only_while_somebody_drives),
      cmocka_unit_test(test_http_multi__a_stop_ends_all),
      cmocka_unit_test(test_http_multi__a_request_that_cannot_be_made_is_refused_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
