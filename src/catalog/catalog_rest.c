#include "catalog/catalog_rest_priv.h"

#include "iceberg/iceberg_schema.h"

#include <stdio.h>
#include <stdlib.h>

enum {
  WHAT_MAX = 600,
  PAGES_MAX = 10000,
  NAMES_MAX = 1 << 20,
  NAMESPACE_DEPTH_MAX = 16,
  ACCESS_MAX = 1024,
  NOT_MODIFIED = 304
};

static ice_rest_catalog *self_of(ice_catalog *catalog) { return (ice_rest_catalog *)(void *)catalog; }

// A request and its answer in one: `what` stands before errors.
static ice_status call(ice_rest_session *session, const ice_rest_request *request, const char *what, json_t **answer,
                       ice_error *err) {
  *answer = NULL;
  ice_status status = ice_rest_send(session, request, err);
  if (status != ICE_OK) {
    ice_error_prepend(err, "%s", what);
    return status;
  }
  status = ice_rest_check(session, what, err);
  return status == ICE_OK ? ice_rest_answer(session, what, answer, err) : status;
}

// Lists -------------------------------------------------------------------------------------------------------------

/// Names that were read from a server, to be visited in order.
typedef struct names {
  ice_arena arena;
  ice_str *items;
  size_t count;
  size_t capacity;
} names;

static ice_status add_name(names *list, ice_str name, ice_error *err) {
  if (list->count == NAMES_MAX) {
    return ice_error_set(err, ICE_LIMIT, "the catalog lists more than %d names", (int)NAMES_MAX);
  }
  if (list->count == list->capacity) {
    size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
    ice_str *items = realloc(list->items, capacity * sizeof *items);
    if (!items) {
      return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %zu names", capacity);
    }
    list->items = items;
    list->capacity = capacity;
  }
  ice_status status = ice_arena_copy_str(&list->arena, name, &list->items[list->count], err);
  list->count += status == ICE_OK;
  return status;
}

static int compare_names(const void *left, const void *right) {
  const ice_str *a = left;
  const ice_str *b = right;
  return ice_str_compare(*a, *b);
}

static ice_status visit_sorted(names *list, ice_catalog_visit visit, void *context, ice_error *err) {
  ice_status status = ICE_OK;
  if (list->count > 0) {
    qsort(list->items, list->count, sizeof *list->items, compare_names);
  }
  for (size_t i = 0; i < list->count && status == ICE_OK; i++) {
    status = visit(context, list->items[i], err);
  }
  return status;
}

static void names_init(names *list) {
  *list = (names){0};
  ice_arena_init(&list->arena, ICE_REST_ANSWER_MAX);
}

static void names_deinit(names *list) {
  ice_arena_deinit(&list->arena);
  free(list->items);
}

// Takes one page: `member` is the array, `take` what becomes of each item of it.
typedef ice_status (*take_item)(const json_t *item, names *out, ice_error *err);

static ice_status add_parameter(ice_bytes *address, const char *name, ice_str value, ice_error *err) {
  ice_status status = ICE_OK;
  bool first = !memchr(address->data, '?', address->size);
  ICE_TRY(ice_bytes_append_format(address, err, "%c%s=", first ? '?' : '&', name));
  ICE_TRY(ice_http_url_encode(value, address, err));
done:
  return status;
}

// All pages of a list. Servers that know pages give one when they see a page token, be it empty.
static ice_status list_pages(ice_rest_session *session, ice_str address, const char *member, const char *what,
                             take_item take, names *out, ice_error *err) {
  ice_bytes full;
  json_t *answer = NULL;
  ice_bytes token;
  ice_bytes_init(&full, ICE_REST_ADDRESS_MAX);
  ice_bytes_init(&token, ICE_REST_ADDRESS_MAX);
  ice_status status = ICE_OK;
  for (int page = 0;; page++) {
    if (page == PAGES_MAX) {
      ICE_FAIL(ICE_LIMIT, "%s: more than %d pages", what, (int)PAGES_MAX);
    }
    ice_bytes_clear(&full);
    ICE_TRY(ice_bytes_append_str(&full, address, err));
    ICE_TRY(add_parameter(&full, "pageToken", ice_bytes_str(&token), err));
    json_decref(answer);
    const ice_rest_request request = {.method = ICE_HTTP_GET, .address = ice_bytes_str(&full)};
    ICE_TRY(call(session, &request, what, &answer, err));
    const json_t *items = json_object_get(answer, member);
    for (size_t i = 0; i < json_array_size(items); i++) {
      ICE_TRY(take(json_array_get(items, i), out, err));
    }
    const json_t *next = json_object_get(answer, "next-page-token");
    if (json_string_length(next) == 0) {
      break;
    }
    ice_bytes_clear(&token);
    ICE_TRY(ice_bytes_append(&token, json_string_value(next), json_string_length(next), err));
  }
done:
  json_decref(answer);
  ice_bytes_deinit(&token);
  ice_bytes_deinit(&full);
  return status;
}

