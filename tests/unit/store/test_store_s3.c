#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "failing_memory.h"
#include "http_test_server.h"
#include "store/store_s3.h"

enum { PART = ICE_S3_PART_SIZE_MIN };

static http_test_server *server;
static char endpoint[64];

// What a server answers that has one object of ten bytes, takes every other, and forgets them.
static const char *answer(http_test_server *self, const char *request) {
#define BODY(text) \
  "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nConnection: keep-alive\r\nContent-Length: %zu\r\n\r\n%s", sizeof(text) - 1, text
  static char text[2048];
  (void)self;
  if (strncmp(request, "GET", 3) == 0 && strstr(request, "list-type=2")) {
    snprintf(text, sizeof text,
             BODY("<ListBucketResult><Contents><Key>t/k</Key><Size>10</Size></Contents></ListBucketResult>"));
  } else if (strncmp(request, "POST", 4) == 0 && strstr(request, "?uploads= ")) {
    snprintf(text, sizeof text,
             BODY("<InitiateMultipartUploadResult><UploadId>id</UploadId></InitiateMultipartUploadResult>"));
  } else if (strncmp(request, "POST", 4) == 0) {
    snprintf(text, sizeof text,
             BODY("<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>"));
  } else if (strncmp(request, "GET", 3) == 0) {
    snprintf(text, sizeof text,
             "HTTP/1.1 206 Part\r\nContent-Range: bytes 0-9/10\r\nContent-Length: 10\r\n\r\n0123456789");
  } else if (strncmp(request, "HEAD", 4) == 0) {
    snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
  } else if (strncmp(request, "DELETE", 6) == 0) {
    snprintf(text, sizeof text, "HTTP/1.1 204 Gone\r\n\r\n");
  } else {
    snprintf(text, sizeof text, BODY(""));
  }
  return text;
}

static int setup(void **state) {
  (void)state;
  server = http_test_start(answer, NULL);
  http_test_url(server, "", endpoint, sizeof endpoint);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  http_test_stop(server);
  return 0;
}

// One request at a time: the server takes one connection after the other.
static ice_store_s3_options options_of(const ice_str *root) {
  return (ice_store_s3_options){.port = ice_port_system(),
                                .endpoint = ice_str_of(endpoint),
                                .path_style = true,
                                .roots = root,
                                .root_count = 1,
                                .part_size = PART,
                                .requests_max = 1,
                                .retries = 1};
}

static ice_status open_store(ice_store **out, ice_error *err) {
  static const ice_str root = ICE_STR_INIT("s3://bucket");
  const ice_store_s3_options options = options_of(&root);
  const ice_aws_credentials keys = {.access_key_id = ICE_STR("A"), .secret_access_key = ICE_STR("S")};
  ice_aws_provider *provider = NULL;
  *out = NULL;
  ice_status status = ice_aws_provider_fixed(&keys, &provider, err);
  return status == ICE_OK ? ice_store_s3_open(&options, provider, out, err) : status;
}

static ice_status see(void *context, const ice_object_info *info, ice_error *err) {
  (void)err;
  *(bool *)context = ice_str_equal_c(info->location, "s3a://bucket/t/k");
  return ICE_OK;
}

static char data[2 * PART + 1];

static ice_status use_everything(ice_error *err) {
  ice_store *store = NULL;
  char read[10];
  bool seen = false;
  ice_status status = ICE_OK;
  ICE_TRY(open_store(&store, err));
  const ice_s3_grant grant = {
      .prefix = ICE_STR("s3://bucket/other"), .region = ICE_STR("eu-west-1"), .path_style = -1};
  ICE_TRY(ice_store_s3_grant(store, &grant, err));
  ICE_TRY(ice_store_write_all(store, ICE_STR("s3://bucket/small"), "abc", 3, err));
  ICE_TRY(ice_store_write_all(store, ICE_STR("s3://bucket/large"), data, sizeof data, err));
  ICE_TRY(ice_store_read(store, ICE_STR("s3://bucket/other/k"), 0, read, sizeof read, err));
  ICE_TRY(ice_store_list(store, ICE_STR("s3a://bucket/t"), see, &seen, err));
  ICE_TRY(ice_store_remove(store, ICE_STR("s3://bucket/k"), err));
  assert_memory_equal(read, "0123456789", sizeof read);
  assert_true(seen);
done:
  ice_store_destroy(store);
  return status;
}

