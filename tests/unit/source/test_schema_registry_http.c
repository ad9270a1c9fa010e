#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http_test_server.h"
#include "source/schema_registry_http.h"

typedef struct fixture {
  http_test_server *server;
  ice_schema_registry *registry;
  ice_schema_language language;
  ice_bytes text;
} fixture;

static void begin(fixture *self, http_test_answer answer, const char *path) {
  char url[128];
  self->server = http_test_start(answer, NULL);
  http_test_url(self->server, path, url, sizeof url);
  ice_schema_registry_http_options options = {.url = ice_str_of(url)};
  assert_int_equal(ice_schema_registry_http_open(&options, &self->registry, NULL), ICE_OK);
  ice_bytes_init(&self->text, ICE_REGISTRY_SCHEMA_MAX);
}

static void end(fixture *self) {
  ice_schema_registry_destroy(self->registry);
  ice_bytes_deinit(&self->text);
  http_test_stop(self->server);
}

// Gives answers to /schemas/ids/N by N, and a list of subjects.
static const char *registry_answers(http_test_server *server, const char *request) {
  (void)server;
  static const struct {
    const char *path;
    const char *answer;
  } answers[] = {
      {"/base/v7/schemas/ids/1 ",
       "HTTP/1.1 200 OK\r\nContent-Length: 29\r\n\r\n{\"schema\":\"\\\"string\\\"\",\"i\":1}"},
      {"/base/v7/schemas/ids/2 ",
       "HTTP/1.1 404 Not Found\r\nContent-Length: 42\r\n\r\n{\"error_code\":40403,\"message\":\"not found\"}"},
      {"/base/v7/schemas/ids/3 ", "HTTP/1.1 404 Not Found\r\nContent-Length: 18\r\n\r\n{\"error_code\":404}"},
      {"/base/v7/schemas/ids/4 ", "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot here\n"},
      {"/base/v7/schemas/ids/5 ", "HTTP/1.1 500 Oh\r\nContent-Length: 20\r\n\r\n{\"error_code\":50001}"},
      {"/base/v7/schemas/ids/6 ", "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"},
      {"/base/v7/schemas/ids/7 ", "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>"},
      {"/base/v7/schemas/ids/8 ", "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"schema\":7}"},
      {"/base/v7/schemas/ids/9 ", "HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n"},
      {"/base/v7/schemas/ids/4294967295 ", "HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n"},
      {"/base/v7/schemas/ids/10 ", "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"},
      {"/base/v7/schemas/ids/20 ",
       "HTTP/1.1 200 OK\r\nContent-Length: 34\r\n\r\n{\"schema\":\"1\",\"schemaType\":\"AVRO\"}"},
      {"/base/v7/schemas/ids/21 ",
       "HTTP/1.1 200 OK\r\nContent-Length: 34\r\n\r\n{\"schema\":\"1\",\"schemaType\":\"JSON\"}"},
      {"/base/v7/schemas/ids/22 ",
       "HTTP/1.1 200 OK\r\nContent-Length: 38\r\n\r\n{\"schema\":\"1\",\"schemaType\":\"PROTOBUF\"}"},
      {"/base/v7/subjects ", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"},
      {"/wrong/schemas/ids/3 ", "HTTP/1.1 404 Not Found\r\nContent-Length: 18\r\n\r\n{\"error_code\":404}"},
      {"/wrong/subjects ", "HTTP/1.1 404 Not Found\r\nContent-Length: 18\r\n\r\n{\"error_code\":404}"},
  };
  for (size_t i = 0; i < ICE_COUNT_OF(answers); i++) {
    if (strncmp(request, "GET ", 4) == 0 && strncmp(request + 4, answers[i].path, strlen(answers[i].path)) == 0) {
      return answers[i].answer;
    }
  }
  return "";
}

static void test_schema_registry_http__gives_the_text_of_a_schema(void **context) {
  (void)context;
  fixture self;
  begin(&self, registry_answers, "/base/v7/");
  assert_int_equal(ice_schema_registry_find(self.registry, 1, &self.language, &self.text, NULL), ICE_OK);
  assert_int_equal(self.text.size, 8);
  assert_memory_equal(self.text.data, "\"string\"", 8);
  assert_int_equal(self.language, ICE_SCHEMA_AVRO);
  assert_int_equal(ice_schema_registry_http_probe(self.registry, NULL), ICE_OK);
  end(&self);
}

static void test_schema_registry_http__tells_the_language_of_a_schema(void **context) {
  (void)context;
  static const ice_schema_language languages[] = {ICE_SCHEMA_AVRO, ICE_SCHEMA_JSON, ICE_SCHEMA_OTHER};
  fixture self;
  begin(&self, registry_answers, "/base/v7");
  for (uint32_t i = 0; i < ICE_COUNT_OF(languages); i++) {
    self.language = ICE_SCHEMA_OTHER;
    assert_int_equal(ice_schema_registry_find(self.registry, 20 + i, &self.language, &self.text, NULL), ICE_OK);
    assert_int_equal(self.language, languages[i]);
  }
  end(&self);
}

static void test_schema_registry_http__calls_an_id_unknown_only_when_the_registry_says_so(void **context) {
  (void)context;
  static const struct {
    uint32_t id;
    ice_status status;
    bool retryable;
  } cases[] = {{2, ICE_NOT_FOUND, false}, {3, ICE_NOT_FOUND, false}, {4, ICE_IO, true},         {5, ICE_IO, true},
               {6, ICE_AUTH, false},      {7, ICE_CORRUPT, true},    {8, ICE_CORRUPT, true},    {9, ICE_IO, true},
               {10, ICE_IO, true},        {11, ICE_IO, true},        {UINT32_MAX, ICE_IO, true}};
  fixture self;
  begin(&self, registry_answers, "/base/v7");
  for (size_t i = 0; i < ICE_COUNT_OF(cases); i++) {
    ice_error err = {0};
    assert_int_equal(ice_schema_registry_find(self.registry, cases[i].id, &self.language, &self.text, &err),
                     cases[i].status);
    assert_int_equal((err.flags & ICE_ERROR_RETRYABLE) != 0, cases[i].retryable);
    assert_int_equal(self.text.size, 0);
  }
  end(&self);
}

static void test_schema_registry_http__does_not_blame_the_id_for_a_wrong_path(void **context) {
  (void)context;
  fixture self;
  ice_error err = {0};
  begin(&self, registry_answers, "/wrong");
  assert_int_equal(ice_schema_registry_find(self.registry, 3, &self.language, &self.text, &err), ICE_IO);
  assert_true((err.flags & ICE_ERROR_RETRYABLE) != 0);
  assert_non_null(strstr(err.message, "path of the URL"));
  assert_int_equal(ice_schema_registry_http_probe(self.registry, &err), ICE_NOT_FOUND);
  end(&self);
}

static void test_schema_registry_http__sends_credentials_and_never_shows_them(void **context) {
  (void)context;
  char url[128];
  http_test_server *server = http_test_start(registry_answers, NULL);
  snprintf(url, sizeof url, "http://me:sec%%72et@127.0.0.1:%u/base/v7", server->port);
  ice_schema_registry_http_options options = {.url = ice_str_of(url)};
  ice_schema_registry *registry;
  ice_schema_language language;
  ice_bytes text;
  ice_bytes_init(&text, 1000);
  assert_int_equal(ice_schema_registry_http_open(&options, &registry, NULL), ICE_OK);
  assert_int_equal(ice_schema_registry_find(registry, 1, &language, &text, NULL), ICE_OK);
  assert_non_null(strstr(server->last, "\r\nAuthorization: Basic bWU6c2VjcmV0\r\n"));
  ice_schema_registry_destroy(registry);
  // Credentials of their own stand in place of the URL's.
  options.user = ICE_STR("you");
  options.password = ICE_STR("other");
  assert_int_equal(ice_schema_registry_http_open(&options, &registry, NULL), ICE_OK);
  assert_int_equal(ice_schema_registry_find(registry, 1, &language, &text, NULL), ICE_OK);
  assert_non_null(strstr(server->last, "\r\nAuthorization: Basic eW91Om90aGVy\r\n"));
  http_test_stop(server);
  ice_error err = {0};
  assert_int_equal(ice_schema_registry_find(registry, 1, &language, &text, &err), ICE_IO);
  assert_null(strstr(err.message, "secret"));
  assert_null(strstr(err.message, "sec%72et"));
  ice_schema_registry_destroy(registry);
  ice_bytes_deinit(&text);
}

static void test_schema_registry_http__refuses_other_urls(void **context) {
  (void)context;
  ice_schema_registry *registry = (ice_schema_registry *)(uintptr_t)1;
  ice_error err = {0};
  ice_schema_registry_http_options options = {.url = ICE_STR("ftp://user:secret@host")};
  assert_int_equal(ice_schema_registry_http_open(&options, &registry, &err), ICE_INVALID_ARGUMENT);
  assert_null(registry);
  assert_non_null(strstr(err.message, "source.decode.registry"));
  assert_null(strstr(err.message, "secret"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_schema_registry_http__gives_the_text_of_a_schema),
      cmocka_unit_test(test_schema_registry_http__tells_the_language_of_a_schema),
      cmocka_unit_test(test_schema_registry_http__calls_an_id_unknown_only_when_the_registry_says_so),
      cmocka_unit_test(test_schema_registry_http__does_not_blame_the_id_for_a_wrong_path),
      cmocka_unit_test(test_schema_registry_http__sends_credentials_and_never_shows_them),
      cmocka_unit_test(test_schema_registry_http__refuses_other_urls),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
