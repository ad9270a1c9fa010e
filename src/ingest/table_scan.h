/// Rows of a table's current snapshot, file by file.
#ifndef ICE_INGEST_TABLE_SCAN_H
#define ICE_INGEST_TABLE_SCAN_H

#include "catalog/catalog.h"
#include "columnar/batch.h"
#include "iceberg/iceberg_manifest.h"

typedef struct ice_table_scan ice_table_scan;

/// Which data files a scan reads. `wants` is called once per live file while the scan is opened.
typedef struct ice_table_scan_filter {
  void *context;
  bool (*wants)(void *context, const ice_manifest_entry *entry);
} ice_table_scan_filter;

/// Open a scan of `columns` (names of the current schema; count 0: all) in the files that `filter` wants (NULL: all).
///
/// Ownership: `*out` is the caller's to destroy; catalog and table are borrowed while it lives.
/// Errors: INVALID_ARGUMENT (no such column: names it), UNSUPPORTED (the snapshot has delete files), and what reading
/// manifests gives. Threads: one at a time.
ICE_MUST_CHECK ice_status ice_table_scan_create(ice_catalog *catalog, const ice_table *table, const ice_str *columns,
                                                uint32_t column_count, const ice_table_scan_filter *filter,
                                                ice_table_scan **out, ice_error *err);
/// Accepts NULL.
void ice_table_scan_destroy(ice_table_scan *scan);

/// The schema of the batches: borrowed.
const ice_schema *ice_table_scan_schema(const ice_table_scan *scan);

/// The data file that the last batch came from: borrowed.
ice_str ice_table_scan_path(const ice_table_scan *scan);

/// Fill `batch` (of the scan's schema; cleared first) with the next rows; none at the end. Columns are found by field id;
/// those that a file does not have are null.
///
/// Errors: CORRUPT, UNSUPPORTED, each with the file's name; INVALID_ARGUMENT for a file outside the warehouse.
ICE_MUST_CHECK ice_status ice_table_scan_next(ice_table_scan *scan, ice_batch *batch, ice_error *err);

#endif
