#include "source/schema_registry_http.h"

#include "http/http_client.h"
#include "http/http_url.h"
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
  TIMEOUT_MS = 10000,
  // JSON escapes double the quotes of a schema, and every byte may be written as \u00XX.
  ANSWER_MAX = 6 * ICE_REGISTRY_SCHEMA_MAX,
  ARENA_MAX = 8 * ICE_HTTP_URL_MAX,
  PATH_MAX_SIZE = 64,
  UNKNOWN_SCHEMA = 40403
};

typedef struct schema_registry_http {
  ice_schema_registry base;
  pthread_mutex_t lock;
  ice_arena arena;
  ice_http_url url;
  ice_http_client *client;
  ice_http_response response;
  ice_bytes address;
} schema_registry_http;

static schema_registry_http *self_of(ice_schema_registry *registry) {
  return (schema_registry_http *)(void *)registry;
}

// Sends GET <base><path>; OK means that something answered.
static ice_status get(schema_registry_http *self, const char *path, ice_error *err) {
  ice_status status = ICE_OK;
  ice_bytes_clear(&self->address);
  ICE_TRY(ice_bytes_append_str(&self->address, self->url.base, err));
  ICE_TRY(ice_bytes_append_str(&self->address, ice_str_of(path), err));
  const char *address = ice_bytes_c_str(&self->address, err);
  if (!address) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a registry's address");
  }
  static const ice_http_header headers[] = {
      {ICE_STR_INIT("Accept"), ICE_STR_INIT("application/vnd.schemaregistry.v1+json, application/json")}};
  ice_http_request request = {.method = ICE_HTTP_GET,
                              .url = address,
                              .headers = headers,
                              .header_count = ICE_COUNT_OF(headers),
                              .user = self->url.user.size > 0 ? self->url.user : (ice_str){0},
                              .password = self->url.password};
  status = ice_http_client_send(self->client, &request, &self->response, err);
done:
  return status;
}

// The error_code member of the answer, or 0 where the answer is not a registry's.
static json_int_t error_code(const schema_registry_http *self) {
  json_error_t problem;
  json_t *root =
      json_loadb((const char *)self->response.body.data, self->response.body.size, JSON_REJECT_DUPLICATES, &problem);
  json_int_t code = json_integer_value(json_object_get(root, "error_code"));
  json_decref(root);
  return code;
}

// Some registries give 404 itself as the code, and so do some for a path that does not exist; whether this base URL
// is a registry's is what its list of subjects shows.
static ice_status check_unknown(schema_registry_http *self, uint32_t id, ice_error *err) {
  json_int_t code = error_code(self);
  ice_status status = ICE_OK;
  if (code == 0) {
    ICE_FAIL(ICE_IO, "%.*s: status 404, but not from a schema registry; is the path of the URL right?",
             ICE_STR_ARG(self->url.base));
  }
  if (code != UNKNOWN_SCHEMA) {
    ICE_TRY(get(self, "/subjects", err));
    if (self->response.status != 200) {
      ICE_FAIL(ICE_IO, "%.*s: status 404, and its list of subjects gives status %d; is the path of the URL right?",
               ICE_STR_ARG(self->url.base), self->response.status);
    }
  }
  ICE_FAIL(ICE_NOT_FOUND, "the schema registry does not know schema id %u", id);
done:
  return status;
}

// Registries leave the type out where it is Avro.
static ice_schema_language language_of(const json_t *answer) {
  const char *type = json_string_value(json_object_get(answer, "schemaType"));
  return !type || strcmp(type, "AVRO") == 0 ? ICE_SCHEMA_AVRO
         : strcmp(type, "JSON") == 0        ? ICE_SCHEMA_JSON
                                            : ICE_SCHEMA_OTHER;
}

