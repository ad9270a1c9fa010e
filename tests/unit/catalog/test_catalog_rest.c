#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "catalog/catalog_rest.h"
#include "catalog_test_support.h"
#include "http_test_server.h"
#include "store/store_memory.h"

/// What the server answers, one request after the other; each request has to hold a text.
typedef struct exchange {
  const char *expected;
  const char *answer;
} exchange;

typedef struct script {
  const exchange *exchanges;
  size_t count;
  size_t at;
  bool closes;        ///< every connection after its first answer: the server serves one at a time
  char problem[256];  ///< the first request that was not expected
  char answer[1 << 16];
} script;

#define BODY(status, text) "HTTP/1.1 " status "\r\nContent-Type: application/json\r\n\r\n" text
#define CONFIG BODY("200 OK", "{\"defaults\":{},\"overrides\":{}}")
#define METADATA                                                                                                 \
  "{\"format-version\":2,\"table-uuid\":\"93aa1dbb-cc70-4d17-9396-312407a8226f\",\"location\":\"memory://w/t\"," \
  "\"last-sequence-number\":0,\"last-updated-ms\":1,\"last-column-id\":1,\"schemas\":[{\"type\":\"struct\","     \
  "\"schema-id\":0,\"fields\":[{\"id\":1,\"name\":\"x\",\"required\":true,\"type\":\"long\"}]}],"                \
  "\"current-schema-id\":0,\"partition-specs\":[{\"spec-id\":0,\"fields\":[]}],\"default-spec-id\":0,"           \
  "\"last-partition-id\":999,\"sort-orders\":[{\"order-id\":0,\"fields\":[]}],\"default-sort-order-id\":0,"      \
  "\"properties\":{\"p\":\"v\"},\"current-snapshot-id\":-1}"
#define TABLE BODY("200 OK", "{\"metadata-location\":\"memory://w/t/metadata/1.json\",\"metadata\":" METADATA "}")
#define REFUSAL(status) \
  BODY(status, "{\"error\":{\"message\":\"no\\nway\",\"type\":\"SomeException\",\"code\":0,\"stack\":[\"at x\"]}}")

// Gives the next answer of the script, with the length of its body put in.
static const char *play(http_test_server *server, const char *request) {
  script *self = server->context;
  if (self->at == self->count) {
    snprintf(self->problem, sizeof self->problem, "one more: %.200s", request);
    return "";
  }
  const exchange *now = &self->exchanges[self->at++];
  if (!strstr(request, now->expected) && self->problem[0] == '\0') {
    snprintf(self->problem, sizeof self->problem, "not %.60s: %.150s", now->expected, request);
  }
  const char *body = strstr(now->answer, "\r\n\r\n");
  if (!body) {
    return now->answer;
  }
  snprintf(self->answer, sizeof self->answer, "%.*s%s\r\nContent-Length: %zu%s", (int)(body - now->answer),
           now->answer, self->closes ? "\r\nConnection: close" : "", strlen(body + 4), body);
  return self->answer;
}

/// A server with a script, and the catalog that asks it.
typedef struct fixture {
  script script;
  http_test_server *server;
  ice_catalog *catalog;
  char url[128];
} fixture;

// Waiting between attempts only moves this clock.
static int64_t fake_now_us = 1;
static int64_t fake_now(void *context) {
  (void)context;
  return fake_now_us;
}
static void fake_wait(void *context, int64_t us) {
  (void)context;
  fake_now_us += us > 0 ? us : 0;
}

static const ice_port *fake_port(void) {
  static ice_port port;
  port = *ice_port_system();
  port.clock = (ice_clock){.now_us = fake_now, .monotonic_us = fake_now, .wait_us = fake_wait};
  return &port;
}

static ice_status begin(fixture *self, const exchange *exchanges, size_t count, const ice_rest_options *more,
                        ice_error *err) {
  *self = (fixture){.script = {.exchanges = exchanges, .count = count}};
  self->server = http_test_start(play, &self->script);
  ice_rest_options options = more ? *more : (ice_rest_options){.delegate = true};
  self->script.closes = options.credential.size > 0;
  options.port = fake_port();
  options.uri = ice_str_of(http_test_url(self->server, "/api/", self->url, sizeof self->url));
  ice_rest_session *session = NULL;
  ice_status status = ice_rest_session_open(&options, &session, err);
  ice_store *store = NULL;
  if (status == ICE_OK) {
    assert_int_equal(ice_store_memory_open(&store, NULL), ICE_OK);
    status = ice_catalog_rest_open(session, store, NULL, &self->catalog, err);
  }
  return status;
}

