#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/http_sigv4.h"
#include <stdio.h>

enum { HEADERS_MAX = 16, ARENA_MAX = 1 << 20, FIELDS_MAX = 4 };

#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ALPHABET "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define SUITE_TOKEN                                                                                     \
  "AQoDYXdzEPT//////////"                                                                               \
  "wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthA"       \
  "x7mSEI/qkPpKPi/"                                                                                     \
  "kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY" \
  "9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="

typedef struct field {
  const char *name;
  const char *value;
} field;

typedef struct vector {
  const char *name;
  ice_http_method method;
  const char *path;
  field fields[FIELDS_MAX];
  const char *body;
  const char *names;  ///< the signed headers
  const char *signature;
  const char *token;
} vector;

static ice_status sign(const vector *at, ice_str host, const ice_sigv4_scope *scope, ice_str key, ice_str secret,
                       ice_arena *arena, ice_http_header headers[HEADERS_MAX], size_t *count) {
  char url[1024];
  char digest[ICE_SHA256_HEX_SIZE];
  snprintf(url, sizeof url, "https://%.*s%s", ICE_STR_ARG(host), at->path);
  *count = 0;
  for (size_t i = 0; i < FIELDS_MAX && at->fields[i].name; i++) {
    headers[(*count)++] = (ice_http_header){ice_str_of(at->fields[i].name), ice_str_of(at->fields[i].value)};
  }
  ice_sha256_hex(ice_str_of(at->body ? at->body : ""), digest);
  const ice_aws_credentials credentials = {
      .access_key_id = key, .secret_access_key = secret, .session_token = ice_str_of(at->token)};
  return ice_sigv4_sign(scope, &credentials, at->method, ice_str_of(url), ice_str_make(digest, sizeof digest),
                        headers, count, HEADERS_MAX, arena, NULL);
}

static ice_str header_of(const ice_http_header *headers, size_t count, const char *name) {
  for (size_t i = 0; i < count; i++) {
    if (ice_str_equal_c(headers[i].name, name)) {
      return headers[i].value;
    }
  }
  return (ice_str){0};
}

static void assert_authorization(const vector *at, const char *credential, const ice_http_header *headers,
                                 size_t count) {
  char expected[1024];
  snprintf(expected, sizeof expected, "AWS4-HMAC-SHA256 Credential=%s, SignedHeaders=%s, Signature=%s", credential,
           at->names, at->signature);
  ice_str found = header_of(headers, count, "authorization");
  if (!ice_str_equal_c(found, expected)) {
    fail_msg("%s: %.*s, expected %s", at->name, ICE_STR_ARG(found), expected);
  }
}

#define HOST_DATE "host;x-amz-date"

