#include "store/store_s3_priv.h"

#include "codec/checksum.h"
#include "http/http_url.h"
#include <stdarg.h>
#include <stdio.h>

enum { TEXTS_MAX = 1 << 20, HEADERS_MAX = ICE_S3_REQUEST_HEADERS_MAX + ICE_SIGV4_HEADERS_ADDED_MAX + 8 };

void ice_s3_checksum_text(uint32_t crc32c, char out[ICE_S3_CHECKSUM_SIZE + 1]) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int i = 0; i < 6; i++) {
    int shift = 26 - 6 * i;
    out[i] = digits[(shift >= 0 ? crc32c >> shift : crc32c << -shift) & 63];
  }
  memcpy(out + 6, "==", 3);
}

void ice_s3_request_init(ice_s3_request *request, ice_s3_store *store, const char *what, ice_http_method method,
                         const ice_s3_place *place, size_t answer_max) {
  *request = (ice_s3_request){.store = store, .what = what, .method = method, .place = place, .granted = place};
  ice_arena_init(&request->texts, TEXTS_MAX);
  ice_http_response_init(&request->response, answer_max);
}

static void list_request(ice_s3_request *request, bool first) {
  ice_s3_store *store = request->store;
  request->previous = first ? NULL : store->last;
  request->next = first ? store->first : NULL;
  *(request->previous ? &request->previous->next : &store->first) = request;
  *(request->next ? &request->next->previous : &store->last) = request;
  request->listed = true;
}

static void unlink_request(ice_s3_request *request) {
  ice_s3_store *store = request->store;
  *(request->previous ? &request->previous->next : &store->first) = request->next;
  *(request->next ? &request->next->previous : &store->last) = request->previous;
  request->listed = false;
}

void ice_s3_request_deinit(ice_s3_request *request) {
  if (!request->store) {
    return;
  }
  if (request->state == ICE_S3_REQUEST_SENT) {
    (void)!ice_http_exchange_finish(request->exchange, NULL);
    request->store->under_way--;
  }
  if (request->listed) {
    unlink_request(request);
  }
  ice_arena_deinit(&request->texts);
  ice_http_response_deinit(&request->response);
  *request = (ice_s3_request){0};
}

ice_status ice_s3_request_format(ice_s3_request *request, ice_str *out, ice_error *err, const char *format, ...) {
  char text[4096];
  va_list arguments;
  va_start(arguments, format);
  int size = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (size < 0 || (size_t)size >= sizeof text) {
    return ice_error_set(err, ICE_LIMIT, "a text of a request is longer than %zu bytes", sizeof text);
  }
  return ice_arena_copy_str(&request->texts, ice_str_make(text, (size_t)size), out, err);
}

void ice_s3_request_add_header(ice_s3_request *request, ice_str name, ice_str value) {
  ICE_ASSERT(request->header_count < ICE_S3_REQUEST_HEADERS_MAX);
  request->headers[request->header_count++] = (ice_http_header){name, value};
}

// One attempt ----------------------------------------------------------------------------------------------------------

/// Where a request goes and who signs it.
typedef struct target {
  ice_str endpoint;
  ice_str region;
  bool path_style;
  ice_aws_provider *provider;
  ice_s3_signer *signer;
} target;

// Looked up for each attempt: a grant may have been renewed meanwhile.
static target find_target(const ice_s3_store *store, const ice_s3_place *place) {
  const ice_s3_grant_entry *best = NULL;
  for (size_t i = 0; i < store->grant_count; i++) {
    const ice_s3_grant_entry *grant = &store->grants[i];
    bool longer = !best || grant->prefix.place.key.size > best->prefix.place.key.size;
    if (longer && ice_s3_place_holds(&grant->prefix.place, place)) {
      best = grant;
    }
  }
  target out = {.endpoint = ice_str_of(best && best->endpoint ? best->endpoint : store->endpoint),
                .region = ice_str_of(best && best->region ? best->region : store->region),
                .path_style = best && best->path_style >= 0 ? best->path_style != 0 : store->path_style,
                .provider = best ? best->provider : NULL,
                .signer = best ? best->signer : NULL};
  if (!out.provider && !out.signer) {
    out.provider = store->provider;
  }
  return out;
}

