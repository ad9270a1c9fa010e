#include "http/http_sigv4.h"

#include "base/bytes.h"
#include "http/http_url.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
  SHA256_SIZE = 32,
  QUERY_PARTS_MAX = 64,
  PATH_STEPS_MAX = 1024,
  CANONICAL_MAX = 1 << 20,
  AMZ_DATE_SIZE = 16,  // 20150830T123600Z
  DAY_SIZE = 8
};

static void write_hex(const uint8_t digest[SHA256_SIZE], char out[ICE_SHA256_HEX_SIZE]) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < SHA256_SIZE; i++) {
    out[2 * i] = digits[digest[i] >> 4];
    out[2 * i + 1] = digits[digest[i] & 15];
  }
}

// Neither fails but for want of memory inside libcrypto, which the signature then shows to the server.
static void sha256(ice_str data, uint8_t out[SHA256_SIZE]) {
  memset(out, 0, SHA256_SIZE);
  EVP_Digest(data.data ? data.data : "", data.size, out, NULL, EVP_sha256(), NULL);
}

static void hmac(const void *key, size_t key_size, ice_str data, uint8_t out[SHA256_SIZE]) {
  memset(out, 0, SHA256_SIZE);
  HMAC(EVP_sha256(), key, (int)key_size, (const unsigned char *)data.data, data.size, out, NULL);
}

void ice_sha256_hex(ice_str data, char out[ICE_SHA256_HEX_SIZE]) {
  uint8_t digest[SHA256_SIZE];
  sha256(data, digest);
  write_hex(digest, out);
}

// The URL's parts -------------------------------------------------------------------------------------------------------

typedef struct url_parts {
  ice_str host;   ///< as the Host header has it: without the scheme's own port
  ice_str path;   ///< "/" where there is none
  ice_str query;  ///< without '?'
} url_parts;

static ice_status split_url(ice_str url, url_parts *out, ice_error *err) {
  *out = (url_parts){0};
  bool tls = ice_str_starts_with(url, ICE_STR("https://"));
  if (!tls && !ice_str_starts_with(url, ICE_STR("http://"))) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "a URL to sign must begin with http:// or https://");
  }
  ice_str rest = ice_str_make(url.data + (tls ? 8 : 7), url.size - (tls ? 8 : 7));
  size_t host = 0;
  while (host < rest.size && rest.data[host] != '/' && rest.data[host] != '?') {
    host++;
  }
  size_t path = host;
  while (path < rest.size && rest.data[path] != '?') {
    path++;
  }
  out->host = ice_str_make(rest.data, host);
  out->path = path > host ? ice_str_make(rest.data + host, path - host) : ICE_STR("/");
  out->query = path < rest.size ? ice_str_make(rest.data + path + 1, rest.size - path - 1) : (ice_str){0};
  ice_str port = tls ? ICE_STR(":443") : ICE_STR(":80");
  if (ice_str_ends_with(out->host, port)) {
    out->host.size -= port.size;
  }
  if (out->host.size == 0 || memchr(out->host.data, '@', out->host.size) || memchr(url.data, '#', url.size)) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "a URL to sign has a host, no user information and no fragment");
  }
  return ICE_OK;
}

