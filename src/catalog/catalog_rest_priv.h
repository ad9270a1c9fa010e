/// Requests to a REST catalog: addresses, authorization, what may be asked again, and what answers mean.
#ifndef ICE_CATALOG_CATALOG_REST_PRIV_H
#define ICE_CATALOG_CATALOG_REST_PRIV_H

#include "base/map.h"
#include "catalog/catalog_rest.h"
#include "http/http_oauth.h"
#include "http/http_url.h"
#include "store/store_s3.h"

enum {
  ICE_REST_ADDRESS_MAX = ICE_HTTP_URL_MAX,
  ICE_REST_BODY_MAX = 64 << 20,
  ICE_REST_ANSWER_MAX = 512 << 20,
  ICE_REST_ARENA_MAX = 64 << 20,
  ICE_REST_PROPERTIES_MAX = 10000
};

struct ice_rest_session {
  const ice_port *port;
  const ice_observer *observer;
  ice_arena arena;
  ice_str uri;        ///< no trailing '/'
  ice_str prefix;     ///< "" or "/<prefix>", as the server encoded it
  ice_str separator;  ///< between the levels of a namespace, percent-encoded
  ice_str warehouse;
  ice_map properties;  ///< merged; the values are texts of `arena`
  const ice_http_header *headers;
  size_t header_count;
  bool delegate;
  bool atomic;
  bool idempotency_keys;
  bool loads_credentials;  ///< it has the endpoint that gives a table's credentials alone
  ice_http_client *http;
  ice_oauth *oauth;       ///< NULL: no tokens
  ice_aws_provider *aws;  ///< NULL: not signed
  ice_str sigv4_region;
  ice_str sigv4_service;
  int64_t clock_skew_us;
  const _Atomic bool *stop;
  ice_http_response response;  ///< of the last request
};

/// One request. `address` is what comes behind the prefix ("/namespaces/…"), or a whole URL where it begins with "http".
typedef struct ice_rest_request {
  ice_http_method method;
  ice_str address;
  const json_t *body;  ///< NULL: none
  ice_str etag;        ///< sent as If-None-Match; empty: none
  bool delegate;       ///< asks for access to the objects, where the session does
  bool once;           ///< never sent again but after a refused token: it changes something
  bool bare;           ///< `address` does not get the prefix: /v1/config
} ice_rest_request;

/// Send a request; the answer is in `session->response`, whatever its status. What is not `once` is asked again a few times after
/// failures that go away. A refused token (401, 419) is renewed once.
///
/// Errors: as ice_http_client_send. `session->response.maybe_sent` tells whether the server may have seen it.
ICE_MUST_CHECK ice_status ice_rest_send(ice_rest_session *session, const ice_rest_request *request, ice_error *err);

/// OK for 2xx, otherwise the error of the answer: `what` (a request in words), its status, type and message. 404 is NOT_FOUND,
/// 409 ALREADY_EXISTS, 401, 403 and 419 AUTH, and so on.
ICE_MUST_CHECK ice_status ice_rest_check(const ice_rest_session *session, const char *what, ice_error *err);

/// Parse the answer's body. Ownership: `*out` is the caller's reference. Errors: CORRUPT, naming `what`.
ICE_MUST_CHECK ice_status ice_rest_answer(const ice_rest_session *session, const char *what, json_t **out,
                                          ice_error *err);

/// Take what the server says about itself (ConfigResponse). Errors: LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_rest_take_config(ice_rest_session *session, const json_t *config,
                                               ice_rest_atomic atomic, ice_error *err);

/// Append "/namespaces/<namespace>" and "/tables/<name>".
ICE_MUST_CHECK ice_status ice_rest_namespace_address(const ice_rest_session *session, ice_str namespace_name,
                                                     ice_bytes *out, ice_error *err);
ICE_MUST_CHECK ice_status ice_rest_table_address(const ice_rest_session *session, ice_table_ident ident,
                                                 ice_bytes *out, ice_error *err);

/// Append a namespace as it stands in addresses: its levels percent-encoded, between them the separator.
ICE_MUST_CHECK ice_status ice_rest_append_namespace(const ice_rest_session *session, ice_str namespace_name,
                                                    ice_bytes *out, ice_error *err);

/// Turn an error into one whose outcome is not known. Returns COMMIT_UNKNOWN.
ice_status ice_rest_unknown(ice_error *err);

/// ["a", "b"] of "a.b", the caller's reference; NULL when memory is out or the text is not UTF-8.
json_t *ice_rest_levels(ice_str namespace_name);

/// A table as the server last showed it, with the ETag of that answer. Documents are never changed, so loads share them.
enum { ICE_REST_KNOWN_MAX = 8 };
typedef struct ice_rest_known {
  ice_bytes address;
  ice_bytes etag;
  json_t *answer;  ///< NULL: none
} ice_rest_known;

/// The catalog: a session, and what each table's objects are reached by.
typedef struct ice_rest_catalog {
  ice_catalog base;
  ice_rest_session *session;
  ice_store *s3;  ///< borrowed from `base.store`; NULL: access that the server gives out is not used
  ice_rest_known known[ICE_REST_KNOWN_MAX];
  size_t known_next;
  ice_map access;  ///< a prefix's place → what the store was granted for it; the store owns that
} ice_rest_catalog;

/// Take a table from an answer (LoadTableResult), and the access to its objects. Ownership: `out` is the caller's storage, zeroed;
/// empty on failure. Errors: CORRUPT (names the table and the member), UNSUPPORTED, LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_rest_take_table(ice_rest_catalog *catalog, ice_table_ident ident, const json_t *answer,
                                              ice_table *out, ice_error *err);

/// Take the access to a table's objects from an answer (LoadTableResult or LoadCredentialsResponse) and grant it to the store.
/// `location` is the table's; empty: only credentials with prefixes of their own are taken.
ICE_MUST_CHECK ice_status ice_rest_take_access(ice_rest_catalog *catalog, ice_table_ident ident, const json_t *answer,
                                               ice_str location, ice_error *err);

#endif
