#include "catalog/catalog_sqlite.h"

#include "catalog/catalog_files.h"
#include <sqlite3.h>
#include <stdlib.h>

enum { DEFAULT_BUSY_TIMEOUT_MS = 10000, NAMESPACE_MAX = 1 << 12 };

typedef struct sqlite_catalog {
  ice_catalog base;
  const ice_port *port;
  sqlite3 *database;
  char *path;
  char *name;
  char *warehouse;
  /// Older catalogs have no column iceberg_type.
  bool has_type;
} sqlite_catalog;

static sqlite_catalog *self_of(ice_catalog *catalog) { return (sqlite_catalog *)(void *)catalog; }

ice_str ice_catalog_sqlite_path(ice_str uri) {
  ice_str path = uri;
  if (ice_str_starts_with(path, ICE_STR("jdbc:"))) {
    path = ice_str_make(path.data + 5, path.size - 5);
  }
  if (ice_str_starts_with(path, ICE_STR("sqlite:"))) {
    path = ice_str_make(path.data + 7, path.size - 7);
    // SQLAlchemy's form: sqlite:///relative, sqlite:////absolute.
    if (ice_str_starts_with(path, ICE_STR("///"))) {
      path = ice_str_make(path.data + 3, path.size - 3);
    }
  }
  return path;
}

static ice_status fail_sqlite(const sqlite_catalog *self, const char *action, int code, ice_error *err) {
  int primary = code & 0xff;
  ice_status status = primary == SQLITE_NOTADB || primary == SQLITE_CORRUPT ? ICE_CORRUPT
                      : primary == SQLITE_NOMEM                             ? ICE_NO_MEMORY
                      : primary == SQLITE_BUSY || primary == SQLITE_LOCKED  ? ICE_TIMEOUT
                                                                            : ICE_IO;
  const char *text = self->database ? sqlite3_errmsg(self->database) : sqlite3_errstr(code);
  ice_error_set(err, status, "Failed to register Iceberg catalog: %s: %s: %s", self->path, action, text);
  if (err) {
    err->origin_code = code;
    err->flags =
        primary == SQLITE_BUSY || primary == SQLITE_LOCKED || primary == SQLITE_FULL ? ICE_ERROR_RETRYABLE : 0;
    if (primary == SQLITE_READONLY) {
      ice_error_prepend(err, "the catalog cannot be written; check the permissions of the file and its directory");
    }
  }
  return status;
}

static ice_status execute(sqlite_catalog *self, const char *sql, ice_error *err) {
  int code = sqlite3_exec(self->database, sql, NULL, NULL, NULL);
  return code == SQLITE_OK ? ICE_OK : fail_sqlite(self, sql, code, err);
}

static void roll_back(sqlite_catalog *self) {
  if (!sqlite3_get_autocommit(self->database)) {
    sqlite3_exec(self->database, "ROLLBACK", NULL, NULL, NULL);
  }
}

static ice_status prepare(sqlite_catalog *self, const char *sql, sqlite3_stmt **out, ice_error *err) {
  int code = sqlite3_prepare_v2(self->database, sql, -1, out, NULL);
  return code == SQLITE_OK ? ICE_OK : fail_sqlite(self, "prepare", code, err);
}

static ice_status bind(sqlite_catalog *self, sqlite3_stmt *statement, int index, ice_str text, ice_error *err) {
  int code =
      sqlite3_bind_text64(statement, index, text.data ? text.data : "", text.size, SQLITE_TRANSIENT, SQLITE_UTF8);
  return code == SQLITE_OK ? ICE_OK : fail_sqlite(self, "bind", code, err);
}

static ice_str column_text(sqlite3_stmt *statement, int index) {
  const unsigned char *text = sqlite3_column_text(statement, index);
  return ice_str_make((const char *)text, text ? (size_t)sqlite3_column_bytes(statement, index) : 0);
}