static ice_status take_namespace(const json_t *item, names *out, ice_error *err) {
  ice_bytes name;
  ice_bytes_init(&name, ICE_REST_ADDRESS_MAX);
  ice_status status = ICE_OK;
  for (size_t i = 0; i < json_array_size(item); i++) {
    const json_t *level = json_array_get(item, i);
    if (i > 0) {
      ICE_TRY(ice_bytes_append_u8(&name, '.', err));
    }
    ICE_TRY(ice_bytes_append(&name, json_string_value(level), json_string_length(level), err));
  }
  ICE_TRY(add_name(out, ice_bytes_str(&name), err));
done:
  ice_bytes_deinit(&name);
  return status;
}

static ice_status take_table(const json_t *item, names *out, ice_error *err) {
  const json_t *name = json_object_get(item, "name");
  return add_name(out, ice_str_make(json_string_value(name), json_string_length(name)), err);
}

static ice_status list_level(ice_rest_session *session, ice_str parent, names *out, ice_error *err) {
  ice_bytes address;
  ice_bytes_init(&address, ICE_REST_ADDRESS_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_str(&address, ICE_STR("/namespaces"), err));
  if (parent.size > 0) {
    ICE_TRY(ice_bytes_append_str(&address, ICE_STR("?parent="), err));
    ICE_TRY(ice_rest_append_namespace(session, parent, &address, err));
  }
  ICE_TRY(list_pages(session, ice_bytes_str(&address), "namespaces", "GET namespaces", take_namespace, out, err));
done:
  ice_bytes_deinit(&address);
  return status;
}

static size_t depth_of(ice_str name) {
  size_t depth = 1;
  for (size_t i = 0; i < name.size; i++) {
    depth += name.data[i] == '.';
  }
  return depth;
}

static ice_status rest_list_namespaces(ice_catalog *catalog, ice_catalog_visit visit, void *context, ice_error *err) {
  ice_rest_session *session = self_of(catalog)->session;
  names list;
  names_init(&list);
  ice_status status = ICE_OK;
  ICE_TRY(list_level(session, (ice_str){0}, &list, err));
  // The list grows under the walk: each namespace is asked for its own. One with deeper levels than these is not looked into.
  for (size_t i = 0; i < list.count; i++) {
    ice_error refused = {0};
    size_t before = list.count;
    if (depth_of(list.items[i]) < NAMESPACE_DEPTH_MAX) {
      ice_status found = list_level(session, list.items[i], &list, &refused);
      // A server without nested namespaces refuses the question, or answers as if it had not been asked.
      if (found != ICE_OK && found != ICE_INVALID_ARGUMENT && found != ICE_NOT_FOUND && found != ICE_UNSUPPORTED) {
        if (err) {
          *err = refused;
        }
        status = found;
        goto done;
      }
    }
    size_t kept = before;
    for (size_t j = before; j < list.count; j++) {
      if (depth_of(list.items[j]) == depth_of(list.items[i]) + 1) {
        list.items[kept++] = list.items[j];
      }
    }
    list.count = kept;
  }
  ICE_TRY(visit_sorted(&list, visit, context, err));
done:
  names_deinit(&list);
  return status;
}

