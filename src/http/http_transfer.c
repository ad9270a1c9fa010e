#include "http/http_transfer_priv.h"

#include "http/http_url.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
  CONNECT_TIMEOUT_MS = 10000,
  SILENCE_TIMEOUT_MS = 30000,
  HEADER_LINE_MAX = 64 * 1024,
  /// libcurl's own buffer of 64 KiB is one system call per 64 KiB.
  UPLOAD_BUFFER_SIZE = 256 * 1024
};

int64_t ice_http_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// Where systems keep the certificates that they trust. libcurl knows the one of the system that it was built for, and a package with
// libraries of its own is used on others.
static const char *const authorities[] = {"/etc/ssl/certs/ca-certificates.crt",  // Debian, Ubuntu, Arch, Alpine
                                          "/etc/pki/tls/certs/ca-bundle.crt",    // Fedora, Red Hat
                                          "/etc/ssl/ca-bundle.pem",              // SUSE
                                          "/etc/ssl/cert.pem",                   // others that follow OpenSSL
                                          NULL};

const char *ice_http_first_readable(const char *const *places) {
  while (*places && access(*places, R_OK) != 0) {
    places++;
  }
  return *places;
}

ice_status ice_http_settings_init(ice_http_settings *settings, const ice_http_options *options, ice_error *err) {
  *settings = (ice_http_settings){
      .connect_timeout_ms = options->connect_timeout_ms > 0 ? options->connect_timeout_ms : CONNECT_TIMEOUT_MS,
      .silence_timeout_ms = options->silence_timeout_ms > 0 ? options->silence_timeout_ms : SILENCE_TIMEOUT_MS,
      .stop = options->stop};
  const struct {
    const char *text;
    char **copy;
  } texts[] = {{options->ca_file ? options->ca_file : ice_http_first_readable(authorities), &settings->ca_file},
               {options->client_certificate, &settings->client_certificate},
               {options->client_key, &settings->client_key},
               {options->proxy, &settings->proxy}};
  for (size_t i = 0; i < ICE_COUNT_OF(texts); i++) {
    *texts[i].copy = texts[i].text ? strdup(texts[i].text) : NULL;
    if (texts[i].text && !*texts[i].copy) {
      ice_http_settings_deinit(settings);
      return ice_error_set(err, ICE_NO_MEMORY, "out of memory for an HTTP client");
    }
  }
  return ICE_OK;
}

void ice_http_settings_deinit(ice_http_settings *settings) {
  free(settings->ca_file);
  free(settings->client_certificate);
  free(settings->client_key);
  free(settings->proxy);
  *settings = (ice_http_settings){0};
}

// Callbacks of libcurl ----------------------------------------------------------------------------------------------

// Anything but the full size ends the transfer with CURLE_WRITE_ERROR.
static size_t take_body(char *data, size_t one, size_t size, void *context) {
  (void)one;
  ice_http_transfer *self = context;
  self->moved_at_ms = ice_http_now_ms();
  self->refused = ice_bytes_append(&self->response->body, data, size, &self->cause);
  if (self->refused == ICE_LIMIT) {
    ice_error_set(&self->cause, ICE_LIMIT, "the answer's body has more than %zu bytes",
                  self->response->body.size_max);
  }
  return self->refused == ICE_OK ? size : 0;
}

static ice_status add_header(ice_http_transfer *self, ice_str line) {
  ice_bytes *headers = &self->response->headers;
  const char *colon = memchr(line.data, ':', line.size);
  ice_status status = ICE_OK;
  if (!colon) {
    goto done;
  }
  for (const char *at = line.data; at < colon; at++) {
    ICE_TRY(ice_bytes_append_u8(headers, (uint8_t)(*at >= 'A' && *at <= 'Z' ? *at | 0x20 : *at), &self->cause));
  }
  const char *value = colon + 1;
  while (value < line.data + line.size && (*value == ' ' || *value == '\t')) {
    value++;
  }
  ICE_TRY(ice_bytes_append_str(headers, ICE_STR(": "), &self->cause));
  ICE_TRY(ice_bytes_append(headers, value, (size_t)(line.data + line.size - value), &self->cause));
  ICE_TRY(ice_bytes_append_u8(headers, '\n', &self->cause));
done:
  return status;
}

