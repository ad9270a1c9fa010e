// How a table's objects are reached, as the server says it with the table: credentials that it vends, or its signing endpoint.
#include "base/number.h"
#include "catalog/catalog_rest_priv.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

// Credentials are renewed EARLY_MS before they expire, at most a share of their lifetime.
enum { ARENA_MAX = 1 << 20, EARLY_MS = 5 * 60 * 1000, EARLY_SHARE = 5 };

/// Access to what lies below one prefix: a provider of credentials and a signer at once; which of them counts is what the server
/// gave last. The store owns it, the catalog's map knows it.
typedef struct access_grant {
  ice_aws_provider provider;
  ice_s3_signer signer;
  ice_rest_catalog *catalog;
  ice_arena names;  ///< of the table; lives as long as the grant
  ice_table_ident ident;
  ice_arena arena;  ///< of the credentials; made anew with each of them
  ice_aws_credentials credentials;
  int64_t renew_at_ms;  ///< 0: never by itself
  ice_str sign_url;     ///< of `names`
} access_grant;

static int64_t now_ms(const ice_rest_catalog *catalog) {
  const ice_clock *clock = &catalog->session->port->clock;
  return clock->now_us(clock->context) / 1000;
}

static void free_grant(access_grant *grant) {
  ice_arena_deinit(&grant->names);
  ice_arena_deinit(&grant->arena);
  free(grant);
}

static ice_status make_grant(ice_rest_catalog *catalog, ice_table_ident ident, access_grant **out, ice_error *err) {
  access_grant *grant = calloc(1, sizeof *grant);
  *out = NULL;
  if (!grant) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a table's access");
  }
  grant->catalog = catalog;
  ice_arena_init(&grant->names, ARENA_MAX);
  ice_arena_init(&grant->arena, ARENA_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(ice_arena_copy_str(&grant->names, ident.namespace_name, &grant->ident.namespace_name, err));
  ICE_TRY(ice_arena_copy_str(&grant->names, ident.name, &grant->ident.name, err));
  *out = grant;
  grant = NULL;
done:
  if (grant) {
    free_grant(grant);
  }
  return status;
}

static ice_str text_of(const json_t *config, const char *key) {
  const json_t *value = json_object_get(config, key);
  return ice_str_make(json_string_value(value), json_string_length(value));
}

// Vended credentials ------------------------------------------------------------------------------------------------