static ice_status rest_list_tables(ice_catalog *catalog, ice_str namespace_name, ice_catalog_visit visit,
                                   void *context, ice_error *err) {
  ice_rest_session *session = self_of(catalog)->session;
  names list;
  ice_bytes address;
  names_init(&list);
  ice_bytes_init(&address, ICE_REST_ADDRESS_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(ice_rest_namespace_address(session, namespace_name, &address, err));
  ICE_TRY(ice_bytes_append_str(&address, ICE_STR("/tables"), err));
  ICE_TRY(list_pages(session, ice_bytes_str(&address), "identifiers", "GET tables", take_table, &list, err));
  ICE_TRY(visit_sorted(&list, visit, context, err));
done:
  ice_bytes_deinit(&address);
  names_deinit(&list);
  return status;
}

static ice_status rest_create_namespace(ice_catalog *catalog, ice_str namespace_name, ice_error *err) {
  ice_rest_session *session = self_of(catalog)->session;
  json_t *body = json_object();
  json_t *answer = NULL;
  ice_status status = ICE_OK;
  ICE_TRY(ice_json_put(body, "namespace", ice_rest_levels(namespace_name), err));
  ICE_TRY(ice_json_put(body, "properties", json_object(), err));
  // A second creation changes nothing, so it may be asked for again.
  const ice_rest_request request = {.method = ICE_HTTP_POST, .address = ICE_STR("/namespaces"), .body = body};
  status = call(session, &request, "POST namespaces", &answer, err);
  if (status == ICE_ALREADY_EXISTS) {
    ice_error_clear(err);
    status = ICE_OK;
  }
done:
  json_decref(answer);
  json_decref(body);
  return status;
}

// Tables ------------------------------------------------------------------------------------------------------------

// LoadTableResult: "metadata-location", "metadata", and how its objects are reached.
ice_status ice_rest_take_table(ice_rest_catalog *self, ice_table_ident ident, const json_t *answer, ice_table *out,
                               ice_error *err) {
  ice_status status = ICE_OK;
  ice_str location = {0};
  ICE_TRY(ice_json_get_str(answer, "metadata-location", &location, err));
  json_t *document = json_object_get(answer, "metadata");
  if (!json_is_object(document)) {
    ICE_FAIL(ICE_CORRUPT, "the answer has no table metadata");
  }
  ICE_TRY(ice_table_metadata_from_json(document, &out->metadata, err));
  out->metadata_location = strndup(location.data, location.size);
  if (!out->metadata_location) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a location");
  }
  ICE_TRY(ice_rest_take_access(self, ident, answer, out->metadata->location, err));
done:
  if (status != ICE_OK) {
    ice_error_prepend(err, "table %.*s.%.*s", ICE_IDENT_ARG(ident));
    ice_table_deinit(out);
  }
  return status;
}

// What the server last said of a table, for it to say that nothing has changed since.
static ice_rest_known *known_table(ice_rest_catalog *self, ice_str address) {
  for (size_t i = 0; i < ICE_REST_KNOWN_MAX; i++) {
    if (self->known[i].answer && ice_str_equal(ice_bytes_str(&self->known[i].address), address)) {
      return &self->known[i];
    }
  }
  return NULL;
}

static void forget(ice_rest_known *known) {
  json_decref(known->answer);
  known->answer = NULL;
  ice_bytes_clear(&known->address);
  ice_bytes_clear(&known->etag);
}

// One that is not remembered is sent whole the next time, so nothing here is an error.
static void remember_table(ice_rest_catalog *self, ice_str address, json_t *answer) {
  ice_str etag = ice_http_response_header(&self->session->response, "etag");
  ice_rest_known *known = known_table(self, address);
  if (!known) {
    known = &self->known[self->known_next++ % ICE_REST_KNOWN_MAX];
  }
  forget(known);
  if (etag.size > 0 && ice_bytes_append_str(&known->etag, etag, NULL) == ICE_OK &&
      ice_bytes_append_str(&known->address, address, NULL) == ICE_OK) {
    known->answer = json_incref(answer);
  }
}

