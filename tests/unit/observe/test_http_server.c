#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include "http/http_client.h"
#include "observe/http_server.h"

typedef struct fixture {
  ice_http_status status;
  ice_http_server *server;
  ice_http_client *client;
  ice_http_response response;
} fixture;

static void begin(fixture *self) {
  memset(self, 0, sizeof *self);
  ice_http_options options = {0};
  assert_int_equal(ice_metrics_create(&self->status.metrics, NULL), ICE_OK);
  assert_int_equal(ice_http_server_start(ICE_STR("127.0.0.1:0"), &self->status, &self->server, NULL), ICE_OK);
  assert_int_equal(ice_http_client_create(&options, &self->client, NULL), ICE_OK);
  ice_http_response_init(&self->response, 1 << 20);
}

static void end(fixture *self) {
  ice_http_client_destroy(self->client);
  ice_http_response_deinit(&self->response);
  ice_http_server_destroy(self->server);
  ice_metrics_destroy(self->status.metrics);
}

static int32_t ask(fixture *self, ice_http_method method, const char *path) {
  char url[128];
  snprintf(url, sizeof url, "http://127.0.0.1:%u%s", ice_http_server_port(self->server), path);
  ice_http_request request = {.method = method, .url = url, .body = ICE_STR("body")};
  assert_int_equal(ice_http_client_send(self->client, &request, &self->response, NULL), ICE_OK);
  return self->response.status;
}

static void test_http_server__serves_metrics_health_and_readiness(void **context) {
  (void)context;
  fixture self;
  begin(&self);
  assert_int_equal(ask(&self, ICE_HTTP_GET, "/healthz"), 200);
  assert_int_equal(ask(&self, ICE_HTTP_GET, "/readyz"), 503);
  self.status.ready = true;
  assert_int_equal(ask(&self, ICE_HTTP_GET, "/readyz"), 200);
  self.status.ready = false;
  assert_int_equal(ask(&self, ICE_HTTP_GET, "/readyz"), 503);
  ice_metrics_set(self.status.metrics, "numRecordsOut", (ice_str){0}, 12);
  assert_int_equal(ask(&self, ICE_HTTP_GET, "/metrics"), 200);
  assert_non_null(strstr(ice_bytes_c_str(&self.response.body, NULL), "\nnumRecordsOut 12\n"));
  ice_str type = ice_http_response_header(&self.response, "content-type");
  assert_true(ice_str_starts_with(type, ICE_STR("text/plain; version=0.0.4")));
  end(&self);
}

static void test_http_server__serves_nothing_else(void **context) {
  (void)context;
  static const ice_http_method methods[] = {ICE_HTTP_POST, ICE_HTTP_PUT, ICE_HTTP_DELETE, ICE_HTTP_HEAD};
  fixture self;
  begin(&self);
  for (size_t i = 0; i < ICE_COUNT_OF(methods); i++) {
    assert_int_equal(ask(&self, methods[i], "/metrics"), 405);
    ice_str allow = ice_http_response_header(&self.response, "allow");
    assert_true(ice_str_equal_c(allow, "GET"));
  }
  assert_int_equal(ask(&self, ICE_HTTP_GET, "/"), 404);
  assert_int_equal(ask(&self, ICE_HTTP_GET, "/metrics/"), 404);
  assert_int_equal(ask(&self, ICE_HTTP_GET, "/../metrics"), 404);
  end(&self);
}

static void test_http_server__says_when_the_address_is_taken_or_none(void **context) {
  (void)context;
  static const char *const bad[] = {"",     "host:", "127.0.0.1:65536", "127.0.0.1:-1", "1:2:3", "127.0.0.1:80x",
                                    "[::1]"};
  fixture self;
  begin(&self);
  char address[32];
  ice_http_server *second = NULL;
  snprintf(address, sizeof address, "%u", ice_http_server_port(self.server));
  assert_int_equal(ice_http_server_start(ice_str_of(address), &self.status, &second, NULL), ICE_IO);
  assert_null(second);
  for (size_t i = 0; i < ICE_COUNT_OF(bad); i++) {
    assert_int_equal(ice_http_server_start(ice_str_of(bad[i]), &self.status, &second, NULL), ICE_INVALID_ARGUMENT);
    assert_null(second);
  }
  assert_int_equal(ice_http_server_start(ICE_STR(":0"), &self.status, &second, NULL), ICE_OK);
  ice_http_server_destroy(second);
  end(&self);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_http_server__serves_metrics_health_and_readiness),
      cmocka_unit_test(test_http_server__serves_nothing_else),
      cmocka_unit_test(test_http_server__says_when_the_address_is_taken_or_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
