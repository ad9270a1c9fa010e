#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include "http/http_transfer_priv.h"
#include "http_test_server.h"

enum { BODY_MAX = 1024 };

typedef struct fixture {
  http_test_server *server;
  ice_http_client *client;
  ice_http_response response;
  char url[128];
  _Atomic bool stop;
} fixture;

static void begin(fixture *self, http_test_answer answer, const char *path, int64_t silence_timeout_ms) {
  memset(self, 0, sizeof *self);
  self->server = http_test_start(answer, NULL);
  http_test_url(self->server, path, self->url, sizeof self->url);
  ice_http_options options = {.silence_timeout_ms = silence_timeout_ms, .stop = &self->stop};
  assert_int_equal(ice_http_client_create(&options, &self->client, NULL), ICE_OK);
  ice_http_response_init(&self->response, BODY_MAX);
}

static void end(fixture *self) {
  ice_http_client_destroy(self->client);
  ice_http_response_deinit(&self->response);
  http_test_stop(self->server);
}

static ice_status get(fixture *self, ice_error *err) {
  ice_http_request request = {.method = ICE_HTTP_GET, .url = self->url};
  return ice_http_client_send(self->client, &request, &self->response, err);
}

static void assert_text(ice_str found, const char *expected) {
  assert_int_equal(found.size, strlen(expected));
  assert_memory_equal(found.data ? found.data : "", expected, found.size);
}

static const char *greet(http_test_server *server, const char *request) {
  (void)server;
  return strncmp(request, "HEAD", 4) == 0 ? "HTTP/1.1 200 OK\r\nETag: \"x\"\r\nContent-Length: 5\r\n\r\n"
                                          : "HTTP/1.1 200 OK\r\nETag: \"x\"\r\nContent-Length: 5\r\n\r\nhello";
}

static void test_http_client__gives_status_headers_and_body(void **context) {
  (void)context;
  fixture self;
  begin(&self, greet, "/a//b/../c%2Fd?q=1", 0);
  assert_int_equal(get(&self, NULL), ICE_OK);
  assert_int_equal(self.response.status, 200);
  assert_text(ice_bytes_str(&self.response.body), "hello");
  assert_text(ice_http_response_header(&self.response, "etag"), "\"x\"");
  assert_null(ice_http_response_header(&self.response, "eta").data);
  assert_true(self.response.maybe_sent);
  // The path goes out as it stands.
  static const char line[] = "GET /a//b/../c%2Fd?q=1 HTTP/1.1\r\n";
  assert_int_equal(strncmp(self.server->last, line, sizeof line - 1), 0);
  assert_null(strstr(self.server->last, "Authorization"));
  end(&self);
}

static void test_http_client__sends_methods_headers_bodies_and_credentials(void **context) {
  (void)context;
  fixture self;
  begin(&self, greet, "/x", 0);
  static const ice_http_header headers[] = {{ICE_STR_INIT("Content-Type"), ICE_STR_INIT("text/x")},
                                            {ICE_STR_INIT("X-Empty"), ICE_STR_INIT("")}};
  static const struct {
    ice_http_method method;
    const char *name;
    bool body;
  } cases[] = {{ICE_HTTP_POST, "POST /x", true},
               {ICE_HTTP_PUT, "PUT /x", true},
               {ICE_HTTP_DELETE, "DELETE /x", false},
               {ICE_HTTP_HEAD, "HEAD /x", false}};
  for (size_t i = 0; i < ICE_COUNT_OF(cases); i++) {
    ice_http_request request = {.method = cases[i].method,
                                .url = self.url,
                                .headers = headers,
                                .header_count = ICE_COUNT_OF(headers),
                                .body = cases[i].body ? ICE_STR("payload") : (ice_str){0},
                                .user = ICE_STR("me"),
                                .password = ICE_STR("secret")};
    assert_int_equal(ice_http_client_send(self.client, &request, &self.response, NULL), ICE_OK);
    assert_int_equal(strncmp(self.server->last, cases[i].name, strlen(cases[i].name)), 0);
    assert_non_null(strstr(self.server->last, "\r\nContent-Type: text/x\r\n"));
    assert_non_null(strstr(self.server->last, "\r\nX-Empty:"));
    assert_non_null(strstr(self.server->last, "\r\nAuthorization: Basic bWU6c2VjcmV0\r\n"));
    assert_null(strstr(self.server->last, "Expect:"));
    assert_int_equal(strstr(self.server->last, "\r\n\r\npayload") != NULL, cases[i].body);
    assert_int_equal(self.response.body.size, cases[i].method == ICE_HTTP_HEAD ? 0 : 5);
  }
  // An empty body has a length too.
  ice_http_request empty = {.method = ICE_HTTP_PUT, .url = self.url};
  assert_int_equal(ice_http_client_send(self.client, &empty, &self.response, NULL), ICE_OK);
  assert_non_null(strstr(self.server->last, "\r\nContent-Length: 0\r\n"));
  end(&self);
}

