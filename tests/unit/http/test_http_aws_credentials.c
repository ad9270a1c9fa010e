#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "failing_memory.h"
#include "http/http_aws_credentials.h"
#include "http_test_server.h"
#include "scratch_directory.h"

enum { VARIABLES_MAX = 12 };

static scratch directory;
static http_test_server *server;
static ice_aws_provider *provider;
static ice_port port;
static int64_t clock_us;
static char texts[VARIABLES_MAX][512];
static const char *names[VARIABLES_MAX];
static size_t variable_count;

static int64_t now_us(void *context) {
  (void)context;
  return clock_us;
}

static const char *variable(void *context, const char *name) {
  (void)context;
  for (size_t i = 0; i < variable_count; i++) {
    if (strcmp(names[i], name) == 0) {
      return texts[i];
    }
  }
  return NULL;
}

static void set(const char *name, const char *value) {
  for (size_t i = 0; i < variable_count; i++) {
    if (strcmp(names[i], name) == 0) {
      snprintf(texts[i], sizeof texts[i], "%s", value);
      return;
    }
  }
  assert_true(variable_count < VARIABLES_MAX);
  snprintf(texts[variable_count], sizeof texts[0], "%s", value);
  names[variable_count++] = name;
}

static int setup(void **state) {
  (void)state;
  scratch_create(&directory);
  variable_count = 0;
  server = NULL;
  provider = NULL;
  port = *ice_port_system();
  port.clock.now_us = now_us;
  clock_us = INT64_C(1767323045000000);  // 2026-01-02T03:04:05Z
  set("AWS_EC2_METADATA_DISABLED", "true");
  return 0;
}

static int teardown(void **state) {
  (void)state;
  ice_aws_provider_destroy(provider);
  if (server) {
    http_test_stop(server);
  }
  scratch_remove(&directory);
  return 0;
}

static void open_chain(const char *profile) {
  char host[64] = "";
  if (server) {
    http_test_url(server, "", host, sizeof host);
  }
  const ice_aws_chain_options options = {.port = &port,
                                         .variable = variable,
                                         .profile = ice_str_of(profile),
                                         .container_host = ice_str_of(server ? host : NULL)};
  assert_int_equal(ice_aws_provider_chain(&options, &provider, NULL), ICE_OK);
}

static void expect_key(const char *key, const char *secret, const char *token) {
  ice_aws_credentials found;
  ice_error err = {0};
  ice_status status = ice_aws_provider_get(provider, false, &found, &err);
  if (status != ICE_OK) {
    fail_msg("%s", err.message);
  }
  assert_true(ice_str_equal_c(found.access_key_id, key));
  assert_true(ice_str_equal_c(found.secret_access_key, secret));
  assert_int_equal(found.session_token.size, strlen(token));
  assert_memory_equal(found.session_token.data, token, strlen(token));
}

static void expect_failure(ice_status status, const char *text) {
  ice_aws_credentials found;
  ice_error err = {0};
  assert_int_equal(ice_aws_provider_get(provider, false, &found, &err), status);
  if (!strstr(err.message, text)) {
    fail_msg("%s", err.message);
  }
  assert_null(strstr(err.message, "hidden"));
}

static const char *write_file(const char *name, const char *text, char path[SCRATCH_PATH]) {
  scratch_path(&directory, name, path);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
  fclose(file);
  return path;
}

static void test_http_aws_credentials__fixed_ones_stay_as_they_are(void **state) {
  (void)state;
  char key[] = "A";
  const ice_aws_credentials given = {ice_str_of(key), ICE_STR("S"), ICE_STR("T"), 5};
  assert_int_equal(ice_aws_provider_fixed(&given, &provider, NULL), ICE_OK);
  key[0] = 'B';
  expect_key("A", "S", "T");
}

static void test_http_aws_credentials__the_environment_comes_first(void **state) {
  (void)state;
  set("AWS_ACCESS_KEY_ID", "A");
  set("AWS_SECRET_ACCESS_KEY", "hidden");
  set("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent");
  open_chain(NULL);
  expect_key("A", "hidden", "");
  // What was refused is read again.
  ice_aws_credentials found;
  set("AWS_SESSION_TOKEN", "T");
  expect_key("A", "hidden", "");
  assert_int_equal(ice_aws_provider_get(provider, true, &found, NULL), ICE_OK);
  expect_key("A", "hidden", "T");
}

static void test_http_aws_credentials__half_a_pair_is_named(void **state) {
  (void)state;
  set("AWS_SECRET_ACCESS_KEY", "hidden");
  open_chain(NULL);
  expect_failure(ICE_CORRUPT, "AWS_ACCESS_KEY_ID");
  set("AWS_ACCESS_KEY_ID", "A\nB");
  expect_failure(ICE_CORRUPT, "a byte that no credentials have");
}