static void end(fixture *self) {
  ice_catalog_destroy(self->catalog);
  http_test_stop(self->server);
  assert_string_equal(self->script.problem, "");
  assert_int_equal(self->script.at, self->script.count);
}

#define BEGIN(self, exchanges) \
  assert_int_equal(begin((self), (exchanges), ICE_COUNT_OF(exchanges), NULL, NULL), ICE_OK)

static void test_catalog_rest__addresses_have_prefix_and_separator_of_the_server(void **state) {
  (void)state;
  static const exchange exchanges[] = {
      {"GET /api/v1/config?warehouse=s3%3A%2F%2Flake%2Fw HTTP",
       BODY("200 OK", "{\"defaults\":{\"prefix\":\"main%7Cw\"},\"overrides\":{\"namespace-separator\":\"%2E\"}}")},
      {"GET /api/v1/main%7Cw/namespaces/a%20b%2Ec/tables/t%2Fu HTTP", TABLE}};
  fixture self;
  ice_table table;
  const ice_rest_options options = {.warehouse = ICE_STR("s3://lake/w"), .delegate = true};
  assert_int_equal(begin(&self, exchanges, ICE_COUNT_OF(exchanges), &options, NULL), ICE_OK);
  const ice_table_ident ident = {.namespace_name = ICE_STR("a b.c"), .name = ICE_STR("t/u")};
  assert_int_equal(ice_catalog_load_table(self.catalog, ident, &table, NULL), ICE_OK);
  assert_non_null(strstr(self.server->last, "X-Iceberg-Access-Delegation: vended-credentials,remote-signing\r\n"));
  assert_string_equal(table.metadata_location, "memory://w/t/metadata/1.json");
  assert_true(ice_str_equal_c(ice_table_property(table.metadata, ICE_STR("p")), "v"));
  assert_false(table.metadata->has_current_snapshot);
  ice_table_deinit(&table);
  end(&self);
}

static void test_catalog_rest__a_warehouse_in_hadoops_spelling_is_looked_up_in_the_usual_one_too(void **state) {
  (void)state;
  static const exchange exchanges[] = {{"warehouse=s3a%3A%2F%2Flake%2Fw", REFUSAL("404 Not Found")},
                                       {"warehouse=s3%3A%2F%2Flake%2Fw", CONFIG}};
  fixture self;
  const ice_rest_options options = {.warehouse = ICE_STR("s3a://lake/w")};
  assert_int_equal(begin(&self, exchanges, ICE_COUNT_OF(exchanges), &options, NULL), ICE_OK);
  end(&self);
}

static void test_catalog_rest__a_missing_table_is_told_in_the_known_words(void **state) {
  (void)state;
  static const exchange exchanges[] = {{"/config", CONFIG}, {"/tables/t", REFUSAL("404 Not Found")}};
  fixture self;
  ice_table table;
  ice_error err;
  BEGIN(&self, exchanges);
  assert_int_equal(ice_catalog_load_table(self.catalog, test_ident("t"), &table, &err), ICE_NOT_FOUND);
  assert_string_equal(err.message, "Table does not exist: db.t");
  end(&self);
}

