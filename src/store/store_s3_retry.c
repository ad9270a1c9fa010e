// What an attempt's end means: the answer, another attempt and when, or the end of it.
#include "store/store_s3_priv.h"

#include <stdio.h>

enum {
  BASE_DELAY_US = 100 * 1000,
  SLOW_DELAY_US = 1000 * 1000,
  DELAY_MAX_US = 20 * 1000 * 1000,
  RETRY_AFTER_MAX_S = 60,
  MESSAGE_MAX = 200,
  RENEWALS_MAX = 3,
  SKEW_MIN_US = 60 * 1000 * 1000,
  /// The server takes what is at most a quarter of an hour off.
  SKEW_REFUSED_US = 10 * 60 * 1000 * 1000
};

typedef enum verdict { DONE, FAILED, AGAIN, AGAIN_SLOWLY, AGAIN_AT_ONCE } verdict;

static bool is_code(const ice_s3_request *request, const char *const *codes, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (strcmp(request->code, codes[i]) == 0) {
      return true;
    }
  }
  return false;
}

#define IS_CODE(request, ...) \
  is_code(request, (const char *const[]){__VA_ARGS__}, ICE_COUNT_OF(((const char *const[]){__VA_ARGS__})))

static int64_t clock_us(const ice_s3_store *store) { return store->port->clock.now_us(store->port->clock.context); }

// How far the server's clock is from the corrected one; 0 where it does not say.
static int64_t skew_of(const ice_s3_request *request) {
  int64_t date_us;
  if (!ice_http_response_date(&request->response, &date_us)) {
    return 0;
  }
  return date_us - (clock_us(request->store) + request->store->skew_us);
}

// An answer to HEAD has no body that would name the fault.
static bool is_skewed(const ice_s3_request *request, int64_t skew_us) {
  bool off = skew_us > SKEW_MIN_US || skew_us < -SKEW_MIN_US;
  bool far_off = skew_us > SKEW_REFUSED_US || skew_us < -(int64_t)SKEW_REFUSED_US;
  return (off && IS_CODE(request, "RequestTimeTooSkewed", "RequestExpired")) ||
         (far_off && request->response.status == 403 && request->code[0] == '\0');
}

static bool is_stale_key(const ice_s3_request *request) {
  int32_t http = request->response.status;
  return IS_CODE(request, "ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired",
                 "InvalidAccessKeyId") ||
         (request->code[0] == '\0' && request->method == ICE_HTTP_HEAD &&
          (http == 400 || http == 401 || http == 403));
}

// 501, and in the words of those who say it otherwise: without what it does not know the request may pass.
static bool drop_feature(ice_s3_request *request, const ice_s3_problem *problem) {
  ice_s3_store *store = request->store;
  if (request->response.status != 501 && !IS_CODE(request, "NotImplemented")) {
    return false;
  }
  bool checksum_named = ice_str_starts_with(problem->header, ICE_STR("x-amz-checksum")) ||
                        ice_str_starts_with(problem->header, ICE_STR("x-amz-sdk"));
  if (request->if_absent && !store->no_condition && !checksum_named) {
    store->no_condition = true;
    ice_observe_log(
        store->observer, ICE_LOG_WARN,
        ICE_STR("The object store does not know If-None-Match: an object that is there would be replaced"), NULL, 0);
    return true;
  }
  if ((request->has_checksum || request->names_checksum) && !store->no_checksum) {
    store->no_checksum = true;
    ice_observe_log(store->observer, ICE_LOG_WARN, ICE_STR("The object store does not know CRC-32C checksums"), NULL,
                    0);
    return true;
  }
  return false;
}

static bool is_slow_down(const ice_s3_request *request) {
  return request->response.status == 429 || request->response.status == 503 ||
         IS_CODE(request, "SlowDown", "Throttling", "ThrottlingException", "TooManyRequests", "ServiceUnavailable",
                 "RequestLimitExceeded", "BandwidthLimitExceeded");
}

static bool is_transient(const ice_s3_request *request) {
  int32_t http = request->response.status;
  return http == 500 || http == 502 || http == 504 || http == 408 || http == 425 ||
         IS_CODE(request, "InternalError", "RequestTimeout", "OperationAborted", "ConditionalRequestConflict",
                 // The bytes were damaged on their way.
                 "BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch", "IncompleteBody");
}

// The requests that the server stands shrink by half when it says so, and grow by one with each round that it answers well.
static void adapt_window(ice_s3_store *store, bool slow) {
  int64_t now_us = store->port->clock.monotonic_us(store->port->clock.context);
  if (slow && now_us - store->slowed_at_us > SLOW_DELAY_US) {
    store->window = store->window > 1 ? store->window / 2 : 1;
    store->slowed_at_us = now_us;
    store->answered = 0;
    ice_observe_count(store->observer, "icesink_store_slow_downs_total", (ice_str){0}, 1);
  } else if (!slow && ++store->answered >= store->window && store->window < store->requests_max) {
    store->window++;
    store->answered = 0;
  }
}