// Runs a statement that gives no rows; `*changed` is the number of rows it touched.
static ice_status run(sqlite_catalog *self, const char *sql, const ice_str *arguments, size_t count, int *changed,
                      ice_error *err) {
  sqlite3_stmt *statement = NULL;
  ice_status status = ICE_OK;
  ICE_TRY(prepare(self, sql, &statement, err));
  for (size_t i = 0; i < count; i++) {
    ICE_TRY(bind(self, statement, (int)i + 1, arguments[i], err));
  }
  int code = sqlite3_step(statement);
  if (code != SQLITE_DONE) {
    status = fail_sqlite(self, "write", code, err);
    goto done;
  }
  if (changed) {
    *changed = sqlite3_changes(self->database);
  }
done:
  sqlite3_finalize(statement);
  return status;
}

static ice_status probe_type_column(sqlite_catalog *self, ice_error *err) {
  sqlite3_stmt *statement = NULL;
  ice_status status = ICE_OK;
  ICE_TRY(prepare(self, "SELECT 1 FROM pragma_table_info('iceberg_tables') WHERE name = 'iceberg_type'", &statement,
                  err));
  int code = sqlite3_step(statement);
  if (code != SQLITE_ROW && code != SQLITE_DONE) {
    status = fail_sqlite(self, "read", code, err);
    goto done;
  }
  self->has_type = code == SQLITE_ROW;
done:
  sqlite3_finalize(statement);
  return status;
}

static ice_status has_tables(sqlite_catalog *self, bool *out, ice_error *err) {
  sqlite3_stmt *statement = NULL;
  ice_status status = ICE_OK;
  ICE_TRY(prepare(self,
                  "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('iceberg_tables', "
                  "'iceberg_namespace_properties')",
                  &statement, err));
  int code = sqlite3_step(statement);
  if (code != SQLITE_ROW) {
    status = fail_sqlite(self, "read", code, err);
    goto done;
  }
  *out = sqlite3_column_int(statement, 0) == 2;
done:
  sqlite3_finalize(statement);
  return status;
}

// The layout of JdbcCatalog (V1 schema) and SqlCatalog.
static ice_status create_layout(sqlite_catalog *self, ice_error *err) {
  static const char layout[] =
      "CREATE TABLE IF NOT EXISTS iceberg_tables ("
      "catalog_name VARCHAR(255) NOT NULL, table_namespace VARCHAR(255) NOT NULL, table_name VARCHAR(255) NOT NULL, "
      "metadata_location VARCHAR(1000), previous_metadata_location VARCHAR(1000), iceberg_type VARCHAR(5), "
      "PRIMARY KEY (catalog_name, table_namespace, table_name));"
      "CREATE TABLE IF NOT EXISTS iceberg_namespace_properties ("
      "catalog_name VARCHAR(255) NOT NULL, namespace VARCHAR(255) NOT NULL, property_key VARCHAR(255) NOT NULL, "
      "property_value VARCHAR(1000), PRIMARY KEY (catalog_name, namespace, property_key));";
  bool complete = false;
  ice_status status = ICE_OK;
  ICE_TRY(has_tables(self, &complete, err));
  if (!complete) {
    ICE_TRY(execute(self, "BEGIN IMMEDIATE", err));
    ICE_TRY(execute(self, layout, err));
    ICE_TRY(execute(self, "COMMIT", err));
  }
done:
  roll_back(self);
  return status;
}

// Java accepts a namespace that has tables or properties, so both count.
static ice_status namespace_exists(sqlite_catalog *self, ice_str namespace_name, bool *out, ice_error *err) {
  sqlite3_stmt *statement = NULL;
  ice_status status = ICE_OK;
  ICE_TRY(prepare(self,
                  "SELECT 1 FROM iceberg_namespace_properties WHERE catalog_name = ?1 AND (namespace = ?2 OR "
                  "substr(namespace, 1, length(?2) + 1) = ?2 || '.') UNION SELECT 1 FROM iceberg_tables WHERE "
                  "catalog_name = ?1 AND (table_namespace = ?2 OR substr(table_namespace, 1, length(?2) + 1) = ?2 || "
                  "'.') LIMIT 1",
                  &statement, err));
  ICE_TRY(bind(self, statement, 1, ice_str_of(self->name), err));
  ICE_TRY(bind(self, statement, 2, namespace_name, err));
  int code = sqlite3_step(statement);
  if (code != SQLITE_ROW && code != SQLITE_DONE) {
    status = fail_sqlite(self, "read", code, err);
    goto done;
  }
  *out = code == SQLITE_ROW;
done:
  sqlite3_finalize(statement);
  return status;
}