// Takes "." and ".." steps and empty ones out of a path, as every service but S3 does before it compares.
static ice_status normalise_path(ice_str path, ice_bytes *out, ice_error *err) {
  ice_str steps[PATH_STEPS_MAX];
  size_t count = 0;
  bool slash = true;
  ice_status status = ICE_OK;
  for (size_t from = 1; from <= path.size;) {
    const char *end = from < path.size ? memchr(path.data + from, '/', path.size - from) : NULL;
    size_t size = (end ? (size_t)(end - path.data) : path.size) - from;
    ice_str step = ice_str_make(path.data + from, size);
    bool up = ice_str_equal(step, ICE_STR(".."));
    bool plain = size > 0 && !up && !ice_str_equal(step, ICE_STR("."));
    slash = end != NULL || !plain;
    if (up && count > 0) {
      count--;
    } else if (plain && count == PATH_STEPS_MAX) {
      ICE_FAIL(ICE_LIMIT, "a URL's path has more than %d steps", (int)PATH_STEPS_MAX);
    } else if (plain) {
      steps[count++] = step;
    }
    from += size + 1;
  }
  for (size_t i = 0; i < count; i++) {
    ICE_TRY(ice_bytes_append_u8(out, '/', err));
    ICE_TRY(ice_bytes_append_str(out, steps[i], err));
  }
  if (slash || count == 0) {
    ICE_TRY(ice_bytes_append_u8(out, '/', err));
  }
done:
  return status;
}

