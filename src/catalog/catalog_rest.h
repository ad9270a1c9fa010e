/// A catalog behind HTTP: the Iceberg REST catalog specification (rest-catalog-open-api.yaml).
///
/// It is opened in two steps, because what the server says about itself decides where objects are: the session asks for the
/// configuration, then the catalog takes the session and a store that was made for it.
#ifndef ICE_CATALOG_CATALOG_REST_H
#define ICE_CATALOG_CATALOG_REST_H

#include "base/observer.h"
#include "catalog/catalog.h"
#include "http/http_aws_credentials.h"

typedef enum ice_rest_atomic {
  ICE_REST_ATOMIC_AUTO,  ///< where the server is one that is known for it (docs/compatibility.md)
  ICE_REST_ATOMIC_YES,
  ICE_REST_ATOMIC_NO
} ice_rest_atomic;

enum { ICE_REST_HEADERS_MAX = 32 };

typedef struct ice_rest_options {
  const ice_port *port;
  const ice_observer *observer;  ///< may be NULL
  ice_str uri;                   ///< http(s); what comes before /v1
  ice_str warehouse;             ///< a location or a name, as the server knows it; may be empty
  ice_http_options http;
  ice_str token;              ///< bearer token; empty: none
  ice_str credential;         ///< "id:secret" or "secret" for the client credentials grant; empty: none
  ice_str scope;              ///< empty: "catalog"
  ice_str oauth2_server_uri;  ///< empty: <uri>/v1/oauth/tokens
  ice_str audience;
  ice_str resource;
  bool sigv4;  ///< requests are signed, by the credentials that AWS's own programs would use
  ice_str sigv4_region;
  ice_str sigv4_service;           ///< "glue", "s3tables", "execute-api"
  const ice_http_header *headers;  ///< sent with every request
  size_t header_count;
  ice_rest_atomic atomic;
  bool delegate;  ///< ask the server for access to the objects of each table
} ice_rest_options;

typedef struct ice_rest_session ice_rest_session;

/// Ask the server for its configuration.
///
/// Ownership: texts are copied, `port`, `observer` and `http.stop` are borrowed; `*out` is the caller's to destroy. Errors: what
/// asking gave, in the wording that people search for ("Failed to register Iceberg catalog"); INVALID_ARGUMENT (the URI).
/// Threads: one at a time, here and in the catalog.
ICE_MUST_CHECK ice_status ice_rest_session_open(const ice_rest_options *options, ice_rest_session **out,
                                                ice_error *err);
/// Accepts NULL.
void ice_rest_session_destroy(ice_rest_session *session);

/// A property of the merged configuration (defaults, then what we set, then overrides): `data` NULL where absent. Borrowed.
ice_str ice_rest_session_property(const ice_rest_session *session, const char *key);

/// True where the warehouse is a place, by the configuration or by our own setting; then `*out` (borrowed) is its location.
bool ice_rest_session_warehouse(const ice_rest_session *session, ice_str *out);

/// By how much the server's clock is ahead of ours, as its first answer said, in microseconds; 0 where it did not say.
int64_t ice_rest_session_clock_skew_us(const ice_rest_session *session);

/// The session of a catalog that ice_catalog_rest_open made; NULL for others.
const ice_rest_session *ice_catalog_rest_session(const ice_catalog *catalog);

/// Make a catalog of a session.
///
/// Ownership: takes session and store on success and on failure. `s3` is the part of the store that speaks S3 and is told what
/// access the server gives out; it is borrowed and may be NULL. `*out` is the caller's.
ICE_MUST_CHECK ice_status ice_catalog_rest_open(ice_rest_session *session, ice_store *store, ice_store *s3,
                                                ice_catalog **out, ice_error *err);

#endif