// AWS Signature Version 4 test suite. Its names; a case that HTTP cannot carry any more (a header of several lines) is left out.
static const vector suite[] = {
    {"get-vanilla",
     ICE_HTTP_GET,
     "/",
     {{0}},
     NULL,
     HOST_DATE,
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
     NULL},
    {"get-header-key-duplicate",
     ICE_HTTP_GET,
     "/",
     {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}},
     NULL,
     "host;my-header1;x-amz-date",
     "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
     NULL},
    {"get-header-value-order",
     ICE_HTTP_GET,
     "/",
     {{"My-Header1", "value4"}, {"My-Header1", "value1"}, {"My-Header1", "value3"}, {"My-Header1", "value2"}},
     NULL,
     "host;my-header1;x-amz-date",
     "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
     NULL},
    {"get-header-value-trim",
     ICE_HTTP_GET,
     "/",
     {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}},
     NULL,
     "host;my-header1;my-header2;x-amz-date",
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
     NULL},
    {"get-unreserved",
     ICE_HTTP_GET,
     "/" ALPHABET,
     {{0}},
     NULL,
     HOST_DATE,
     "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
     NULL},
    {"get-utf8",
     ICE_HTTP_GET,
     "/\xe1\x88\xb4",
     {{0}},
     NULL,
     HOST_DATE,
     "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
     NULL},
    {"get-vanilla-empty-query-key",
     ICE_HTTP_GET,
     "/?Param1=value1",
     {{0}},
     NULL,
     HOST_DATE,
     "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
     NULL},
    {"get-vanilla-query-order-key",
     ICE_HTTP_GET,
     "/?Param1=value2&Param1=Value1",
     {{0}},
     NULL,
     HOST_DATE,
     "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1",
     NULL},
    {"get-vanilla-query-order-key-case",
     ICE_HTTP_GET,
     "/?Param2=value2&Param1=value1",
     {{0}},
     NULL,
     HOST_DATE,
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
     NULL},
    {"get-vanilla-query-order-value",
     ICE_HTTP_GET,
     "/?Param1=value2&Param1=value1",
     {{0}},
     NULL,
     HOST_DATE,
     "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694",
     NULL},
    {"get-vanilla-query-unreserved",
     ICE_HTTP_GET,
     "/?" ALPHABET "=" ALPHABET,
     {{0}},
     NULL,
     HOST_DATE,
     "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
     NULL},
    {"get-vanilla-utf8-query",
     ICE_HTTP_GET,
     "/?\xe1\x88\xb4=bar",
     {{0}},
     NULL,
     HOST_DATE,
     "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
     NULL},
    {"get-relative",
     ICE_HTTP_GET,
     "/example/..",
     {{0}},
     NULL,
     HOST_DATE,
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
     NULL},
    {"get-relative-relative",
     ICE_HTTP_GET,
     "/example1/example2/../..",
     {{0}},
     NULL,
     HOST_DATE,
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
     NULL},
    {"get-slash",
     ICE_HTTP_GET,
     "//",
     {{0}},
     NULL,
     HOST_DATE,
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
     NULL},
    {"get-slash-dot-slash",
     ICE_HTTP_GET,
     "/./",
     {{0}},
     NULL,
     HOST_DATE,
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
     NULL},
    {"get-slash-pointless-dot",
     ICE_HTTP_GET,
     "/./example",
     {{0}},
     NULL,
     HOST_DATE,
     "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5",
     NULL},
    {"get-slashes",
     ICE_HTTP_GET,
     "//example//",
     {{0}},
     NULL,
     HOST_DATE,
     "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
     NULL},
    {"get-space",
     ICE_HTTP_GET,
     "/example space/",
     {{0}},
     NULL,
     HOST_DATE,
     "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
     NULL},
    {"post-vanilla",
     ICE_HTTP_POST,
     "/",
     {{0}},
     NULL,
     HOST_DATE,
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
     NULL},
    {"post-vanilla-query",
     ICE_HTTP_POST,
     "/?Param1=value1",
     {{0}},
     NULL,
     HOST_DATE,
     "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
     NULL},
    {"post-header-key-sort",
     ICE_HTTP_POST,
     "/",
     {{"My-Header1", "value1"}},
     NULL,
     "host;my-header1;x-amz-date",
     "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
     NULL},
    {"post-header-value-case",
     ICE_HTTP_POST,
     "/",
     {{"My-Header1", "VALUE1"}},
     NULL,
     "host;my-header1;x-amz-date",
     "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
     NULL},
    {"post-sts-header-before",
     ICE_HTTP_POST,
     "/",
     {{0}},
     NULL,
     "host;x-amz-date;x-amz-security-token",
     "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
     SUITE_TOKEN},
    {"post-x-www-form-urlencoded",
     ICE_HTTP_POST,
     "/",
     {{"Content-Type", "application/x-www-form-urlencoded"}},
     "Param1=value1",
     "content-type;host;x-amz-date",
     "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
     NULL},
};

