#include "catalog/catalog_memory.h"

#include "base/map.h"
#include "catalog/catalog_files.h"
#include <stdio.h>
#include <stdlib.h>

enum { NAME_MAX_SIZE = 1 << 12 };

typedef struct memory_table {
  char *namespace_name;
  char *name;
  json_t *metadata;  ///< never changed, so every load shares it
  int64_t version;
  bool present;
} memory_table;

/// A request on its way: what the REST protocol would carry.
typedef struct held_request {
  json_t *bodies[ICE_COMMIT_TABLES_MAX];
  memory_table *tables[ICE_COMMIT_TABLES_MAX];
  size_t count;
} held_request;

typedef struct memory_catalog {
  ice_catalog base;
  const ice_port *port;
  char *warehouse;
  ice_map namespaces;
  ice_map tables;  ///< "namespace\0name" → memory_table, kept (not present) after a drop
  ice_memory_hook hook;
  bool in_hook;
  int64_t commit_count;
  held_request **held;
  size_t held_count;
} memory_catalog;

static memory_catalog *self_of(ice_catalog *catalog) { return (memory_catalog *)(void *)catalog; }

static ice_status table_key(ice_table_ident ident, ice_bytes *out, ice_error *err) {
  ice_status status = ICE_OK;
  ice_bytes_init(out, NAME_MAX_SIZE);
  ICE_TRY(ice_bytes_append_str(out, ident.namespace_name, err));
  ICE_TRY(ice_bytes_append_u8(out, 0, err));
  ICE_TRY(ice_bytes_append_str(out, ident.name, err));
done:
  return status;
}

// The table, present or not; NULL where there never was one.
static ice_status find_any(memory_catalog *self, ice_table_ident ident, memory_table **out, ice_error *err) {
  ice_bytes key;
  *out = NULL;
  ice_status status = table_key(ident, &key, err);
  if (status == ICE_OK) {
    *out = ice_map_get(&self->tables, ice_bytes_str(&key));
  }
  ice_bytes_deinit(&key);
  return status;
}

static ice_status find_table(memory_catalog *self, ice_table_ident ident, memory_table **out, ice_error *err) {
  ice_status status = find_any(self, ident, out, err);
  return status == ICE_OK && (!*out || !(*out)->present) ? ice_catalog_table_missing(ident, err) : status;
}

static void destroy_table(memory_table *table) {
  if (table) {
    free(table->namespace_name);
    free(table->name);
    json_decref(table->metadata);
    free(table);
  }
}

// Names -------------------------------------------------------------------------------------------------------------

static ice_status memory_create_namespace(ice_catalog *catalog, ice_str namespace_name, ice_error *err) {
  memory_catalog *self = self_of(catalog);
  return namespace_name.size == 0 ? ice_error_set(err, ICE_INVALID_ARGUMENT, "a namespace without a name")
                                  : ice_map_put(&self->namespaces, namespace_name, self, err);
}

static int compare_names(const void *a, const void *b) {
  ice_str x;
  ice_str y;
  memcpy(&x, a, sizeof x);
  memcpy(&y, b, sizeof y);
  return ice_str_compare(x, y);
}

static ice_status visit_sorted(ice_str *names, size_t count, ice_catalog_visit visit, void *context, ice_error *err) {
  ice_status status = ICE_OK;
  if (count > 1) {
    qsort(names, count, sizeof *names, compare_names);
  }
  for (size_t i = 0; status == ICE_OK && i < count; i++) {
    status = visit(context, names[i], err);
  }
  free(names);
  return status;
}

static ice_status memory_list_namespaces(ice_catalog *catalog, ice_catalog_visit visit, void *context,
                                         ice_error *err) {
  const memory_catalog *self = self_of(catalog);
  ice_str *names = calloc(self->namespaces.count + 1, sizeof *names);
  if (!names) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for the names of a catalog");
  }
  for (size_t i = 0; i < self->namespaces.count; i++) {
    names[i] = self->namespaces.entries[i].key;
  }
  return visit_sorted(names, self->namespaces.count, visit, context, err);
}

