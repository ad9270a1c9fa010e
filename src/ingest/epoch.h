/// An epoch: what one commit of a sink adds, closed and durable, waiting for its decision.
#ifndef ICE_INGEST_EPOCH_H
#define ICE_INGEST_EPOCH_H

#include "catalog/catalog.h"
#include "codec/uuid.h"
#include "iceberg/iceberg_manifest.h"
#include "ingest/position.h"

enum { ICE_EPOCH_BYTES_MAX = 256 << 20 };

/// What the epoch consumed of a partition: [from, to). An absent start is equal only to a partition that the position
/// does not have yet.
typedef struct ice_epoch_range {
  ice_str topic;
  int32_t partition;
  bool from_absent;
  int64_t from;
  int64_t to;
} ice_epoch_range;

/// One table's part. Table 0 is the lead.
typedef struct ice_epoch_table {
  ice_table_ident ident;
  ice_str uuid;  ///< of the table that its files were written for; empty: not checked
  /// Chosen once; the same in all attempts.
  int64_t snapshot_id;
  bool has_manifest;
  ice_manifest_totals manifest;
} ice_epoch_table;

/// An epoch without data that a policy makes: it puts the position where source or table say that it has to be.
typedef struct ice_correction {
  ice_str policy;                ///< "on_gap", …
  const ice_position *position;  ///< entries and totals as they are to be
  /// Offsets that the policy moved, from where to where; back is allowed.
  const ice_epoch_range *moves;
  uint32_t move_count;
  /// The first of the epochs before this one that the table has lost; 0: none.
  int64_t lost_first;
} ice_correction;

/// Ownership: everything is in `arena`, but for the correction, which is borrowed.
typedef struct ice_epoch {
  ice_arena arena;
  /// Part of the names of its manifests and manifest lists.
  char uuid[ICE_UUID_TEXT_SIZE + 1];
  ice_epoch_range *ranges;
  uint32_t range_count;
  /// Partitions that enter the position without a range: all of them in the first epoch of a sink.
  ice_position_entry *starts;
  uint32_t start_count;
  ice_counts counts;
  /// Further entries of the lead's summary; borrowed.
  const ice_property *summary;
  uint32_t summary_count;
  /// A further property of the lead, changed with the position; `key.data` NULL: none. Borrowed.
  ice_property property;
  const ice_correction *correction;  ///< NULL: an ordinary epoch
  ice_epoch_table *tables;
  uint32_t table_count;
  /// Locations of all files that were made for it, data files and manifests.
  ice_str *files;
  uint32_t file_count;
  uint32_t file_capacity;
  uint32_t attempts;
  /// Manifest lists of attempts that were answered by something else than OK, and are kept because the catalog is remote.
  ice_str *kept_lists;
  uint32_t kept_list_count;
  uint32_t kept_list_capacity;
  /// Some attempt may have been applied: its files must never be deleted by the writer.
  bool unknown;
} ice_epoch;

/// An empty epoch for the given tables, with fresh ids. Errors: NO_MEMORY, IO (randomness).
ICE_MUST_CHECK ice_status ice_epoch_init(ice_epoch *epoch, const ice_port *port, const ice_table_ident *tables,
                                         uint32_t table_count, ice_error *err);
/// Accepts a zeroed epoch.
void ice_epoch_deinit(ice_epoch *epoch);

/// Check that a closed epoch adds up (ice_counts_check). Errors: INTERNAL.
ICE_MUST_CHECK ice_status ice_epoch_check(const ice_epoch *epoch, ice_error *err);

/// Remember a file that was made for the epoch.
ICE_MUST_CHECK ice_status ice_epoch_add_file(ice_epoch *epoch, ice_str location, ice_error *err);

/// Remember the manifest list of an attempt whose fate the catalog does not prove.
ICE_MUST_CHECK ice_status ice_epoch_keep_list(ice_epoch *epoch, ice_str location, ice_error *err);

/// Delete the epoch's files where that is safe (no attempt is unknown); what cannot be deleted stays for
/// `maintain orphans`. Returns the number of files left behind.
uint32_t ice_epoch_discard(ice_epoch *epoch, ice_store *store);

#endif
