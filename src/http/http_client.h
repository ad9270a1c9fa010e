/// A blocking HTTP/1.1 and HTTP/2 client: one request, one answer, connections kept between them.
#ifndef ICE_HTTP_HTTP_CLIENT_H
#define ICE_HTTP_HTTP_CLIENT_H

#include "base/bytes.h"
#include "base/macros.h"
#include <stdatomic.h>

enum { ICE_HTTP_HEADERS_MAX = 64, ICE_HTTP_HEADER_BYTES_MAX = 256 * 1024 };

typedef enum ice_http_method {
  ICE_HTTP_GET,
  ICE_HTTP_HEAD,
  ICE_HTTP_POST,
  ICE_HTTP_PUT,
  ICE_HTTP_DELETE
} ice_http_method;

typedef struct ice_http_header {
  ice_str name;
  ice_str value;
} ice_http_header;

typedef struct ice_http_options {
  int64_t connect_timeout_ms;  ///< 0: 10 s
  /// The request fails when nothing moved in either direction for this long; 0: 30 s.
  int64_t silence_timeout_ms;
  const char *ca_file;             ///< authorities to trust in place of the system's; NULL: the system's
  const char *client_certificate;  ///< PEM file that the server may ask for; NULL: none
  const char *client_key;          ///< PEM file; NULL: in the certificate's
  const char
      *proxy;  ///< URL of a proxy; "": none; NULL: as http_proxy, https_proxy and no_proxy of the environment say
  /// Set by anybody: a request under way ends with CANCELLED. May be NULL.
  const _Atomic bool *stop;
} ice_http_options;

/// Everything is borrowed for the call.
typedef struct ice_http_request {
  ice_http_method method;
  /// Without user information. Sent as it stands: no path segment is normalised, nothing is encoded again.
  const char *url;
  const ice_http_header *headers;
  size_t header_count;
  /// POST and PUT; sent with Content-Length.
  ice_str body;
  /// Basic authentication, where `user` has data.
  ice_str user;
  ice_str password;
} ice_http_request;

/// Ownership: the caller's storage; made by ice_http_response_init, and filled anew by every send.
typedef struct ice_http_response {
  int32_t status;     ///< of the last answer; 0 when there was none
  ice_bytes headers;  ///< "name: value\n" of the final answer, names in small letters
  ice_bytes body;
  /// False only when the request cannot have reached the server: what it asks for was certainly not done.
  bool maybe_sent;
} ice_http_response;

/// `body_max` is the largest body that is taken; a larger one is LIMIT.
void ice_http_response_init(ice_http_response *response, size_t body_max);
void ice_http_response_deinit(ice_http_response *response);

/// Value of the first header of that name (in small letters); no data where there is none. Borrowed from the
/// response.
ice_str ice_http_response_header(const ice_http_response *response, const char *name);

/// The time of the Date header in microseconds since 1970; false where there is none.
bool ice_http_response_date(const ice_http_response *response, int64_t *out_us);

typedef struct ice_http_client ice_http_client;

/// Ownership: `*out` is the caller's to destroy; the options' texts are copied, `stop` is borrowed. Errors:
/// NO_MEMORY.
ICE_MUST_CHECK ice_status ice_http_client_create(const ice_http_options *options, ice_http_client **out,
                                                 ice_error *err);
/// Accepts NULL.
void ice_http_client_destroy(ice_http_client *client);

/// Send a request and take the answer. OK means that the server answered, whatever its status says.
///
/// Never follows a redirect: 3xx is an answer like others, and credentials go to the host that they were given for.
/// Never sends a request twice, but for GET and HEAD on a kept connection that ended before an answer; for the others that is an
/// error, and `maybe_sent`.
/// Errors: IO (RETRYABLE: no connection, reset; origin_code is libcurl's), TIMEOUT (RETRYABLE), AUTH (the server's
///   certificate is not trusted), LIMIT (body, headers), CANCELLED, INVALID_ARGUMENT (URL, headers), NO_MEMORY.
/// Threads: one at a time.
ICE_MUST_CHECK ice_status ice_http_client_send(ice_http_client *client, const ice_http_request *request,
                                               ice_http_response *response, ice_error *err);

/// What an answer's status means where nothing more special is known: OK for 2xx; AUTH for 401 and 403; NOT_FOUND for
/// 404 and 410; IO with RETRYABLE for 408, 425, 429 and 5xx; IO for the rest. The message begins with `what` and
/// quotes the beginning of the body; origin_code is the status.
ICE_MUST_CHECK ice_status ice_http_response_check(const ice_http_response *response, const char *what,
                                                  ice_error *err);

#endif
