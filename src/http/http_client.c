#include "http/http_client.h"

#include "http/http_url.h"
#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { CONNECT_TIMEOUT_MS = 10000, SILENCE_TIMEOUT_MS = 30000, QUOTED_MAX = 200, HEADER_LINE_MAX = 64 * 1024 };

struct ice_http_client {
  CURL *easy;
  char *ca_file;
  int64_t connect_timeout_ms;
  int64_t silence_timeout_ms;
  const _Atomic bool *stop;
  char message[CURL_ERROR_SIZE];
};

/// One request under way.
typedef struct exchange {
  ice_http_client *client;
  ice_http_response *response;
  ice_str body;
  size_t sent;
  ice_error *err;
  ice_status refused;  ///< why a callback ended the transfer
} exchange;

// libcurl counts its users; the library may be one of several in its host.
static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready;
static void init_curl(void) { curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT); }

// OpenSSL writes to a connection that the peer has closed without MSG_NOSIGNAL, and CURLOPT_NOSIGNAL leaves that to
// us. The signal is held back in this thread alone and taken away if it came, so that the host sees nothing of it.
typedef struct held_signal {
  sigset_t before;
  bool pending;  ///< one was there already: it is the host's
} held_signal;

static sigset_t pipe_signal(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  return set;
}

static held_signal hold_signal(void) {
  held_signal held;
  sigset_t waiting;
  sigset_t set = pipe_signal();
  held.pending = sigpending(&waiting) == 0 && sigismember(&waiting, SIGPIPE) == 1;
  pthread_sigmask(SIG_BLOCK, &set, &held.before);
  return held;
}

static void release_signal(const held_signal *held) {
  const struct timespec at_once = {0};
  sigset_t set = pipe_signal();
  if (!held->pending) {
    while (sigtimedwait(&set, NULL, &at_once) < 0 && errno == EINTR) {
    }
  }
  pthread_sigmask(SIG_SETMASK, &held->before, NULL);
}

void ice_http_response_init(ice_http_response *response, size_t body_max) {
  *response = (ice_http_response){0};
  ice_bytes_init(&response->headers, ICE_HTTP_HEADER_BYTES_MAX);
  ice_bytes_init(&response->body, body_max);
}

void ice_http_response_deinit(ice_http_response *response) {
  ice_bytes_deinit(&response->headers);
  ice_bytes_deinit(&response->body);
}

ice_str ice_http_response_header(const ice_http_response *response, const char *name) {
  ice_str all = ice_bytes_str(&response->headers);
  ice_str wanted = ice_str_of(name);
  for (size_t at = 0; at < all.size;) {
    const char *end = memchr(all.data + at, '\n', all.size - at);
    size_t size = end ? (size_t)(end - (all.data + at)) : all.size - at;
    ice_str line = ice_str_make(all.data + at, size);
    if (ice_str_starts_with(line, wanted) && line.size >= wanted.size + 2 && line.data[wanted.size] == ':') {
      return ice_str_make(line.data + wanted.size + 2, line.size - wanted.size - 2);
    }
    at += size + 1;
  }
  return (ice_str){0};
}

ice_status ice_http_client_create(const ice_http_options *options, ice_http_client **out, ice_error *err) {
  *out = NULL;
  ice_status status = ICE_OK;
  ice_http_client *client = NULL;
  pthread_once(&curl_once, init_curl);
  if (curl_ready != CURLE_OK) {
    ICE_FAIL(ICE_INTERNAL, "libcurl does not start: %s", curl_easy_strerror(curl_ready));
  }
  client = calloc(1, sizeof *client);
  if (!client) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for an HTTP client");
  }
  client->connect_timeout_ms = options->connect_timeout_ms > 0 ? options->connect_timeout_ms : CONNECT_TIMEOUT_MS;
  client->silence_timeout_ms = options->silence_timeout_ms > 0 ? options->silence_timeout_ms : SILENCE_TIMEOUT_MS;
  client->stop = options->stop;
  client->ca_file = options->ca_file ? strdup(options->ca_file) : NULL;
  client->easy = curl_easy_init();
  if (!client->easy || (options->ca_file && !client->ca_file)) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for an HTTP client");
  }
  *out = client;
  client = NULL;
done:
  ice_http_client_destroy(client);
  return status;
}

void ice_http_client_destroy(ice_http_client *client) {
  if (client) {
    held_signal held = hold_signal();
    curl_easy_cleanup(client->easy);
    release_signal(&held);
    free(client->ca_file);
    free(client);
  }
}