static ice_status memory_list_tables(ice_catalog *catalog, ice_str namespace_name, ice_catalog_visit visit,
                                     void *context, ice_error *err) {
  const memory_catalog *self = self_of(catalog);
  size_t count = 0;
  ice_str *names = calloc(self->tables.count + 1, sizeof *names);
  if (!names) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for the names of a catalog");
  }
  for (size_t i = 0; i < self->tables.count; i++) {
    const memory_table *table = self->tables.entries[i].value;
    if (table->present && ice_str_equal_c(namespace_name, table->namespace_name)) {
      names[count++] = ice_str_of(table->name);
    }
  }
  return visit_sorted(names, count, visit, context, err);
}

// Tables ------------------------------------------------------------------------------------------------------------

static ice_status read_table(const memory_table *table, ice_table *out, ice_error *err) {
  ice_status status = ICE_OK;
  ice_bytes location;
  ice_bytes_init(&location, ICE_METADATA_BYTES_MAX);
  *out = (ice_table){0};
  ICE_TRY(ice_table_metadata_from_json(table->metadata, &out->metadata, err));
  ICE_TRY(ice_bytes_append_format(&location, err, "%.*s/metadata/%05lld-memory.metadata.json",
                                  ICE_STR_ARG(out->metadata->location), (long long)table->version));
  out->metadata_location = strndup((const char *)location.data, location.size);
  if (!out->metadata_location) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a location");
  }
done:
  ice_bytes_deinit(&location);
  if (status != ICE_OK) {
    ice_table_deinit(out);
  }
  return status;
}

static json_t *document_of(const ice_table_metadata *metadata) {
  // json_incref wants one that may be changed; counting references is no change of the document.
  union {
    const json_t *given;
    json_t *counted;
  } document = {.given = metadata->document};
  return json_incref(document.counted);
}

static void keep_metadata(memory_table *table, const ice_table_metadata *metadata) {
  json_decref(table->metadata);
  table->metadata = document_of(metadata);
  table->version++;
}

static ice_status add_table(memory_catalog *self, ice_table_ident ident, memory_table **out, ice_error *err) {
  ice_bytes key;
  memory_table *table = calloc(1, sizeof *table);
  ice_status status = table_key(ident, &key, err);
  if (status != ICE_OK) {
    goto done;
  }
  if (!table) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a table");
  }
  table->namespace_name = strndup(ident.namespace_name.data, ident.namespace_name.size);
  table->name = strndup(ident.name.data, ident.name.size);
  if (!table->namespace_name || !table->name) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a table");
  }
  ICE_TRY(ice_map_put(&self->tables, ice_bytes_str(&key), table, err));
  *out = table;
  table = NULL;
done:
  ice_bytes_deinit(&key);
  destroy_table(table);
  return status;
}

static ice_status memory_create_table(ice_catalog *catalog, ice_table_ident ident, const ice_table_create *create,
                                      ice_table *out, ice_error *err) {
  memory_catalog *self = self_of(catalog);
  memory_table *table = NULL;
  ice_table_metadata *metadata = NULL;
  *out = (ice_table){0};
  ice_status status = ICE_OK;
  ICE_TRY(find_any(self, ident, &table, err));
  if (table && table->present) {
    ICE_FAIL(ICE_ALREADY_EXISTS, "table %.*s.%.*s exists already", ICE_IDENT_ARG(ident));
  }
  if (!ice_map_get(&self->namespaces, ident.namespace_name)) {
    ICE_FAIL(ICE_NOT_FOUND, "namespace %.*s does not exist", ICE_STR_ARG(ident.namespace_name));
  }
  ICE_TRY(ice_catalog_new_metadata(self->port, ice_str_of(self->warehouse), ident, create, &metadata, err));
  if (!table) {
    ICE_TRY(add_table(self, ident, &table, err));
  }
  keep_metadata(table, metadata);
  table->present = true;
  status = read_table(table, out, err);
done:
  ice_table_metadata_destroy(metadata);
  return status;
}