static size_t take_header(char *data, size_t one, size_t size, void *context) {
  (void)one;
  ice_http_transfer *self = context;
  ice_str line = ice_str_make(data, size);
  self->moved_at_ms = ice_http_now_ms();
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
  ice_http_transfer *self = context;
  size_t room = one * count;
  size_t left = self->body.size - self->sent;
  size_t size = left < room ? left : room;
  self->moved_at_ms = ice_http_now_ms();
  if (size > 0) {
    memcpy(data, self->body.data + self->sent, size);
    self->sent += size;
  }
  return size;
}

// libcurl sends a request again by itself when a kept connection ends before an answer, also when all of it had gone out and was
// carried out. For a request that changes something that is an answer which nobody knows.
static int about_to_send(void *context, char *their_address, char *own_address, int their_port, int own_port) {
  (void)their_address;
  (void)own_address;
  (void)their_port;
  (void)own_port;
  ice_http_transfer *self = context;
  self->times_begun++;
  return self->repeatable || self->times_begun == 1 ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

// libcurl asks for this when it has to begin again on a fresh connection.
static int rewind_body(void *context, curl_off_t offset, int origin) {
  ice_http_transfer *self = context;
  if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > self->body.size) {
    return CURL_SEEKFUNC_CANTSEEK;
  }
  self->sent = (size_t)offset;
  return CURL_SEEKFUNC_OK;
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

static CURLcode set_method(CURL *easy, const ice_http_transfer *self, ice_http_method method) {
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

static CURLcode set_transfer(CURL *easy, ice_http_transfer *self, const ice_http_settings *settings,
                             const ice_http_request *request) {
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
  SET(CURLOPT_CONNECTTIMEOUT_MS, (long)settings->connect_timeout_ms);
  SET(CURLOPT_ERRORBUFFER, self->message);
  SET(CURLOPT_WRITEFUNCTION, take_body);
  SET(CURLOPT_WRITEDATA, self);
  SET(CURLOPT_HEADERFUNCTION, take_header);
  SET(CURLOPT_HEADERDATA, self);
  SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  SET(CURLOPT_READFUNCTION, give_body);
  SET(CURLOPT_READDATA, self);
  SET(CURLOPT_PREREQFUNCTION, about_to_send);
  SET(CURLOPT_PREREQDATA, self);
  SET(CURLOPT_SEEKFUNCTION, rewind_body);
  SET(CURLOPT_SEEKDATA, self);
  SET(CURLOPT_HTTPHEADER, self->headers);
  if (request->body.size > UPLOAD_BUFFER_SIZE) {
    SET(CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER_SIZE);
  }
  if (settings->ca_file) {
    SET(CURLOPT_CAINFO, settings->ca_file);
  }
  if (settings->client_certificate) {
    SET(CURLOPT_SSLCERT, settings->client_certificate);
    SET(CURLOPT_SSLKEY, settings->client_key ? settings->client_key : settings->client_certificate);
  }
  if (settings->proxy) {
    SET(CURLOPT_PROXY, settings->proxy);
  }
#undef SET
  return code != CURLE_OK ? code : set_method(easy, self, request->method);
}

ice_status ice_http_transfer_prepare(ice_http_transfer *self, const ice_http_settings *settings,
                                     const ice_http_request *request, ice_http_response *response, ice_error *err) {
  response->status = 0;
  response->maybe_sent = false;
  ice_bytes_clear(&response->headers);
  ice_bytes_clear(&response->body);
  self->response = response;
  self->body = request->body;
  self->sent = 0;
  self->repeatable = request->method == ICE_HTTP_GET || request->method == ICE_HTTP_HEAD;
  self->times_begun = 0;
  self->moved_at_ms = ice_http_now_ms();
  self->refused = ICE_OK;
  self->message[0] = '\0';
  ice_status status = ICE_OK;
  if (ice_str_equal(ice_http_url_shown(ice_str_of(request->url)), ICE_STR("(URL with credentials)"))) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "a request's URL holds credentials");
  }
  // Forgets all options; the connections are kept elsewhere.
  curl_easy_reset(self->easy);
  curl_slist_free_all(self->headers);
  self->headers = NULL;
  ICE_TRY(build_headers(request, &self->headers, err));
  ICE_TRY(set_credentials(self->easy, request, err));
  CURLcode code = set_transfer(self->easy, self, settings, request);
  if (code != CURLE_OK) {
    bool memory = code == CURLE_OUT_OF_MEMORY;
    ICE_FAIL(memory ? ICE_NO_MEMORY : ICE_INVALID_ARGUMENT, "a request cannot be made: %s", curl_easy_strerror(code));
  }
done:
  return status;
}