static const char *redirect(http_test_server *server, const char *request) {
  (void)server;
  (void)request;
  return "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/elsewhere\r\nContent-Length: 0\r\n\r\n";
}

static void test_http_client__gives_a_redirect_as_it_came(void **context) {
  (void)context;
  fixture self;
  begin(&self, redirect, "/", 0);
  assert_int_equal(get(&self, NULL), ICE_OK);
  assert_int_equal(self.response.status, 302);
  assert_int_equal(self.server->requests, 1);
  end(&self);
}

static const char *flood(http_test_server *server, const char *request) {
  (void)server;
  (void)request;
  static char text[4096];
  snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n%02000d", 0);
  return text;
}

static void test_http_client__takes_no_body_beyond_its_limit(void **context) {
  (void)context;
  fixture self;
  ice_error err;
  begin(&self, flood, "/", 0);
  assert_int_equal(get(&self, &err), ICE_LIMIT);
  assert_true(self.response.body.size <= BODY_MAX);
  assert_non_null(strstr(err.message, "more than 1024 bytes"));
  end(&self);
}

static const char *hang_up(http_test_server *server, const char *request) {
  (void)server;
  (void)request;
  return "";
}

static void test_http_client__tells_a_lost_answer_from_a_request_that_never_left(void **context) {
  (void)context;
  fixture self;
  ice_error err;
  begin(&self, hang_up, "/", 0);
  assert_int_equal(get(&self, &err), ICE_IO);
  assert_true((err.flags & ICE_ERROR_RETRYABLE) != 0);
  assert_true(self.response.maybe_sent);
  snprintf(self.url, sizeof self.url, "http://127.0.0.1:%u/?token=secret", http_test_closed_port());
  assert_int_equal(get(&self, &err), ICE_IO);
  assert_true((err.flags & ICE_ERROR_RETRYABLE) != 0);
  assert_false(self.response.maybe_sent);
  assert_null(strstr(err.message, "secret"));
  end(&self);
}

// Answers the first request and keeps the connection, over which the second one is lost.
static const char *answer_once(http_test_server *server, const char *request) {
  return server->requests == 1 ? greet(server, request) : hang_up(server, request);
}

static void test_http_client__a_request_that_changes_something_is_never_sent_twice(void **context) {
  (void)context;
  static const ice_http_method methods[] = {ICE_HTTP_POST, ICE_HTTP_PUT, ICE_HTTP_DELETE};
  for (size_t i = 0; i < ICE_COUNT_OF(methods); i++) {
    for (size_t size = 0; size < 2; size++) {
      fixture self;
      ice_error err;
      begin(&self, answer_once, "/", 0);
      assert_int_equal(get(&self, NULL), ICE_OK);
      const ice_http_request request = {.method = methods[i], .url = self.url, .body = ice_str_make("x", size)};
      assert_int_equal(ice_http_client_send(self.client, &request, &self.response, &err), ICE_IO);
      assert_true((err.flags & ICE_ERROR_RETRYABLE) != 0);
      assert_true(self.response.maybe_sent);
      assert_int_equal(self.server->requests, 2);
      end(&self);
    }
  }
}

// Stands for OpenSSL writing to a closed connection: the signal comes while a request is under way.
static const char *raise_signal(http_test_server *server, const char *request) {
  (void)request;
  pthread_t *asking = server->context;
  pthread_kill(*asking, SIGPIPE);
  return greet(server, request);
}

static void test_http_client__keeps_a_broken_pipe_from_the_host(void **context) {
  (void)context;
  fixture self;
  pthread_t own = pthread_self();
  begin(&self, raise_signal, "/", 0);
  self.server->context = &own;
  // Without the guard the default action ends the process here.
  assert_int_equal(get(&self, NULL), ICE_OK);
  sigset_t waiting;
  sigset_t mask;
  assert_int_equal(sigpending(&waiting), 0);
  assert_int_equal(sigismember(&waiting, SIGPIPE), 0);
  assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
  assert_int_equal(sigismember(&mask, SIGPIPE), 0);
  end(&self);
}

static const char *say_nothing(http_test_server *server, const char *request) {
  (void)server;
  (void)request;
  return NULL;
}

static void test_http_client__gives_up_after_silence(void **context) {
  (void)context;
  fixture self;
  ice_error err;
  begin(&self, say_nothing, "/", 1000);
  assert_int_equal(get(&self, &err), ICE_TIMEOUT);
  assert_true((err.flags & ICE_ERROR_RETRYABLE) != 0);
  assert_true(self.response.maybe_sent);
  end(&self);
}