static ice_status sqlite_create_namespace(ice_catalog *catalog, ice_str namespace_name, ice_error *err) {
  sqlite_catalog *self = self_of(catalog);
  if (namespace_name.size == 0 || namespace_name.size > NAMESPACE_MAX) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "a namespace name of %zu bytes", namespace_name.size);
  }
  ice_str arguments[] = {ice_str_of(self->name), namespace_name};
  return run(self,
             "INSERT OR IGNORE INTO iceberg_namespace_properties (catalog_name, namespace, property_key, "
             "property_value) VALUES (?1, ?2, 'exists', 'true')",
             arguments, ICE_COUNT_OF(arguments), NULL, err);
}

static ice_status visit_names(sqlite_catalog *self, const char *sql, const ice_str *arguments, size_t count,
                              ice_catalog_visit visit, void *context, ice_error *err) {
  sqlite3_stmt *statement = NULL;
  ice_status status = ICE_OK;
  ICE_TRY(prepare(self, sql, &statement, err));
  for (size_t i = 0; i < count; i++) {
    ICE_TRY(bind(self, statement, (int)i + 1, arguments[i], err));
  }
  int code;
  while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
    ICE_TRY(visit(context, column_text(statement, 0), err));
  }
  if (code != SQLITE_DONE) {
    status = fail_sqlite(self, "read", code, err);
  }
done:
  sqlite3_finalize(statement);
  return status;
}

static ice_status sqlite_list_namespaces(ice_catalog *catalog, ice_catalog_visit visit, void *context,
                                         ice_error *err) {
  sqlite_catalog *self = self_of(catalog);
  ice_str arguments[] = {ice_str_of(self->name)};
  return visit_names(self,
                     "SELECT DISTINCT namespace FROM iceberg_namespace_properties WHERE catalog_name = ?1 UNION "
                     "SELECT DISTINCT table_namespace FROM iceberg_tables WHERE catalog_name = ?1 ORDER BY 1",
                     arguments, ICE_COUNT_OF(arguments), visit, context, err);
}

static ice_status sqlite_list_tables(ice_catalog *catalog, ice_str namespace_name, ice_catalog_visit visit,
                                     void *context, ice_error *err) {
  sqlite_catalog *self = self_of(catalog);
  ice_str arguments[] = {ice_str_of(self->name), namespace_name};
  const char *sql = self->has_type ? "SELECT table_name FROM iceberg_tables WHERE catalog_name = ?1 AND "
                                     "table_namespace = ?2 AND (iceberg_type = 'TABLE' OR iceberg_type IS NULL) "
                                     "ORDER BY 1"
                                   : "SELECT table_name FROM iceberg_tables WHERE catalog_name = ?1 AND "
                                     "table_namespace = ?2 ORDER BY 1";
  return visit_names(self, sql, arguments, ICE_COUNT_OF(arguments), visit, context, err);
}