static ice_status read_schema(const schema_registry_http *self, uint32_t id, ice_schema_language *language,
                              ice_bytes *text, ice_error *err) {
  json_error_t problem;
  ice_status status = ICE_OK;
  json_t *root = json_loadb((const char *)self->response.body.data, self->response.body.size, 0, &problem);
  if (!root) {
    ICE_FAIL(ICE_CORRUPT, "the schema registry's answer for id %u is no JSON: %s", id, problem.text);
  }
  const json_t *schema = json_object_get(root, "schema");
  if (!json_is_string(schema)) {
    ICE_FAIL(ICE_CORRUPT, "the schema registry's answer for id %u has no member schema", id);
  }
  *language = language_of(root);
  ICE_TRY(ice_bytes_append(text, json_string_value(schema), json_string_length(schema), err));
done:
  json_decref(root);
  return status;
}

static void mark_retryable(ice_status status, ice_error *err) {
  if (err && status != ICE_OK && status != ICE_NOT_FOUND && status != ICE_AUTH && status != ICE_CANCELLED) {
    err->flags |= ICE_ERROR_RETRYABLE;
  }
}

static ice_status registry_find(ice_schema_registry *registry, uint32_t id, ice_schema_language *language,
                                ice_bytes *text, ice_error *err) {
  schema_registry_http *self = self_of(registry);
  char path[PATH_MAX_SIZE];
  snprintf(path, sizeof path, "/schemas/ids/%u", id);
  pthread_mutex_lock(&self->lock);
  ice_status status = get(self, path, err);
  if (status == ICE_OK && self->response.status == 404) {
    status = check_unknown(self, id, err);
  } else if (status == ICE_OK) {
    status = ice_http_response_check(&self->response, "schema registry", err);
    if (status == ICE_NOT_FOUND) {
      // 410 is no answer about an id.
      status = ice_error_set(err, ICE_IO, "schema registry: HTTP status %d", self->response.status);
    }
    if (status == ICE_OK) {
      status = read_schema(self, id, language, text, err);
    }
  }
  mark_retryable(status, err);
  pthread_mutex_unlock(&self->lock);
  return status;
}

ice_status ice_schema_registry_http_probe(ice_schema_registry *registry, ice_error *err) {
  schema_registry_http *self = self_of(registry);
  pthread_mutex_lock(&self->lock);
  ice_status status = get(self, "/subjects", err);
  if (status == ICE_OK) {
    status = ice_http_response_check(&self->response, "schema registry", err);
  }
  pthread_mutex_unlock(&self->lock);
  return status;
}

static void registry_destroy(ice_schema_registry *registry) {
  schema_registry_http *self = self_of(registry);
  ice_http_client_destroy(self->client);
  ice_http_response_deinit(&self->response);
  ice_bytes_deinit(&self->address);
  ice_arena_deinit(&self->arena);
  pthread_mutex_destroy(&self->lock);
  free(self);
}

static const ice_schema_registry_interface registry_interface = {.find = registry_find, .destroy = registry_destroy};

ice_status ice_schema_registry_http_open(const ice_schema_registry_http_options *options, ice_schema_registry **out,
                                         ice_error *err) {
  *out = NULL;
  ice_status status = ICE_OK;
  int64_t timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : TIMEOUT_MS;
  schema_registry_http *self = calloc(1, sizeof *self);
  if (!self) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a schema registry");
  }
  self->base.interface = &registry_interface;
  pthread_mutex_init(&self->lock, NULL);
  ice_arena_init(&self->arena, ARENA_MAX);
  ice_bytes_init(&self->address, ICE_HTTP_URL_MAX + PATH_MAX_SIZE);
  ice_http_response_init(&self->response, ANSWER_MAX);
  ICE_TRY(ice_http_url_read(options->url, &self->arena, &self->url, err));
  if (options->user.size > 0) {
    ICE_TRY(ice_arena_copy_str(&self->arena, options->user, &self->url.user, err));
    ICE_TRY(ice_arena_copy_str(&self->arena, options->password, &self->url.password, err));
  }
  ice_http_options http = {.connect_timeout_ms = timeout_ms,
                           .silence_timeout_ms = timeout_ms,
                           .ca_file = options->ca_file,
                           .stop = options->stop};
  ICE_TRY(ice_http_client_create(&http, &self->client, err));
  *out = &self->base;
  self = NULL;
done:
  if (self) {
    registry_destroy(&self->base);
  }
  if (status != ICE_OK) {
    ice_error_prepend(err, "source.decode.registry");
  }
  return status;
}