static ice_status take_credentials(access_grant *grant, const json_t *config, ice_error *err) {
  ice_str expires = text_of(config, "s3.session-token-expires-at-ms");
  ice_aws_credentials fresh = {0};
  ice_arena arena;
  ice_arena_init(&arena, ARENA_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(ice_arena_copy_str(&arena, text_of(config, "s3.access-key-id"), &fresh.access_key_id, err));
  ICE_TRY(ice_arena_copy_str(&arena, text_of(config, "s3.secret-access-key"), &fresh.secret_access_key, err));
  ICE_TRY(ice_arena_copy_str(&arena, text_of(config, "s3.session-token"), &fresh.session_token, err));
  // One that is no time is as if it were not said.
  (void)ice_number_parse_count(expires, &fresh.expires_at_ms);
  int64_t lifetime_ms = fresh.expires_at_ms - now_ms(grant->catalog);
  int64_t early_ms = lifetime_ms / EARLY_SHARE < EARLY_MS ? lifetime_ms / EARLY_SHARE : EARLY_MS;
  ice_arena_deinit(&grant->arena);
  grant->arena = arena;
  grant->credentials = fresh;
  grant->renew_at_ms = fresh.expires_at_ms > 0 ? fresh.expires_at_ms - early_ms : 0;
  return ICE_OK;
done:
  ice_arena_deinit(&arena);
  return status;
}

// Asks the server again; what it gives reaches this grant through ice_rest_take_access.
static ice_status renew_credentials(access_grant *grant, ice_error *err) {
  ice_rest_session *session = grant->catalog->session;
  ice_bytes address;
  json_t *answer = NULL;
  ice_bytes_init(&address, ICE_REST_ADDRESS_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(ice_rest_table_address(session, grant->ident, &address, err));
  if (session->loads_credentials) {
    ICE_TRY(ice_bytes_append_str(&address, ICE_STR("/credentials"), err));
  }
  const ice_rest_request request = {.method = ICE_HTTP_GET, .address = ice_bytes_str(&address), .delegate = true};
  ICE_TRY(ice_rest_send(session, &request, err));
  ICE_TRY(ice_rest_check(session, "credentials", err));
  ICE_TRY(ice_rest_answer(session, "credentials", &answer, err));
  ice_str location = text_of(json_object_get(answer, "metadata"), "location");
  ICE_TRY(ice_rest_take_access(grant->catalog, grant->ident, answer, location, err));
done:
  if (status != ICE_OK) {
    ice_error_prepend(err, "table %.*s.%.*s", ICE_IDENT_ARG(grant->ident));
  }
  json_decref(answer);
  ice_bytes_deinit(&address);
  return status;
}

static access_grant *grant_of_provider(ice_aws_provider *provider) { return (access_grant *)(void *)provider; }

static ice_status get_credentials(ice_aws_provider *provider, bool renew, ice_aws_credentials *out, ice_error *err) {
  access_grant *grant = grant_of_provider(provider);
  bool due = grant->renew_at_ms > 0 && now_ms(grant->catalog) >= grant->renew_at_ms;
  if (renew || due) {
    ice_error failed = {0};
    ice_status status = renew_credentials(grant, &failed);
    // Those that can be used yet are used on.
    if (status != ICE_OK && (renew || now_ms(grant->catalog) >= grant->credentials.expires_at_ms)) {
      if (err) {
        *err = failed;
      }
      return status;
    }
  }
  *out = grant->credentials;
  return ICE_OK;
}

static void destroy_provider(ice_aws_provider *provider) { free_grant(grant_of_provider(provider)); }

static const ice_aws_provider_interface vended_interface = {.get = get_credentials, .destroy = destroy_provider};

// Remote signing ----------------------------------------------------------------------------------------------------

static access_grant *grant_of_signer(ice_s3_signer *signer) {
  return (access_grant *)(void *)((char *)signer - offsetof(access_grant, signer));
}

// "scheme://host:port" of a URL.
static ice_str origin_of(ice_str url) {
  const char *end = url.data + url.size;
  const char *at = url.size > 0 ? memchr(url.data, ':', url.size) : NULL;
  at = at && end - at > 3 ? memchr(at + 3, '/', (size_t)(end - at - 3)) : NULL;
  return at ? ice_str_make(url.data, (size_t)(at - url.data)) : url;
}

static ice_status put_headers(json_t *body, const ice_http_header *headers, size_t count, ice_error *err) {
  json_t *object = json_object();
  ice_status status = ice_json_put(body, "headers", object, err);
  for (size_t i = 0; i < count && status == ICE_OK; i++) {
    json_t *values = json_array();
    ICE_TRY(ice_json_push(values, ice_json_string(headers[i].value), err));
    char name[128];
    snprintf(name, sizeof name, "%.*s", ICE_STR_ARG(headers[i].name));
    status = ice_json_put(object, name, values, err);
  }
done:
  return status;
}

// The signed headers take the place of those that were asked with.
static ice_status take_headers(const json_t *answer, ice_http_header *headers, size_t *count, size_t max,
                               ice_arena *arena, ice_error *err) {
  const char *name;
  json_t *values;
  size_t taken = 0;
  ice_status status = ICE_OK;
  json_object_foreach(json_object_get(answer, "headers"), name, values) {
    const json_t *value = json_array_get(values, 0);
    if (taken == max || !json_is_string(value)) {
      ICE_FAIL(ICE_CORRUPT, "the signing endpoint's headers are no object of lists of texts, or too many");
    }
    ICE_TRY(ice_arena_copy_str(arena, ice_str_of(name), &headers[taken].name, err));
    ICE_TRY(ice_arena_copy_str(arena, ice_str_make(json_string_value(value), json_string_length(value)),
                               &headers[taken].value, err));
    taken++;
  }
  *count = taken;
done:
  return status;
}

static const char *method_name(ice_http_method method) {
  switch (method) {
    case ICE_HTTP_GET: return "GET";
    case ICE_HTTP_HEAD: return "HEAD";
    case ICE_HTTP_POST: return "POST";
    case ICE_HTTP_PUT: return "PUT";
    case ICE_HTTP_DELETE: return "DELETE";
  }
  return "";
}

static ice_status sign_remotely(ice_s3_signer *signer, ice_http_method method, ice_str region, ice_str *url,
                                ice_http_header *headers, size_t *header_count, size_t header_max, ice_arena *arena,
                                ice_error *err) {
  access_grant *grant = grant_of_signer(signer);
  ice_rest_session *session = grant->catalog->session;
  json_t *body = json_object();
  json_t *answer = NULL;
  ice_status status = ICE_OK;
  ICE_TRY(ice_json_put(body, "method", json_string(method_name(method)), err));
  ICE_TRY(ice_json_put(body, "region", ice_json_string(region), err));
  ICE_TRY(ice_json_put(body, "uri", ice_json_string(*url), err));
  ICE_TRY(put_headers(body, headers, *header_count, err));
  const ice_rest_request request = {.method = ICE_HTTP_POST, .address = grant->sign_url, .body = body};
  ICE_TRY(ice_rest_send(session, &request, err));
  ICE_TRY(ice_rest_check(session, "remote signing", err));
  ICE_TRY(ice_rest_answer(session, "remote signing", &answer, err));
  ice_str signed_url = text_of(answer, "uri");
  if (!ice_str_equal(origin_of(signed_url), origin_of(*url))) {
    ICE_FAIL(ICE_CORRUPT, "the signing endpoint sends the request to another host");
  }
  ICE_TRY(ice_arena_copy_str(arena, signed_url, url, err));
  ICE_TRY(take_headers(answer, headers, header_count, header_max, arena, err));
done:
  json_decref(answer);
  json_decref(body);
  return status;
}

static void destroy_signer(ice_s3_signer *signer) { free_grant(grant_of_signer(signer)); }

static const ice_s3_signer_interface signer_interface = {.sign = sign_remotely, .destroy = destroy_signer};

// "s3.signer.uri" (the catalog's own where it is absent) and "s3.signer.endpoint" make the address.
static ice_status take_signer(access_grant *grant, const json_t *config, ice_error *err) {
  const ice_rest_session *session = grant->catalog->session;
  ice_str base = text_of(config, "s3.signer.uri");
  ice_str path = text_of(config, "s3.signer.endpoint");
  ice_bytes url;
  ice_bytes_init(&url, ICE_REST_ADDRESS_MAX);
  ice_status status = ICE_OK;
  base = base.size > 0 ? base : session->uri;
  path = path.size > 0 ? path : ICE_STR("v1/aws/s3/sign");
  while (base.size > 0 && base.data[base.size - 1] == '/') {
    base.size--;
  }
  // Its requests carry the catalog's token.
  if (!ice_str_equal(origin_of(base), origin_of(session->uri))) {
    ICE_FAIL(ICE_UNSUPPORTED, "the catalog's signing endpoint is on another host, %.*s; give store.s3.access_key",
             ICE_STR_ARG(origin_of(base)));
  }
  ICE_TRY(ice_bytes_append_str(&url, base, err));
  ICE_TRY(ice_bytes_append_str(&url, ICE_STR("/"), err));
  ICE_TRY(ice_bytes_append_str(&url, path, err));
  ICE_TRY(ice_arena_copy_str(&grant->names, ice_bytes_str(&url), &grant->sign_url, err));
done:
  ice_bytes_deinit(&url);
  return status;
}

// Taking what an answer gives ---------------------------------------------------------------------------------------

// What a prefix's grants are kept by. The store has one grant for a place, however it is written, and frees the former with a new
// one: no two spellings of a place may have entries of their own.
static ice_str place_of(ice_str prefix) {
  size_t scheme = ice_store_s3_scheme(prefix);
  ice_str place = ice_str_make(prefix.data + scheme, prefix.size - scheme);
  while (place.size > 0 && place.data[place.size - 1] == '/') {
    place.size--;
  }
  return place;
}

static ice_status grant_access(ice_rest_catalog *catalog, ice_table_ident ident, ice_str prefix, const json_t *config,
                               ice_error *err) {
  bool vends = text_of(config, "s3.access-key-id").size > 0;
  bool signs = !vends && ice_str_equal_c(text_of(config, "s3.remote-signing-enabled"), "true");
  if (prefix.size == 0 || (!vends && !signs)) {
    return ICE_OK;
  }
  access_grant *grant = ice_map_get(&catalog->access, place_of(prefix));
  if (grant) {
    // A signing endpoint's address is kept: it is the same for the life of a table.
    return vends ? take_credentials(grant, config, err) : ICE_OK;
  }
  ice_status status = ICE_OK;
  ICE_TRY(make_grant(catalog, ident, &grant, err));
  status = vends ? take_credentials(grant, config, err) : take_signer(grant, config, err);
  if (status != ICE_OK) {
    free_grant(grant);
    goto done;
  }
  grant->provider.interface = &vended_interface;
  grant->signer.interface = &signer_interface;
  ice_str path_style = text_of(config, "s3.path-style-access");
  const ice_s3_grant given = {.prefix = prefix,
                              .provider = vends ? &grant->provider : NULL,
                              .signer = signs ? &grant->signer : NULL,
                              .endpoint = text_of(config, "s3.endpoint"),
                              .region = text_of(config, "client.region"),
                              .path_style = path_style.size == 0 ? -1 : ice_str_equal_c(path_style, "true")};
  ICE_TRY(ice_store_s3_grant(catalog->s3, &given, err));
  ICE_TRY(ice_map_put(&catalog->access, place_of(prefix), grant, err));
done:
  return status;
}

ice_status ice_rest_take_access(ice_rest_catalog *catalog, ice_table_ident ident, const json_t *answer,
                                ice_str location, ice_error *err) {
  ice_status status = ICE_OK;
  if (!catalog->s3 || !catalog->session->delegate) {
    return ICE_OK;
  }
  // The list, where it is there, is the newer place and stands before the table's configuration.
  const json_t *list = json_object_get(answer, "storage-credentials");
  for (size_t i = 0; i < json_array_size(list); i++) {
    const json_t *item = json_array_get(list, i);
    ICE_TRY(grant_access(catalog, ident, text_of(item, "prefix"), json_object_get(item, "config"), err));
  }
  if (json_array_size(list) == 0 && ice_str_starts_with(location, ICE_STR("s3"))) {
    ICE_TRY(grant_access(catalog, ident, location, json_object_get(answer, "config"), err));
  }
done:
  return status;
}