static ice_status memory_load_table(ice_catalog *catalog, ice_table_ident ident, ice_table *out, ice_error *err) {
  memory_table *table;
  *out = (ice_table){0};
  ice_status status = find_table(self_of(catalog), ident, &table, err);
  return status == ICE_OK ? read_table(table, out, err) : status;
}

static ice_status memory_drop_table(ice_catalog *catalog, ice_table_ident ident, ice_error *err) {
  memory_table *table;
  ice_status status = find_table(self_of(catalog), ident, &table, err);
  if (status == ICE_OK) {
    table->present = false;
  }
  return status;
}

ice_status ice_catalog_memory_rename(ice_catalog *catalog, ice_table_ident from, ice_table_ident to, ice_error *err) {
  memory_catalog *self = self_of(catalog);
  memory_table *source;
  memory_table *target;
  ice_status status = ICE_OK;
  ICE_TRY(find_table(self, from, &source, err));
  ICE_TRY(find_any(self, to, &target, err));
  if (target && target->present) {
    ICE_FAIL(ICE_ALREADY_EXISTS, "table %.*s.%.*s exists already", ICE_IDENT_ARG(to));
  }
  if (!target) {
    ICE_TRY(add_table(self, to, &target, err));
  }
  json_t *before = target->metadata;
  target->metadata = source->metadata;
  source->metadata = before;
  target->version = source->version + 1;
  target->present = true;
  source->present = false;
done:
  return status;
}

// Commits -----------------------------------------------------------------------------------------------------------

/// One table's part: where it goes and what it changes.
typedef struct part {
  memory_table *table;
  const ice_table_change *change;
} part;

// The next metadata of a table, or NULL; nothing is changed yet.
static ice_status apply_part(const memory_catalog *self, const part *p, ice_table_metadata **next, ice_error *err) {
  ice_table current = {0};
  ice_table_ident ident = {ice_str_of(p->table->namespace_name), ice_str_of(p->table->name)};
  ice_status status = ICE_OK;
  if (!p->table->present) {
    return ice_catalog_table_missing(ident, err);
  }
  ICE_TRY(read_table(p->table, &current, err));
  ICE_TRY(ice_table_check_requirements(current.metadata, p->change->requirements, p->change->requirement_count, err));
  if (p->change->update_count > 0) {
    int64_t now_ms = self->port->clock.now_us(self->port->clock.context) / 1000;
    ICE_TRY(ice_table_apply_updates(current.metadata, p->change->updates, p->change->update_count,
                                    ice_str_of(current.metadata_location), now_ms, next, err));
  }
done:
  if (status != ICE_OK) {
    ice_error_prepend(err, "%.*s.%.*s", ICE_IDENT_ARG(ident));
  }
  ice_table_deinit(&current);
  return status;
}

// All parts are checked; then those from `first` on that are `kept` change their tables, or none does.
static ice_status apply_some(const memory_catalog *self, const part *parts, size_t count, size_t first, size_t kept,
                             ice_error *err) {
  ice_table_metadata *next[ICE_COMMIT_TABLES_MAX] = {NULL};
  ice_status status = ICE_OK;
  for (size_t i = 0; i < count; i++) {
    ICE_TRY(apply_part(self, &parts[i], &next[i], err));
  }
  for (size_t i = first; i < first + kept; i++) {
    if (next[i]) {
      keep_metadata(parts[i].table, next[i]);
    }
  }
done:
  for (size_t i = 0; i < count; i++) {
    ice_table_metadata_destroy(next[i]);
  }
  return status;
}

static ice_status apply_parts(const memory_catalog *self, const part *parts, size_t count, ice_error *err) {
  return apply_some(self, parts, count, 0, count, err);
}

