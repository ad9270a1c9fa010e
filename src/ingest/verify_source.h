/// The audit against the topic: what the records of the source become today, row by row, against what the tables hold.
///
/// Rows carry no offsets, so they are compared epoch by epoch: an epoch says which offsets it consumed, and its snapshots
/// which files it wrote. An epoch whose records have left the log, or whose files were rewritten since, is left out and
/// counted.
#ifndef ICE_INGEST_VERIFY_SOURCE_H
#define ICE_INGEST_VERIFY_SOURCE_H

#include "ingest/verify.h"
#include "pipeline/pipeline.h"

typedef struct ice_verify_source_options {
  ice_catalog *catalog;
  const ice_port *port;
  ice_str sink;
  /// The data tables in the order of the pipeline's indexes, then the dead-letter table; `lead` is an index of it.
  const ice_table_ident *tables;
  uint32_t table_count;
  uint32_t lead;
  ice_source *source;  ///< refreshed; its partitions are sought
  const ice_pipeline_options *pipeline;
} ice_verify_source_options;

typedef struct ice_verify_source_result {
  int64_t violations;
  int64_t epochs;            ///< compared
  int64_t epochs_gone;       ///< whose records the log does not have any more
  int64_t epochs_rewritten;  ///< whose files hold another number of rows now than it wrote
  int64_t records;           ///< compared
  int64_t rows;              ///< of the tables, dead letters too, compared
} ice_verify_source_result;

/// Compare. Reading differs from a run in nothing but that nothing is written: a changed configuration or schema shows as
/// rows that one side has alone. The clock's columns are left out.
///
/// Errors: NOT_FOUND (no table, no position, no topic), and what reading, decoding and the registry give. A difference is
/// no error: it is reported and counted. Threads: one at a time.
ICE_MUST_CHECK ice_status ice_verify_source(const ice_verify_source_options *options, ice_verify_report report,
                                            void *context, ice_verify_source_result *out, ice_error *err);

#endif
