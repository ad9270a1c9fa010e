/// Snapshots and their references (spec, "Snapshots", "Snapshot Retention Policy"), and the names of metadata files.
#ifndef ICE_ICEBERG_ICEBERG_SNAPSHOT_H
#define ICE_ICEBERG_ICEBERG_SNAPSHOT_H

#include "iceberg/iceberg_json.h"

/// Ownership: borrowed from the table metadata, or from the caller's arena.
typedef struct ice_snapshot {
  int64_t snapshot_id;
  bool has_parent;
  int64_t parent_snapshot_id;
  int64_t sequence_number;  ///< 0 in v1
  int64_t timestamp_ms;
  ice_str manifest_list;  ///< empty for v1 snapshots that list manifests in place
  const ice_property *summary;
  uint32_t summary_count;
  bool has_schema_id;
  int32_t schema_id;
  bool has_row_ids;  ///< v3: first-row-id and added-rows
  int64_t first_row_id;
  int64_t added_rows;
} ice_snapshot;

typedef struct ice_snapshot_ref {
  ice_str name;
  int64_t snapshot_id;
  bool is_tag;
} ice_snapshot_ref;

/// Read a snapshot object. Text is borrowed from `json`, arrays are from `arena`.
ICE_MUST_CHECK ice_status ice_snapshot_from_json(const json_t *json, ice_arena *arena, ice_snapshot *out,
                                                 ice_error *err);

/// Ownership: `*out` is the caller's reference. Errors: NO_MEMORY, INVALID_ARGUMENT (no `operation` in the summary).
ICE_MUST_CHECK ice_status ice_snapshot_to_json(const ice_snapshot *snapshot, json_t **out, ice_error *err);

/// The value of a summary key; `data` NULL where absent.
ice_str ice_snapshot_summary(const ice_snapshot *snapshot, const char *key);

/// A summary value that is a number; `fallback` where it is absent or no number.
int64_t ice_snapshot_summary_i64(const ice_snapshot *snapshot, const char *key, int64_t fallback);

/// A snapshot id from 16 random bytes as Java makes them: the halves of a UUID XORed, masked positive.
int64_t ice_snapshot_id_from_random(const uint8_t random[16]);

/// `snap-<id>-<attempt>-<uuid>.avro`
ICE_MUST_CHECK ice_status ice_manifest_list_name_append(int64_t snapshot_id, uint32_t attempt, ice_str uuid,
                                                        ice_bytes *out, ice_error *err);
/// `<uuid>-m<number>.avro`
ICE_MUST_CHECK ice_status ice_manifest_name_append(ice_str uuid, uint32_t number, ice_bytes *out, ice_error *err);
/// `NNNNN-<uuid>.metadata.json`
ICE_MUST_CHECK ice_status ice_metadata_name_append(uint32_t version, ice_str uuid, ice_bytes *out, ice_error *err);
/// The number that a metadata file's name begins with, from its location; -1 where it has none.
int64_t ice_metadata_name_version(ice_str location);

#endif