// Callbacks of libcurl ----------------------------------------------------------------------------------------------

// Anything but the full size ends the transfer with CURLE_WRITE_ERROR.
static size_t take_body(char *data, size_t one, size_t size, void *context) {
  (void)one;
  exchange *self = context;
  self->refused = ice_bytes_append(&self->response->body, data, size, self->err);
  if (self->refused == ICE_LIMIT) {
    ice_error_set(self->err, ICE_LIMIT, "the answer's body has more than %zu bytes", self->response->body.size_max);
  }
  return self->refused == ICE_OK ? size : 0;
}

static ice_status add_header(exchange *self, ice_str line) {
  ice_bytes *headers = &self->response->headers;
  const char *colon = memchr(line.data, ':', line.size);
  ice_status status = ICE_OK;
  if (!colon) {
    goto done;
  }
  for (const char *at = line.data; at < colon; at++) {
    ICE_TRY(ice_bytes_append_u8(headers, (uint8_t)(*at >= 'A' && *at <= 'Z' ? *at | 0x20 : *at), self->err));
  }
  const char *value = colon + 1;
  while (value < line.data + line.size && (*value == ' ' || *value == '\t')) {
    value++;
  }
  ICE_TRY(ice_bytes_append_str(headers, ICE_STR(": "), self->err));
  ICE_TRY(ice_bytes_append(headers, value, (size_t)(line.data + line.size - value), self->err));
  ICE_TRY(ice_bytes_append_u8(headers, '\n', self->err));
done:
  return status;
}

static size_t take_header(char *data, size_t one, size_t size, void *context) {
  (void)one;
  exchange *self = context;
  ice_str line = ice_str_make(data, size);
  while (line.size > 0 && (line.data[line.size - 1] == '\r' || line.data[line.size - 1] == '\n')) {
    line.size--;
  }
  if (ice_str_starts_with(line, ICE_STR("HTTP/"))) {
    // A new answer begins: what came before was an interim one (100, 103) or a proxy's.
    ice_bytes_clear(&self->response->headers);
    return size;
  }
  self->refused = add_header(self, line);
  return self->refused == ICE_OK ? size : 0;
}

static size_t give_body(char *data, size_t one, size_t count, void *context) {
  exchange *self = context;
  size_t room = one * count;
  size_t left = self->body.size - self->sent;
  size_t size = left < room ? left : room;
  if (size > 0) {
    memcpy(data, self->body.data + self->sent, size);
    self->sent += size;
  }
  return size;
}

// libcurl asks for this when it has to begin again on a fresh connection.
static int rewind_body(void *context, curl_off_t offset, int origin) {
  exchange *self = context;
  if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > self->body.size) {
    return CURL_SEEKFUNC_CANTSEEK;
  }
  self->sent = (size_t)offset;
  return CURL_SEEKFUNC_OK;
}

static int watch(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up) {
  (void)down_total;
  (void)down;
  (void)up_total;
  (void)up;
  const exchange *self = context;
  return self->client->stop && *self->client->stop;
}

// Requests ----------------------------------------------------------------------------------------------------------

static bool has_control(ice_str text) {
  for (size_t i = 0; i < text.size; i++) {
    unsigned char c = (unsigned char)text.data[i];
    if ((c < ' ' && c != '\t') || c == 0x7f) {
      return true;
    }
  }
  return false;
}

static ice_status add_line(struct curl_slist **list, const char *line, ice_error *err) {
  struct curl_slist *longer = curl_slist_append(*list, line);
  if (!longer) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a request's headers");
  }
  *list = longer;
  return ICE_OK;
}

static ice_status build_headers(const ice_http_request *request, struct curl_slist **list, ice_error *err) {
  ice_bytes line;
  ice_bytes_init(&line, HEADER_LINE_MAX);
  ice_status status = ICE_OK;
  if (request->header_count > ICE_HTTP_HEADERS_MAX) {
    ICE_FAIL(ICE_LIMIT, "a request has more than %d headers", (int)ICE_HTTP_HEADERS_MAX);
  }
  // No Expect: it costs a round trip and some servers never answer it.
  ICE_TRY(add_line(list, "Expect:", err));
  for (size_t i = 0; i < request->header_count; i++) {
    const ice_http_header *header = &request->headers[i];
    if (header->name.size == 0 || has_control(header->name) || memchr(header->name.data, ':', header->name.size) ||
        has_control(header->value)) {
      ICE_FAIL(ICE_INVALID_ARGUMENT, "a request header has a name or value that HTTP cannot carry");
    }
    ice_bytes_clear(&line);
    // libcurl drops a header without a value unless it ends with ';'.
    ICE_TRY(header->value.size == 0 ? ice_bytes_append_format(&line, err, "%.*s;", ICE_STR_ARG(header->name))
                                    : ice_bytes_append_format(&line, err, "%.*s: %.*s", ICE_STR_ARG(header->name),
                                                              ICE_STR_ARG(header->value)));
    const char *text = ice_bytes_c_str(&line, err);
    if (!text) {
      ICE_FAIL(ICE_NO_MEMORY, "out of memory for a request's headers");
    }
    ICE_TRY(add_line(list, text, err));
  }
done:
  ice_bytes_deinit(&line);
  return status;
}