static ice_status append_path(ice_str path, bool as_it_stands, ice_bytes *out, ice_error *err) {
  if (as_it_stands) {
    return ice_bytes_append_str(out, path, err);
  }
  ice_bytes normal;
  ice_bytes_init(&normal, ICE_HTTP_URL_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(normalise_path(path, &normal, err));
  for (size_t from = 0; from < normal.size;) {
    const uint8_t *end = memchr(normal.data + from, '/', normal.size - from);
    size_t size = (end ? (size_t)(end - normal.data) : normal.size) - from;
    ICE_TRY(ice_http_url_encode(ice_str_make((const char *)normal.data + from, size), out, err));
    ICE_TRY(end ? ice_bytes_append_u8(out, '/', err) : ICE_OK);
    from += size + 1;
  }
done:
  ice_bytes_deinit(&normal);
  return status;
}

static int hex_digit(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

// One name or value of a query in the canonical spelling, whatever spelling it came in.
static ice_status append_recoded(ice_str text, ice_bytes *out, ice_error *err) {
  ice_status status = ICE_OK;
  for (size_t i = 0; status == ICE_OK && i < text.size; i++) {
    char byte = text.data[i];
    int high = byte == '%' && i + 2 < text.size ? hex_digit(text.data[i + 1]) : -1;
    int low = high >= 0 ? hex_digit(text.data[i + 2]) : -1;
    if (low >= 0) {
      byte = (char)(high * 16 + low);
      i += 2;
    }
    status = ice_http_url_encode(ice_str_make(&byte, 1), out, err);
  }
  return status;
}

static int compare_text(const void *a, const void *b) {
  return ice_str_compare(*(const ice_str *)a, *(const ice_str *)b);
}

// "name=value" of one part, in an arena. '=' sorts behind no byte of a name that the encoding leaves, but before some: the
// parts are compared with a zero byte in its place.
static ice_status recode_part(ice_str part, ice_arena *arena, ice_str *out, ice_error *err) {
  ice_bytes text;
  ice_bytes_init(&text, 3 * ICE_HTTP_URL_MAX + 1);
  ice_status status = ICE_OK;
  const char *equals = memchr(part.data, '=', part.size);
  size_t name = equals ? (size_t)(equals - part.data) : part.size;
  ICE_TRY(append_recoded(ice_str_make(part.data, name), &text, err));
  ICE_TRY(ice_bytes_append_u8(&text, 0, err));
  if (equals) {
    ICE_TRY(append_recoded(ice_str_make(equals + 1, part.size - name - 1), &text, err));
  }
  ICE_TRY(ice_arena_copy_str(arena, ice_bytes_str(&text), out, err));
done:
  ice_bytes_deinit(&text);
  return status;
}

static ice_status append_query(ice_str query, ice_arena *arena, ice_bytes *out, ice_error *err) {
  ice_str parts[QUERY_PARTS_MAX];
  size_t count = 0;
  ice_status status = ICE_OK;
  for (size_t from = 0; from < query.size;) {
    const char *end = memchr(query.data + from, '&', query.size - from);
    size_t size = (end ? (size_t)(end - query.data) : query.size) - from;
    if (size > 0 && count == QUERY_PARTS_MAX) {
      ICE_FAIL(ICE_LIMIT, "a URL's query has more than %d parts", (int)QUERY_PARTS_MAX);
    }
    if (size > 0) {
      ICE_TRY(recode_part(ice_str_make(query.data + from, size), arena, &parts[count], err));
      count++;
    }
    from += size + 1;
  }
  qsort(parts, count, sizeof parts[0], compare_text);
  for (size_t i = 0; i < count; i++) {
    ICE_TRY(i > 0 ? ice_bytes_append_u8(out, '&', err) : ICE_OK);
    ICE_TRY(ice_bytes_append_str(out, parts[i], err));
    uint8_t *equals = memchr(out->data + out->size - parts[i].size, 0, parts[i].size);
    *equals = '=';
  }
done:
  return status;
}

// The headers -----------------------------------------------------------------------------------------------------------

typedef struct signed_header {
  ice_str name;  ///< in small letters
  ice_str value;
  size_t index;
} signed_header;

static int compare_header(const void *a, const void *b) {
  const signed_header *left = a;
  const signed_header *right = b;
  int order = ice_str_compare(left->name, right->name);
  return order != 0 ? order : (left->index > right->index) - (left->index < right->index);
}

static ice_status lower_name(ice_str name, ice_arena *arena, ice_str *out, ice_error *err) {
  char *copy = ice_arena_alloc(arena, name.size + 1, err);
  if (!copy) {
    return err ? err->status : ICE_NO_MEMORY;
  }
  for (size_t i = 0; i < name.size; i++) {
    char c = name.data[i];
    copy[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  }
  *out = ice_str_make(copy, name.size);
  return ICE_OK;
}

// A value without white space at its ends, and each run inside as one space.
static ice_status append_value(ice_str value, ice_bytes *out, ice_error *err) {
  bool space = false;
  bool begun = false;
  ice_status status = ICE_OK;
  for (size_t i = 0; status == ICE_OK && i < value.size; i++) {
    if (value.data[i] == ' ' || value.data[i] == '\t') {
      space = begun;
      continue;
    }
    if (space) {
      status = ice_bytes_append_u8(out, ' ', err);
    }
    if (status == ICE_OK) {
      status = ice_bytes_append_u8(out, (uint8_t)value.data[i], err);
    }
    space = false;
    begun = true;
  }
  return status;
}

// Appends the canonical headers to `out` and their names to `names`.
static ice_status append_headers(const ice_http_header *headers, size_t count, ice_arena *arena, ice_bytes *out,
                                 ice_bytes *names, ice_error *err) {
  signed_header sorted[ICE_HTTP_HEADERS_MAX];
  ice_status status = ICE_OK;
  for (size_t i = 0; i < count; i++) {
    sorted[i] = (signed_header){.value = headers[i].value, .index = i};
    ICE_TRY(lower_name(headers[i].name, arena, &sorted[i].name, err));
  }
  qsort(sorted, count, sizeof sorted[0], compare_header);
  for (size_t i = 0; i < count; i++) {
    bool again = i > 0 && ice_str_equal(sorted[i].name, sorted[i - 1].name);
    if (!again) {
      ICE_TRY(i > 0 ? ice_bytes_append_u8(out, '\n', err) : ICE_OK);
      ICE_TRY(i > 0 ? ice_bytes_append_u8(names, ';', err) : ICE_OK);
      ICE_TRY(ice_bytes_append_str(names, sorted[i].name, err));
      ICE_TRY(ice_bytes_append_str(out, sorted[i].name, err));
    }
    ICE_TRY(ice_bytes_append_u8(out, again ? ',' : ':', err));
    ICE_TRY(append_value(sorted[i].value, out, err));
  }
  ICE_TRY(ice_bytes_append_u8(out, '\n', err));
done:
  return status;
}

static bool has_header(const ice_http_header *headers, size_t count, ice_str name) {
  for (size_t i = 0; i < count; i++) {
    if (headers[i].name.size == name.size && strncasecmp(headers[i].name.data, name.data, name.size) == 0) {
      return true;
    }
  }
  return false;
}

// The signature ---------------------------------------------------------------------------------------------------------

typedef struct signing {
  const ice_sigv4_scope *scope;
  const ice_aws_credentials *credentials;
  ice_http_header *headers;
  size_t count;
  size_t max;
  ice_arena *arena;
  char date[AMZ_DATE_SIZE + 1];
} signing;

static ice_status add_header(signing *self, ice_str name, ice_str value, ice_error *err) {
  if (self->count >= self->max || self->count >= ICE_HTTP_HEADERS_MAX) {
    return ice_error_set(err, ICE_LIMIT, "a signed request has too many headers");
  }
  ice_http_header *header = &self->headers[self->count];
  header->name = name;
  ice_status status = ice_arena_copy_str(self->arena, value, &header->value, err);
  self->count += status == ICE_OK ? 1 : 0;
  return status;
}

static ice_str method_name(ice_http_method method) {
  switch (method) {
    case ICE_HTTP_GET: return ICE_STR("GET");
    case ICE_HTTP_HEAD: return ICE_STR("HEAD");
    case ICE_HTTP_POST: return ICE_STR("POST");
    case ICE_HTTP_PUT: return ICE_STR("PUT");
    case ICE_HTTP_DELETE: return ICE_STR("DELETE");
  }
  return ICE_STR("");
}

static ice_status append_canonical_request(signing *self, ice_http_method method, const url_parts *url,
                                           ice_str payload_sha256, ice_bytes *out, ice_bytes *names, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_str(out, method_name(method), err));
  ICE_TRY(ice_bytes_append_u8(out, '\n', err));
  ICE_TRY(append_path(url->path, ice_str_equal(self->scope->service, ICE_STR("s3")), out, err));
  ICE_TRY(ice_bytes_append_u8(out, '\n', err));
  ICE_TRY(append_query(url->query, self->arena, out, err));
  ICE_TRY(ice_bytes_append_u8(out, '\n', err));
  ICE_TRY(append_headers(self->headers, self->count, self->arena, out, names, err));
  ICE_TRY(ice_bytes_append_format(out, err, "\n%.*s\n%.*s", ICE_STR_ARG(ice_bytes_str(names)),
                                  ICE_STR_ARG(payload_sha256)));
done:
  return status;
}

// Four digests, each the key of the next, so that the secret itself signs nothing but a date.
static ice_status sign_text(const signing *self, ice_str text, char out[ICE_SHA256_HEX_SIZE], ice_error *err) {
  ice_bytes secret;
  uint8_t key[SHA256_SIZE];
  uint8_t next[SHA256_SIZE];
  ice_bytes_init(&secret, 4096);
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_str(&secret, ICE_STR("AWS4"), err));
  ICE_TRY(ice_bytes_append_str(&secret, self->credentials->secret_access_key, err));
  hmac(secret.data, secret.size, ice_str_make(self->date, DAY_SIZE), key);
  hmac(key, sizeof key, self->scope->region, next);
  hmac(next, sizeof next, self->scope->service, key);
  hmac(key, sizeof key, ICE_STR("aws4_request"), next);
  hmac(next, sizeof next, text, key);
  write_hex(key, out);
done:
  if (secret.data) {
    OPENSSL_cleanse(secret.data, secret.size);
  }
  OPENSSL_cleanse(key, sizeof key);
  OPENSSL_cleanse(next, sizeof next);
  ice_bytes_deinit(&secret);
  return status;
}

static ice_status add_authorization(signing *self, ice_str canonical, ice_str names, ice_error *err) {
  char digest[ICE_SHA256_HEX_SIZE];
  char signature[ICE_SHA256_HEX_SIZE];
  ice_bytes scope;
  ice_bytes text;
  ice_bytes_init(&scope, 4096);
  ice_bytes_init(&text, 4096 + CANONICAL_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_format(&scope, err, "%.*s/%.*s/%.*s/aws4_request", (int)DAY_SIZE, self->date,
                                  ICE_STR_ARG(self->scope->region), ICE_STR_ARG(self->scope->service)));
  ice_sha256_hex(canonical, digest);
  ICE_TRY(ice_bytes_append_format(&text, err, "AWS4-HMAC-SHA256\n%s\n%.*s\n%.*s", self->date,
                                  ICE_STR_ARG(ice_bytes_str(&scope)), (int)sizeof digest, digest));
  ICE_TRY(sign_text(self, ice_bytes_str(&text), signature, err));
  ice_bytes_clear(&text);
  ICE_TRY(ice_bytes_append_format(&text, err,
                                  "AWS4-HMAC-SHA256 Credential=%.*s/%.*s, SignedHeaders=%.*s, Signature=%.*s",
                                  ICE_STR_ARG(self->credentials->access_key_id), ICE_STR_ARG(ice_bytes_str(&scope)),
                                  ICE_STR_ARG(names), (int)sizeof signature, signature));
  ICE_TRY(add_header(self, ICE_STR("authorization"), ice_bytes_str(&text), err));
done:
  ice_bytes_deinit(&scope);
  ice_bytes_deinit(&text);
  return status;
}

static ice_status set_date(signing *self, ice_error *err) {
  time_t seconds = (time_t)(self->scope->now_us / 1000000);
  struct tm utc;
  if (self->scope->now_us < 0 || !gmtime_r(&seconds, &utc) ||
      strftime(self->date, sizeof self->date, "%Y%m%dT%H%M%SZ", &utc) != AMZ_DATE_SIZE) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "the clock shows a time that no signature can carry");
  }
  return ICE_OK;
}