static void test_store_s3__every_allocation_may_fail(void **state) {
  (void)state;
  assert_true(torture(use_everything) > 100);
}

static void test_store_s3__is_opened_with_what_can_be_reached(void **state) {
  (void)state;
  static const struct {
    const char *endpoint;
    const char *region;
    const char *root;
    size_t part_size;
  } cases[] = {{"ftp://h", "r", "s3://bucket", 0},
               {"http://h/path", "r", "s3://bucket", 0},
               {"http://hidden:hidden@h", "r", "s3://bucket", 0},
               {"h:9000", "r", "s3://bucket", 0},
               {"http://h", "r.evil.example/", "s3://bucket", 0},
               {"http://h", "r", "file:///bucket", 0},
               {"http://h", "r", "s3://bucket/../x", 0},
               {"http://h", "r", "s3://bucket", PART - 1}};
  for (size_t i = 0; i < ICE_COUNT_OF(cases); i++) {
    const ice_str root = ice_str_of(cases[i].root);
    ice_store_s3_options options = options_of(&root);
    ice_store *store;
    ice_error err;
    options.endpoint = ice_str_of(cases[i].endpoint);
    options.region = ice_str_of(cases[i].region);
    options.part_size = cases[i].part_size;
    assert_int_equal(ice_store_s3_open(&options, NULL, &store, &err), ICE_INVALID_ARGUMENT);
    assert_null(store);
    assert_null(strstr(err.message, "hidden"));
  }
  const ice_str root = ICE_STR("s3a://bucket/prefix/");
  ice_store_s3_options options = options_of(&root);
  ice_store *store;
  options.endpoint = ICE_STR("http://h:9000/");
  assert_int_equal(ice_store_s3_open(&options, NULL, &store, NULL), ICE_OK);
  ice_store_destroy(store);
}

static void expect_sent(const char *text) {
  if (!strstr(server->last, text)) {
    fail_msg("%s is missing in %.1000s", text, server->last);
  }
}

static ice_aws_provider *keys_of(const char *name) {
  ice_aws_provider *provider;
  const ice_aws_credentials keys = {.access_key_id = ice_str_of(name), .secret_access_key = ICE_STR("S")};
  assert_int_equal(ice_aws_provider_fixed(&keys, &provider, NULL), ICE_OK);
  return provider;
}

static void test_store_s3__the_longest_grant_that_fits_serves(void **state) {
  (void)state;
  ice_store *store;
  int64_t size;
  assert_int_equal(open_store(&store, NULL), ICE_OK);
  const ice_s3_grant grants[] = {
      {.prefix = ICE_STR("s3://bucket/t"), .provider = keys_of("T"), .region = ICE_STR("eu-1"), .path_style = -1},
      {.prefix = ICE_STR("s3a://bucket/t/data/"), .provider = keys_of("DATA"), .path_style = -1},
      {.prefix = ICE_STR("s3n://bucket/t"), .provider = keys_of("T2"), .region = ICE_STR("eu-2"), .path_style = -1}};
  assert_int_equal(ice_store_s3_grant(store, &grants[0], NULL), ICE_OK);
  assert_int_equal(ice_store_s3_grant(store, &grants[1], NULL), ICE_OK);
  assert_int_equal(ice_store_stat(store, ICE_STR("s3://bucket/t/k"), &size, NULL), ICE_OK);
  expect_sent("Credential=T/");
  expect_sent("/eu-1/s3/aws4_request");
  assert_int_equal(ice_store_stat(store, ICE_STR("s3://bucket/t/data/k"), &size, NULL), ICE_OK);
  expect_sent("Credential=DATA/");
  expect_sent("/us-east-1/s3/aws4_request");
  assert_int_equal(ice_store_stat(store, ICE_STR("s3://bucket/t2/k"), &size, NULL), ICE_OK);
  expect_sent("Credential=A/");
  // The same prefix again takes the other's place, and a list has the grant of what is listed.
  assert_int_equal(ice_store_s3_grant(store, &grants[2], NULL), ICE_OK);
  bool seen;
  assert_int_equal(ice_store_list(store, ICE_STR("s3a://bucket/t"), see, &seen, NULL), ICE_OK);
  expect_sent("Credential=T2/");
  expect_sent("/eu-2/s3/aws4_request");
  // A grant gives no permission.
  const ice_s3_grant outside = {.prefix = ICE_STR("s3://other"), .provider = keys_of("O"), .path_style = -1};
  assert_int_equal(ice_store_s3_grant(store, &outside, NULL), ICE_OK);
  assert_int_equal(ice_store_stat(store, ICE_STR("s3://other/k"), &size, NULL), ICE_INVALID_ARGUMENT);
  const ice_s3_grant bad = {.prefix = ICE_STR("s3://bucket/../x"), .provider = keys_of("X"), .path_style = -1};
  assert_int_equal(ice_store_s3_grant(store, &bad, NULL), ICE_INVALID_ARGUMENT);
  ice_store_destroy(store);
}