// The location of the newest metadata file, the caller's to free.
static ice_status find_location(sqlite_catalog *self, ice_table_ident ident, char **out, ice_error *err) {
  *out = NULL;
  sqlite3_stmt *statement = NULL;
  ice_status status = ICE_OK;
  ICE_TRY(prepare(self,
                  self->has_type ? "SELECT metadata_location FROM iceberg_tables WHERE catalog_name = ?1 AND "
                                   "table_namespace = ?2 AND table_name = ?3 AND (iceberg_type = 'TABLE' OR "
                                   "iceberg_type IS NULL)"
                                 : "SELECT metadata_location FROM iceberg_tables WHERE catalog_name = ?1 AND "
                                   "table_namespace = ?2 AND table_name = ?3",
                  &statement, err));
  ICE_TRY(bind(self, statement, 1, ice_str_of(self->name), err));
  ICE_TRY(bind(self, statement, 2, ident.namespace_name, err));
  ICE_TRY(bind(self, statement, 3, ident.name, err));
  int code = sqlite3_step(statement);
  if (code == SQLITE_DONE) {
    status = ice_catalog_table_missing(ident, err);
    goto done;
  }
  if (code != SQLITE_ROW) {
    status = fail_sqlite(self, "read", code, err);
    goto done;
  }
  ice_str location = column_text(statement, 0);
  if (location.size == 0) {
    ICE_FAIL(ICE_CORRUPT, "%s: table %.*s.%.*s has no metadata_location", self->path, ICE_IDENT_ARG(ident));
  }
  *out = strndup(location.data, location.size);
  if (!*out) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a location");
  }
done:
  sqlite3_finalize(statement);
  return status;
}

static ice_status sqlite_load_table(ice_catalog *catalog, ice_table_ident ident, ice_table *out, ice_error *err) {
  sqlite_catalog *self = self_of(catalog);
  *out = (ice_table){0};
  char *location = NULL;
  ice_status status = find_location(self, ident, &location, err);
  if (status == ICE_OK) {
    status = ice_catalog_read_metadata(self->base.store, ice_str_of(location), out, err);
    // A pointer to a file that is gone is damage of the table, not a missing table.
    if (status == ICE_NOT_FOUND) {
      ice_error_prepend(err, "table %.*s.%.*s: its metadata file is gone", ICE_IDENT_ARG(ident));
      status = ICE_CORRUPT;
      if (err) {
        err->status = status;
      }
    }
  }
  free(location);
  return status;
}

static ice_status insert_table(sqlite_catalog *self, ice_table_ident ident, ice_str location, int *changed,
                               ice_error *err) {
  ice_str arguments[] = {ice_str_of(self->name), ident.namespace_name, ident.name, location};
  return run(
      self,
      self->has_type
          ? "INSERT OR IGNORE INTO iceberg_tables (catalog_name, table_namespace, table_name, "
            "metadata_location, previous_metadata_location, iceberg_type) VALUES (?1, ?2, ?3, ?4, NULL, 'TABLE')"
          : "INSERT OR IGNORE INTO iceberg_tables (catalog_name, table_namespace, table_name, "
            "metadata_location, previous_metadata_location) VALUES (?1, ?2, ?3, ?4, NULL)",
      arguments, ICE_COUNT_OF(arguments), changed, err);
}

// COMMIT is the point of no return: an error other than "busy" leaves the outcome open.
static ice_status commit_transaction(sqlite_catalog *self, ice_error *err) {
  int code = sqlite3_exec(self->database, "COMMIT", NULL, NULL, NULL);
  if (code == SQLITE_OK) {
    return ICE_OK;
  }
  ice_status status = fail_sqlite(self, "COMMIT", code, err);
  int primary = code & 0xff;
  if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED || primary == SQLITE_CONSTRAINT) {
    return status;
  }
  if (err) {
    err->status = ICE_COMMIT_UNKNOWN;
  }
  return ICE_COMMIT_UNKNOWN;
}