static void test_catalog_rest__a_table_that_has_not_changed_is_not_sent_again(void **state) {
  (void)state;
  static const exchange exchanges[] = {
      {"/config", CONFIG},
      {"/tables/t",
       "HTTP/1.1 200 OK\r\nETag: \"one\"\r\n\r\n{\"metadata-location\":\"memory://w/t/metadata/1.json\","
       "\"metadata\":" METADATA "}"},
      {"If-None-Match: \"one\"\r\n", "HTTP/1.1 304 Not Modified\r\n\r\n"},
      {"If-None-Match: \"one\"\r\n", TABLE},
      {"/tables/t", REFUSAL("404 Not Found")}};
  fixture self;
  BEGIN(&self, exchanges);
  for (int i = 0; i < 3; i++) {
    ice_table table;
    assert_int_equal(ice_catalog_load_table(self.catalog, test_ident("t"), &table, NULL), ICE_OK);
    assert_string_equal(table.metadata_location, "memory://w/t/metadata/1.json");
    ice_table_deinit(&table);
  }
  // The last answer had no ETag, so there is nothing to ask with.
  ice_table table;
  assert_int_equal(ice_catalog_load_table(self.catalog, test_ident("t"), &table, NULL), ICE_NOT_FOUND);
  assert_null(strstr(self.server->last, "If-None-Match"));
  end(&self);
}

static void test_catalog_rest__renames_and_registers_tables(void **state) {
  (void)state;
  static const exchange exchanges[] = {
      {"/config", CONFIG},
      {"{\"source\":{\"namespace\":[\"db\"],\"name\":\"a\"},\"destination\":{\"namespace\":[\"db\"],\"name\":\"b\"}}",
       BODY("204 No Content", "")},
      {"POST /api/v1/tables/rename HTTP", REFUSAL("409 Conflict")},
      {"{\"name\":\"a\",\"metadata-location\":\"s3://w/1.json\"}", TABLE},
      {"POST /api/v1/namespaces/db/register HTTP", REFUSAL("404 Not Found")}};
  fixture self;
  BEGIN(&self, exchanges);
  const ice_str location = ICE_STR("s3://w/1.json");
  assert_int_equal(ice_catalog_rename_table(self.catalog, test_ident("a"), test_ident("b"), NULL), ICE_OK);
  assert_int_equal(ice_catalog_rename_table(self.catalog, test_ident("a"), test_ident("b"), NULL),
                   ICE_ALREADY_EXISTS);
  assert_int_equal(ice_catalog_register_table(self.catalog, test_ident("a"), location, NULL), ICE_OK);
  assert_int_equal(ice_catalog_register_table(self.catalog, test_ident("a"), location, NULL), ICE_NOT_FOUND);
  end(&self);
}

static void test_catalog_rest__sends_the_configured_headers_with_every_request(void **state) {
  (void)state;
  static const exchange exchanges[] = {{"x-realm: lake\r\n", CONFIG}, {"x-realm: lake\r\n", TABLE}};
  static const ice_http_header headers[] = {{ICE_STR_INIT("x-realm"), ICE_STR_INIT("lake")}};
  fixture self;
  ice_table table;
  const ice_rest_options options = {.headers = headers, .header_count = 1};
  assert_int_equal(begin(&self, exchanges, ICE_COUNT_OF(exchanges), &options, NULL), ICE_OK);
  assert_int_equal(ice_catalog_load_table(self.catalog, test_ident("t"), &table, NULL), ICE_OK);
  ice_table_deinit(&table);
  end(&self);
}

static void test_catalog_rest__requests_are_signed_for_aws(void **state) {
  (void)state;
  static const exchange exchanges[] = {{"AWS4-HMAC-SHA256 Credential=AKID/", CONFIG},
                                       {"/us-west-2/glue/aws4_request, SignedHeaders=", TABLE}};
  fixture self;
  ice_table table;
  setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
  setenv("AWS_SECRET_ACCESS_KEY", "grey-parrot", 1);
  const ice_rest_options options = {
      .sigv4 = true, .sigv4_region = ICE_STR("us-west-2"), .sigv4_service = ICE_STR("glue")};
  assert_int_equal(begin(&self, exchanges, ICE_COUNT_OF(exchanges), &options, NULL), ICE_OK);
  assert_int_equal(ice_catalog_load_table(self.catalog, test_ident("t"), &table, NULL), ICE_OK);
  assert_null(strstr(self.server->last, "parrot"));
  ice_table_deinit(&table);
  end(&self);
  unsetenv("AWS_ACCESS_KEY_ID");
  unsetenv("AWS_SECRET_ACCESS_KEY");
}