static void test_http_aws_credentials__files_and_profiles_come_next(void **state) {
  (void)state;
  char path[SCRATCH_PATH];
  set("AWS_SHARED_CREDENTIALS_FILE",
      write_file("credentials",
                 "[default]\naws_access_key_id=A\naws_secret_access_key=S\n"
                 "[p]\naws_access_key_id=AP\naws_secret_access_key=SP\naws_session_token=TP\n",
                 path));
  open_chain(NULL);
  expect_key("A", "S", "");
  ice_aws_provider_destroy(provider);
  set("AWS_PROFILE", "p");
  open_chain(NULL);
  expect_key("AP", "SP", "TP");
  ice_aws_provider_destroy(provider);
  // A profile that a setting names goes before the environment.
  set("AWS_ACCESS_KEY_ID", "AE");
  set("AWS_SECRET_ACCESS_KEY", "SE");
  open_chain("default");
  expect_key("A", "S", "");
  ice_aws_provider_destroy(provider);
  open_chain("missing");
  expect_failure(ICE_AUTH, "\"missing\"");
}

static void test_http_aws_credentials__files_are_found_in_the_home_directory(void **state) {
  (void)state;
  char path[SCRATCH_PATH];
  scratch_path(&directory, ".aws", path);
  assert_int_equal(port.files.make_directories(NULL, path, NULL), ICE_OK);
  write_file(".aws/config", "[default]\naws_access_key_id=AH\naws_secret_access_key=SH\n", path);
  set("HOME", directory.path);
  open_chain(NULL);
  expect_key("AH", "SH", "");
}

static void test_http_aws_credentials__what_cannot_be_done_is_said(void **state) {
  (void)state;
  char path[SCRATCH_PATH];
  set("AWS_CONFIG_FILE", write_file("config", "[default]\ncredential_process = /bin/true hidden\n", path));
  open_chain(NULL);
  expect_failure(ICE_UNSUPPORTED, "credential_process");
  set("AWS_CONFIG_FILE", "/nonexistent");
  expect_failure(ICE_AUTH, "no AWS credentials");
}

static char expiration[32];

// Answers with the body alone, its length in front of it.
static const char *answer_with(const char *body) {
  static char text[4096];
  snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
  return text;
}

static const char *give_role(http_test_server *self, const char *request) {
  static char body[2048];
  (void)self;
  const char *role = strstr(request, "AssumeRoleWithWebIdentity&") ? "AssumeRoleWithWebIdentity" : "AssumeRole";
  snprintf(body, sizeof body,
           "<%sResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><%sResult><Credentials><AccessKeyId>ASTS"
           "</AccessKeyId><SecretAccessKey>SSTS</SecretAccessKey><SessionToken>TSTS</SessionToken><Expiration>%s"
           "</Expiration></Credentials></%sResult></%sResponse>",
           role, role, expiration, role, role);
  return answer_with(body);
}

static void start_sts(http_test_answer answer) {
  char url[64];
  server = http_test_start(answer, NULL);
  set("AWS_ENDPOINT_URL_STS", http_test_url(server, "", url, sizeof url));
  snprintf(expiration, sizeof expiration, "2026-01-02T04:04:05Z");
}

static void test_http_aws_credentials__a_web_identity_becomes_a_role(void **state) {
  (void)state;
  char path[SCRATCH_PATH];
  start_sts(give_role);
  set("AWS_WEB_IDENTITY_TOKEN_FILE", write_file("token", "to+ken/==\n", path));
  open_chain(NULL);
  expect_failure(ICE_AUTH, "AWS_ROLE_ARN");
  set("AWS_ROLE_ARN", "arn:aws:iam::1:role/r");
  expect_key("ASTS", "SSTS", "TSTS");
  assert_non_null(strstr(server->last,
                         "\r\n\r\nAction=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3A"
                         "iam%3A%3A1%3Arole%2Fr&RoleSessionName=icesink&WebIdentityToken=to%2Bken%2F%3D%3D"));
  assert_null(strstr(server->last, "uthorization:"));
  int requests = server->requests;
  expect_key("ASTS", "SSTS", "TSTS");
  assert_int_equal(server->requests, requests);
  // Renewed before they expire, with the token that is in the file then.
  write_file("token", "second", path);
  clock_us += INT64_C(56) * 60 * 1000000;
  expect_key("ASTS", "SSTS", "TSTS");
  assert_int_equal(server->requests, requests + 1);
  assert_non_null(strstr(server->last, "WebIdentityToken=second"));
  // A file that is gone is no reason to use other credentials than those that were meant.
  set("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent");
  ice_aws_credentials found;
  assert_int_equal(ice_aws_provider_get(provider, true, &found, NULL), ICE_AUTH);
}