static verdict judge(ice_s3_request *request, const ice_s3_problem *problem) {
  int32_t http = request->response.status;
  if (http >= 200 && http < 300 && request->code[0] == '\0') {
    adapt_window(request->store, false);
    return DONE;
  }
  int64_t skew_us = skew_of(request);
  if (!request->skew_corrected && is_skewed(request, skew_us)) {
    request->store->skew_us += skew_us;
    request->skew_corrected = true;
    return AGAIN_AT_ONCE;
  }
  uint32_t renewals_max = request->code[0] ? RENEWALS_MAX : 1;
  if (request->renewals < renewals_max && is_stale_key(request)) {
    request->renew = true;
    request->renewals++;
    return AGAIN_AT_ONCE;
  }
  if (drop_feature(request, problem)) {
    return AGAIN_AT_ONCE;
  }
  if (is_slow_down(request)) {
    adapt_window(request->store, true);
    request->maybe_applied = request->maybe_applied || http >= 500;
    return AGAIN_SLOWLY;
  }
  if (is_transient(request)) {
    request->maybe_applied = request->maybe_applied || http >= 500 || http == 200;
    return AGAIN;
  }
  return FAILED;
}

// Full jitter: anything between nothing and the exponential ceiling, so that those who failed together do not come back together.
static int64_t delay_us(ice_s3_request *request, bool slowly) {
  const ice_port *port = request->store->port;
  int64_t ceiling = slowly ? SLOW_DELAY_US : BASE_DELAY_US;
  for (uint32_t i = 1; i < request->attempts && ceiling < DELAY_MAX_US; i++) {
    ceiling *= 2;
  }
  ceiling = ceiling < DELAY_MAX_US ? ceiling : DELAY_MAX_US;
  uint32_t random = UINT32_MAX;
  (void)!port->random.fill(port->random.context, &random, sizeof random, NULL);
  int64_t delay = (int64_t)((double)ceiling * ((double)random / UINT32_MAX));
  ice_str text = ice_http_response_header(&request->response, "retry-after");
  int64_t asked_s = 0;
  for (size_t i = 0; i < text.size && text.data[i] >= '0' && text.data[i] <= '9' && asked_s < RETRY_AFTER_MAX_S;
       i++) {
    asked_s = asked_s * 10 + (text.data[i] - '0');
  }
  asked_s = asked_s < RETRY_AFTER_MAX_S ? asked_s : RETRY_AFTER_MAX_S;
  return delay > asked_s * 1000000 ? delay : asked_s * 1000000;
}

static ice_status status_of(const ice_s3_request *request) {
  int32_t http = request->response.status;
  if (http == 412 && request->if_absent) {
    return ICE_ALREADY_EXISTS;
  }
  // An answer to HEAD has no body that would say it.
  bool elsewhere = http == 400 && request->code[0] == '\0' &&
                   ice_http_response_header(&request->response, "x-amz-bucket-region").size > 0;
  if (http == 301 || http == 302 || http == 307 || http == 308 || elsewhere ||
      IS_CODE(request, "AuthorizationHeaderMalformed")) {
    return ICE_INVALID_ARGUMENT;
  }
  if (is_stale_key(request)) {
    return ICE_AUTH;
  }
  switch (http) {
    case 401:
    case 403: return ICE_AUTH;
    case 404: return ICE_NOT_FOUND;
    case 416: return ICE_CORRUPT;
    default: return ICE_IO;
  }
}

// A hostile server may give back what it was sent, to have it written to a log.
static bool holds_secret(const ice_s3_request *request, ice_str text) {
  static const ice_str words[] = {ICE_STR_INIT("ignature="), ICE_STR_INIT("redential="), ICE_STR_INIT("ecurity-")};
  ice_aws_credentials secret = {0};
  for (size_t i = 0; i < ICE_COUNT_OF(words); i++) {
    if (ice_str_contains(text, words[i])) {
      return true;
    }
  }
  ice_aws_provider *provider = ice_s3_request_provider(request);
  return provider && ice_aws_provider_get(provider, false, &secret, NULL) == ICE_OK &&
         (ice_str_contains(text, secret.secret_access_key) || ice_str_contains(text, secret.session_token));
}

// What a server says, as far as it can be shown: printable, short, and nothing that it was not to pass on.
static void show(const ice_s3_request *request, ice_str text, char out[MESSAGE_MAX + 1]) {
  if (holds_secret(request, text)) {
    text = ICE_STR("(withheld: the text holds credentials)");
  }
  ice_str_print(text, out, MESSAGE_MAX + 1);
}

static bool is_region(ice_str text) {
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
      return false;
    }
  }
  return text.size > 0 && text.size <= 40;
}

