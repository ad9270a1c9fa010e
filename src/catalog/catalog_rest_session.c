#include "catalog/catalog_rest_priv.h"

#include "codec/uuid.h"
#include <stdio.h>
#include <stdlib.h>

enum {
  ATTEMPTS_MAX = 4,
  RETRY_DELAY_MS = 200,
  REQUEST_HEADERS_MAX = ICE_REST_HEADERS_MAX + 8 + ICE_SIGV4_HEADERS_ADDED_MAX,
  CALL_ARENA_MAX = 8 << 20,
  QUOTED_MAX = 300
};

// Addresses ---------------------------------------------------------------------------------------------------------

// The level that begins at `*at`, which goes behind it; beyond the end after the last one.
static ice_str next_level(ice_str namespace_name, size_t *at) {
  const char *start = namespace_name.data + *at;
  const char *dot = memchr(start, '.', namespace_name.size - *at);
  size_t size = dot ? (size_t)(dot - start) : namespace_name.size - *at;
  *at += size + 1;
  return ice_str_make(start, size);
}

json_t *ice_rest_levels(ice_str namespace_name) {
  json_t *levels = json_array();
  for (size_t at = 0; levels && at <= namespace_name.size;) {
    if (json_array_append_new(levels, ice_json_string(next_level(namespace_name, &at))) != 0) {
      json_decref(levels);
      return NULL;
    }
  }
  return levels;
}

ice_status ice_rest_append_namespace(const ice_rest_session *session, ice_str namespace_name, ice_bytes *out,
                                     ice_error *err) {
  ice_status status = ICE_OK;
  for (size_t at = 0; at <= namespace_name.size;) {
    if (at > 0) {
      ICE_TRY(ice_bytes_append_str(out, session->separator, err));
    }
    ICE_TRY(ice_http_url_encode(next_level(namespace_name, &at), out, err));
  }
done:
  return status;
}

ice_status ice_rest_namespace_address(const ice_rest_session *session, ice_str namespace_name, ice_bytes *out,
                                      ice_error *err) {
  ice_status status = ice_bytes_append_str(out, ICE_STR("/namespaces/"), err);
  return status == ICE_OK ? ice_rest_append_namespace(session, namespace_name, out, err) : status;
}

ice_status ice_rest_table_address(const ice_rest_session *session, ice_table_ident ident, ice_bytes *out,
                                  ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_rest_namespace_address(session, ident.namespace_name, out, err));
  ICE_TRY(ice_bytes_append_str(out, ICE_STR("/tables/"), err));
  ICE_TRY(ice_http_url_encode(ident.name, out, err));
done:
  return status;
}

// Sending -----------------------------------------------------------------------------------------------------------

/// What one attempt is made of; the texts are from the call's arena.
typedef struct attempt {
  ice_http_header headers[REQUEST_HEADERS_MAX];
  size_t header_count;
  ice_arena arena;
  ice_bytes url;
  ice_bytes body;
} attempt;

static void add_header(attempt *a, ice_str name, ice_str value) {
  ICE_ASSERT(a->header_count + ICE_SIGV4_HEADERS_ADDED_MAX < REQUEST_HEADERS_MAX);
  a->headers[a->header_count++] = (ice_http_header){.name = name, .value = value};
}

static ice_status add_token(ice_rest_session *session, bool renew, attempt *a, ice_error *err) {
  static const ice_str scheme = ICE_STR_INIT("Bearer ");
  ice_oauth_token token;
  ice_status status = ICE_OK;
  ICE_TRY(ice_oauth_get(session->oauth, renew, &token, err));
  char *value = ice_arena_alloc(&a->arena, scheme.size + token.text.size, err);
  if (!value) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a request");
  }
  memcpy(value, scheme.data, scheme.size);
  memcpy(value + scheme.size, token.text.data, token.text.size);
  add_header(a, ICE_STR("Authorization"), ice_str_make(value, scheme.size + token.text.size));
done:
  return status;
}

