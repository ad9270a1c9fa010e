/// One open data file: a Parquet writer whose bytes go to an upload, and what a manifest says about it at the end. This is
/// where Parquet and Iceberg meet; neither knows the other.
#ifndef ICE_INGEST_DATA_FILE_H
#define ICE_INGEST_DATA_FILE_H

#include "iceberg/iceberg_data_file.h"
#include "iceberg/iceberg_metrics.h"
#include "parquet/parquet_writer.h"
#include "store/store.h"

typedef struct ice_open_file {
  ice_parquet_writer *writer;
  ice_upload *upload;
  char *location;
} ice_open_file;

/// Begin a data file at `location`.
///
/// Ownership: the caller's storage, which must not move while the file is open; ice_open_file_deinit drops what is not
/// finished. Errors: those of the store and the Parquet writer.
ICE_MUST_CHECK ice_status ice_open_file_init(ice_open_file *file, ice_store *store, ice_str location,
                                             const ice_schema *schema, const ice_parquet_writer_options *options,
                                             ice_parquet_scratch *scratch, ice_error *err);

/// Write the end, submit the upload, and describe the file in `out` (from `arena`; partition is left to the caller). The
/// file is durable once its upload says so.
ICE_MUST_CHECK ice_status ice_open_file_finish(ice_open_file *file, const ice_schema *schema,
                                               const ice_metrics_config *metrics, ice_arena *arena,
                                               ice_data_file *out, ice_error *err);

/// Accepts a zeroed file.
void ice_open_file_deinit(ice_open_file *file);

#endif