ice_aws_provider *ice_s3_request_provider(const ice_s3_request *request) {
  return find_target(request->store, request->granted).provider;
}

// A bucket is a name of DNS in small letters; over TLS one with a dot fits no certificate.
static bool fits_host(ice_str bucket, ice_str host, bool tls) {
  for (size_t i = 0; i < bucket.size; i++) {
    char c = bucket.data[i];
    if (c == '_' || (c >= 'A' && c <= 'Z') || (c == '.' && tls)) {
      return false;
    }
  }
  // An address has no names below it.
  bool numeric = true;
  for (size_t i = 0; i < host.size && host.data[i] != ':'; i++) {
    numeric = numeric && ((host.data[i] >= '0' && host.data[i] <= '9') || host.data[i] == '.');
  }
  return bucket.size <= 63 && !numeric && host.size > 0 && host.data[0] != '[';
}

static ice_status append_key(ice_str key, ice_bytes *out, ice_error *err) {
  ice_status status = ICE_OK;
  for (size_t from = 0; status == ICE_OK && from < key.size;) {
    const char *slash = memchr(key.data + from, '/', key.size - from);
    size_t size = (slash ? (size_t)(slash - key.data) : key.size) - from;
    status = ice_http_url_encode(ice_str_make(key.data + from, size), out, err);
    if (status == ICE_OK && slash) {
      status = ice_bytes_append_u8(out, '/', err);
    }
    from += size + 1;
  }
  return status;
}

static ice_status build_url(ice_s3_request *request, const target *to, ice_str *out, ice_error *err) {
  ice_bytes url;
  ice_bytes_init(&url, ICE_HTTP_URL_MAX);
  bool tls = ice_str_starts_with(to->endpoint, ICE_STR("https://"));
  ice_str scheme = ice_str_make(to->endpoint.data, tls ? 8 : 7);
  ice_str host = ice_str_make(to->endpoint.data + scheme.size, to->endpoint.size - scheme.size);
  ice_str bucket = request->place->bucket;
  ice_status status = ICE_OK;
  ICE_TRY(to->path_style || !fits_host(bucket, host, tls)
              ? ice_bytes_append_format(&url, err, "%.*s/%.*s/", ICE_STR_ARG(to->endpoint), ICE_STR_ARG(bucket))
              : ice_bytes_append_format(&url, err, "%.*s%.*s.%.*s/", ICE_STR_ARG(scheme), ICE_STR_ARG(bucket),
                                        ICE_STR_ARG(host)));
  ICE_TRY(append_key(request->place->key, &url, err));
  if (request->query.size > 0) {
    ICE_TRY(ice_bytes_append_format(&url, err, "?%.*s", ICE_STR_ARG(request->query)));
  }
  ICE_TRY(ice_arena_copy_str(&request->texts, ice_bytes_str(&url), out, err));
done:
  ice_bytes_deinit(&url);
  return status;
}

// What stands for the payload in the signature: over TLS its digest costs more than it protects.
static ice_str payload_of(ice_s3_request *request, ice_str url) {
  bool tls = ice_str_starts_with(url, ICE_STR("https://"));
  if (request->body.size > 0 && (tls || request->store->unsigned_payload)) {
    return ICE_SIGV4_UNSIGNED_PAYLOAD;
  }
  if (!request->has_body_sha256) {
    ice_sha256_hex(request->body, request->body_sha256);
    request->has_body_sha256 = true;
  }
  return ice_str_make(request->body_sha256, sizeof request->body_sha256);
}

typedef struct attempt {
  ice_http_header headers[HEADERS_MAX];
  size_t count;
  ice_str url;
} attempt;

static void add_header(attempt *self, ice_str name, ice_str value) {
  self->headers[self->count++] = (ice_http_header){name, value};
}

