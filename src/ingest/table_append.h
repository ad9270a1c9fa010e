/// Appending described data files to a table, exactly once by a token: for hosts that keep no source position in the table
/// (ice_session_append). The token is a table property that changes in the same commit that adds the rows, as the position of a
/// sink does.
///
/// Nothing here waits or repeats: whoever drives it counts attempts and chooses delays.
#ifndef ICE_INGEST_TABLE_APPEND_H
#define ICE_INGEST_TABLE_APPEND_H

#include "ingest/commit.h"
#include "ingest/manifest_merge.h"

/// The property that remembers a writer's highest number: {"number": …, "snapshot-id": …}.
#define ICE_PROPERTY_TOKEN ICE_STR("icesink.token.")

typedef struct ice_table_append_options {
  ice_catalog *catalog;
  const ice_port *port;
  const ice_observer *observer;
  ice_table_ident ident;
  const ice_str *files;  ///< descriptions (described_files.h); empty ones are fine
  size_t file_count;
  ice_str writer;  ///< empty: no token
  int64_t number;
  bool replace;                 ///< everything that the table has at the time of the commit goes
  const ice_property *summary;  ///< further entries of the snapshot's summary
  uint32_t summary_count;
} ice_table_append_options;

/// Of the new files, and of data and delete files that a replacement deletes.
enum { ICE_APPEND_MANIFESTS_MAX = 3 * ICE_MERGE_SPECS_MAX };

/// One append over all its attempts. Ownership: the caller's storage; the options are borrowed while it lives.
typedef struct ice_table_append {
  ice_table_append_options options;
  ice_committer committer;
  ice_arena arena;
  char uuid[ICE_UUID_TEXT_SIZE + 1];
  int64_t snapshot_id;
  /// Of the new files, one per partition spec; behind them, those of an attempt that deletes what is there.
  ice_manifest_totals manifests[ICE_APPEND_MANIFESTS_MAX];
  uint32_t manifest_count;
  uint32_t deleted_count;
  bool has_manifests;
  uint32_t name_number;  ///< of the next manifest's name
  uint32_t attempts;
  /// Some attempt may have been applied, on top of this head.
  bool unknown;
  bool had_head;
  int64_t head;
} ice_table_append;

/// Begin an append; nothing is loaded or written yet. Errors: IO (randomness). ice_table_append_deinit in any case.
ICE_MUST_CHECK ice_status ice_table_append_init(ice_table_append *append, const ice_table_append_options *options,
                                                ice_error *err);
void ice_table_append_deinit(ice_table_append *append);

typedef struct ice_append_outcome {
  ice_attempt attempt;  ///< DONE or AGAIN; `err` says why again
  bool done_before;     ///< the token was there before this append's first attempt
  int64_t snapshot_id;  ///< -1: no snapshot was made, or its id is not known
} ice_append_outcome;

/// Make one attempt, from one load of the table.
///
/// Errors: INVALID_ARGUMENT (files of another table, or of a partition spec that the table does not have), CORRUPT, what loading
///   and writing give; COMMIT_UNKNOWN where an attempt without a token may have been applied and the catalog does not show whether.
ICE_MUST_CHECK ice_status ice_table_append_attempt(ice_table_append *append, ice_append_outcome *outcome,
                                                   ice_error *err);

/// Append key and value of the property that remembers a number.
ICE_MUST_CHECK ice_status ice_table_token_format(ice_str writer, int64_t number, int64_t snapshot_id, ice_bytes *key,
                                                 ice_bytes *value, ice_error *err);

/// The highest number that a loaded table remembers of a writer. Errors: CORRUPT (names the property).
ICE_MUST_CHECK ice_status ice_table_token(const ice_table *table, ice_str writer, bool *known, int64_t *number,
                                          int64_t *snapshot_id, ice_error *err);

#endif