static const char *refuse(http_test_server *self, const char *request) {
  (void)self;
  (void)request;
  return "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"
         "<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>hidden "
         "token</Message></Error></ErrorResponse>";
}

static void test_http_aws_credentials__a_refusal_is_named_without_its_text(void **state) {
  (void)state;
  char path[SCRATCH_PATH];
  start_sts(refuse);
  set("AWS_WEB_IDENTITY_TOKEN_FILE", write_file("token", "hidden", path));
  set("AWS_ROLE_ARN", "arn");
  open_chain(NULL);
  expect_failure(ICE_AUTH, "InvalidIdentityToken");
}

static void test_http_aws_credentials__a_profile_takes_on_a_role_with_the_keys_of_another(void **state) {
  (void)state;
  char path[SCRATCH_PATH];
  start_sts(give_role);
  set("AWS_SHARED_CREDENTIALS_FILE",
      write_file("credentials", "[base]\naws_access_key_id=AB\naws_secret_access_key=hidden\n", path));
  set("AWS_CONFIG_FILE", write_file("config",
                                    "[profile r]\nrole_arn=arn\nsource_profile=base\nexternal_id=x y\n"
                                    "[profile n]\nrole_arn=arn\nsource_profile=none\n",
                                    path));
  open_chain("r");
  expect_key("ASTS", "SSTS", "TSTS");
  assert_non_null(strstr(server->last,
                         "Action=AssumeRole&Version=2011-06-15&RoleArn=arn&RoleSessionName=icesink&ExternalId="
                         "x%20y"));
  assert_non_null(strstr(server->last, "Credential=AB/20260102/us-east-1/sts/aws4_request"));
  ice_aws_provider_destroy(provider);
  open_chain("n");
  expect_failure(ICE_AUTH, "\"none\" has no keys");
}

static ice_status take_on_a_role(ice_error *err) {
  const ice_aws_chain_options options = {.port = &port, .variable = variable, .profile = ICE_STR("r")};
  ice_aws_provider *chain = NULL;
  ice_aws_credentials found;
  ice_status status = ice_aws_provider_chain(&options, &chain, err);
  if (status == ICE_OK) {
    status = ice_aws_provider_get(chain, false, &found, err);
  }
  ice_aws_provider_destroy(chain);
  return status;
}

static void test_http_aws_credentials__every_allocation_may_fail(void **state) {
  (void)state;
  char path[SCRATCH_PATH];
  start_sts(give_role);
  set("AWS_SHARED_CREDENTIALS_FILE",
      write_file("credentials", "[base]\naws_access_key_id=AB\naws_secret_access_key=hidden\n", path));
  set("AWS_CONFIG_FILE", write_file("config", "[profile r]\nrole_arn=arn\nsource_profile=base\n", path));
  assert_true(torture(take_on_a_role) > 20);
}

static const char *give_container(http_test_server *self, const char *request) {
  (void)self;
  static char body[512];
  snprintf(
      body, sizeof body,
      "{\"RoleArn\": \"r\", \"AccessKeyId\": \"AC\", \"SecretAccessKey\": \"SC\", \"Token\": \"TC\", \"Expiration\": "
      "\"%s\"}",
      expiration);
  return strstr(request, "GET /creds/1?x=y HTTP") ? answer_with(body)
                                                  : "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n";
}

static void test_http_aws_credentials__a_container_has_an_endpoint(void **state) {
  (void)state;
  char path[SCRATCH_PATH];
  char url[64];
  server = http_test_start(give_container, NULL);
  snprintf(expiration, sizeof expiration, "2026-01-02T04:04:05Z");
  set("AWS_CONTAINER_CREDENTIALS_FULL_URI", http_test_url(server, "/creds/1?x=y", url, sizeof url));
  set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", write_file("token", "container-token\n", path));
  open_chain(NULL);
  expect_key("AC", "SC", "TC");
  assert_non_null(strstr(server->last, "\r\nauthorization: container-token\r\n"));
  ice_aws_provider_destroy(provider);
  set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "");
  set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/creds/1?x=y");
  open_chain(NULL);
  expect_key("AC", "SC", "TC");
  set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/other");
  ice_aws_credentials found;
  assert_int_equal(ice_aws_provider_get(provider, true, &found, NULL), ICE_AUTH);
}