static void test_http_sigv4__signs_as_the_public_test_suite_does(void **context) {
  (void)context;
  const ice_sigv4_scope scope = {ICE_STR("us-east-1"), ICE_STR("service"), INT64_C(1440938160000000)};
  for (size_t i = 0; i < ICE_COUNT_OF(suite); i++) {
    ice_arena arena;
    ice_http_header headers[HEADERS_MAX];
    size_t count;
    ice_arena_init(&arena, ARENA_MAX);
    assert_int_equal(sign(&suite[i], ICE_STR("example.amazonaws.com"), &scope, ICE_STR("AKIDEXAMPLE"),
                          ICE_STR("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), &arena, headers, &count),
                     ICE_OK);
    assert_authorization(&suite[i], "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request", headers, count);
    ice_arena_deinit(&arena);
  }
}

#define S3_HEADERS "x-amz-content-sha256;x-amz-date"

// Amazon S3 API Reference, "Authenticating Requests: Using the Authorization Header", examples. Paths go in as they stand.
static const vector s3[] = {
    {"get object",
     ICE_HTTP_GET,
     "/test.txt",
     {{"Range", "bytes=0-9"}},
     NULL,
     "host;range;" S3_HEADERS,
     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
     NULL},
    {"put object",
     ICE_HTTP_PUT,
     "/test%24file.text",
     {{"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
     "Welcome to Amazon S3.",
     "date;host;" S3_HEADERS ";x-amz-storage-class",
     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
     NULL},
    {"bucket lifecycle",
     ICE_HTTP_GET,
     "/?lifecycle",
     {{0}},
     NULL,
     "host;" S3_HEADERS,
     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
     NULL},
    {"list objects",
     ICE_HTTP_GET,
     "/?max-keys=2&prefix=J",
     {{0}},
     NULL,
     "host;" S3_HEADERS,
     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
     NULL},
};

static void test_http_sigv4__signs_as_the_examples_of_s3_do(void **context) {
  (void)context;
  const ice_sigv4_scope scope = {ICE_STR("us-east-1"), ICE_STR("s3"), INT64_C(1369353600000000)};
  for (size_t i = 0; i < ICE_COUNT_OF(s3); i++) {
    ice_arena arena;
    ice_http_header headers[HEADERS_MAX];
    size_t count;
    ice_arena_init(&arena, ARENA_MAX);
    assert_int_equal(sign(&s3[i], ICE_STR("examplebucket.s3.amazonaws.com"), &scope, ICE_STR("AKIAIOSFODNN7EXAMPLE"),
                          ICE_STR("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), &arena, headers, &count),
                     ICE_OK);
    assert_authorization(&s3[i], "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request", headers, count);
    ice_arena_deinit(&arena);
  }
}

static ice_status sign_url(const char *url, ice_arena *arena, ice_http_header headers[HEADERS_MAX], size_t *count,
                           size_t max, ice_error *err) {
  const ice_sigv4_scope scope = {ICE_STR("eu-west-1"), ICE_STR("s3"), INT64_C(1440938160000000)};
  const ice_aws_credentials credentials = {.access_key_id = ICE_STR("AKIDEXAMPLE"),
                                           .secret_access_key = ICE_STR("hidden-secret"),
                                           .session_token = ICE_STR("hidden-token")};
  return ice_sigv4_sign(&scope, &credentials, ICE_HTTP_GET, ice_str_of(url), ICE_SIGV4_UNSIGNED_PAYLOAD, headers,
                        count, max, arena, err);
}

// The server sees the host as libcurl writes it: without the scheme's own port.
static void test_http_sigv4__adds_the_host_as_it_goes_out(void **context) {
  (void)context;
  static const struct {
    const char *url;
    const char *host;
  } cases[] = {{"https://h:443/k", "h"},      {"https://h:80/k", "h:80"},       {"http://h:80", "h"},
               {"http://h:9000/k", "h:9000"}, {"http://[::1]:80?q=1", "[::1]"}, {"https://b.h/k?x", "b.h"}};
  for (size_t i = 0; i < ICE_COUNT_OF(cases); i++) {
    ice_arena arena;
    ice_http_header headers[HEADERS_MAX];
    size_t count = 0;
    ice_arena_init(&arena, ARENA_MAX);
    assert_int_equal(sign_url(cases[i].url, &arena, headers, &count, HEADERS_MAX, NULL), ICE_OK);
    assert_true(ice_str_equal_c(header_of(headers, count, "host"), cases[i].host));
    assert_int_equal(count, ICE_SIGV4_HEADERS_ADDED_MAX);
    assert_true(ice_str_equal_c(header_of(headers, count, "x-amz-content-sha256"), "UNSIGNED-PAYLOAD"));
    assert_true(ice_str_equal_c(header_of(headers, count, "x-amz-security-token"), "hidden-token"));
    ice_arena_deinit(&arena);
  }
}

static void test_http_sigv4__refuses_what_cannot_be_signed_and_names_no_secret(void **context) {
  (void)context;
  static const char *const urls[] = {"ftp://h/", "http://", "http://u:p@h/", "https://h/#f", "h/k"};
  ice_error err;
  ice_arena arena;
  ice_http_header headers[HEADERS_MAX];
  size_t count = 0;
  ice_arena_init(&arena, ARENA_MAX);
  for (size_t i = 0; i < ICE_COUNT_OF(urls); i++) {
    assert_int_equal(sign_url(urls[i], &arena, headers, &count, HEADERS_MAX, &err), ICE_INVALID_ARGUMENT);
    assert_int_equal(count, 0);
    assert_null(strstr(err.message, "hidden"));
  }
  assert_int_equal(sign_url("https://h/k", &arena, headers, &count, ICE_SIGV4_HEADERS_ADDED_MAX - 1, &err),
                   ICE_LIMIT);
  assert_null(strstr(err.message, "hidden"));
  ice_arena_deinit(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_http_sigv4__signs_as_the_public_test_suite_does),
      cmocka_unit_test(test_http_sigv4__signs_as_the_examples_of_s3_do),
      cmocka_unit_test(test_http_sigv4__adds_the_host_as_it_goes_out),
      cmocka_unit_test(test_http_sigv4__refuses_what_cannot_be_signed_and_names_no_secret),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