static bool signer_destroyed;

static ice_status sign(ice_s3_signer *signer, ice_http_method method, ice_str region, ice_str *url,
                       ice_http_header *headers, size_t *header_count, size_t header_max, ice_arena *arena,
                       ice_error *err) {
  (void)signer;
  (void)region;
  assert_int_equal(method, ICE_HTTP_HEAD);
  assert_true(*header_count < header_max);
  headers[(*header_count)++] = (ice_http_header){ICE_STR("authorization"), ICE_STR("by somebody else")};
  char changed[256];
  snprintf(changed, sizeof changed, "%.*s?signed=1", ICE_STR_ARG(*url));
  return ice_arena_copy_str(arena, ice_str_of(changed), url, err);
}

static void destroy_signer(ice_s3_signer *signer) {
  (void)signer;
  signer_destroyed = true;
}

static void test_store_s3__somebody_else_may_sign(void **state) {
  (void)state;
  static const ice_s3_signer_interface interface = {.sign = sign, .destroy = destroy_signer};
  static ice_s3_signer signer = {.interface = &interface};
  ice_store *store;
  int64_t size;
  signer_destroyed = false;
  assert_int_equal(open_store(&store, NULL), ICE_OK);
  const ice_s3_grant grant = {.prefix = ICE_STR("s3://bucket/t"), .signer = &signer, .path_style = -1};
  assert_int_equal(ice_store_s3_grant(store, &grant, NULL), ICE_OK);
  assert_int_equal(ice_store_stat(store, ICE_STR("s3://bucket/t/k"), &size, NULL), ICE_OK);
  expect_sent("HEAD /bucket/t/k?signed=1 HTTP/1.1\r\n");
  expect_sent("\r\nauthorization: by somebody else\r\n");
  expect_sent("\r\nx-amz-content-sha256: ");
  ice_store_destroy(store);
  assert_true(signer_destroyed);
}

static void test_store_s3__a_bucket_is_part_of_the_host_where_that_can_be(void **state) {
  (void)state;
  static const struct {
    const char *bucket;
    bool in_host;
  } cases[] = {{"bucket", true}, {"buc.ket", true}, {"Bucket", false}, {"buc_ket", false}};
  for (size_t i = 0; i < ICE_COUNT_OF(cases); i++) {
    char text[128];
    ice_store *store;
    int64_t size;
    snprintf(text, sizeof text, "s3://%s", cases[i].bucket);
    const ice_str root = ice_str_of(text);
    ice_store_s3_options options = options_of(&root);
    char host[64];
    snprintf(host, sizeof host, "http://localhost:%u", server->port);
    options.endpoint = ice_str_of(host);
    options.path_style = false;
    assert_int_equal(ice_store_s3_open(&options, NULL, &store, NULL), ICE_OK);
    char location[160];
    snprintf(location, sizeof location, "%s/a b", text);
    assert_int_equal(ice_store_stat(store, ice_str_of(location), &size, NULL), ICE_OK);
    snprintf(text, sizeof text, cases[i].in_host ? "Host: %s.localhost:" : "HEAD /%s/a%%20b HTTP", cases[i].bucket);
    expect_sent(text);
    expect_sent(cases[i].in_host ? "HEAD /a%20b HTTP" : "Host: localhost:");
    // Anonymous: nobody signs.
    assert_null(strstr(server->last, "uthorization:"));
    ice_store_destroy(store);
  }
}