static void destroy_held(held_request *request) {
  for (size_t i = 0; request && i < request->count; i++) {
    json_decref(request->bodies[i]);
  }
  free(request);
}

static ice_status hold(memory_catalog *self, const part *parts, size_t count, ice_error *err) {
  held_request *request = calloc(1, sizeof *request);
  ice_status status = ICE_OK;
  if (!request || self->held_count == ICE_MEMORY_HELD_MAX) {
    ICE_FAIL(request ? ICE_LIMIT : ICE_NO_MEMORY, "%zu commits are held", self->held_count);
  }
  for (size_t i = 0; i < count; i++) {
    request->tables[i] = parts[i].table;
    request->bodies[request->count++] = json_object();
    if (!request->bodies[i]) {
      ICE_FAIL(ICE_NO_MEMORY, "out of memory for a commit");
    }
    ICE_TRY(ice_table_change_to_json(parts[i].change, request->bodies[i], err));
  }
  held_request **held = realloc(self->held, (self->held_count + 1) * sizeof(held_request *));
  if (!held) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a commit");
  }
  self->held = held;
  self->held[self->held_count++] = request;
  request = NULL;
done:
  destroy_held(request);
  return status;
}

static ice_status unknown(ice_error *err) {
  return ice_error_set(err, ICE_COMMIT_UNKNOWN, "the answer of the catalog never came");
}

static ice_status decide(memory_catalog *self, ice_memory_fate fate, const part *parts, size_t count,
                         ice_error *err) {
  ice_error cause = {0};
  switch (fate) {
    case ICE_MEMORY_APPLY: return apply_parts(self, parts, count, err);
    case ICE_MEMORY_CONFLICT: return ice_error_set(err, ICE_CONFLICT, "another writer changed the table");
    case ICE_MEMORY_REFUSE: return ice_error_set(err, ICE_IO, "the catalog refused the commit");
    case ICE_MEMORY_LOSE: return unknown(err);
    case ICE_MEMORY_APPLY_UNKNOWN:
      // Whether it was refused or applied, the sender never learns.
      (void)!apply_parts(self, parts, count, &cause);
      return unknown(err);
    case ICE_MEMORY_HOLD: {
      ice_status status = hold(self, parts, count, err);
      return status == ICE_OK ? unknown(err) : status;
    }
    case ICE_MEMORY_REPEAT:
      (void)!apply_parts(self, parts, count, &cause);
      return apply_parts(self, parts, count, err);
    case ICE_MEMORY_TEAR_FIRST: return apply_some(self, parts, count, 0, 1, err);
    case ICE_MEMORY_TEAR_REST: return apply_some(self, parts, count, 1, count - 1, err);
  }
  return ice_error_set(err, ICE_INTERNAL, "a hook chose fate %d", (int)fate);
}

static ice_status memory_commit(ice_catalog *catalog, const ice_table_commit *commits, size_t count, ice_error *err) {
  memory_catalog *self = self_of(catalog);
  part parts[ICE_COMMIT_TABLES_MAX];
  ice_memory_fate fate = ICE_MEMORY_APPLY;
  ice_status status = ICE_OK;
  if (count == 0 || count > ICE_COMMIT_TABLES_MAX) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "a commit of %zu tables; 1 to %d are allowed", count,
                         (int)ICE_COMMIT_TABLES_MAX);
  }
  if (count > 1 && !self->base.atomic) {
    return ice_error_set(err, ICE_UNSUPPORTED, "this catalog commits one table at a time, not %zu", count);
  }
  bool hooked = !self->in_hook;
  int64_t number = hooked ? ++self->commit_count : 0;
  if (hooked && self->hook.before) {
    self->in_hook = true;
    fate = self->hook.before(self->hook.context, commits, count, number);
    self->in_hook = false;
  }
  for (size_t i = 0; status == ICE_OK && i < count; i++) {
    parts[i].change = &commits[i].change;
    status = find_table(self, commits[i].ident, &parts[i].table, err);
  }
  if (status == ICE_OK) {
    status = decide(self, fate, parts, count, err);
  }
  if (hooked && self->hook.after) {
    self->in_hook = true;
    self->hook.after(self->hook.context, commits, count, number, status);
    self->in_hook = false;
  }
  return status;
}