static ice_status sqlite_create_table(ice_catalog *catalog, ice_table_ident ident, const ice_table_create *create,
                                      ice_table *out, ice_error *err) {
  sqlite_catalog *self = self_of(catalog);
  *out = (ice_table){0};
  char *existing = NULL;
  bool known = false;
  int changed = 0;
  bool unknown = false;
  ice_status status = find_location(self, ident, &existing, NULL);
  if (status == ICE_OK) {
    ICE_FAIL(ICE_ALREADY_EXISTS, "table %.*s.%.*s exists already", ICE_IDENT_ARG(ident));
  }
  ICE_TRY(namespace_exists(self, ident.namespace_name, &known, err));
  if (!known) {
    ICE_FAIL(ICE_NOT_FOUND, "namespace %.*s does not exist", ICE_STR_ARG(ident.namespace_name));
  }
  ICE_TRY(ice_catalog_new_metadata(self->port, ice_str_of(self->warehouse), ident, create, &out->metadata, err));
  ICE_TRY(ice_catalog_write_metadata(self->base.store, self->port, out->metadata, (ice_str){0},
                                     &out->metadata_location, err));
  ICE_TRY(execute(self, "BEGIN IMMEDIATE", err));
  ICE_TRY(insert_table(self, ident, ice_str_of(out->metadata_location), &changed, err));
  if (changed != 1) {
    ICE_FAIL(ICE_ALREADY_EXISTS, "table %.*s.%.*s exists already", ICE_IDENT_ARG(ident));
  }
  status = commit_transaction(self, err);
  unknown = status == ICE_COMMIT_UNKNOWN;
done:
  roll_back(self);
  free(existing);
  if (status != ICE_OK) {
    if (out->metadata_location && !unknown) {
      // Nobody refers to the new file; the first error counts.
      (void)!ice_store_remove(self->base.store, ice_str_of(out->metadata_location), NULL);
    }
    ice_table_deinit(out);
  }
  return status;
}

// One table of a commit on its way: checked, applied and written, but not yet pointed to.
typedef struct prepared {
  char *old_location;
  char *new_location;
} prepared;

static ice_status prepare_change(sqlite_catalog *self, const ice_table_commit *commit, prepared *out,
                                 ice_error *err) {
  ice_table fresh = {0};
  ice_table_metadata *next = NULL;
  ice_status status = ICE_OK;
  ICE_TRY(find_location(self, commit->ident, &out->old_location, err));
  const ice_table_metadata *base = NULL;
  if (commit->base && strcmp(commit->base->metadata_location, out->old_location) == 0) {
    base = commit->base->metadata;
  } else {
    ICE_TRY(ice_catalog_read_metadata(self->base.store, ice_str_of(out->old_location), &fresh, err));
    base = fresh.metadata;
  }
  ICE_TRY(ice_table_check_requirements(base, commit->change.requirements, commit->change.requirement_count, err));
  if (commit->change.update_count == 0) {
    goto done;
  }
  int64_t now_ms = self->port->clock.now_us(self->port->clock.context) / 1000;
  ICE_TRY(ice_table_apply_updates(base, commit->change.updates, commit->change.update_count,
                                  ice_str_of(out->old_location), now_ms, &next, err));
  ICE_TRY(ice_catalog_write_metadata(self->base.store, self->port, next, ice_str_of(out->old_location),
                                     &out->new_location, err));
done:
  if (status != ICE_OK) {
    ice_error_prepend(err, "%.*s.%.*s", ICE_IDENT_ARG(commit->ident));
  }
  ice_table_deinit(&fresh);
  ice_table_metadata_destroy(next);
  return status;
}

// A change without updates moves nothing: it only has to find the table as its requirements were checked.
static ice_status swap_pointer(sqlite_catalog *self, ice_table_ident ident, const prepared *change, ice_error *err) {
  int changed = 0;
  ice_str location = ice_str_of(change->new_location ? change->new_location : change->old_location);
  if (!change->new_location) {
    char *current = NULL;
    ice_status found = find_location(self, ident, &current, err);
    changed = found == ICE_OK && strcmp(current, change->old_location) == 0;
    free(current);
    return found != ICE_OK || changed
               ? found
               : ice_error_set(err, ICE_CONFLICT, "%.*s.%.*s: another writer changed the table",
                               ICE_IDENT_ARG(ident));
  }
  ice_str arguments[] = {location, ice_str_of(change->old_location), ice_str_of(self->name), ident.namespace_name,
                         ident.name};
  ice_status status = run(self,
                          "UPDATE iceberg_tables SET metadata_location = ?1, previous_metadata_location = ?2 WHERE "
                          "catalog_name = ?3 AND table_namespace = ?4 AND table_name = ?5 AND metadata_location = ?2",
                          arguments, ICE_COUNT_OF(arguments), &changed, err);
  if (status == ICE_OK && changed != 1) {
    status = ice_error_set(err, ICE_CONFLICT, "%.*s.%.*s: another writer changed the table", ICE_IDENT_ARG(ident));
  }
  return status;
}