static ice_status sign(ice_rest_session *session, bool renew, ice_http_method method, attempt *a, ice_error *err) {
  ice_aws_credentials credentials;
  char digest[ICE_SHA256_HEX_SIZE];
  const ice_sigv4_scope scope = {.region = session->sigv4_region,
                                 .service = session->sigv4_service,
                                 .now_us = session->port->clock.now_us(session->port->clock.context)};
  ice_status status = ICE_OK;
  ICE_TRY(ice_aws_provider_get(session->aws, renew, &credentials, err));
  ice_sha256_hex(ice_bytes_str(&a->body), digest);
  ICE_TRY(ice_sigv4_sign(&scope, &credentials, method, ice_bytes_str(&a->url), ice_str_make(digest, sizeof digest),
                         a->headers, &a->header_count, REQUEST_HEADERS_MAX, &a->arena, err));
done:
  return status;
}

// The key lets a server tell a request that was repeated on its way, by a proxy say, from a new one.
static ice_status add_idempotency_key(const ice_rest_session *session, attempt *a, ice_error *err) {
  char *text = ice_arena_alloc(&a->arena, ICE_UUID_TEXT_SIZE + 1, err);
  if (!text) {
    return ICE_NO_MEMORY;
  }
  int64_t now_ms = session->port->clock.now_us(session->port->clock.context) / 1000;
  ice_status status = ice_uuid_v7_text(&session->port->random, now_ms, text, err);
  if (status == ICE_OK) {
    add_header(a, ICE_STR("Idempotency-Key"), ice_str_of(text));
  }
  return status;
}

static ice_status build_url(const ice_rest_session *session, const ice_rest_request *request, ice_bytes *out,
                            ice_error *err) {
  ice_status status = ICE_OK;
  if (!ice_str_starts_with(request->address, ICE_STR("http"))) {
    ICE_TRY(ice_bytes_append_str(out, session->uri, err));
    ICE_TRY(ice_bytes_append_str(out, ICE_STR("/v1"), err));
    if (!request->bare) {
      ICE_TRY(ice_bytes_append_str(out, session->prefix, err));
    }
  }
  ICE_TRY(ice_bytes_append_str(out, request->address, err));
done:
  return status;
}

static ice_status build(ice_rest_session *session, const ice_rest_request *request, bool renew, attempt *a,
                        ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(build_url(session, request, &a->url, err));
  add_header(a, ICE_STR("Accept"), ICE_STR("application/json"));
  if (request->body) {
    ICE_TRY(ice_json_text_append(request->body, &a->body, err));
    add_header(a, ICE_STR("Content-Type"), ICE_STR("application/json"));
  }
  if (request->etag.size > 0) {
    add_header(a, ICE_STR("If-None-Match"), request->etag);
  }
  if (request->delegate && session->delegate) {
    add_header(a, ICE_STR("X-Iceberg-Access-Delegation"), ICE_STR("vended-credentials,remote-signing"));
  }
  if (request->once && session->idempotency_keys) {
    ICE_TRY(add_idempotency_key(session, a, err));
  }
  for (size_t i = 0; i < session->header_count; i++) {
    add_header(a, session->headers[i].name, session->headers[i].value);
  }
  if (session->oauth) {
    ICE_TRY(add_token(session, renew, a, err));
  }
  if (session->aws) {
    ICE_TRY(sign(session, renew, request->method, a, err));
  }
done:
  return status;
}

static ice_status send_once(ice_rest_session *session, const ice_rest_request *request, bool renew, ice_error *err) {
  attempt a = {.header_count = 0};
  ice_arena_init(&a.arena, CALL_ARENA_MAX);
  ice_bytes_init(&a.url, ICE_REST_ADDRESS_MAX);
  ice_bytes_init(&a.body, ICE_REST_BODY_MAX);
  // Until it is on its way nothing can have happened.
  session->response.maybe_sent = false;
  session->response.status = 0;
  ice_status status = ICE_OK;
  ICE_TRY(build(session, request, renew, &a, err));
  const char *url = ice_bytes_c_str(&a.url, err);
  if (!url) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a request");
  }
  const ice_http_request sent = {.method = request->method,
                                 .url = url,
                                 .headers = a.headers,
                                 .header_count = a.header_count,
                                 .body = ice_bytes_str(&a.body)};
  ICE_TRY(ice_http_client_send(session->http, &sent, &session->response, err));
