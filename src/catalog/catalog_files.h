/// What catalogs without a server share: metadata files in a store, and the pointer to the newest one held elsewhere.
#ifndef ICE_CATALOG_CATALOG_FILES_H
#define ICE_CATALOG_CATALOG_FILES_H

#include "catalog/catalog.h"

enum { ICE_METADATA_BYTES_MAX = 512 << 20 };

/// Load the metadata file at `location` into `out` (zeroed). Errors: CORRUPT (names the file and the member), IO,
/// NOT_FOUND (names the table and the file).
ICE_MUST_CHECK ice_status ice_catalog_read_metadata(ice_store *store, ice_str location, ice_table *out,
                                                    ice_error *err);

/// Write `metadata` as a new file `<table location>/metadata/NNNNN-<uuid>.metadata.json`, one number above `previous`
/// (empty: 0), and keep its location in `*out`, the caller's to free.
ICE_MUST_CHECK ice_status ice_catalog_write_metadata(ice_store *store, const ice_port *port,
                                                     const ice_table_metadata *metadata, ice_str previous, char **out,
                                                     ice_error *err);

/// Make the metadata of a new table: a random uuid, and `<warehouse>/<namespace levels>/<name>` where `create` has no
/// location.
ICE_MUST_CHECK ice_status ice_catalog_new_metadata(const ice_port *port, ice_str warehouse, ice_table_ident ident,
                                                   const ice_table_create *create, ice_table_metadata **out,
                                                   ice_error *err);

#endif