static ice_status set_credentials(CURL *easy, const ice_http_request *request, ice_error *err) {
  if (!request->user.data) {
    return ICE_OK;
  }
  char *user = strndup(request->user.data, request->user.size);
  char *password = strndup(request->password.data ? request->password.data : "", request->password.size);
  ice_status status = ICE_OK;
  if (!user || !password || curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC) != CURLE_OK ||
      curl_easy_setopt(easy, CURLOPT_USERNAME, user) != CURLE_OK ||
      curl_easy_setopt(easy, CURLOPT_PASSWORD, password) != CURLE_OK) {
    status = ice_error_set(err, ICE_NO_MEMORY, "out of memory for a request");
  }
  free(user);
  free(password);
  return status;
}

static CURLcode set_method(CURL *easy, exchange *self, ice_http_method method) {
  switch (method) {
    case ICE_HTTP_GET: return curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    case ICE_HTTP_HEAD: return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    case ICE_HTTP_DELETE: return curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "DELETE");
    case ICE_HTTP_POST: {
      CURLcode code = curl_easy_setopt(easy, CURLOPT_POST, 1L);
      return code != CURLE_OK ? code
                              : curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)self->body.size);
    }
    case ICE_HTTP_PUT: {
      CURLcode code = curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
      return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)self->body.size);
    }
  }
  return CURLE_BAD_FUNCTION_ARGUMENT;
}

static CURLcode set_transfer(CURL *easy, exchange *self, const ice_http_request *request,
                             struct curl_slist *headers) {
  const ice_http_client *client = self->client;
  CURLcode code = CURLE_OK;
#define SET(option, value)                              \
  do {                                                  \
    if (code == CURLE_OK) {                             \
      code = curl_easy_setopt(easy, (option), (value)); \
    }                                                   \
  } while (0)
  SET(CURLOPT_URL, request->url);
  SET(CURLOPT_PROTOCOLS_STR, "http,https");
  SET(CURLOPT_FOLLOWLOCATION, 0L);
  SET(CURLOPT_PATH_AS_IS, 1L);
  SET(CURLOPT_NOSIGNAL, 1L);
  SET(CURLOPT_SSL_VERIFYPEER, 1L);
  SET(CURLOPT_SSL_VERIFYHOST, 2L);
  SET(CURLOPT_USERAGENT, "icesink");
  SET(CURLOPT_CONNECTTIMEOUT_MS, (long)client->connect_timeout_ms);
  SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
  SET(CURLOPT_LOW_SPEED_TIME, (long)((client->silence_timeout_ms + 999) / 1000));
  SET(CURLOPT_ERRORBUFFER, self->client->message);
  SET(CURLOPT_WRITEFUNCTION, take_body);
  SET(CURLOPT_WRITEDATA, self);
  SET(CURLOPT_HEADERFUNCTION, take_header);
  SET(CURLOPT_HEADERDATA, self);
  SET(CURLOPT_READFUNCTION, give_body);
  SET(CURLOPT_READDATA, self);
  SET(CURLOPT_SEEKFUNCTION, rewind_body);
  SET(CURLOPT_SEEKDATA, self);
  SET(CURLOPT_NOPROGRESS, 0L);
  SET(CURLOPT_XFERINFOFUNCTION, watch);
  SET(CURLOPT_XFERINFODATA, self);
  SET(CURLOPT_HTTPHEADER, headers);
  if (client->ca_file) {
    SET(CURLOPT_CAINFO, client->ca_file);
  }
#undef SET
  return code != CURLE_OK ? code : set_method(easy, self, request->method);
}

// Failures before the first byte of the request went out.
static bool never_sent(CURLcode code) {
  return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
         code == CURLE_SSL_CONNECT_ERROR || code == CURLE_PEER_FAILED_VERIFICATION ||
         code == CURLE_SSL_CACERT_BADFILE || code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL;
}