static void test_catalog_rest__a_refused_configuration_says_what_the_server_said(void **state) {
  (void)state;
  static const exchange exchanges[] = {{"/config", REFUSAL("403 Forbidden")}};
  fixture self;
  ice_error err;
  assert_int_equal(begin(&self, exchanges, 1, NULL, &err), ICE_AUTH);
  assert_non_null(strstr(err.message, "Failed to register Iceberg catalog: http://127.0.0.1"));
  assert_non_null(strstr(err.message, "HTTP status 403: SomeException: no way"));
  end(&self);
}

static void test_catalog_rest__reading_is_repeated_while_the_server_is_away(void **state) {
  (void)state;
  static const exchange exchanges[] = {{"/config", CONFIG},
                                       {"/tables/t", REFUSAL("503 Service Unavailable")},
                                       {"/tables/t", ""},
                                       {"/tables/t", TABLE}};
  fixture self;
  ice_table table;
  BEGIN(&self, exchanges);
  assert_int_equal(ice_catalog_load_table(self.catalog, test_ident("t"), &table, NULL), ICE_OK);
  ice_table_deinit(&table);
  end(&self);
}

static void test_catalog_rest__reading_is_not_repeated_for_ever(void **state) {
  (void)state;
  static const exchange away = {"/tables/t", REFUSAL("503 Service Unavailable")};
  const exchange exchanges[] = {{"/config", CONFIG}, away, away, away, away};
  fixture self;
  ice_table table;
  ice_error err;
  BEGIN(&self, exchanges);
  assert_int_equal(ice_catalog_load_table(self.catalog, test_ident("t"), &table, &err), ICE_IO);
  assert_true(err.flags & ICE_ERROR_RETRYABLE);
  assert_int_equal(err.origin_code, 503);
  end(&self);
}

static void test_catalog_rest__an_answer_that_is_no_table_is_corrupt(void **state) {
  (void)state;
  static const char *const answers[] = {BODY("200 OK", ""),
                                        BODY("200 OK", "[]"),
                                        BODY("200 OK", "{\"metadata\":"),
                                        BODY("200 OK", "{\"metadata-location\":\"x\"}"),
                                        BODY("200 OK", "{\"metadata-location\":\"x\",\"metadata\":{}}"),
                                        BODY("200 OK", "{\"metadata\":" METADATA "}")};
  for (size_t i = 0; i < ICE_COUNT_OF(answers); i++) {
    const exchange exchanges[] = {{"/config", CONFIG}, {"/tables/t", answers[i]}};
    fixture self;
    ice_table table;
    ice_error err;
    BEGIN(&self, exchanges);
    assert_int_equal(ice_catalog_load_table(self.catalog, test_ident("t"), &table, &err), ICE_CORRUPT);
    assert_non_null(strstr(err.message, "db.t"));
    end(&self);
  }
}