done:
  ice_bytes_deinit(&a.body);
  ice_bytes_deinit(&a.url);
  ice_arena_deinit(&a.arena);
  return status;
}

// True where another token, or other keys, may do.
static bool token_refused(const ice_rest_session *session) {
  int32_t code = session->response.status;
  bool renewable = session->aws || (session->oauth && ice_oauth_can_renew(session->oauth));
  return (code == 401 || code == 419) && renewable;
}

static bool goes_away(const ice_rest_session *session, ice_status status, const ice_error *err) {
  int32_t code = session->response.status;
  if (status != ICE_OK) {
    return (err->flags & ICE_ERROR_RETRYABLE) != 0;
  }
  return code == 408 || code == 425 || code == 429 || code == 500 || code == 502 || code == 503 || code == 504;
}

// Full jitter: anywhere between nothing and the delay, so that many sinks do not come back together.
static void wait_before(const ice_rest_session *session, int attempt_number) {
  const ice_port *port = session->port;
  uint32_t part = 0;
  (void)!port->random.fill(port->random.context, &part, sizeof part, NULL);
  int64_t delay_us = ((int64_t)RETRY_DELAY_MS << attempt_number) * 1000;
  port->clock.wait_us(port->clock.context, (int64_t)((double)delay_us * ((double)part / (double)UINT32_MAX)));
}

ice_status ice_rest_send(ice_rest_session *session, const ice_rest_request *request, ice_error *err) {
  ice_error own = {0};
  ice_status status = ICE_OK;
  bool renew = false;
  bool renewed = false;
  int attempts = request->once ? 1 : ATTEMPTS_MAX;
  for (int i = 0; i < attempts; i++) {
    ice_error_clear(&own);
    status = send_once(session, request, renew, &own);
    renew = false;
    if (status == ICE_OK && token_refused(session) && !renewed) {
      // A refused request was not carried out, so it may be sent again whatever it asks for.
      renew = renewed = true;
      i--;
    } else if (i + 1 < attempts && goes_away(session, status, &own) && !(session->stop && *session->stop)) {
      ice_observe_count(session->observer, "icesink_catalog_retries_total", (ice_str){0}, 1);
      wait_before(session, i);
    } else {
      break;
    }
  }
  if (err) {
    *err = own;
  }
  return status;
}

// Answers -----------------------------------------------------------------------------------------------------------

static ice_status status_of(int32_t code) {
  switch (code) {
    case 400:
    case 422: return ICE_INVALID_ARGUMENT;
    case 401:
    case 403:
    case 419: return ICE_AUTH;
    case 404:
    case 410: return ICE_NOT_FOUND;
    case 406:
    case 501: return ICE_UNSUPPORTED;
    case 409: return ICE_ALREADY_EXISTS;
    default: return ICE_IO;
  }
}

ice_status ice_rest_check(const ice_rest_session *session, const char *what, ice_error *err) {
  int32_t code = session->response.status;
  if (code >= 200 && code < 300) {
    return ICE_OK;
  }
  json_error_t place;
  ice_str body = ice_bytes_str(&session->response.body);
  json_t *root = json_loadb(body.data ? body.data : "", body.size, JSON_REJECT_DUPLICATES, &place);
  const json_t *error = json_object_get(root, "error");
  const json_t *message = json_object_get(error, "message");
  const char *type = json_string_value(json_object_get(error, "type"));
  char quoted_type[QUOTED_MAX + 1];
  char quoted[QUOTED_MAX + 1];
  ice_str said = message ? ice_str_make(json_string_value(message), json_string_length(message)) : body;
  ice_str_print(said, quoted, sizeof quoted);
  ice_str_print(ice_str_of(type), quoted_type, sizeof quoted_type);
  json_decref(root);
  ice_status status = status_of(code);
  ice_error_set(err, status, "%s: HTTP status %d%s%s%s%s", what, code, quoted_type[0] ? ": " : "", quoted_type,
                quoted[0] ? ": " : "", quoted);
  if (err) {
    err->origin_code = code;
    err->flags = goes_away(session, ICE_OK, err) ? ICE_ERROR_RETRYABLE : 0;
  }
  return status;
}