static ice_status add_headers(ice_s3_request *request, attempt *out, ice_error *err) {
  ice_s3_store *store = request->store;
  ice_status status = ICE_OK;
  memcpy(out->headers, request->headers, request->header_count * sizeof request->headers[0]);
  out->count = request->header_count;
  if (request->body.size > 0 || request->method == ICE_HTTP_PUT) {
    add_header(out, ICE_STR("content-type"), ICE_STR("application/octet-stream"));
  }
  if (request->if_absent && !store->no_condition) {
    add_header(out, ICE_STR("if-none-match"), ICE_STR("*"));
  }
  if (request->names_checksum && !store->no_checksum) {
    add_header(out, ICE_STR("x-amz-checksum-algorithm"), ICE_STR("CRC32C"));
  }
  if (request->has_checksum && !store->no_checksum) {
    char checksum[ICE_S3_CHECKSUM_SIZE + 1];
    ice_str text;
    ice_s3_checksum_text(request->crc32c, checksum);
    ICE_TRY(ice_arena_copy_str(&request->texts, ice_str_of(checksum), &text, err));
    add_header(out, ICE_STR("x-amz-checksum-crc32c"), text);
    add_header(out, ICE_STR("x-amz-sdk-checksum-algorithm"), ICE_STR("CRC32C"));
  }
done:
  return status;
}

static uint32_t digest_of(const ice_aws_credentials *keys) {
  uint32_t digest = ice_crc32c(0, keys->access_key_id.data, keys->access_key_id.size);
  return ice_crc32c(digest, keys->session_token.data, keys->session_token.size);
}

static ice_status sign(ice_s3_request *request, const target *to, attempt *out, ice_error *err) {
  ice_s3_store *store = request->store;
  ice_str payload = payload_of(request, out->url);
  if (to->signer) {
    add_header(out, ICE_STR("x-amz-content-sha256"), payload);
    return to->signer->interface->sign(to->signer, request->method, to->region, &out->url, out->headers, &out->count,
                                       HEADERS_MAX, &request->texts, err);
  }
  if (!to->provider) {
    return ICE_OK;
  }
  ice_aws_credentials credentials;
  ice_status status = ice_aws_provider_get(to->provider, false, &credentials, err);
  // Of several requests whose keys were refused the first renews them for all.
  if (request->renew && (status != ICE_OK || digest_of(&credentials) == request->keys)) {
    status = ice_aws_provider_get(to->provider, true, &credentials, err);
  }
  if (status != ICE_OK) {
    return status;
  }
  request->renew = false;
  request->keys = digest_of(&credentials);
  const ice_sigv4_scope scope = {.region = to->region,
                                 .service = ICE_STR("s3"),
                                 .now_us = store->port->clock.now_us(store->port->clock.context) + store->skew_us};
  return ice_sigv4_sign(&scope, &credentials, request->method, out->url, payload, out->headers, &out->count,
                        HEADERS_MAX, &request->texts, err);
}

static ice_status send_attempt(ice_s3_request *request, ice_error *err) {
  attempt now = {0};
  ice_arena_mark mark = ice_arena_get_mark(&request->texts);
  target to = find_target(request->store, request->granted);
  ice_status status = ICE_OK;
  ICE_TRY(build_url(request, &to, &now.url, err));
  ICE_TRY(add_headers(request, &now, err));
  ICE_TRY(sign(request, &to, &now, err));
  const ice_http_request http = {.method = request->method,
                                 .url = now.url.data,
                                 .headers = now.headers,
                                 .header_count = now.count,
                                 .body = request->body};
  ICE_TRY(ice_http_multi_start(request->store->http, &http, &request->response, &request->exchange, err));
  request->state = ICE_S3_REQUEST_SENT;
  request->store->under_way++;
  ice_observe_count(request->store->observer, "icesink_store_requests_total", ice_str_of(request->what), 1);
  ice_observe_count(request->store->observer, "icesink_store_sent_bytes_total", (ice_str){0},
                    (int64_t)request->body.size);
done:
  ice_arena_restore(&request->texts, mark);
  return status;
}