// Every answer to a commit, and what is known after it. Each is one request: a second one would be another commit.
static void test_catalog_rest__tells_a_commit_that_failed_from_one_that_may_have_happened(void **state) {
  (void)state;
  static const struct {
    const char *answer;
    ice_status status;
  } cases[] = {{BODY("200 OK", "{}"), ICE_OK},
               {BODY("200 OK", "no JSON"), ICE_OK},
               {BODY("204 No Content", ""), ICE_OK},
               {REFUSAL("400 Bad Request"), ICE_INVALID_ARGUMENT},
               {REFUSAL("401 Unauthorized"), ICE_AUTH},
               {REFUSAL("403 Forbidden"), ICE_AUTH},
               {REFUSAL("404 Not Found"), ICE_NOT_FOUND},
               {REFUSAL("408 Request Timeout"), ICE_COMMIT_UNKNOWN},
               {REFUSAL("409 Conflict"), ICE_CONFLICT},
               {REFUSAL("419 Authentication Timeout"), ICE_AUTH},
               {REFUSAL("422 Unprocessable"), ICE_INVALID_ARGUMENT},
               {REFUSAL("429 Too Many Requests"), ICE_IO},
               {REFUSAL("307 Temporary Redirect"), ICE_IO},
               {REFUSAL("500 Internal Server Error"), ICE_COMMIT_UNKNOWN},
               {REFUSAL("501 Not Implemented"), ICE_COMMIT_UNKNOWN},
               {REFUSAL("502 Bad Gateway"), ICE_COMMIT_UNKNOWN},
               {REFUSAL("503 Service Unavailable"), ICE_COMMIT_UNKNOWN},
               {REFUSAL("504 Gateway Timeout"), ICE_COMMIT_UNKNOWN},
               {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n", ICE_COMMIT_UNKNOWN},
               {"", ICE_COMMIT_UNKNOWN}};
  for (size_t i = 0; i < ICE_COUNT_OF(cases); i++) {
    const exchange exchanges[] = {{"/config", CONFIG}, {"POST /api/v1/namespaces/db/tables/t HTTP", cases[i].answer}};
    fixture self;
    ice_error err = {0};
    BEGIN(&self, exchanges);
    assert_int_equal(test_commit(self.catalog, "t", "v", "93aa1dbb-cc70-4d17-9396-312407a8226f", &err),
                     cases[i].status);
    assert_int_equal(err.status, cases[i].status);
    end(&self);
  }
}

static void test_catalog_rest__a_commit_to_a_server_that_is_not_there_did_not_happen(void **state) {
  (void)state;
  static const exchange exchanges[] = {{"/config", CONFIG}};
  fixture self;
  ice_error err;
  BEGIN(&self, exchanges);
  http_test_stop(self.server);
  assert_int_equal(test_commit(self.catalog, "t", "v", NULL, &err), ICE_IO);
  assert_true(err.flags & ICE_ERROR_RETRYABLE);
  self.server = http_test_start(play, &self.script);
  end(&self);
}

static void test_catalog_rest__a_commit_carries_identifier_requirements_and_updates(void **state) {
  (void)state;
  static const exchange exchanges[] = {{"/config", CONFIG}, {"POST", BODY("200 OK", "{}")}};
  fixture self;
  BEGIN(&self, exchanges);
  assert_int_equal(test_commit(self.catalog, "t", "v", "u", NULL), ICE_OK);
  assert_non_null(strstr(self.server->last, "Content-Type: application/json\r\n"));
  assert_string_equal(strstr(self.server->last, "\r\n\r\n") + 4,
                      "{\"identifier\":{\"namespace\":[\"db\"],\"name\":\"t\"},"
                      "\"requirements\":[{\"type\":\"assert-table-uuid\",\"uuid\":\"u\"}],"
                      "\"updates\":[{\"action\":\"set-properties\",\"updates\":{\"p\":\"v\"}}]}");
  assert_null(strstr(self.server->last, "Idempotency-Key"));
  end(&self);
}

static void test_catalog_rest__several_tables_are_one_request_where_the_server_decides_them_together(void **state) {
  (void)state;
  static const exchange nessie[] = {
      {"/config", BODY("200 OK", "{\"overrides\":{\"nessie.is-nessie-catalog\":\"true\"}}")},
      {"POST /api/v1/transactions/commit HTTP", BODY("204 No Content", "")}};
  fixture self;
  BEGIN(&self, nessie);
  assert_true(self.catalog->atomic);
  assert_int_equal(test_commit_two(self.catalog, "v", "u", NULL), ICE_OK);
  assert_non_null(
      strstr(self.server->last, "{\"table-changes\":[{\"identifier\":{\"namespace\":[\"db\"],\"name\":\"a\"}"));
  assert_non_null(
      strstr(self.server->last, "{\"identifier\":{\"namespace\":[\"db\"],\"name\":\"b\"},\"requirements\":[{"));
  end(&self);
}

static void test_catalog_rest__an_endpoint_for_transactions_proves_nothing(void **state) {
  (void)state;
  static const exchange exchanges[] = {
      {"/config", BODY("200 OK", "{\"endpoints\":[\"POST /v1/{prefix}/transactions/commit\"]}")}};
  fixture self;
  BEGIN(&self, exchanges);
  assert_false(self.catalog->atomic);
  assert_int_equal(test_commit_two(self.catalog, "v", NULL, NULL), ICE_UNSUPPORTED);
  end(&self);
}

static void test_catalog_rest__configuration_decides_against_what_the_server_says(void **state) {
  (void)state;
  static const exchange nessie[] = {
      {"/config", BODY("200 OK", "{\"overrides\":{\"nessie.is-nessie-catalog\":\"true\"}}")}};
  static const exchange plain[] = {{"/config", CONFIG}};
  const ice_rest_options no = {.atomic = ICE_REST_ATOMIC_NO};
  const ice_rest_options yes = {.atomic = ICE_REST_ATOMIC_YES};
  fixture self;
  assert_int_equal(begin(&self, nessie, 1, &no, NULL), ICE_OK);
  assert_false(self.catalog->atomic);
  end(&self);
  assert_int_equal(begin(&self, plain, 1, &yes, NULL), ICE_OK);
  assert_true(self.catalog->atomic);
  end(&self);
}

static void test_catalog_rest__commits_carry_a_key_of_their_own_where_the_server_wants_one(void **state) {
  (void)state;
  static const exchange exchanges[] = {{"/config", BODY("200 OK", "{\"idempotency-key-lifetime\":\"PT30M\"}")},
                                       {"POST", BODY("200 OK", "{}")},
                                       {"POST", BODY("200 OK", "{}")}};
  fixture self;
  char keys[2][37];
  fake_now_us = INT64_C(0x0123456789AB) * 1000;
  BEGIN(&self, exchanges);
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(test_commit(self.catalog, "t", "v", NULL, NULL), ICE_OK);
    const char *key = strstr(self.server->last, "Idempotency-Key: ");
    assert_non_null(key);
    snprintf(keys[i], sizeof keys[i], "%.36s", key + strlen("Idempotency-Key: "));
    assert_memory_equal(keys[i], "01234567-89ab-7", 15);
  }
  assert_string_not_equal(keys[0], keys[1]);
  end(&self);
}