static void test_http_aws_credentials__a_key_in_clear_text_stays_on_the_machine(void **state) {
  (void)state;
  static const char *const urls[] = {"http://example.com/",
                                     "http://127.0.0.1.example.com/",
                                     "http://localhost@example.com/",
                                     "http://localhost:x@example.com/",
                                     "http://169.254.170.3/",
                                     "ftp://127.0.0.1/",
                                     "http://"};
  open_chain(NULL);
  for (size_t i = 0; i < ICE_COUNT_OF(urls); i++) {
    set("AWS_CONTAINER_CREDENTIALS_FULL_URI", urls[i]);
    expect_failure(ICE_AUTH, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
  }
}

static bool instance_is_down;

// Version 2 alone: a request without the token is refused.
static const char *give_instance(http_test_server *self, const char *request) {
  (void)self;
  static char body[512];
  if (instance_is_down) {
    return "HTTP/1.1 503 Slow\r\nContent-Length: 0\r\n\r\n";
  }
  if (strncmp(request, "PUT /latest/api/token HTTP", 26) == 0) {
    return strstr(request, "x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n")
               ? answer_with("imds-token")
               : "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n";
  }
  if (!strstr(request, "x-aws-ec2-metadata-token: imds-token\r\n")) {
    return "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n";
  }
  if (strstr(request, "GET /latest/meta-data/iam/security-credentials/ HTTP")) {
    return answer_with("my/../role\nsecond\n");
  }
  snprintf(body, sizeof body,
           "{\"Code\": \"Success\", \"AccessKeyId\": \"AI\", \"SecretAccessKey\": \"SI\", \"Token\": \"TI\", "
           "\"Expiration\": \"%s\"}",
           expiration);
  // The role's name is one step of the path, whatever it holds.
  return strstr(request, "GET /latest/meta-data/iam/security-credentials/my%2F..%2Frole HTTP")
             ? answer_with(body)
             : "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n";
}

static void test_http_aws_credentials__an_instance_has_a_role(void **state) {
  (void)state;
  char url[64];
  ice_aws_credentials found;
  ice_error err;
  instance_is_down = false;
  server = http_test_start(give_instance, NULL);
  snprintf(expiration, sizeof expiration, "2026-01-02T04:04:05Z");
  set("AWS_EC2_METADATA_SERVICE_ENDPOINT", http_test_url(server, "/", url, sizeof url));
  open_chain(NULL);
  expect_failure(ICE_AUTH, "no AWS credentials");
  set("AWS_EC2_METADATA_DISABLED", "false");
  expect_key("AI", "SI", "TI");
  // While the endpoint does not answer, what is there goes on until it expires.
  instance_is_down = true;
  clock_us += INT64_C(58) * 60 * 1000000;
  expect_key("AI", "SI", "TI");
  clock_us += INT64_C(2) * 60 * 1000000;
  assert_int_equal(ice_aws_provider_get(provider, false, &found, &err), ICE_IO);
  assert_true((err.flags & ICE_ERROR_RETRYABLE) != 0);
  instance_is_down = false;
  snprintf(expiration, sizeof expiration, "2026-01-02T09:04:05Z");
  expect_key("AI", "SI", "TI");
}

static const char *give_nonsense(http_test_server *self, const char *request) {
  (void)self;
  static const char *const bodies[] = {
      "",
      "[]",
      "{\"AccessKeyId\": \"A\"}",
      "{\"AccessKeyId\": 1, \"SecretAccessKey\": \"S\"}",
      "{\"AccessKeyId\": \"A\\r\\nx: y\", \"SecretAccessKey\": \"S\"}",
      "{\"AccessKeyId\": \"A\", \"SecretAccessKey\": \"S\", \"Expiration\": \"soon\"}"};
  const char *number = strstr(request, "GET /");
  return answer_with(bodies[number[5] - '0']);
}

static void test_http_aws_credentials__an_answer_that_is_none_is_refused(void **state) {
  (void)state;
  char url[64];
  char path[] = "/0";
  server = http_test_start(give_nonsense, NULL);
  open_chain(NULL);
  for (; path[1] < '6'; path[1]++) {
    set("AWS_CONTAINER_CREDENTIALS_FULL_URI", http_test_url(server, path, url, sizeof url));
    expect_failure(ICE_CORRUPT, "");
  }
}

#define CASE(name) cmocka_unit_test_setup_teardown(test_http_aws_credentials__##name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(fixed_ones_stay_as_they_are),
      CASE(the_environment_comes_first),
      CASE(half_a_pair_is_named),
      CASE(files_and_profiles_come_next),
      CASE(files_are_found_in_the_home_directory),
      CASE(what_cannot_be_done_is_said),
      CASE(a_web_identity_becomes_a_role),
      CASE(a_refusal_is_named_without_its_text),
      CASE(a_profile_takes_on_a_role_with_the_keys_of_another),
      CASE(every_allocation_may_fail),
      CASE(a_container_has_an_endpoint),
      CASE(a_key_in_clear_text_stays_on_the_machine),
      CASE(an_instance_has_a_role),
      CASE(an_answer_that_is_none_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
