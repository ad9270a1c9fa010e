/// URLs with user information taken apart, so that no password reaches a log or an error message.
#ifndef ICE_HTTP_HTTP_URL_H
#define ICE_HTTP_HTTP_URL_H

#include "base/arena.h"
#include "base/bytes.h"

enum { ICE_HTTP_URL_MAX = 16384 };

typedef struct ice_http_url {
  ice_str base;      ///< scheme, host, port and path; no user information, no trailing '/'
  ice_str user;      ///< percent-decoded; empty where there is none
  ice_str password;  ///< percent-decoded
} ice_http_url;

/// Take an http or https URL apart.
///
/// Ownership: the texts are from `arena`, each with a terminating zero byte. Errors: INVALID_ARGUMENT (another
/// scheme, no host, a query or fragment, bytes that no URL may hold), LIMIT, NO_MEMORY. Messages never hold the user
/// information.
ICE_MUST_CHECK ice_status ice_http_url_read(ice_str text, ice_arena *arena, ice_http_url *out, ice_error *err);

/// The part of a URL that may be shown: user information and query left out. A view of `text` where that is possible,
/// otherwise "(URL with credentials)".
ice_str ice_http_url_shown(ice_str text);

/// Append `text` percent-encoded: all bytes but the unreserved ones (RFC 3986, section 2.3).
ICE_MUST_CHECK ice_status ice_http_url_encode(ice_str text, ice_bytes *out, ice_error *err);

#endif