ice_status ice_rest_answer(const ice_rest_session *session, const char *what, json_t **out, ice_error *err) {
  *out = NULL;
  ice_status status = ice_json_text_parse(ice_bytes_str(&session->response.body), out, err);
  if (status == ICE_OK && !json_is_object(*out)) {
    json_decref(*out);
    *out = NULL;
    status = ice_error_set(err, ICE_CORRUPT, "the answer is no JSON object");
  }
  if (status != ICE_OK) {
    ice_error_prepend(err, "%s", what);
  }
  return status;
}

// Opening -----------------------------------------------------------------------------------------------------------

static ice_status copy(ice_rest_session *session, ice_str text, ice_str *out, ice_error *err) {
  return ice_arena_copy_str(&session->arena, text, out, err);
}

static ice_status put_property(ice_rest_session *session, const char *key, const char *value, size_t size,
                               ice_error *err) {
  ice_str *kept = ice_arena_alloc(&session->arena, sizeof *kept, err);
  if (!kept) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for the catalog's configuration");
  }
  ice_status status = copy(session, ice_str_make(value, size), kept, err);
  return status == ICE_OK ? ice_map_put(&session->properties, ice_str_of(key), kept, err) : status;
}

static ice_status merge(ice_rest_session *session, const json_t *properties, ice_error *err) {
  const char *key;
  json_t *value;
  ice_status status = ICE_OK;
  // jansson iterates over objects that it does not change through this macro alone, which wants them without const.
  json_object_foreach((json_t *)(uintptr_t)properties, key, value) {
    if (json_is_string(value)) {
      ICE_TRY(put_property(session, key, json_string_value(value), json_string_length(value), err));
    }
  }
done:
  return status;
}

ice_str ice_rest_session_property(const ice_rest_session *session, const char *key) {
  const ice_str *value = ice_map_get(&session->properties, ice_str_of(key));
  return value ? *value : (ice_str){0};
}

static bool is_location(ice_str text) {
  const char *colon = text.size > 0 ? memchr(text.data, ':', text.size) : NULL;
  return colon && (size_t)(colon - text.data) + 1 < text.size && colon[1] == '/';
}

int64_t ice_rest_session_clock_skew_us(const ice_rest_session *session) { return session->clock_skew_us; }

bool ice_rest_session_warehouse(const ice_rest_session *session, ice_str *out) {
  static const char *const keys[] = {"warehouse", "default-base-location"};
  for (size_t i = 0; i < ICE_COUNT_OF(keys); i++) {
    *out = ice_rest_session_property(session, keys[i]);
    if (is_location(*out)) {
      return true;
    }
  }
  *out = (ice_str){0};
  return false;
}

static bool offers(const json_t *config, const char *endpoint) {
  const json_t *list = json_object_get(config, "endpoints");
  for (size_t i = 0; i < json_array_size(list); i++) {
    const char *name = json_string_value(json_array_get(list, i));
    if (name && strcmp(name, endpoint) == 0) {
      return true;
    }
  }
  return false;
}

ice_status ice_rest_take_config(ice_rest_session *session, const json_t *config, ice_rest_atomic atomic,
                                ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(merge(session, json_object_get(config, "defaults"), err));
  if (is_location(session->warehouse)) {
    ICE_TRY(put_property(session, "warehouse", session->warehouse.data, session->warehouse.size, err));
  }
  ICE_TRY(merge(session, json_object_get(config, "overrides"), err));
  ice_str prefix = ice_rest_session_property(session, "prefix");
  if (prefix.size > 0) {
    char *text = ice_arena_alloc(&session->arena, prefix.size + 1, err);
    if (!text) {
      return ice_error_set(err, ICE_NO_MEMORY, "out of memory for the catalog's configuration");
    }
    text[0] = '/';
    memcpy(text + 1, prefix.data, prefix.size);
    session->prefix = ice_str_make(text, prefix.size + 1);
  }
  ice_str separator = ice_rest_session_property(session, "namespace-separator");
  session->separator = separator.size > 0 ? separator : ICE_STR("%1F");
  // The one server that names itself and is known to decide all tables of a transaction together; that an endpoint exists
  // proves nothing.
  bool nessie = ice_str_equal_c(ice_rest_session_property(session, "nessie.is-nessie-catalog"), "true");
  session->atomic = atomic == ICE_REST_ATOMIC_YES || (atomic == ICE_REST_ATOMIC_AUTO && nessie);
  session->idempotency_keys = json_is_string(json_object_get(config, "idempotency-key-lifetime"));
  session->loads_credentials = offers(config, "GET /v1/{prefix}/namespaces/{namespace}/tables/{table}/credentials");
done:
  return status;
}

