/// Changes of a table as requirements and updates, in the vocabulary of the REST catalog specification
/// (TableRequirement, TableUpdate). Every catalog commits these: REST sends them, the others apply them here.
#ifndef ICE_ICEBERG_ICEBERG_TABLE_UPDATE_H
#define ICE_ICEBERG_ICEBERG_TABLE_UPDATE_H

#include "iceberg/iceberg_table_metadata.h"

typedef enum ice_requirement_kind {
  ICE_ASSERT_CREATE,
  ICE_ASSERT_TABLE_UUID,                  ///< uuid
  ICE_ASSERT_REF_SNAPSHOT_ID,             ///< ref, has_snapshot_id, snapshot_id
  ICE_ASSERT_LAST_ASSIGNED_FIELD_ID,      ///< id
  ICE_ASSERT_CURRENT_SCHEMA_ID,           ///< id
  ICE_ASSERT_LAST_ASSIGNED_PARTITION_ID,  ///< id
  ICE_ASSERT_DEFAULT_SPEC_ID,             ///< id
  ICE_ASSERT_DEFAULT_SORT_ORDER_ID        ///< id
} ice_requirement_kind;

typedef struct ice_table_requirement {
  ice_requirement_kind kind;
  ice_str uuid;
  ice_str ref;
  bool has_snapshot_id;  ///< false: the ref must not exist
  int64_t snapshot_id;
  int32_t id;
} ice_table_requirement;

typedef enum ice_update_kind {
  ICE_UPDATE_ASSIGN_UUID,             ///< text
  ICE_UPDATE_UPGRADE_FORMAT_VERSION,  ///< id
  ICE_UPDATE_ADD_SCHEMA,              ///< schema, id: last column id (0: the highest of the schema)
  ICE_UPDATE_SET_CURRENT_SCHEMA,      ///< id; -1: the last one added
  ICE_UPDATE_ADD_SPEC,                ///< spec
  ICE_UPDATE_SET_DEFAULT_SPEC,        ///< id; -1: the last one added
  ICE_UPDATE_ADD_SORT_ORDER,          ///< json
  ICE_UPDATE_SET_DEFAULT_SORT_ORDER,  ///< id; -1: the last one added
  ICE_UPDATE_ADD_SNAPSHOT,            ///< snapshot
  ICE_UPDATE_SET_SNAPSHOT_REF,        ///< text: name, snapshot_id, is_tag
  ICE_UPDATE_REMOVE_SNAPSHOTS,        ///< snapshot_ids, count
  ICE_UPDATE_REMOVE_SNAPSHOT_REF,     ///< text
  ICE_UPDATE_SET_LOCATION,            ///< text
  ICE_UPDATE_SET_PROPERTIES,          ///< properties, count
  ICE_UPDATE_REMOVE_PROPERTIES        ///< properties (keys alone), count
} ice_update_kind;

/// Ownership: everything is borrowed and must live until the update was used.
typedef struct ice_table_update {
  ice_update_kind kind;
  ice_str text;
  int32_t id;
  int64_t snapshot_id;
  bool is_tag;
  const ice_schema *schema;
  const ice_partition_spec *spec;
  const ice_snapshot *snapshot;
  const json_t *json;
  const int64_t *snapshot_ids;
  const ice_property *properties;
  uint32_t count;
} ice_table_update;

/// Requirements and updates of one table.
typedef struct ice_table_change {
  const ice_table_requirement *requirements;
  uint32_t requirement_count;
  const ice_table_update *updates;
  uint32_t update_count;
} ice_table_change;

/// Check requirements against a table; NULL metadata means that the table does not exist.
/// Errors: CONFLICT, naming the requirement, what it asked for and what is.
ICE_MUST_CHECK ice_status ice_table_check_requirements(const ice_table_metadata *metadata,
                                                       const ice_table_requirement *requirements, uint32_t count,
                                                       ice_error *err);

/// Apply updates to `base` and make the next metadata. `previous_location` (may be empty: a new table) is where
/// `base` is stored: it goes into metadata-log, which `write.metadata.previous-versions-max` (100) bounds. `now_ms`
/// becomes last-updated-ms, unless the table or the snapshot added has a later time already.
///
/// Ownership: `*out` is the caller's to destroy; `base` is unchanged.
/// Errors: INVALID_ARGUMENT (a duplicate snapshot id, a sequence number that does not grow, an id that is not there,
/// …),
///   UNSUPPORTED (adding a snapshot to a table that is not v2), NO_MEMORY, LIMIT.
ICE_MUST_CHECK ice_status ice_table_apply_updates(const ice_table_metadata *base, const ice_table_update *updates,
                                                  uint32_t count, ice_str previous_location, int64_t now_ms,
                                                  ice_table_metadata **out, ice_error *err);

/// Put `requirements` and `updates` into a REST commit body (an object of the caller).
ICE_MUST_CHECK ice_status ice_table_change_to_json(const ice_table_change *change, json_t *body, ice_error *err);

/// A change that was read from a REST commit body: `change` points into `arena`, `document` and `schemas`.
typedef struct ice_table_change_read {
  ice_table_change change;
  ice_arena arena;
  json_t *document;
  const ice_schema **schemas;
  uint32_t schema_count;
} ice_table_change_read;

/// Read `requirements` and `updates` of a REST commit body; a reference of `body` is kept.
///
/// Ownership: `out` is the caller's storage; deinit in any case. Errors: CORRUPT, UNSUPPORTED (an update or
/// requirement that is not known: names it), NO_MEMORY, LIMIT.
ICE_MUST_CHECK ice_status ice_table_change_from_json(json_t *body, ice_table_change_read *out, ice_error *err);
/// Accepts a zeroed one.
void ice_table_change_read_deinit(ice_table_change_read *change);

/// The updates that make a table out of nothing, as `createTable` of REST in a transaction wants them: taken from
/// `metadata` (ice_table_metadata_create). Ownership: from `arena`; borrowed from `metadata`.
ICE_MUST_CHECK ice_status ice_table_create_change(const ice_table_metadata *metadata, ice_arena *arena,
                                                  ice_table_change *out, ice_error *err);

#endif