// Tokens ------------------------------------------------------------------------------------------------------------

#define TOKEN(text) BODY("200 OK", "{\"access_token\":\"" text "\",\"token_type\":\"bearer\",\"expires_in\":3600}")

static void test_catalog_rest__a_refused_token_is_renewed_once_for_a_commit_too(void **state) {
  (void)state;
  static const exchange exchanges[] = {
      {"POST /api/v1/oauth/tokens HTTP", TOKEN("first")},
      {"Authorization: Bearer first\r\n", CONFIG},
      {"Authorization: Bearer first\r\n", REFUSAL("419 Authentication Timeout")},
      {"grant_type=client_credentials&client_id=me&client_secret=a%3Ab&scope=all", TOKEN("second")},
      {"Authorization: Bearer second\r\n", BODY("200 OK", "{}")}};
  fixture self;
  const ice_rest_options options = {.credential = ICE_STR("me:a:b"), .scope = ICE_STR("all")};
  assert_int_equal(begin(&self, exchanges, ICE_COUNT_OF(exchanges), &options, NULL), ICE_OK);
  assert_int_equal(test_commit(self.catalog, "t", "v", NULL, NULL), ICE_OK);
  end(&self);
}

static void test_catalog_rest__a_token_that_stays_refused_is_an_error_without_the_secret(void **state) {
  (void)state;
  static const exchange exchanges[] = {{"POST", TOKEN("first")},
                                       {"GET", REFUSAL("401 Unauthorized")},
                                       {"POST", TOKEN("second")},
                                       {"GET", REFUSAL("401 Unauthorized")}};
  fixture self;
  ice_error err;
  const ice_rest_options options = {.credential = ICE_STR("me:grey-parrot")};
  assert_int_equal(begin(&self, exchanges, ICE_COUNT_OF(exchanges), &options, &err), ICE_AUTH);
  assert_null(strstr(err.message, "parrot"));
  assert_null(strstr(err.message, "second"));
  end(&self);
}

