/// A fast append: the manifest list and the updates that add data files to a table without reading its manifests; or the
/// replacement of all that a table has.
/// Everything comes from one load of the table; a retry builds again from the next load with the same snapshot id.
#ifndef ICE_ICEBERG_ICEBERG_APPEND_H
#define ICE_ICEBERG_ICEBERG_APPEND_H

#include "iceberg/iceberg_manifest.h"
#include "iceberg/iceberg_manifest_list.h"
#include "iceberg/iceberg_table_metadata.h"
#include "iceberg/iceberg_table_update.h"

typedef struct ice_append_options {
  const ice_table_metadata *metadata;
  ice_str branch;  ///< empty: main
  int64_t snapshot_id;
  int64_t timestamp_ms;
  ice_str manifest_list_location;
  /// Everything that was there goes (operation `overwrite`): no existing manifest is carried on, and `added` has manifests of DELETED
  /// entries beside those of new files.
  bool replace;
  /// New manifests (none: an empty append). `file.path` is filled in by the caller.
  const ice_manifest_totals *added;
  uint32_t added_count;
  /// The manifest list of the branch head, as ice_manifest_list_read gave it; none where the branch has no snapshot.
  const ice_manifest_file *existing;
  uint32_t existing_count;
  /// Further entries of the summary, after `operation`. They must not repeat a key that the append computes.
  const ice_property *summary;
  uint32_t summary_count;
  uint8_t sync[16];
} ice_append_options;

/// Ownership: the caller's storage, not to be moved or copied: the updates point to `snapshot`, and that into `arena`
/// and into what the options borrow.
typedef struct ice_append {
  ice_bytes manifest_list;
  ice_snapshot snapshot;
  ice_table_update updates[2];            ///< add-snapshot, set-snapshot-ref
  ice_table_requirement requirements[2];  ///< assert-table-uuid, assert-ref-snapshot-id of the branch as loaded
  ice_arena arena;
} ice_append;

/// Build an append. The timestamp is raised where the table's last update or the parent is later than the clock.
///
/// Errors: UNSUPPORTED (format version other than 2), INVALID_ARGUMENT (the snapshot id is in the table, a summary
/// key
///   twice, a branch that is a tag), NO_MEMORY, LIMIT. `out` is to be given to deinit in any case.
ICE_MUST_CHECK ice_status ice_append_build(const ice_append_options *options, ice_append *out, ice_error *err);
/// Accepts a zeroed one.
void ice_append_deinit(ice_append *append);

#endif
