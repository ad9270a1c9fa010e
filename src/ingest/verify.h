/// The audit: proves from the tables alone that the ranges of a sink tile and that its counts add up.
#ifndef ICE_INGEST_VERIFY_H
#define ICE_INGEST_VERIFY_H

#include "ingest/commit.h"

typedef struct ice_verify_options {
  ice_catalog *catalog;
  const ice_port *port;
  ice_table_ident table;  ///< the lead
  ice_str sink;
} ice_verify_options;

/// Called for every violation, in the order in which they are found; the text is borrowed.
typedef void (*ice_verify_report)(void *context, const char *violation);

typedef struct ice_verify_result {
  int64_t violations;
  int64_t epochs;       ///< the position's epoch
  int64_t proven_from;  ///< ranges were proven one by one from this epoch on; 0: none
  int64_t moves;        ///< of policies, on partitions, in the epochs that were walked
  int64_t moved;        ///< by how many offsets, all in all
  int64_t lost_epochs;  ///< that a rollback took away and a policy accepted
  ice_counts totals;    ///< as the position has them
  int64_t partitions;
  int64_t data_files;  ///< live files of the lead and of its pending manifests, checked to be there with their size
  int64_t rows;        ///< in those files, as the manifests say
} ice_verify_result;

/// Verify one sink on its lead table.
///
/// Errors: NOT_FOUND (no table, or no position of this sink: names the sinks that there are), and what reading gives.
/// A violation is no error: it is reported and counted.
ICE_MUST_CHECK ice_status ice_verify_sink(const ice_verify_options *options, ice_verify_report report, void *context,
                                          ice_verify_result *out, ice_error *err);

/// Data files, manifests and manifest lists below a table's location that none of its snapshots lists: left by epochs that
/// were dropped or never decided, or being written right now. `maintain orphans` is for them; they harm nobody.
typedef struct ice_stray {
  int64_t files;
  int64_t bytes;
  /// The table does not show all of its snapshots, so manifest lists cannot be judged and were left out.
  bool hidden_history;
  /// Not empty: whoever asks may not list objects, so nothing was searched; this is what the store said.
  char refused[500];
} ice_stray;

/// Called per stray file; borrowed for the call.
typedef void (*ice_stray_visit)(void *context, const ice_object_info *info);

/// Look for stray files of `options->table`. Errors: what loading, reading and listing give, but for a refusal to list.
ICE_MUST_CHECK ice_status ice_verify_stray(const ice_verify_options *options, ice_stray_visit visit, void *context,
                                           ice_stray *out, ice_error *err);

/// The sinks that have a position in a table: visits their names.
ICE_MUST_CHECK ice_status ice_verify_sinks(const ice_table_metadata *metadata,
                                           ice_status (*visit)(void *context, ice_str sink, ice_error *err),
                                           void *context, ice_error *err);

#endif