void ice_catalog_memory_set_hook(ice_catalog *catalog, const ice_memory_hook *hook) {
  self_of(catalog)->hook = hook ? *hook : (ice_memory_hook){0};
}

size_t ice_catalog_memory_held(const ice_catalog *catalog) {
  return ((const memory_catalog *)(const void *)catalog)->held_count;
}

ice_status ice_catalog_memory_release(ice_catalog *catalog, ice_error *err) {
  return ice_catalog_memory_release_at(catalog, 0, err);
}

ice_status ice_catalog_memory_release_at(ice_catalog *catalog, size_t index, ice_error *err) {
  memory_catalog *self = self_of(catalog);
  ice_table_change_read reads[ICE_COMMIT_TABLES_MAX] = {{.document = NULL}};
  part parts[ICE_COMMIT_TABLES_MAX];
  ice_status status = ICE_OK;
  if (index >= self->held_count) {
    return ice_error_set(err, ICE_INVALID_STATE, "%zu commits are held, there is no number %zu", self->held_count,
                         index);
  }
  held_request *request = self->held[index];
  self->held_count--;
  memmove(self->held + index, self->held + index + 1, (self->held_count - index) * sizeof(held_request *));
  for (size_t i = 0; i < request->count; i++) {
    ICE_TRY(ice_table_change_from_json(request->bodies[i], &reads[i], err));
    parts[i] = (part){.table = request->tables[i], .change = &reads[i].change};
  }
  status = apply_parts(self, parts, request->count, err);
done:
  for (size_t i = 0; i < request->count; i++) {
    ice_table_change_read_deinit(&reads[i]);
  }
  destroy_held(request);
  return status;
}

// Opening -----------------------------------------------------------------------------------------------------------

static void memory_destroy(ice_catalog *catalog) {
  memory_catalog *self = self_of(catalog);
  for (size_t i = 0; i < self->held_count; i++) {
    destroy_held(self->held[i]);
  }
  for (size_t i = 0; i < self->tables.count; i++) {
    destroy_table(self->tables.entries[i].value);
  }
  free(self->held);
  ice_map_deinit(&self->tables);
  ice_map_deinit(&self->namespaces);
  ice_store_destroy(self->base.store);
  free(self->warehouse);
  free(self);
}

static const ice_catalog_interface memory_interface = {
    .create_namespace = memory_create_namespace,
    .list_namespaces = memory_list_namespaces,
    .list_tables = memory_list_tables,
    .create_table = memory_create_table,
    .load_table = memory_load_table,
    .commit = memory_commit,
    .drop_table = memory_drop_table,
    .destroy = memory_destroy,
};

ice_status ice_catalog_memory_open(const ice_port *port, const ice_catalog_memory_options *options, ice_store *store,
                                   ice_catalog **out, ice_error *err) {
  *out = NULL;
  memory_catalog *self = calloc(1, sizeof *self);
  if (!self) {
    ice_store_destroy(store);
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a catalog");
  }
  self->base = (ice_catalog){
      .interface = &memory_interface, .atomic = options->atomic, .remote = options->remote, .store = store};
  self->port = port;
  ice_map_init(&self->namespaces, ICE_MEMORY_TABLES_MAX);
  ice_map_init(&self->tables, ICE_MEMORY_TABLES_MAX);
  self->warehouse = strndup(options->warehouse.data ? options->warehouse.data : "", options->warehouse.size);
  if (!self->warehouse) {
    memory_destroy(&self->base);
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a catalog");
  }
  *out = &self->base;
  return ICE_OK;
}