static void test_store_s3__an_upload_that_is_given_up_leaves_nothing(void **state) {
  (void)state;
  ice_store *store;
  ice_upload *upload;
  assert_int_equal(open_store(&store, NULL), ICE_OK);
  // Before anything was sent, nothing is.
  assert_int_equal(ice_store_create(store, ICE_STR("s3://bucket/k"), &upload, NULL), ICE_OK);
  assert_int_equal(ice_upload_write(upload, "x", 1, NULL), ICE_OK);
  ice_upload_destroy(upload);
  assert_int_equal(server->requests, 0);
  assert_int_equal(ice_store_create(store, ICE_STR("s3://bucket/k"), &upload, NULL), ICE_OK);
  assert_int_equal(ice_upload_write(upload, data, PART, NULL), ICE_OK);
  while (server->requests < 1) {
    assert_int_equal(ice_store_drive(store, 10, NULL), ICE_OK);
  }
  ice_upload_destroy(upload);
  ice_store_destroy(store);
  expect_sent("DELETE /bucket/k?uploadId=id HTTP");
}

// Whoever is told to stop tidies up all the same.
static void test_store_s3__an_upload_that_is_stopped_leaves_nothing(void **state) {
  (void)state;
  static _Atomic bool stop;
  const ice_str root = ICE_STR("s3://bucket");
  ice_store_s3_options options = options_of(&root);
  ice_store *store;
  ice_upload *upload;
  stop = false;
  options.http.stop = &stop;
  assert_int_equal(ice_store_s3_open(&options, NULL, &store, NULL), ICE_OK);
  assert_int_equal(ice_store_create(store, ICE_STR("s3://bucket/k"), &upload, NULL), ICE_OK);
  assert_int_equal(ice_upload_write(upload, data, PART, NULL), ICE_OK);
  while (server->requests < 2) {
    assert_int_equal(ice_store_drive(store, 10, NULL), ICE_OK);
  }
  stop = true;
  ice_upload_destroy(upload);
  ice_store_destroy(store);
  expect_sent("DELETE /bucket/k?uploadId=id HTTP");
}

static const char *be_busy(http_test_server *self, const char *request) {
  (void)self;
  (void)request;
  return "HTTP/1.1 503 Slow\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n";
}

static void test_store_s3__a_stop_ends_the_wait_for_another_attempt(void **state) {
  (void)state;
  static _Atomic bool stop;
  const ice_str root = ICE_STR("s3://bucket");
  ice_store_s3_options options = options_of(&root);
  ice_store *store;
  bool complete;
  ice_upload *upload;
  stop = false;
  server->answer = be_busy;
  options.http.stop = &stop;
  assert_int_equal(ice_store_s3_open(&options, NULL, &store, NULL), ICE_OK);
  assert_int_equal(ice_store_create(store, ICE_STR("s3://bucket/k"), &upload, NULL), ICE_OK);
  assert_int_equal(ice_upload_submit(upload, NULL), ICE_OK);
  while (server->requests < 1) {
    assert_int_equal(ice_upload_poll(upload, &complete, NULL), ICE_OK);
  }
  stop = true;
  ice_status status = ICE_OK;
  for (int i = 0; i < 10 && status == ICE_OK; i++) {
    status = ice_upload_poll(upload, &complete, NULL);
  }
  assert_int_equal(status, ICE_CANCELLED);
  ice_upload_destroy(upload);
  ice_store_destroy(store);
}

#define CASE(name) cmocka_unit_test_setup_teardown(test_store_s3__##name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(every_allocation_may_fail),
      CASE(is_opened_with_what_can_be_reached),
      CASE(the_longest_grant_that_fits_serves),
      CASE(somebody_else_may_sign),
      CASE(a_bucket_is_part_of_the_host_where_that_can_be),
      CASE(an_upload_that_is_given_up_leaves_nothing),
      CASE(an_upload_that_is_stopped_leaves_nothing),
      CASE(a_stop_ends_the_wait_for_another_attempt),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