static ice_status sqlite_commit(ice_catalog *catalog, const ice_table_commit *commits, size_t count, ice_error *err) {
  sqlite_catalog *self = self_of(catalog);
  prepared changes[ICE_COMMIT_TABLES_MAX] = {{0}};
  ice_status status = ICE_OK;
  if (count == 0 || count > ICE_COMMIT_TABLES_MAX) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "a commit of %zu tables; 1 to %d are allowed", count,
                         (int)ICE_COMMIT_TABLES_MAX);
  }
  for (size_t i = 0; i < count; i++) {
    ICE_TRY(prepare_change(self, &commits[i], &changes[i], err));
  }
  ICE_TRY(execute(self, "BEGIN IMMEDIATE", err));
  for (size_t i = 0; i < count; i++) {
    ICE_TRY(swap_pointer(self, commits[i].ident, &changes[i], err));
  }
  status = commit_transaction(self, err);
done:
  roll_back(self);
  for (size_t i = 0; i < count; i++) {
    if (status != ICE_OK && status != ICE_COMMIT_UNKNOWN && changes[i].new_location) {
      // Refused for certain, so nobody refers to the new file; the first error counts.
      (void)!ice_store_remove(self->base.store, ice_str_of(changes[i].new_location), NULL);
    }
    free(changes[i].old_location);
    free(changes[i].new_location);
  }
  return status;
}

static ice_status sqlite_drop_table(ice_catalog *catalog, ice_table_ident ident, ice_error *err) {
  sqlite_catalog *self = self_of(catalog);
  ice_str arguments[] = {ice_str_of(self->name), ident.namespace_name, ident.name};
  int changed = 0;
  ice_status status =
      run(self,
          "DELETE FROM iceberg_tables WHERE catalog_name = ?1 AND table_namespace = ?2 AND table_name "
          "= ?3",
          arguments, ICE_COUNT_OF(arguments), &changed, err);
  return status == ICE_OK && changed == 0 ? ice_catalog_table_missing(ident, err) : status;
}

static ice_status sqlite_rename_table(ice_catalog *catalog, ice_table_ident from, ice_table_ident to,
                                      ice_error *err) {
  sqlite_catalog *self = self_of(catalog);
  ice_str arguments[] = {to.namespace_name, to.name, ice_str_of(self->name), from.namespace_name, from.name};
  bool known = false;
  char *taken = NULL;
  int changed = 0;
  ice_status status = ICE_OK;
  ICE_TRY(namespace_exists(self, to.namespace_name, &known, err));
  if (!known) {
    ICE_FAIL(ICE_NOT_FOUND, "namespace %.*s does not exist", ICE_STR_ARG(to.namespace_name));
  }
  // The primary key refuses a name that is taken meanwhile.
  if (find_location(self, to, &taken, NULL) == ICE_OK) {
    ICE_FAIL(ICE_ALREADY_EXISTS, "table %.*s.%.*s exists already", ICE_IDENT_ARG(to));
  }
  ICE_TRY(run(self,
              "UPDATE iceberg_tables SET table_namespace = ?1, table_name = ?2 WHERE catalog_name = ?3 AND "
              "table_namespace = ?4 AND table_name = ?5",
              arguments, ICE_COUNT_OF(arguments), &changed, err));
  status = changed == 0 ? ice_catalog_table_missing(from, err) : ICE_OK;
done:
  free(taken);
  return status;
}

