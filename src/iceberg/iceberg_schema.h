/// Schemas as Iceberg JSON (spec, Appendix C, "Schemas").
///
/// Threads: any.
#ifndef ICE_ICEBERG_ICEBERG_SCHEMA_H
#define ICE_ICEBERG_ICEBERG_SCHEMA_H

#include "columnar/schema.h"
#include "iceberg/iceberg_json.h"

/// Read a schema object.
///
/// Ownership: `*out` is a new reference. Errors: CORRUPT, UNSUPPORTED (a type that this program does not know: names
/// the field and the type), NO_MEMORY, LIMIT.
ICE_MUST_CHECK ice_status ice_schema_from_json(const json_t *json, ice_schema **out, ice_error *err);

/// As ice_schema_from_json, from text.
ICE_MUST_CHECK ice_status ice_schema_from_json_text(ice_str text, ice_schema **out, ice_error *err);

/// Ownership: `*out` is the caller's reference. Errors: NO_MEMORY.
ICE_MUST_CHECK ice_status ice_schema_to_json(const ice_schema *schema, json_t **out, ice_error *err);

/// Append the schema as compact JSON text.
ICE_MUST_CHECK ice_status ice_schema_append_json(const ice_schema *schema, ice_bytes *out, ice_error *err);

/// A copy with new ids above `*last_id`, which grows, numbered as Java numbers them: the fields of a struct first,
/// then what is nested in each. Identifier fields keep their places.
ICE_MUST_CHECK ice_status ice_schema_assign_fresh_ids(const ice_schema *schema, int32_t *last_id, ice_schema **out,
                                                      ice_error *err);

#endif