static ice_status rest_load_table(ice_catalog *catalog, ice_table_ident ident, ice_table *out, ice_error *err) {
  ice_rest_catalog *self = self_of(catalog);
  *out = (ice_table){0};
  char what[WHAT_MAX];
  snprintf(what, sizeof what, "GET table %.*s.%.*s", ICE_IDENT_ARG(ident));
  ice_bytes address;
  json_t *answer = NULL;
  ice_bytes_init(&address, ICE_REST_ADDRESS_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(ice_rest_table_address(self->session, ident, &address, err));
  ice_rest_known *known = known_table(self, ice_bytes_str(&address));
  const ice_rest_request request = {.method = ICE_HTTP_GET,
                                    .address = ice_bytes_str(&address),
                                    .etag = known ? ice_bytes_str(&known->etag) : (ice_str){0},
                                    .delegate = true};
  status = ice_rest_send(self->session, &request, err);
  if (status != ICE_OK) {
    ice_error_prepend(err, "%s", what);
    goto done;
  }
  if (known && self->session->response.status == NOT_MODIFIED) {
    answer = json_incref(known->answer);
  } else {
    ICE_TRY(ice_rest_check(self->session, what, err));
    ICE_TRY(ice_rest_answer(self->session, what, &answer, err));
    remember_table(self, ice_bytes_str(&address), answer);
  }
  ICE_TRY(ice_rest_take_table(self, ident, answer, out, err));
done:
  if (status == ICE_NOT_FOUND) {
    status = ice_catalog_table_missing(ident, err);
  }
  json_decref(answer);
  ice_bytes_deinit(&address);
  return status;
}

static ice_status build_create(ice_table_ident ident, const ice_table_create *create,
                               const ice_table_metadata *metadata, json_t *body, ice_error *err) {
  ice_status status = ICE_OK;
  json_t *schema = NULL;
  json_t *spec = NULL;
  ICE_TRY(ice_json_put(body, "name", ice_json_string(ident.name), err));
  if (create->location.size > 0) {
    ICE_TRY(ice_json_put(body, "location", ice_json_string(create->location), err));
  }
  ICE_TRY(ice_schema_to_json(ice_table_current_schema(metadata), &schema, err));
  ICE_TRY(ice_json_put(body, "schema", schema, err));
  ICE_TRY(ice_partition_spec_to_json(ice_table_default_spec(metadata), &spec, err));
  ICE_TRY(ice_json_put(body, "partition-spec", spec, err));
  // Some servers fail without it.
  ICE_TRY(ice_json_put(body, "stage-create", json_false(), err));
  json_t *properties = json_object();
  ICE_TRY(ice_json_put(body, "properties", properties, err));
  ICE_TRY(ice_json_put_text(properties, ICE_STR("format-version"), ICE_STR("2"), err));
  for (uint32_t i = 0; i < create->property_count; i++) {
    ICE_TRY(ice_json_put_text(properties, create->properties[i].key, create->properties[i].value, err));
  }
done:
  return status;
}

static ice_status rest_create_table(ice_catalog *catalog, ice_table_ident ident, const ice_table_create *create,
                                    ice_table *out, ice_error *err) {
  ice_rest_catalog *self = self_of(catalog);
  *out = (ice_table){0};
  char what[WHAT_MAX];
  snprintf(what, sizeof what, "POST table %.*s.%.*s", ICE_IDENT_ARG(ident));
  ice_table_metadata *metadata = NULL;
  json_t *body = json_object();
  json_t *answer = NULL;
  ice_bytes address;
  ice_bytes_init(&address, ICE_REST_ADDRESS_MAX);
  // Numbers the columns as the request has to have them; the server's answer is the truth.
  ice_table_create numbered = *create;
  numbered.uuid = ICE_STR("00000000-0000-4000-8000-000000000000");
  numbered.location = create->location.size > 0 ? create->location : ICE_STR("memory:");
  numbered.now_ms = 1;
  ice_status status = ICE_OK;
  ICE_TRY(ice_table_metadata_create(&numbered, &metadata, err));
  ICE_TRY(build_create(ident, create, metadata, body, err));
  ICE_TRY(ice_rest_namespace_address(self->session, ident.namespace_name, &address, err));
  ICE_TRY(ice_bytes_append_str(&address, ICE_STR("/tables"), err));
  const ice_rest_request request = {
      .method = ICE_HTTP_POST, .address = ice_bytes_str(&address), .body = body, .delegate = true, .once = true};
  status = call(self->session, &request, what, &answer, err);
  if ((status != ICE_OK && self->session->response.status == 0 && self->session->response.maybe_sent) ||
      self->session->response.status >= 500) {
    status = ice_rest_unknown(err);
  }
  if (status == ICE_OK) {
    status = ice_rest_take_table(self, ident, answer, out, err);
  }
done:
  json_decref(answer);
  json_decref(body);
  ice_table_metadata_destroy(metadata);
  ice_bytes_deinit(&address);
  return status;
}

static ice_status rest_drop_table(ice_catalog *catalog, ice_table_ident ident, ice_error *err) {
  ice_rest_session *session = self_of(catalog)->session;
  char what[WHAT_MAX];
  snprintf(what, sizeof what, "DELETE table %.*s.%.*s", ICE_IDENT_ARG(ident));
  ice_bytes address;
  ice_bytes_init(&address, ICE_REST_ADDRESS_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(ice_rest_table_address(session, ident, &address, err));
  ICE_TRY(ice_bytes_append_str(&address, ICE_STR("?purgeRequested=false"), err));
  const ice_rest_request request = {.method = ICE_HTTP_DELETE, .address = ice_bytes_str(&address), .once = true};
  ICE_TRY(ice_rest_send(session, &request, err));
  status = ice_rest_check(session, what, err);
  if (status == ICE_NOT_FOUND) {
    status = ice_catalog_table_missing(ident, err);
  }
done:
  ice_bytes_deinit(&address);
  return status;
}

static ice_status put_identifier(json_t *change, const char *key, ice_table_ident ident, ice_error *err) {
  json_t *identifier = json_object();
  ice_status status = ICE_OK;
  ICE_TRY(ice_json_put(change, key, identifier, err));
  ICE_TRY(ice_json_put(identifier, "namespace", ice_rest_levels(ident.namespace_name), err));
  ICE_TRY(ice_json_put(identifier, "name", ice_json_string(ident.name), err));
done:
  return status;
}

static ice_status rest_rename_table(ice_catalog *catalog, ice_table_ident from, ice_table_ident to, ice_error *err) {
  ice_rest_session *session = self_of(catalog)->session;
  char what[WHAT_MAX];
  snprintf(what, sizeof what, "rename of %.*s.%.*s", ICE_IDENT_ARG(from));
  json_t *body = json_object();
  ice_status status = ICE_OK;
  ICE_TRY(put_identifier(body, "source", from, err));
  ICE_TRY(put_identifier(body, "destination", to, err));
  const ice_rest_request request = {
      .method = ICE_HTTP_POST, .address = ICE_STR("/tables/rename"), .body = body, .once = true};
  ICE_TRY(ice_rest_send(session, &request, err));
  ICE_TRY(ice_rest_check(session, what, err));
done:
  json_decref(body);
  return status;
}

static ice_status rest_register_table(ice_catalog *catalog, ice_table_ident ident, ice_str metadata_location,
                                      ice_error *err) {
  ice_rest_session *session = self_of(catalog)->session;
  char what[WHAT_MAX];
  snprintf(what, sizeof what, "registration of %.*s.%.*s", ICE_IDENT_ARG(ident));
  json_t *body = json_object();
  ice_bytes address;
  ice_bytes_init(&address, ICE_REST_ADDRESS_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(ice_rest_namespace_address(session, ident.namespace_name, &address, err));
  ICE_TRY(ice_bytes_append_str(&address, ICE_STR("/register"), err));
  ICE_TRY(ice_json_put(body, "name", ice_json_string(ident.name), err));
  ICE_TRY(ice_json_put(body, "metadata-location", ice_json_string(metadata_location), err));
  const ice_rest_request request = {
      .method = ICE_HTTP_POST, .address = ice_bytes_str(&address), .body = body, .once = true};
  ICE_TRY(ice_rest_send(session, &request, err));
  ICE_TRY(ice_rest_check(session, what, err));
done:
  json_decref(body);
  ice_bytes_deinit(&address);
  return status;
}

// Commits -----------------------------------------------------------------------------------------------------------

static ice_status put_changes(json_t *body, const ice_table_commit *commits, size_t count, ice_error *err) {
  json_t *changes = json_array();
  ice_status status = ice_json_put(body, "table-changes", changes, err);
  for (size_t i = 0; i < count && status == ICE_OK; i++) {
    json_t *change = json_object();
    ICE_TRY(ice_json_push(changes, change, err));
    ICE_TRY(put_identifier(change, "identifier", commits[i].ident, err));
    ICE_TRY(ice_table_change_to_json(&commits[i].change, change, err));
  }
done:
  return status;
}

ice_status ice_rest_unknown(ice_error *err) {
  if (err) {
    err->status = ICE_COMMIT_UNKNOWN;
  }
  return ICE_COMMIT_UNKNOWN;
}

// What the answer to a commit says about it. Only an answer below 500 is one of the catalog itself: what stands in front of it
// gives 5xx, and 408, while the catalog may go on.
static ice_status judge_commit(const ice_rest_session *session, ice_status sent, const char *what, ice_error *err) {
  int32_t code = session->response.status;
  if (sent != ICE_OK) {
    ice_error_prepend(err, "%s", what);
    return session->response.maybe_sent ? ice_rest_unknown(err) : sent;
  }
  ice_status status = ice_rest_check(session, what, err);
  if (code == 409) {
    status = ICE_CONFLICT;
  } else if (code >= 500 || code == 408) {
    return ice_rest_unknown(err);
  }
  if (err) {
    err->status = status;
  }
  return status;
}

static ice_status rest_commit(ice_catalog *catalog, const ice_table_commit *commits, size_t count, ice_error *err) {
  ice_rest_catalog *self = self_of(catalog);
  ice_rest_session *session = self->session;
  if (count == 0 || count > ICE_COMMIT_TABLES_MAX) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "a commit of %zu tables; 1 to %d are allowed", count,
                         (int)ICE_COMMIT_TABLES_MAX);
  }
  if (count > 1 && !self->base.atomic) {
    return ice_error_set(err, ICE_UNSUPPORTED, "this catalog does not decide several tables as one");
  }
  char what[WHAT_MAX];
  snprintf(what, sizeof what, "commit of %.*s.%.*s%s", ICE_IDENT_ARG(commits[0].ident),
           count > 1 ? " and others" : "");
  json_t *body = json_object();
  ice_bytes address;
  ice_bytes_init(&address, ICE_REST_ADDRESS_MAX);
  ice_status status = ICE_OK;
  if (count > 1) {
    ICE_TRY(ice_bytes_append_str(&address, ICE_STR("/transactions/commit"), err));
    ICE_TRY(put_changes(body, commits, count, err));
  } else {
    ICE_TRY(ice_rest_table_address(session, commits[0].ident, &address, err));
    ICE_TRY(put_identifier(body, "identifier", commits[0].ident, err));
    ICE_TRY(ice_table_change_to_json(&commits[0].change, body, err));
  }
  const ice_rest_request request = {
      .method = ICE_HTTP_POST, .address = ice_bytes_str(&address), .body = body, .once = true};
  status = judge_commit(session, ice_rest_send(session, &request, err), what, err);
  if (status == ICE_NOT_FOUND && count == 1) {
    status = ice_catalog_table_missing(commits[0].ident, err);
  }
done:
  json_decref(body);
  ice_bytes_deinit(&address);
  return status;
}

// The catalog -------------------------------------------------------------------------------------------------------

static void rest_destroy(ice_catalog *catalog) {
  ice_rest_catalog *self = self_of(catalog);
  // The store's grants ask the session until the end.
  ice_store_destroy(self->base.store);
  ice_rest_session_destroy(self->session);
  for (size_t i = 0; i < ICE_REST_KNOWN_MAX; i++) {
    forget(&self->known[i]);
    ice_bytes_deinit(&self->known[i].address);
    ice_bytes_deinit(&self->known[i].etag);
  }
  ice_map_deinit(&self->access);
  free(self);
}

static const ice_catalog_interface rest_interface = {
    .create_namespace = rest_create_namespace,
    .list_namespaces = rest_list_namespaces,
    .list_tables = rest_list_tables,
    .create_table = rest_create_table,
    .load_table = rest_load_table,
    .commit = rest_commit,
    .drop_table = rest_drop_table,
    .rename_table = rest_rename_table,
    .register_table = rest_register_table,
    .destroy = rest_destroy,
};

const ice_rest_session *ice_catalog_rest_session(const ice_catalog *catalog) {
  return catalog->interface == &rest_interface ? ((const ice_rest_catalog *)(const void *)catalog)->session : NULL;
}

ice_status ice_catalog_rest_open(ice_rest_session *session, ice_store *store, ice_store *s3, ice_catalog **out,
                                 ice_error *err) {
  *out = NULL;
  ice_rest_catalog *self = calloc(1, sizeof *self);
  if (!self) {
    ice_rest_session_destroy(session);
    ice_store_destroy(store);
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a catalog");
  }
  self->base = (ice_catalog){.interface = &rest_interface, .atomic = session->atomic, .remote = true, .store = store};
  self->session = session;
  self->s3 = s3;
  ice_map_init(&self->access, ACCESS_MAX);
  for (size_t i = 0; i < ICE_REST_KNOWN_MAX; i++) {
    ice_bytes_init(&self->known[i].address, ICE_REST_ADDRESS_MAX);
    ice_bytes_init(&self->known[i].etag, ICE_REST_ADDRESS_MAX);
  }
  *out = &self->base;
  return ICE_OK;
}