static ice_status fail_transfer(exchange *self, CURLcode code, const char *url, ice_error *err) {
  const char *detail = self->client->message[0] ? self->client->message : curl_easy_strerror(code);
  ice_str shown = ice_http_url_shown(ice_str_of(url));
  ice_status status = ICE_IO;
  uint32_t flags = ICE_ERROR_RETRYABLE;
  if (code == CURLE_OPERATION_TIMEDOUT) {
    curl_off_t sent_at = 0;
    // A time-out while connecting sent nothing.
    if (curl_easy_getinfo(self->client->easy, CURLINFO_PRETRANSFER_TIME_T, &sent_at) == CURLE_OK && sent_at == 0) {
      self->response->maybe_sent = false;
    }
    status = ICE_TIMEOUT;
  } else if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE) {
    status = ICE_AUTH;
    flags = 0;
  } else if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) {
    status = ICE_INVALID_ARGUMENT;
    flags = 0;
  } else if (code == CURLE_OUT_OF_MEMORY) {
    status = ICE_NO_MEMORY;
    flags = 0;
  }
  ice_error_set(err, status, "%.*s: %s", ICE_STR_ARG(shown), detail);
  if (err) {
    err->flags = flags;
    err->origin_code = (int32_t)code;
  }
  return status;
}

static ice_status perform(exchange *self, const ice_http_request *request, struct curl_slist *headers,
                          ice_error *err) {
  CURL *easy = self->client->easy;
  self->client->message[0] = '\0';
  // Forgets all options, keeps connections and the session cache.
  curl_easy_reset(easy);
  ice_status status = set_credentials(easy, request, err);
  if (status != ICE_OK) {
    return status;
  }
  CURLcode code = set_transfer(easy, self, request, headers);
  if (code == CURLE_OK) {
    held_signal held = hold_signal();
    self->response->maybe_sent = true;
    code = curl_easy_perform(easy);
    release_signal(&held);
  }
  long answer = 0;
  if (curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &answer) == CURLE_OK) {
    self->response->status = (int32_t)answer;
  }
  if (never_sent(code)) {
    self->response->maybe_sent = false;
  }
  if (self->refused != ICE_OK) {
    ice_str shown = ice_http_url_shown(ice_str_of(request->url));
    ice_error_prepend(err, "%.*s", ICE_STR_ARG(shown));
    return self->refused;
  }
  if (code == CURLE_ABORTED_BY_CALLBACK) {
    return ice_error_set(err, ICE_CANCELLED, "stopped while waiting for an answer");
  }
  return code == CURLE_OK ? ICE_OK : fail_transfer(self, code, request->url, err);
}

ice_status ice_http_client_send(ice_http_client *client, const ice_http_request *request, ice_http_response *response,
                                ice_error *err) {
  struct curl_slist *headers = NULL;
  exchange self = {.client = client, .response = response, .body = request->body, .err = err, .refused = ICE_OK};
  response->status = 0;
  response->maybe_sent = false;
  ice_bytes_clear(&response->headers);
  ice_bytes_clear(&response->body);
  ice_str url = ice_str_of(request->url);
  ice_status status = ICE_OK;
  if (ice_str_equal(ice_http_url_shown(url), ICE_STR("(URL with credentials)"))) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "a request's URL holds credentials");
  }
  ICE_TRY(build_headers(request, &headers, err));
  ICE_TRY(perform(&self, request, headers, err));
done:
  curl_slist_free_all(headers);
  return status;
}

ice_status ice_http_response_check(const ice_http_response *response, const char *what, ice_error *err) {
  int32_t code = response->status;
  if (code >= 200 && code < 300) {
    return ICE_OK;
  }
  ice_str body = ice_bytes_str(&response->body);
  char quoted[QUOTED_MAX + 1];
  size_t size = body.size < QUOTED_MAX ? body.size : QUOTED_MAX;
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)body.data[i];
    quoted[i] = c < ' ' || c >= 0x7f ? ' ' : (char)c;
  }
  quoted[size] = '\0';
  bool retryable = code == 408 || code == 425 || code == 429 || code >= 500;
  ice_status status = code == 401 || code == 403 ? ICE_AUTH : code == 404 || code == 410 ? ICE_NOT_FOUND : ICE_IO;
  ice_error_set(err, status, "%s: HTTP status %d%s%s", what, code, size > 0 ? ": " : "", quoted);
  if (err) {
    err->flags = retryable ? ICE_ERROR_RETRYABLE : 0;
    err->origin_code = code;
  }
  return status;
}
