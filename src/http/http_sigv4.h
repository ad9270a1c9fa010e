/// AWS Signature Version 4: requests signed in their headers ("Authenticating Requests", Amazon S3 API Reference).
#ifndef ICE_HTTP_HTTP_SIGV4_H
#define ICE_HTTP_HTTP_SIGV4_H

#include "base/arena.h"
#include "http/http_client.h"

/// A key to sign with. Everything is borrowed.
typedef struct ice_aws_credentials {
  ice_str access_key_id;
  ice_str secret_access_key;
  ice_str session_token;  ///< empty where there is none
  int64_t expires_at_ms;  ///< since 1970; 0: never
} ice_aws_credentials;

/// Stands in place of the payload's digest where the payload is not signed: the connection must be TLS.
#define ICE_SIGV4_UNSIGNED_PAYLOAD ICE_STR("UNSIGNED-PAYLOAD")
enum { ICE_SHA256_HEX_SIZE = 64, ICE_SIGV4_HEADERS_ADDED_MAX = 5 };

typedef struct ice_sigv4_scope {
  ice_str region;
  ice_str service;  ///< "s3", "glue", "s3tables", "execute-api", …
  int64_t now_us;   ///< the server's clock as far as it is known: its skew is taken off by the caller
} ice_sigv4_scope;

/// The SHA-256 of `data` as small hexadecimal digits, without a terminating zero byte.
void ice_sha256_hex(ice_str data, char out[ICE_SHA256_HEX_SIZE]);

/// Sign a request: adds host (where it is not among them), x-amz-date, x-amz-content-sha256 (for "s3"), x-amz-security-token
/// (where there is one) and authorization to `headers`, which has room for all of them; `*header_count` grows. Every header that
/// is there already is signed too. `payload_sha256` is hexadecimal, or ICE_SIGV4_UNSIGNED_PAYLOAD. The path of `url` is taken as
/// it stands for "s3", and for other services normalised and encoded once more; the query may be in any order.
///
/// Ownership: new texts are from `arena`. Errors: INVALID_ARGUMENT (URL), LIMIT, NO_MEMORY. No message holds a secret.
/// Threads: any.
ICE_MUST_CHECK ice_status ice_sigv4_sign(const ice_sigv4_scope *scope, const ice_aws_credentials *credentials,
                                         ice_http_method method, ice_str url, ice_str payload_sha256,
                                         ice_http_header *headers, size_t *header_count, size_t header_max,
                                         ice_arena *arena, ice_error *err);

#endif
