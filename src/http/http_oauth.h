/// Access tokens of an OAuth 2.0 token endpoint: by client credentials (RFC 6749, section 4.4) or by exchange of a token that
/// is there already (RFC 8693).
#ifndef ICE_HTTP_HTTP_OAUTH_H
#define ICE_HTTP_HTTP_OAUTH_H

#include "http/http_client.h"
#include "port/port.h"

typedef struct ice_oauth_options {
  const ice_port *port;
  ice_http_options http;
  ice_str token_endpoint;  ///< empty: `token` is used as it is, for ever
  ice_str client_id;
  ice_str client_secret;  ///< empty: the grant is by exchange
  /// The client's id and secret go into the form (RFC 6749, section 2.3.1, last choice) and not into Basic authentication: what
  /// Iceberg's own clients do, and what their servers expect.
  bool secret_in_form;
  ice_str token;  ///< one to begin with; empty: none
  ice_str scope;
  ice_str audience;
  ice_str resource;
} ice_oauth_options;

/// Ownership: borrowed until the next call for the same object.
typedef struct ice_oauth_token {
  ice_str text;
  int64_t expires_at_ms;  ///< since 1970; 0: not known
} ice_oauth_token;

typedef struct ice_oauth ice_oauth;

/// Ownership: texts are copied, `port` and `http.stop` are borrowed; `*out` is the caller's to destroy. Errors:
/// INVALID_ARGUMENT (neither a token nor an endpoint with a way to ask it), NO_MEMORY.
ICE_MUST_CHECK ice_status ice_oauth_create(const ice_oauth_options *options, ice_oauth **out, ice_error *err);
/// Accepts NULL.
void ice_oauth_destroy(ice_oauth *oauth);

/// False where there is only the token that was given: one that is refused stays so.
bool ice_oauth_can_renew(const ice_oauth *oauth);

/// The token at hand, or a new one where there is none, where it is about to expire, or with `renew` (it was refused).
///
/// Errors: AUTH (refused), CORRUPT (no token in the answer), and what sending gives. A message never holds what was sent or
/// answered. Threads: one at a time.
ICE_MUST_CHECK ice_status ice_oauth_get(ice_oauth *oauth, bool renew, ice_oauth_token *out, ice_error *err);

#endif
