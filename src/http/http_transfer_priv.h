/// One request as libcurl sees it: what http_multi.c drives.
#ifndef ICE_HTTP_HTTP_TRANSFER_PRIV_H
#define ICE_HTTP_HTTP_TRANSFER_PRIV_H

#include "http/http_client.h"
#include <curl/curl.h>

/// ice_http_options with texts of their own and defaults filled in.
typedef struct ice_http_settings {
  int64_t connect_timeout_ms;
  int64_t silence_timeout_ms;
  char *ca_file;
  char *client_certificate;
  char *client_key;
  char *proxy;
  const _Atomic bool *stop;
} ice_http_settings;

/// The first of `places` (ended by NULL) that can be read; NULL: none.
const char *ice_http_first_readable(const char *const *places);

ICE_MUST_CHECK ice_status ice_http_settings_init(ice_http_settings *settings, const ice_http_options *options,
                                                 ice_error *err);
void ice_http_settings_deinit(ice_http_settings *settings);

typedef struct ice_http_transfer {
  CURL *easy;
  struct curl_slist *headers;
  ice_http_response *response;
  ice_str body;
  size_t sent;
  bool repeatable;      ///< asking twice does no harm
  int times_begun;      ///< how often libcurl was about to send it
  int64_t moved_at_ms;  ///< when a byte last went either way
  ice_status refused;   ///< why it was ended from this side; `cause` says it
  ice_error cause;
  char message[CURL_ERROR_SIZE];
} ice_http_transfer;

/// Milliseconds of a clock that never goes back.
int64_t ice_http_now_ms(void);

/// Make `transfer`, which has its easy handle, ready for a request; what an earlier one left is forgotten. `body` and
/// `response` are borrowed until it ends. Errors: INVALID_ARGUMENT, LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_http_transfer_prepare(ice_http_transfer *transfer, const ice_http_settings *settings,
                                                    const ice_http_request *request, ice_http_response *response,
                                                    ice_error *err);

/// Nothing has moved for longer than the settings allow.
bool ice_http_transfer_is_silent(const ice_http_transfer *transfer, const ice_http_settings *settings,
                                 int64_t now_ms);

/// What became of a transfer that ended with `code`. Errors: as ice_http_client_send.
ICE_MUST_CHECK ice_status ice_http_transfer_finish(ice_http_transfer *transfer, CURLcode code, ice_error *err);

#endif
