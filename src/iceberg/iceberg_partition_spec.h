/// Partition specs and sort orders (spec, "Partitioning", "Sorting", Appendix C).
///
/// Ownership: nodes live in an arena of the caller. Threads: any, once built.
#ifndef ICE_ICEBERG_ICEBERG_PARTITION_SPEC_H
#define ICE_ICEBERG_ICEBERG_PARTITION_SPEC_H

#include "columnar/schema.h"
#include "iceberg/iceberg_json.h"
#include "iceberg/iceberg_transform.h"

enum { ICE_PARTITION_FIELD_ID_FIRST = 1000, ICE_PARTITION_FIELDS_MAX = 1000 };

typedef struct ice_partition_field {
  int32_t source_id;
  int32_t field_id;  ///< 1000 and up
  ice_str name;
  ice_transform transform;
  ice_str transform_text;  ///< as it was read, so that unknown transforms survive
} ice_partition_field;

typedef struct ice_partition_spec {
  int32_t spec_id;
  uint32_t field_count;  ///< 0: unpartitioned
  ice_partition_field *fields;
} ice_partition_spec;

/// Read a spec object, or (v1, and the header of a manifest) the bare array of its fields. Field ids that v1 left out
/// are counted up from 1000. Text is copied into `arena`.
ICE_MUST_CHECK ice_status ice_partition_spec_from_json(const json_t *json, ice_arena *arena, ice_partition_spec *out,
                                                       ice_error *err);

/// The whole spec object.
ICE_MUST_CHECK ice_status ice_partition_spec_to_json(const ice_partition_spec *spec, json_t **out, ice_error *err);

/// Append the array of the fields alone, as a manifest's header wants it.
ICE_MUST_CHECK ice_status ice_partition_spec_append_fields_json(const ice_partition_spec *spec, ice_bytes *out,
                                                                ice_error *err);

/// One field of a spec under construction, as a configuration spells it: "days(start_date)", "bucket(16, id)",
/// "data_type", "day(ts) as d". `out->field_id` is left 0. Names follow Java: day gives `<column>_day`, bucket
/// `<column>_bucket`, truncate `<column>_trunc`, identity `<column>`.
/// Errors: INVALID_ARGUMENT (unknown column or transform), UNSUPPORTED (the transform does not take the type).
ICE_MUST_CHECK ice_status ice_partition_field_parse(ice_str text, const ice_schema *schema, ice_arena *arena,
                                                    ice_partition_field *out, ice_error *err);

/// A new spec of such fields, numbered from ICE_PARTITION_FIELD_ID_FIRST. Errors: as of one field.
ICE_MUST_CHECK ice_status ice_partition_spec_parse(const ice_str *texts, uint32_t count, const ice_schema *schema,
                                                   ice_arena *arena, ice_partition_spec *out, ice_error *err);

/// The struct of partition values: one optional field per spec field, in spec order, with its field id.
///
/// Ownership: `*out` is a new reference. Errors: NOT_FOUND (a source column is gone), UNSUPPORTED (unknown
/// transform; with `void` the type is that of the source).
ICE_MUST_CHECK ice_status ice_partition_spec_type(const ice_partition_spec *spec, const ice_schema *schema,
                                                  ice_schema **out, ice_error *err);

/// True when the specs have the same sources, transforms and names in the same order, whatever their ids.
bool ice_partition_spec_equivalent(const ice_partition_spec *a, const ice_partition_spec *b);

/// The JSON of the sort order 0, "unsorted". Ownership: the caller's reference; NULL when memory is out.
json_t *ice_sort_order_unsorted(void);

#endif