// False while a connection is being made, which has a time-out of its own.
static bool began_to_send(CURL *easy) {
  curl_off_t sent_at = 0;
  return curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &sent_at) == CURLE_OK && sent_at > 0;
}

bool ice_http_transfer_is_silent(const ice_http_transfer *self, const ice_http_settings *settings, int64_t now_ms) {
  return now_ms - self->moved_at_ms >= settings->silence_timeout_ms && began_to_send(self->easy);
}

// Failures before the first byte of the request went out.
static bool never_sent(CURLcode code) {
  return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
         code == CURLE_SSL_CONNECT_ERROR || code == CURLE_PEER_FAILED_VERIFICATION ||
         code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CERTPROBLEM || code == CURLE_URL_MALFORMAT ||
         code == CURLE_UNSUPPORTED_PROTOCOL;
}

static ice_status status_of(CURLcode code) {
  if (code == CURLE_OPERATION_TIMEDOUT) {
    return ICE_TIMEOUT;
  }
  if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CERTPROBLEM) {
    return ICE_AUTH;
  }
  if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) {
    return ICE_INVALID_ARGUMENT;
  }
  return code == CURLE_OUT_OF_MEMORY ? ICE_NO_MEMORY : ICE_IO;
}

ice_status ice_http_transfer_finish(ice_http_transfer *self, CURLcode code, ice_error *err) {
  long answer = 0;
  const char *url = NULL;
  if (curl_easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &answer) == CURLE_OK) {
    self->response->status = (int32_t)answer;
  }
  curl_easy_getinfo(self->easy, CURLINFO_EFFECTIVE_URL, &url);
  ice_str shown = ice_http_url_shown(ice_str_of(url));
  // A time-out while connecting sent nothing.
  if (never_sent(code) || (code == CURLE_OPERATION_TIMEDOUT && !began_to_send(self->easy))) {
    self->response->maybe_sent = false;
  }
  if (self->refused != ICE_OK) {
    if (err) {
      *err = self->cause;
    }
    ice_error_prepend(err, "%.*s", ICE_STR_ARG(shown));
    return self->refused;
  }
  if (code == CURLE_OK) {
    return ICE_OK;
  }
  if (code == CURLE_ABORTED_BY_CALLBACK && self->times_begun > 1 && !self->repeatable) {
    code = CURLE_GOT_NOTHING;
    snprintf(self->message, sizeof self->message, "the kept connection ended before an answer");
  }
  if (code == CURLE_ABORTED_BY_CALLBACK) {
    return ice_error_set(err, ICE_CANCELLED, "stopped while waiting for an answer");
  }
  ice_status status = status_of(code);
  ice_error_set(err, status, "%.*s: %s", ICE_STR_ARG(shown),
                self->message[0] ? self->message : curl_easy_strerror(code));
  if (err) {
    err->flags = status == ICE_IO || status == ICE_TIMEOUT ? ICE_ERROR_RETRYABLE : 0;
    err->origin_code = (int32_t)code;
  }
  return status;
}