static void test_http_client__ends_when_it_is_stopped(void **context) {
  (void)context;
  fixture self;
  ice_error err;
  begin(&self, say_nothing, "/", 30000);
  self.stop = true;
  assert_int_equal(get(&self, &err), ICE_CANCELLED);
  assert_int_equal(err.flags & ICE_ERROR_RETRYABLE, 0);
  end(&self);
}

static void test_http_client__refuses_requests_that_would_smuggle_or_leak(void **context) {
  (void)context;
  fixture self;
  begin(&self, greet, "/", 0);
  static const ice_http_header bad[] = {{ICE_STR_INIT("X"), ICE_STR_INIT("a\r\nHost: b")},
                                        {ICE_STR_INIT("X\n"), ICE_STR_INIT("a")},
                                        {ICE_STR_INIT("X:Y"), ICE_STR_INIT("a")},
                                        {ICE_STR_INIT(""), ICE_STR_INIT("a")}};
  for (size_t i = 0; i < ICE_COUNT_OF(bad); i++) {
    ice_http_request request = {.method = ICE_HTTP_GET, .url = self.url, .headers = &bad[i], .header_count = 1};
    assert_int_equal(ice_http_client_send(self.client, &request, &self.response, NULL), ICE_INVALID_ARGUMENT);
    assert_false(self.response.maybe_sent);
  }
  static const char *const urls[] = {"http://u:p@127.0.0.1/", "file:///etc/hostname", "gopher://127.0.0.1/"};
  for (size_t i = 0; i < ICE_COUNT_OF(urls); i++) {
    ice_http_request request = {.method = ICE_HTTP_GET, .url = urls[i]};
    assert_int_equal(ice_http_client_send(self.client, &request, &self.response, NULL), ICE_INVALID_ARGUMENT);
    assert_false(self.response.maybe_sent);
  }
  assert_int_equal(self.server->requests, 0);
  end(&self);
}

static void test_http_response_check__says_what_may_be_tried_again(void **context) {
  (void)context;
  static const struct {
    int32_t code;
    ice_status status;
    bool retryable;
  } cases[] = {{200, ICE_OK, false},   {204, ICE_OK, false},   {301, ICE_IO, false},        {400, ICE_IO, false},
               {401, ICE_AUTH, false}, {403, ICE_AUTH, false}, {404, ICE_NOT_FOUND, false}, {408, ICE_IO, true},
               {429, ICE_IO, true},    {500, ICE_IO, true},    {503, ICE_IO, true}};
  for (size_t i = 0; i < ICE_COUNT_OF(cases); i++) {
    ice_http_response response;
    ice_error err = {0};
    ice_http_response_init(&response, BODY_MAX);
    response.status = cases[i].code;
    assert_int_equal(ice_bytes_append_str(&response.body, ICE_STR("why\x01\n"), NULL), ICE_OK);
    assert_int_equal(ice_http_response_check(&response, "thing", &err), cases[i].status);
    assert_int_equal((err.flags & ICE_ERROR_RETRYABLE) != 0, cases[i].retryable);
    if (cases[i].status != ICE_OK) {
      assert_int_equal(err.origin_code, cases[i].code);
      assert_non_null(strstr(err.message, ": why  "));
    }
    ice_http_response_deinit(&response);
  }
}

static void test_http_first_readable__passes_over_what_is_not_there(void **state) {
  (void)state;
  const char *there = "/etc/passwd";
  assert_ptr_equal(ice_http_first_readable((const char *const[]){"/nowhere", there, "/etc/group", NULL}), there);
  assert_null(ice_http_first_readable((const char *const[]){"/nowhere", "/nor/here", NULL}));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_http_client__gives_status_headers_and_body),
      cmocka_unit_test(test_http_client__sends_methods_headers_bodies_and_credentials),
      cmocka_unit_test(test_http_client__gives_a_redirect_as_it_came),
      cmocka_unit_test(test_http_client__takes_no_body_beyond_its_limit),
      cmocka_unit_test(test_http_client__tells_a_lost_answer_from_a_request_that_never_left),
      cmocka_unit_test(test_http_client__a_request_that_changes_something_is_never_sent_twice),
      cmocka_unit_test(test_http_client__keeps_a_broken_pipe_from_the_host),
      cmocka_unit_test(test_http_client__gives_up_after_silence),
      cmocka_unit_test(test_http_client__ends_when_it_is_stopped),
      cmocka_unit_test(test_http_client__refuses_requests_that_would_smuggle_or_leak),
      cmocka_unit_test(test_http_response_check__says_what_may_be_tried_again),
      cmocka_unit_test(test_http_first_readable__passes_over_what_is_not_there),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
