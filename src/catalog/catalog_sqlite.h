/// A catalog in one SQLite file, in the layout that Java's JdbcCatalog and PyIceberg's SqlCatalog share, with metadata
/// files in a store. Commits of several tables are one SQL transaction.
#ifndef ICE_CATALOG_CATALOG_SQLITE_H
#define ICE_CATALOG_CATALOG_SQLITE_H

#include "catalog/catalog.h"

typedef struct ice_catalog_sqlite_options {
  /// A path, or `sqlite:///path`, `sqlite:path`, `jdbc:sqlite:path` (then taken off).
  ice_str uri;
  /// The value of the column catalog_name.
  ice_str name;
  /// Where new tables go; an absolute URI.
  ice_str warehouse;
  /// False: a missing file is NOT_FOUND.
  bool create;
  /// How long to wait for another process's transaction; 0 is 10 seconds.
  int busy_timeout_ms;
} ice_catalog_sqlite_options;

/// Open the catalog; a new file gets its tables at once, safely also when two processes start together.
///
/// Ownership: takes `store` on success and on failure. `port` is borrowed; texts are copied. `*out` is the caller's.
/// Errors: IO, NOT_FOUND, CORRUPT ("file is not a database"), each with the file's name. Threads: one at a time.
ICE_MUST_CHECK ice_status ice_catalog_sqlite_open(const ice_port *port, const ice_catalog_sqlite_options *options,
                                                  ice_store *store, ice_catalog **out, ice_error *err);

/// The path in a URI of this catalog; borrowed from `uri`.
ice_str ice_catalog_sqlite_path(ice_str uri);

#endif