static void say_region(ice_s3_request *request, const ice_s3_problem *problem) {
  ice_str region = ice_http_response_header(&request->response, "x-amz-bucket-region");
  region = region.size > 0 ? region : problem->region;
  if (is_region(region)) {
    ice_error_set(&request->err, request->status, "the bucket \"%.*s\" is in region %.*s: set store.s3.region",
                  ICE_STR_ARG(request->place->bucket), ICE_STR_ARG(region));
  } else {
    ice_error_set(&request->err, request->status,
                  "the server sends requests for the bucket \"%.*s\" elsewhere, which is not followed: set "
                  "store.s3.endpoint and store.s3.region to where it is",
                  ICE_STR_ARG(request->place->bucket));
  }
}

static void say_failure(ice_s3_request *request, const ice_s3_problem *problem, bool retryable) {
  char message[MESSAGE_MAX + 1];
  request->status = status_of(request);
  show(request, problem->message, message);
  if (request->status == ICE_INVALID_ARGUMENT) {
    say_region(request, problem);
  } else {
    ice_error_set(&request->err, request->status, "HTTP status %d%s%s%s%s", request->response.status,
                  request->code[0] ? " " : "", request->code, message[0] ? ": " : "", message);
  }
  request->err.flags = retryable ? ICE_ERROR_RETRYABLE : 0;
  request->err.origin_code = request->response.status;
}

// Codes are words; anything else is nothing that could be compared or shown.
static void keep_code(ice_s3_request *request, ice_str code) {
  request->code[0] = '\0';
  if (code.size == 0 || code.size >= sizeof request->code || holds_secret(request, code)) {
    return;
  }
  for (size_t i = 0; i < code.size; i++) {
    char c = code.data[i];
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.')) {
      return;
    }
  }
  memcpy(request->code, code.data, code.size);
  request->code[code.size] = '\0';
}

// An answer of 200 may hold an error too: the server answered before it was done. What is no <Error> names no fault.
static ice_status read_problem(ice_s3_request *request, ice_s3_problem *out) {
  *out = (ice_s3_problem){0};
  int32_t http = request->response.status;
  request->code[0] = '\0';
  if (http >= 200 && http < 300 && !request->error_in_200) {
    return ICE_OK;
  }
  ice_status status =
      ice_s3_problem_read(ice_bytes_str(&request->response.body), &request->texts, out, &request->err);
  if (status == ICE_OK) {
    keep_code(request, out->code);
  }
  return status == ICE_NO_MEMORY ? status : ICE_OK;
}

static verdict judge_transport(ice_s3_request *request, ice_status status) {
  request->status = status;
  request->code[0] = '\0';
  request->maybe_applied = request->maybe_applied || request->response.maybe_sent;
  // A page of error that is too long says no less than a short one.
  bool long_page = status == ICE_LIMIT && request->response.status >= 500;
  return long_page || (request->err.flags & ICE_ERROR_RETRYABLE) ? AGAIN : FAILED;
}

// One attempt that fails is nothing to speak of; the second is.
static void report(const ice_s3_request *request, ice_status transport, int64_t wait_us) {
  const ice_log_field fields[] = {
      ICE_LOG_TEXT("operation", ice_str_of(request->what)),
      ICE_LOG_TEXT("object", request->place->location),
      ICE_LOG_TEXT("cause", ice_str_of(transport != ICE_OK ? request->err.message : request->code)),
      ICE_LOG_NUMBER("http_status", request->response.status),
      ICE_LOG_NUMBER("attempt", request->attempts),
      ICE_LOG_NUMBER("wait_ms", wait_us / 1000)};
  ice_observe_count(request->store->observer, "icesink_store_retries_total", (ice_str){0}, 1);
  if (request->attempts > 1) {
    ice_observe_log(request->store->observer, ICE_LOG_WARN, ICE_STR("Object store trouble; sending a request again"),
                    fields, ICE_COUNT_OF(fields));
  }
}

void ice_s3_request_settle(ice_s3_request *request, ice_status transport) {
  ice_s3_store *store = request->store;
  ice_s3_problem problem = {0};
  verdict found = FAILED;
  if (transport == ICE_OK) {
    transport = read_problem(request, &problem);
  }
  found = transport == ICE_OK ? judge(request, &problem) : judge_transport(request, transport);
  bool again = found == AGAIN || found == AGAIN_SLOWLY;
  if (found == AGAIN_AT_ONCE || (again && request->attempts <= store->retries)) {
    int64_t wait_us = again ? delay_us(request, found == AGAIN_SLOWLY) : 0;
    request->not_before_us = store->port->clock.monotonic_us(store->port->clock.context) + wait_us;
    request->state = ICE_S3_REQUEST_WAITING;
    report(request, transport, wait_us);
    return;
  }
  request->state = ICE_S3_REQUEST_DONE;
  request->status = found == DONE ? ICE_OK : request->status;
  if (found != DONE && transport == ICE_OK) {
    say_failure(request, &problem, again);
  }
  if (request->status != ICE_OK) {
    ice_error_prepend(&request->err, "%s %.*s", request->what, ICE_STR_ARG(request->place->location));
  }
}
