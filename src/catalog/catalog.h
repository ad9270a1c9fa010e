/// Tables by name: who has which metadata, and the atomic change of it.
#ifndef ICE_CATALOG_CATALOG_H
#define ICE_CATALOG_CATALOG_H

#include "iceberg/iceberg_table_metadata.h"
#include "iceberg/iceberg_table_update.h"
#include "port/port.h"
#include "store/store.h"

/// A table's name. Levels of a namespace are joined by dots.
typedef struct ice_table_ident {
  ice_str namespace_name;
  ice_str name;
} ice_table_ident;

/// For printf: "%.*s.%.*s" with ICE_IDENT_ARG(ident).
#define ICE_IDENT_ARG(ident) ICE_STR_ARG((ident).namespace_name), ICE_STR_ARG((ident).name)

/// A table as one load showed it.
/// Ownership: the caller's storage; ice_table_deinit frees what it holds.
typedef struct ice_table {
  ice_table_metadata *metadata;
  char *metadata_location;
} ice_table;

/// Accepts a zeroed table.
void ice_table_deinit(ice_table *table);

/// One table's part of a commit.
typedef struct ice_table_commit {
  ice_table_ident ident;
  ice_table_change change;
  /// The load that the change was built from; lets a catalog that applies updates itself skip reading the metadata again
  /// when nobody has moved the table since. May be NULL.
  const ice_table *base;
} ice_table_commit;

typedef ice_status (*ice_catalog_visit)(void *context, ice_str name, ice_error *err);

typedef struct ice_catalog ice_catalog;

typedef struct ice_catalog_interface {
  ice_status (*create_namespace)(ice_catalog *catalog, ice_str namespace_name, ice_error *err);
  ice_status (*list_namespaces)(ice_catalog *catalog, ice_catalog_visit visit, void *context, ice_error *err);
  ice_status (*list_tables)(ice_catalog *catalog, ice_str namespace_name, ice_catalog_visit visit, void *context,
                            ice_error *err);
  ice_status (*create_table)(ice_catalog *catalog, ice_table_ident ident, const ice_table_create *create,
                             ice_table *out, ice_error *err);
  ice_status (*load_table)(ice_catalog *catalog, ice_table_ident ident, ice_table *out, ice_error *err);
  ice_status (*commit)(ice_catalog *catalog, const ice_table_commit *commits, size_t count, ice_error *err);
  ice_status (*drop_table)(ice_catalog *catalog, ice_table_ident ident, ice_error *err);
  void (*destroy)(ice_catalog *catalog);
} ice_catalog_interface;

enum { ICE_COMMIT_TABLES_MAX = 64 };

struct ice_catalog {
  const ice_catalog_interface *interface;
  /// True when a commit of several tables is decided as one.
  bool atomic;
  /// True where requests go over a network, and what stands on the way, or the server itself, may do more or less than it says:
  /// a request may arrive twice and be answered as the second time, so a refusal does not prove that nothing was applied, and
  /// no file that a commit names may be deleted; a commit of several tables may be torn, so it is read back.
  bool remote;
  /// Where the tables' files are; lives as long as the catalog.
  ice_store *store;
};

/// Make a namespace; one that is there is fine.
ICE_MUST_CHECK static inline ice_status ice_catalog_create_namespace(ice_catalog *catalog, ice_str namespace_name,
                                                                     ice_error *err) {
  return catalog->interface->create_namespace(catalog, namespace_name, err);
}

/// Visit all namespaces, in the order of their names.
ICE_MUST_CHECK static inline ice_status ice_catalog_list_namespaces(ice_catalog *catalog, ice_catalog_visit visit,
                                                                    void *context, ice_error *err) {
  return catalog->interface->list_namespaces(catalog, visit, context, err);
}

/// Visit the names of all tables of a namespace, in order.
ICE_MUST_CHECK static inline ice_status ice_catalog_list_tables(ice_catalog *catalog, ice_str namespace_name,
                                                                ice_catalog_visit visit, void *context,
                                                                ice_error *err) {
  return catalog->interface->list_tables(catalog, namespace_name, visit, context, err);
}

/// Create a table. `create->location` may be empty: the catalog chooses one. After this the schema that the catalog
/// gives back is the truth (field ids may differ from what was asked for).
///
/// Errors: ALREADY_EXISTS, NOT_FOUND (namespace), INVALID_ARGUMENT, IO; COMMIT_UNKNOWN.
ICE_MUST_CHECK static inline ice_status ice_catalog_create_table(ice_catalog *catalog, ice_table_ident ident,
                                                                 const ice_table_create *create, ice_table *out,
                                                                 ice_error *err) {
  return catalog->interface->create_table(catalog, ident, create, out, err);
}

/// Load a table. Errors: NOT_FOUND ("Table does not exist: db.table"), CORRUPT (metadata file and member), IO, AUTH.
ICE_MUST_CHECK static inline ice_status ice_catalog_load_table(ice_catalog *catalog, ice_table_ident ident,
                                                               ice_table *out, ice_error *err) {
  return catalog->interface->load_table(catalog, ident, out, err);
}

/// Change one table, or several at once where the catalog is atomic.
///
/// Errors: CONFLICT (refused, nothing was applied), COMMIT_UNKNOWN (may have been applied), NOT_FOUND, UNSUPPORTED
///   (several tables, not atomic), anything else: not applied by this call.
ICE_MUST_CHECK static inline ice_status ice_catalog_commit(ice_catalog *catalog, const ice_table_commit *commits,
                                                           size_t count, ice_error *err) {
  return catalog->interface->commit(catalog, commits, count, err);
}

/// Forget a table; its files stay. Errors: NOT_FOUND.
ICE_MUST_CHECK static inline ice_status ice_catalog_drop_table(ice_catalog *catalog, ice_table_ident ident,
                                                               ice_error *err) {
  return catalog->interface->drop_table(catalog, ident, err);
}

static inline void ice_catalog_destroy(ice_catalog *catalog) {
  if (catalog) {
    catalog->interface->destroy(catalog);
  }
}

/// Split "db.table" or "a.b.table" at the last dot. Errors: INVALID_ARGUMENT.
ICE_MUST_CHECK ice_status ice_table_ident_parse(ice_str text, ice_table_ident *out, ice_error *err);

/// The error of a table that is not there, in the wording that people search for. Returns NOT_FOUND.
ice_status ice_catalog_table_missing(ice_table_ident ident, ice_error *err);

#endif
