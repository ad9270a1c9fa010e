/// Table metadata (spec, "Table Metadata", Appendix C): parsed from metadata.json of v1, v2 and v3. The JSON document
/// is kept and edited, so that fields which this program does not know survive a rewrite.
///
/// Ownership: one immutable object; everything that its functions return lives as long as it does.
/// Threads: any, once parsed.
#ifndef ICE_ICEBERG_ICEBERG_TABLE_METADATA_H
#define ICE_ICEBERG_ICEBERG_TABLE_METADATA_H

#include "columnar/schema.h"
#include "iceberg/iceberg_json.h"
#include "iceberg/iceberg_partition_spec.h"
#include "iceberg/iceberg_snapshot.h"

#define ICE_REF_MAIN ICE_STR("main")

typedef struct ice_table_metadata {
  const json_t *document;
  int32_t format_version;
  ice_str uuid;  ///< empty where a v1 table has none
  ice_str location;
  int64_t last_sequence_number;
  int64_t last_updated_ms;
  int32_t last_column_id;
  int32_t last_partition_id;
  int32_t current_schema_id;
  int32_t default_spec_id;
  int32_t default_sort_order_id;
  bool has_current_snapshot;
  int64_t current_snapshot_id;
  ice_schema **schemas;
  uint32_t schema_count;
  ice_partition_spec *specs;
  uint32_t spec_count;
  ice_property *properties;
  uint32_t property_count;
  ice_snapshot *snapshots;
  uint32_t snapshot_count;
  ice_snapshot_ref *refs;
  uint32_t ref_count;
} ice_table_metadata;

/// Parse the text of a metadata file (gzip is recognised).
///
/// Ownership: `*out` is the caller's to destroy. Errors: CORRUPT (names the member), UNSUPPORTED (a format version
/// above 3, an unknown type in the current schema), LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_table_metadata_parse(ice_str text, ice_table_metadata **out, ice_error *err);

/// The same from a document, of which a reference is kept: it must not be changed afterwards.
ICE_MUST_CHECK ice_status ice_table_metadata_from_json(json_t *document, ice_table_metadata **out, ice_error *err);

/// Accepts NULL.
void ice_table_metadata_destroy(ice_table_metadata *metadata);

/// Append the document as JSON text.
ICE_MUST_CHECK ice_status ice_table_metadata_append_json(const ice_table_metadata *metadata, ice_bytes *out,
                                                         ice_error *err);

typedef struct ice_table_create {
  ice_str uuid;
  ice_str location;
  const ice_schema *schema;        ///< ids are assigned anew
  const ice_partition_spec *spec;  ///< source ids as in `schema`; NULL: unpartitioned
  const ice_property *properties;
  uint32_t property_count;
  int64_t now_ms;
} ice_table_create;

/// The metadata of a new, empty v2 table.
///
/// Ownership: `*out` is the caller's to destroy.
/// Errors: INVALID_ARGUMENT, NOT_FOUND (a source column), UNSUPPORTED, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_table_metadata_create(const ice_table_create *create, ice_table_metadata **out,
                                                    ice_error *err);

/// The current schema and the default spec are always there: parsing checks it.
const ice_schema *ice_table_current_schema(const ice_table_metadata *metadata);
const ice_partition_spec *ice_table_default_spec(const ice_table_metadata *metadata);

/// NULL where there is none.
const ice_schema *ice_table_find_schema(const ice_table_metadata *metadata, int32_t schema_id);
const ice_partition_spec *ice_table_find_spec(const ice_table_metadata *metadata, int32_t spec_id);
const ice_snapshot *ice_table_find_snapshot(const ice_table_metadata *metadata, int64_t snapshot_id);
const ice_snapshot *ice_table_current_snapshot(const ice_table_metadata *metadata);
const ice_snapshot_ref *ice_table_find_ref(const ice_table_metadata *metadata, ice_str name);
/// The snapshot that a branch or tag points to. A table without refs has `main` at its current snapshot.
const ice_snapshot *ice_table_ref_snapshot(const ice_table_metadata *metadata, ice_str name);

/// The value of a table property; `data` NULL where absent.
ice_str ice_table_property(const ice_table_metadata *metadata, ice_str key);

/// How two snapshots relate. Expired snapshots end the walk: then the answer may be UNKNOWN.
typedef enum ice_ancestry { ICE_ANCESTRY_NO, ICE_ANCESTRY_YES, ICE_ANCESTRY_UNKNOWN } ice_ancestry;

/// Is `ancestor` reached from `snapshot` over parents (a snapshot is its own ancestor)? UNKNOWN where the walk ends
/// at a parent that the metadata no longer has, and has not come below `sequence_number`, which is the ancestor's (0: not
/// known): it falls from child to parent, so a walk that comes to it elsewhere has passed the ancestor's place. UNKNOWN too where
/// the walk ends at a snapshot without a parent that is not the table's first, and the ancestor is not shown: a catalog may
/// hide history.
ice_ancestry ice_table_is_ancestor(const ice_table_metadata *metadata, int64_t ancestor, int64_t sequence_number,
                                   int64_t snapshot);

#endif
