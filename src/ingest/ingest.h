/// Exactly-once writing of a sink's tables: open an epoch, add what was decoded, close it, have it committed, go on.
/// A state machine with no thread, no waiting and no global of its own.
#ifndef ICE_INGEST_INGEST_H
#define ICE_INGEST_INGEST_H

#include "ingest/commit.h"
#include "ingest/table_writer.h"
#include "pipeline/pipeline.h"
#include "source/source.h"

/// Where a sink without a position begins. COMMITTED: where the source's consumer group is; a partition without offset, at its beginning.
typedef enum ice_start_policy { ICE_START_EARLIEST, ICE_START_LATEST, ICE_START_COMMITTED } ice_start_policy;

typedef struct ice_ingest_options {
  ice_catalog *catalog;
  const ice_port *port;
  const ice_observer *observer;
  ice_budget *budget;
  ice_str sink;
  /// The data tables in the order of the pipeline's indexes, then the dead-letter table.
  const ice_table_ident *tables;
  uint32_t table_count;
  /// Index of the lead in `tables`.
  uint32_t lead;
  ice_start_policy start;
  ice_policies policies;
  ice_write_options write;
  const char *spill_directory;
} ice_ingest_options;

typedef struct ice_ingest ice_ingest;

/// Load the tables and prepare their writers.
///
/// Ownership: `*out` is the caller's to destroy; everything in the options is borrowed while it lives.
/// Errors: NOT_FOUND ("Table does not exist: …"), and what the catalog gives. Threads: one at a time.
ICE_MUST_CHECK ice_status ice_ingest_open(const ice_ingest_options *options, ice_ingest **out, ice_error *err);
/// Drops the open epoch. Accepts NULL.
void ice_ingest_destroy(ice_ingest *ingest);

/// Schema of table `index` as loaded last, each column under the name that it had when the ingest was opened: what was bound by name
/// then stays bound by field id. Lives until the next ice_ingest_reload.
const ice_schema *ice_ingest_schema(const ice_ingest *ingest, uint32_t index);

/// True when a load has shown a table with another schema or partition spec than its writer has.
bool ice_ingest_tables_changed(const ice_ingest *ingest);

/// Load the tables again and make writers for what they are now.
///
/// Errors: INVALID_STATE (an epoch is open or waits for its decision), and those of ice_ingest_open; the ingest can only be
/// destroyed then.
ICE_MUST_CHECK ice_status ice_ingest_reload(ice_ingest *ingest, ice_error *err);

/// Find the sink's position, or commit its first one, finish what is pending, correct by policy what was moved
/// meanwhile, and seek every partition of the source.
///
/// Errors: INVALID_STATE with ICE_ERROR_POLICY where the source or a table is not where the position says and no policy
/// says how to go on.
ICE_MUST_CHECK ice_status ice_ingest_start(ice_ingest *ingest, ice_source *source, ice_error *err);

/// Instead of ice_ingest_start, for a source whose records are handed over: take a partition (its index) up at an offset. `known`: the
/// sink has consumed of it before. What was open of it is forgotten.
ICE_MUST_CHECK ice_status ice_ingest_track(ice_ingest *ingest, uint32_t partition, bool known, int64_t from,
                                           ice_error *err);

/// Write what a chunk became into the open epoch. `ranges` are the chunk's, in the order in which the source gave them.
///
/// Errors: those of the writers, INTERNAL (a range that does not go on where the last one ended). The epoch is to be
///   dropped then (ice_ingest_drop) and the source sought anew (ice_ingest_start).
ICE_MUST_CHECK ice_status ice_ingest_add(ice_ingest *ingest, const ice_source *source, const ice_chunk_range *ranges,
                                         size_t range_count, const ice_pipeline_output *output, ice_error *err);

/// Move on what the store has under way, without waiting, so that uploads overlap with what is done between the writes.
ICE_MUST_CHECK ice_status ice_ingest_drive(ice_ingest *ingest, ice_error *err);

/// True when the open epoch has consumed anything.
bool ice_ingest_dirty(const ice_ingest *ingest);

/// True while a closed epoch waits for its decision.
bool ice_ingest_deciding(const ice_ingest *ingest);

/// Close the open epoch: files durable, manifests written. INVALID_STATE while another one waits for its decision.
ICE_MUST_CHECK ice_status ice_ingest_close(ice_ingest *ingest, const ice_source *source, ice_error *err);

/// Instead of ice_ingest_close: close the open epoch, and append it as a part (epoch_part.h) that another process may commit. It is
/// nobody's any more then. Errors: those of the store; the open epoch is to be dropped.
ICE_MUST_CHECK ice_status ice_ingest_describe(ice_ingest *ingest, const ice_source *source, ice_bytes *out,
                                              ice_error *err);

/// One attempt to commit the closed epoch. After DONE and FENCED it is gone; after FENCED call ice_ingest_start.
ICE_MUST_CHECK ice_status ice_ingest_attempt(ice_ingest *ingest, ice_attempt *outcome, ice_error *err);

/// Forget the open and the closed epoch. Files are deleted where no attempt may have been applied.
void ice_ingest_drop(ice_ingest *ingest);

/// What an ingest has done so far.
typedef struct ice_ingest_totals {
  ice_counts committed;                                ///< by this process
  ice_counts open;                                     ///< not yet committed
  int64_t dead_letters_by_type[ICE_ERROR_TYPE_COUNT];  ///< of what is committed
  int64_t epochs;                                      ///< committed by this process
  uint64_t files;
  uint64_t bytes;
} ice_ingest_totals;

ice_ingest_totals ice_ingest_get_totals(const ice_ingest *ingest);

#endif