static void test_catalog_rest__a_token_without_a_secret_is_exchanged(void **state) {
  (void)state;
  static const exchange exchanges[] = {{"Authorization: Bearer given\r\n", REFUSAL("401 Unauthorized")},
                                       {"token-exchange&subject_token=given&subject_token_type=", TOKEN("fresh")},
                                       {"Authorization: Bearer fresh\r\n", CONFIG}};
  fixture self = {.catalog = NULL};
  char endpoint[128];
  self.server = http_test_start(play, &self.script);
  snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u/tokens", self.server->port);
  self.script = (script){.exchanges = exchanges, .count = ICE_COUNT_OF(exchanges), .closes = true};
  char url[128];
  const ice_rest_options options = {.port = fake_port(),
                                    .uri = ice_str_of(http_test_url(self.server, "/api", url, sizeof url)),
                                    .token = ICE_STR("given"),
                                    .oauth2_server_uri = ice_str_of(endpoint)};
  ice_rest_session *session = NULL;
  assert_int_equal(ice_rest_session_open(&options, &session, NULL), ICE_OK);
  ice_rest_session_destroy(session);
  end(&self);
}

static void test_catalog_rest__a_token_about_to_expire_is_renewed_before_it_is_used(void **state) {
  (void)state;
  static const exchange exchanges[] = {{"POST", TOKEN("first")},
                                       {"Authorization: Bearer first\r\n", CONFIG},
                                       {"POST", TOKEN("second")},
                                       {"Authorization: Bearer second\r\n", TABLE}};
  fixture self;
  ice_table table;
  const ice_rest_options options = {.credential = ICE_STR("me:secret")};
  assert_int_equal(begin(&self, exchanges, ICE_COUNT_OF(exchanges), &options, NULL), ICE_OK);
  fake_now_us += INT64_C(3599) * 1000000;
  assert_int_equal(ice_catalog_load_table(self.catalog, test_ident("t"), &table, NULL), ICE_OK);
  ice_table_deinit(&table);
  end(&self);
}

// Lists and tables --------------------------------------------------------------------------------------------------

static ice_status append_name(void *context, ice_str name, ice_error *err) {
  (void)err;
  strncat(context, name.data, name.size);
  strcat(context, " ");
  return ICE_OK;
}

static void test_catalog_rest__reads_all_pages_of_a_list_in_order(void **state) {
  (void)state;
  static const exchange exchanges[] = {
      {"/config", CONFIG},
      {"GET /api/v1/namespaces/db/tables?pageToken= HTTP",
       BODY("200 OK", "{\"identifiers\":[{\"namespace\":[\"db\"],\"name\":\"b\"}],\"next-page-token\":\"a/b\"}")},
      {"GET /api/v1/namespaces/db/tables?pageToken=a%2Fb HTTP",
       BODY("200 OK", "{\"identifiers\":[{\"namespace\":[\"db\"],\"name\":\"a\"}],\"next-page-token\":null}")}};
  fixture self;
  char seen[64] = "";
  BEGIN(&self, exchanges);
  assert_int_equal(ice_catalog_list_tables(self.catalog, ICE_STR("db"), append_name, seen, NULL), ICE_OK);
  assert_string_equal(seen, "a b ");
  end(&self);
}

static void test_catalog_rest__lists_namespaces_below_namespaces(void **state) {
  (void)state;
  static const exchange exchanges[] = {
      {"/config", CONFIG},
      {"GET /api/v1/namespaces?pageToken= HTTP", BODY("200 OK", "{\"namespaces\":[[\"b\"],[\"a\"]]}")},
      {"GET /api/v1/namespaces?parent=b&pageToken= HTTP", BODY("200 OK", "{\"namespaces\":[]}")},
      {"GET /api/v1/namespaces?parent=a&pageToken= HTTP", BODY("200 OK", "{\"namespaces\":[[\"a\",\"c\"]]}")},
      {"GET /api/v1/namespaces?parent=a%1Fc&pageToken= HTTP", REFUSAL("400 Bad Request")}};
  fixture self;
  char seen[64] = "";
  BEGIN(&self, exchanges);
  assert_int_equal(ice_catalog_list_namespaces(self.catalog, append_name, seen, NULL), ICE_OK);
  assert_string_equal(seen, "a a.c b ");
  end(&self);
}