static ice_status ask_config(ice_rest_session *session, ice_str warehouse, ice_error *err) {
  ice_bytes address;
  ice_bytes_init(&address, ICE_REST_ADDRESS_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_str(&address, ICE_STR("/config"), err));
  if (warehouse.size > 0) {
    ICE_TRY(ice_bytes_append_str(&address, ICE_STR("?warehouse="), err));
    ICE_TRY(ice_http_url_encode(warehouse, &address, err));
  }
  const ice_rest_request request = {.method = ICE_HTTP_GET, .address = ice_bytes_str(&address), .bare = true};
  ICE_TRY(ice_rest_send(session, &request, err));
  ICE_TRY(ice_rest_check(session, "GET /v1/config", err));
done:
  ice_bytes_deinit(&address);
  return status;
}

static ice_status load_config(ice_rest_session *session, ice_rest_atomic atomic, ice_error *err) {
  json_t *config = NULL;
  ice_status status = ask_config(session, session->warehouse, err);
  // Hadoop's spelling of S3 means the same place, but servers look warehouses up by their text.
  if (status != ICE_OK && session->response.status >= 400 &&
      (ice_str_starts_with(session->warehouse, ICE_STR("s3a://")) ||
       ice_str_starts_with(session->warehouse, ICE_STR("s3n://")))) {
    char *text = ice_arena_alloc(&session->arena, session->warehouse.size, NULL);
    if (text) {
      snprintf(text, session->warehouse.size, "s3%.*s", (int)(session->warehouse.size - 3),
               session->warehouse.data + 3);
      ice_error second = {0};
      ice_str spelled = ice_str_make(text, session->warehouse.size - 1);
      if (ask_config(session, spelled, &second) == ICE_OK) {
        session->warehouse = spelled;
        ice_error_clear(err);
        status = ICE_OK;
      }
    }
  }
  if (status == ICE_OK) {
    int64_t server_us;
    if (ice_http_response_date(&session->response, &server_us)) {
      session->clock_skew_us = server_us - session->port->clock.now_us(session->port->clock.context);
    }
    status = ice_rest_answer(session, "GET /v1/config", &config, err);
  }
  if (status == ICE_OK) {
    status = ice_rest_take_config(session, config, atomic, err);
  }
  json_decref(config);
  return status;
}

static ice_status open_oauth(ice_rest_session *session, const ice_rest_options *options, ice_error *err) {
  ice_bytes endpoint;
  ice_bytes_init(&endpoint, ICE_REST_ADDRESS_MAX);
  ice_str credential = options->credential;
  const char *colon = credential.size > 0 ? memchr(credential.data, ':', credential.size) : NULL;
  size_t id_size = colon ? (size_t)(colon - credential.data) : 0;
  size_t secret_at = colon ? id_size + 1 : 0;
  ice_status status = ICE_OK;
  if (options->token.size == 0 && credential.size == 0) {
    goto done;
  }
  if (options->oauth2_server_uri.size > 0) {
    ICE_TRY(ice_bytes_append_str(&endpoint, options->oauth2_server_uri, err));
  } else if (credential.size > 0) {
    ICE_TRY(ice_bytes_append_str(&endpoint, session->uri, err));
    ICE_TRY(ice_bytes_append_str(&endpoint, ICE_STR("/v1/oauth/tokens"), err));
  }
  const ice_oauth_options oauth = {
      .port = options->port,
      .http = options->http,
      .token_endpoint = ice_bytes_str(&endpoint),
      .client_id = ice_str_make(credential.data, id_size),
      .client_secret = ice_str_make(credential.data + secret_at, credential.size - secret_at),
      .secret_in_form = true,
      .token = options->token,
      .scope = options->scope.size > 0 ? options->scope : ICE_STR("catalog"),
      .audience = options->audience,
      .resource = options->resource};
  ICE_TRY(ice_oauth_create(&oauth, &session->oauth, err));
done:
  ice_bytes_deinit(&endpoint);
  return status;
}