static ice_status sqlite_register_table(ice_catalog *catalog, ice_table_ident ident, ice_str metadata_location,
                                        ice_error *err) {
  sqlite_catalog *self = self_of(catalog);
  ice_table table = {0};
  bool known = false;
  int changed = 0;
  ice_status status = ICE_OK;
  ICE_TRY(namespace_exists(self, ident.namespace_name, &known, err));
  if (!known) {
    ICE_FAIL(ICE_NOT_FOUND, "namespace %.*s does not exist", ICE_STR_ARG(ident.namespace_name));
  }
  // Only what is a table's metadata becomes a table.
  ICE_TRY(ice_catalog_read_metadata(self->base.store, metadata_location, &table, err));
  ICE_TRY(insert_table(self, ident, metadata_location, &changed, err));
  if (changed != 1) {
    ICE_FAIL(ICE_ALREADY_EXISTS, "table %.*s.%.*s exists already", ICE_IDENT_ARG(ident));
  }
done:
  ice_table_deinit(&table);
  return status;
}

static void sqlite_destroy(ice_catalog *catalog) {
  sqlite_catalog *self = self_of(catalog);
  sqlite3_close_v2(self->database);
  ice_store_destroy(self->base.store);
  free(self->path);
  free(self->name);
  free(self->warehouse);
  free(self);
}

static const ice_catalog_interface sqlite_interface = {
    .create_namespace = sqlite_create_namespace,
    .list_namespaces = sqlite_list_namespaces,
    .list_tables = sqlite_list_tables,
    .create_table = sqlite_create_table,
    .load_table = sqlite_load_table,
    .commit = sqlite_commit,
    .drop_table = sqlite_drop_table,
    .rename_table = sqlite_rename_table,
    .register_table = sqlite_register_table,
    .destroy = sqlite_destroy,
};

static ice_status open_database(sqlite_catalog *self, const ice_catalog_sqlite_options *options, ice_error *err) {
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (options->create ? SQLITE_OPEN_CREATE : 0);
  int code = sqlite3_open_v2(self->path, &self->database, flags, NULL);
  if (code != SQLITE_OK) {
    ice_file_info info;
    if (!options->create &&
        self->port->files.stat(self->port->files.context, self->path, &info, NULL) == ICE_NOT_FOUND) {
      return ice_error_set(err, ICE_NOT_FOUND, "Failed to register Iceberg catalog: %s does not exist", self->path);
    }
    return fail_sqlite(self, "open", code, err);
  }
  ice_status status = ICE_OK;
  sqlite3_extended_result_codes(self->database, 1);
  sqlite3_busy_timeout(self->database,
                       options->busy_timeout_ms > 0 ? options->busy_timeout_ms : DEFAULT_BUSY_TIMEOUT_MS);
  // EXTRA also syncs the directory of the rollback journal: a commit that was answered survives power loss. The journal
  // mode stays as whoever made the file chose it.
  ICE_TRY(execute(self, "PRAGMA synchronous = EXTRA", err));
  ICE_TRY(create_layout(self, err));
  ICE_TRY(probe_type_column(self, err));
done:
  return status;
}

ice_status ice_catalog_sqlite_open(const ice_port *port, const ice_catalog_sqlite_options *options, ice_store *store,
                                   ice_catalog **out, ice_error *err) {
  *out = NULL;
  sqlite_catalog *self = calloc(1, sizeof *self);
  if (!self) {
    ice_store_destroy(store);
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a catalog");
  }
  self->base = (ice_catalog){.interface = &sqlite_interface, .atomic = true, .store = store};
  self->port = port;
  ice_str path = ice_catalog_sqlite_path(options->uri);
  ice_status status = ICE_OK;
  self->path = strndup(path.data, path.size);
  self->name = strndup(options->name.data, options->name.size);
  self->warehouse = strndup(options->warehouse.data, options->warehouse.size);
  if (!self->path || !self->name || !self->warehouse) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a catalog");
  }
  ICE_TRY(open_database(self, options, err));
  *out = &self->base;
  self = NULL;
done:
  if (self) {
    sqlite_destroy(&self->base);
  }
  return status;
}