// Driving ----------------------------------------------------------------------------------------------------------------

static void finish(ice_s3_request *request) {
  unlink_request(request);
  request->state = ICE_S3_REQUEST_DONE;
  if (request->done) {
    request->done(request);
  }
}

// Sends what may be sent; returns how long until the next may.
static int64_t start_waiting(ice_s3_store *store, int64_t timeout_ms) {
  int64_t now_us = store->port->clock.monotonic_us(store->port->clock.context);
  int64_t wait_us = timeout_ms * 1000;
  for (ice_s3_request *request = store->first, *next; request; request = next) {
    next = request->next;
    if (request->state != ICE_S3_REQUEST_WAITING) {
      continue;
    }
    int64_t left_us = request->not_before_us - now_us;
    if (left_us > 0) {
      wait_us = left_us < wait_us ? left_us : wait_us;
    } else if (store->under_way < store->window) {
      request->attempts++;
      request->response.maybe_sent = false;
      ice_status status = send_attempt(request, &request->err);
      if (status != ICE_OK) {
        ice_s3_request_settle(request, status);
      }
    }
  }
  return (wait_us + 999) / 1000;
}

// A request that ends may end others and begin new ones, so the list is looked through from its beginning again.
static bool take_ended(ice_s3_store *store) {
  bool found = false;
  bool again = true;
  while (again) {
    again = false;
    for (ice_s3_request *request = store->first; request; request = request->next) {
      if (request->state == ICE_S3_REQUEST_SENT && ice_http_exchange_done(request->exchange)) {
        ice_status status = ice_http_exchange_finish(request->exchange, &request->err);
        request->exchange = NULL;
        store->under_way--;
        ice_s3_request_settle(request, status);
      }
      if (request->state == ICE_S3_REQUEST_DONE) {
        finish(request);
        found = again = true;
        break;
      }
    }
  }
  return found;
}

// A wait between attempts has no exchange that the stop could end.
static void stop_waiting(ice_s3_store *store) {
  if (!store->stop || !*store->stop) {
    return;
  }
  for (ice_s3_request *request = store->first; request; request = request->next) {
    if (request->state == ICE_S3_REQUEST_WAITING) {
      request->status = ice_error_set(&request->err, ICE_CANCELLED, "stopped while waiting for an answer");
      request->state = ICE_S3_REQUEST_DONE;
    }
  }
}

ice_status ice_s3_drive(ice_s3_store *store, int64_t timeout_ms, ice_error *err) {
  ice_status status = ICE_OK;
  stop_waiting(store);
  bool ended = take_ended(store);
  int64_t wait_ms = start_waiting(store, timeout_ms);
  ended = take_ended(store) || ended;
  ICE_TRY(ice_http_multi_drive(store->http, ended ? 0 : wait_ms, err));
  if (take_ended(store)) {
    // What was waiting for a place goes out at once, not with the next call.
    start_waiting(store, 0);
    ICE_TRY(ice_http_multi_drive(store->http, 0, err));
  }
done:
  store->driven_at_us = store->port->clock.monotonic_us(store->port->clock.context);
  return status;
}

void ice_s3_request_submit(ice_s3_request *request) {
  request->state = ICE_S3_REQUEST_WAITING;
  list_request(request, false);
}

ice_status ice_s3_request_wait(ice_s3_request *request, ice_error *err) {
  ice_status status = ICE_OK;
  // Somebody stands and waits, so it goes before what is on its way up.
  request->state = ICE_S3_REQUEST_WAITING;
  list_request(request, true);
  while (status == ICE_OK && request->state != ICE_S3_REQUEST_DONE) {
    status = ice_s3_drive(request->store, ICE_S3_DRIVE_MS, err);
  }
  if (status == ICE_OK && request->status != ICE_OK) {
    status = request->status;
    if (err) {
      *err = request->err;
    }
  }
  return status;
}
