/// A Confluent-compatible schema registry over HTTP (also Apicurio's /apis/ccompat/v7, Karapace, Redpanda).
#ifndef ICE_SOURCE_SCHEMA_REGISTRY_HTTP_H
#define ICE_SOURCE_SCHEMA_REGISTRY_HTTP_H

#include "source/schema_registry.h"
#include <stdatomic.h>

typedef struct ice_schema_registry_http_options {
  /// Base URL; may have a path, and user information for basic authentication ("https://user:password@host/path").
  ice_str url;
  /// Basic authentication; where `user` has data it stands in place of the URL's.
  ice_str user;
  ice_str password;
  const char *ca_file;       ///< NULL: the system's authorities
  int64_t timeout_ms;        ///< for connecting, and for silence; 0: 10 s
  const _Atomic bool *stop;  ///< a request under way ends with CANCELLED; may be NULL
} ice_schema_registry_http_options;

/// Prepare to ask a registry. Nothing is sent yet.
///
/// ice_schema_registry_find then gives: NOT_FOUND only for an answer of the registry itself that it does not know the
/// id (404 with error_code 40403, or with another error_code where the registry shows under the same base URL that it
/// is one); AUTH for 401 and 403; everything else RETRYABLE, a damaged answer too, for a proxy in between may give
/// one. Ownership: `*out` is the caller's; the options' texts are copied, `stop` is borrowed. Errors:
/// INVALID_ARGUMENT (the URL), NO_MEMORY. Threads: any; calls are serialised by a lock.
ICE_MUST_CHECK ice_status ice_schema_registry_http_open(const ice_schema_registry_http_options *options,
                                                        ice_schema_registry **out, ice_error *err);

/// Ask the registry for its list of subjects, to see that address and credentials are right.
///
/// Errors: as find, but never NOT_FOUND for an id: NOT_FOUND says that no registry answers under this URL.
ICE_MUST_CHECK ice_status ice_schema_registry_http_probe(ice_schema_registry *registry, ice_error *err);

#endif