static void test_catalog_rest__creates_tables_and_says_what_stands_in_the_way(void **state) {
  (void)state;
  static const struct {
    const char *answer;
    ice_status status;
  } cases[] = {{TABLE, ICE_OK},
               {REFUSAL("409 Conflict"), ICE_ALREADY_EXISTS},
               {REFUSAL("404 Not Found"), ICE_NOT_FOUND},
               {REFUSAL("500 Internal Server Error"), ICE_COMMIT_UNKNOWN},
               {"", ICE_COMMIT_UNKNOWN}};
  for (size_t i = 0; i < ICE_COUNT_OF(cases); i++) {
    const exchange exchanges[] = {{"/config", CONFIG}, {"POST /api/v1/namespaces/db/tables HTTP", cases[i].answer}};
    fixture self;
    BEGIN(&self, exchanges);
    assert_int_equal(test_create(self.catalog, "t", NULL), cases[i].status);
    assert_non_null(strstr(self.server->last, "\"stage-create\":false"));
    assert_non_null(strstr(self.server->last, "\"format-version\":\"2\""));
    end(&self);
  }
}

static void test_catalog_rest__a_namespace_that_is_there_is_fine(void **state) {
  (void)state;
  static const exchange exchanges[] = {
      {"/config", CONFIG},
      {"{\"namespace\":[\"a\",\"b\"],\"properties\":{}}", REFUSAL("409 Conflict")},
      {"DELETE /api/v1/namespaces/db/tables/t?purgeRequested=false HTTP", BODY("204 No Content", "")}};
  fixture self;
  BEGIN(&self, exchanges);
  assert_int_equal(ice_catalog_create_namespace(self.catalog, ICE_STR("a.b"), NULL), ICE_OK);
  assert_int_equal(ice_catalog_drop_table(self.catalog, test_ident("t"), NULL), ICE_OK);
  end(&self);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_catalog_rest__addresses_have_prefix_and_separator_of_the_server),
      cmocka_unit_test(test_catalog_rest__a_warehouse_in_hadoops_spelling_is_looked_up_in_the_usual_one_too),
      cmocka_unit_test(test_catalog_rest__a_missing_table_is_told_in_the_known_words),
      cmocka_unit_test(test_catalog_rest__a_table_that_has_not_changed_is_not_sent_again),
      cmocka_unit_test(test_catalog_rest__renames_and_registers_tables),
      cmocka_unit_test(test_catalog_rest__sends_the_configured_headers_with_every_request),
      cmocka_unit_test(test_catalog_rest__requests_are_signed_for_aws),
      cmocka_unit_test(test_catalog_rest__a_refused_configuration_says_what_the_server_said),
      cmocka_unit_test(test_catalog_rest__reading_is_repeated_while_the_server_is_away),
      cmocka_unit_test(test_catalog_rest__reading_is_not_repeated_for_ever),
      cmocka_unit_test(test_catalog_rest__an_answer_that_is_no_table_is_corrupt),
      cmocka_unit_test(test_catalog_rest__tells_a_commit_that_failed_from_one_that_may_have_happened),
      cmocka_unit_test(test_catalog_rest__a_commit_to_a_server_that_is_not_there_did_not_happen),
      cmocka_unit_test(test_catalog_rest__a_commit_carries_identifier_requirements_and_updates),
      cmocka_unit_test(test_catalog_rest__several_tables_are_one_request_where_the_server_decides_them_together),
      cmocka_unit_test(test_catalog_rest__an_endpoint_for_transactions_proves_nothing),
      cmocka_unit_test(test_catalog_rest__configuration_decides_against_what_the_server_says),
      cmocka_unit_test(test_catalog_rest__commits_carry_a_key_of_their_own_where_the_server_wants_one),
      cmocka_unit_test(test_catalog_rest__a_refused_token_is_renewed_once_for_a_commit_too),
      cmocka_unit_test(test_catalog_rest__a_token_that_stays_refused_is_an_error_without_the_secret),
      cmocka_unit_test(test_catalog_rest__a_token_without_a_secret_is_exchanged),
      cmocka_unit_test(test_catalog_rest__a_token_about_to_expire_is_renewed_before_it_is_used),
      cmocka_unit_test(test_catalog_rest__reads_all_pages_of_a_list_in_order),
      cmocka_unit_test(test_catalog_rest__lists_namespaces_below_namespaces),
      cmocka_unit_test(test_catalog_rest__creates_tables_and_says_what_stands_in_the_way),
      cmocka_unit_test(test_catalog_rest__a_namespace_that_is_there_is_fine),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