ice_status ice_sigv4_sign(const ice_sigv4_scope *scope, const ice_aws_credentials *credentials,
                          ice_http_method method, ice_str url, ice_str payload_sha256, ice_http_header *headers,
                          size_t *header_count, size_t header_max, ice_arena *arena, ice_error *err) {
  signing self = {.scope = scope,
                  .credentials = credentials,
                  .headers = headers,
                  .count = *header_count,
                  .max = header_max,
                  .arena = arena};
  url_parts parts;
  ice_bytes canonical;
  ice_bytes names;
  ice_bytes_init(&canonical, CANONICAL_MAX);
  ice_bytes_init(&names, CANONICAL_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(split_url(url, &parts, err));
  ICE_TRY(set_date(&self, err));
  if (!has_header(headers, self.count, ICE_STR("host"))) {
    ICE_TRY(add_header(&self, ICE_STR("host"), parts.host, err));
  }
  ICE_TRY(add_header(&self, ICE_STR("x-amz-date"), ice_str_of(self.date), err));
  // S3 asks for it, and no other service does.
  if (ice_str_equal(scope->service, ICE_STR("s3"))) {
    ICE_TRY(add_header(&self, ICE_STR("x-amz-content-sha256"), payload_sha256, err));
  }
  if (credentials->session_token.size > 0) {
    ICE_TRY(add_header(&self, ICE_STR("x-amz-security-token"), credentials->session_token, err));
  }
  ICE_TRY(append_canonical_request(&self, method, &parts, payload_sha256, &canonical, &names, err));
  ICE_TRY(add_authorization(&self, ice_bytes_str(&canonical), ice_bytes_str(&names), err));
  *header_count = self.count;
done:
  if (canonical.data) {
    OPENSSL_cleanse(canonical.data, canonical.size);
  }
  ice_bytes_deinit(&canonical);
  ice_bytes_deinit(&names);
  return status;
}