static ice_status open_signing(ice_rest_session *session, const ice_rest_options *options, ice_error *err) {
  if (!options->sigv4) {
    return ICE_OK;
  }
  const ice_aws_chain_options chain = {.port = options->port, .http = options->http};
  ice_status status = ICE_OK;
  ICE_TRY(copy(session, options->sigv4_region, &session->sigv4_region, err));
  ICE_TRY(copy(session, options->sigv4_service, &session->sigv4_service, err));
  ICE_TRY(ice_aws_provider_chain(&chain, &session->aws, err));
done:
  return status;
}

static ice_status copy_headers(ice_rest_session *session, const ice_rest_options *options, ice_error *err) {
  ice_status status = ICE_OK;
  if (options->header_count > ICE_REST_HEADERS_MAX) {
    ICE_FAIL(ICE_LIMIT, "more than %d headers for the catalog", (int)ICE_REST_HEADERS_MAX);
  }
  ice_http_header *headers = ice_arena_alloc_array(&session->arena, options->header_count, sizeof *headers, err);
  if (!headers) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for the catalog's headers");
  }
  for (size_t i = 0; i < options->header_count; i++) {
    ICE_TRY(copy(session, options->headers[i].name, &headers[i].name, err));
    ICE_TRY(copy(session, options->headers[i].value, &headers[i].value, err));
  }
  session->headers = headers;
  session->header_count = options->header_count;
done:
  return status;
}

ice_status ice_rest_session_open(const ice_rest_options *options, ice_rest_session **out, ice_error *err) {
  *out = NULL;
  ice_http_url url = {0};
  ice_rest_session *session = calloc(1, sizeof *session);
  if (!session) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a catalog");
  }
  session->port = options->port;
  session->observer = options->observer;
  session->delegate = options->delegate;
  session->stop = options->http.stop;
  ice_arena_init(&session->arena, ICE_REST_ARENA_MAX);
  ice_map_init(&session->properties, ICE_REST_PROPERTIES_MAX);
  ice_http_response_init(&session->response, ICE_REST_ANSWER_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(ice_http_url_read(options->uri, &session->arena, &url, err));
  if (url.user.size > 0) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "catalog.uri holds user information; use catalog.credential or catalog.token");
  }
  session->uri = url.base;
  ICE_TRY(copy(session, options->warehouse, &session->warehouse, err));
  ICE_TRY(copy_headers(session, options, err));
  ICE_TRY(ice_http_client_create(&options->http, &session->http, err));
  ICE_TRY(open_oauth(session, options, err));
  ICE_TRY(open_signing(session, options, err));
  ICE_TRY(load_config(session, options->atomic, err));
  *out = session;
  session = NULL;
done:
  if (status != ICE_OK) {
    ice_str shown = ice_http_url_shown(options->uri);
    ice_error_prepend(err, "Failed to register Iceberg catalog: %.*s", ICE_STR_ARG(shown));
  }
  ice_rest_session_destroy(session);
  return status;
}

void ice_rest_session_destroy(ice_rest_session *session) {
  if (!session) {
    return;
  }
  ice_oauth_destroy(session->oauth);
  ice_aws_provider_destroy(session->aws);
  ice_http_client_destroy(session->http);
  ice_http_response_deinit(&session->response);
  ice_map_deinit(&session->properties);
  ice_arena_deinit(&session->arena);
  free(session);
}
