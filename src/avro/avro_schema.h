/// Avro schemas (Avro 1.11 specification, "Schema Declaration") as a graph of types.
///
/// Ownership: one immutable object holds everything. Threads: any, once parsed.
#ifndef ICE_AVRO_AVRO_SCHEMA_H
#define ICE_AVRO_AVRO_SCHEMA_H

#include "base/macros.h"
#include "base/str.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/// Limits of a schema, whoever wrote it.
enum { ICE_AVRO_SCHEMA_SIZE_MAX = 16 << 20, ICE_AVRO_SCHEMA_DEPTH_MAX = 64, ICE_AVRO_SCHEMA_TYPES_MAX = 100000 };

typedef enum ice_avro_kind {
  ICE_AVRO_NULL,
  ICE_AVRO_BOOLEAN,
  ICE_AVRO_INT,
  ICE_AVRO_LONG,
  ICE_AVRO_FLOAT,
  ICE_AVRO_DOUBLE,
  ICE_AVRO_BYTES,
  ICE_AVRO_STRING,
  ICE_AVRO_RECORD,
  ICE_AVRO_ENUM,
  ICE_AVRO_ARRAY,
  ICE_AVRO_MAP,
  ICE_AVRO_UNION,
  ICE_AVRO_FIXED
} ice_avro_kind;

/// A logical type that does not fit its type is ignored, as the specification demands.
typedef enum ice_avro_logical {
  ICE_AVRO_LOGICAL_NONE,
  ICE_AVRO_LOGICAL_DATE,
  ICE_AVRO_LOGICAL_TIME_MILLIS,
  ICE_AVRO_LOGICAL_TIME_MICROS,
  ICE_AVRO_LOGICAL_TIMESTAMP_MILLIS,
  ICE_AVRO_LOGICAL_TIMESTAMP_MICROS,
  ICE_AVRO_LOGICAL_LOCAL_TIMESTAMP_MILLIS,
  ICE_AVRO_LOGICAL_LOCAL_TIMESTAMP_MICROS,
  ICE_AVRO_LOGICAL_DECIMAL,
  ICE_AVRO_LOGICAL_UUID,
  ICE_AVRO_LOGICAL_MAP  ///< array of key/value records that stands for a map (Iceberg, "Avro", maps)
} ice_avro_logical;

typedef struct ice_avro_type ice_avro_type;

typedef struct ice_avro_field {
  ice_str name;
  ice_str *aliases;
  uint32_t alias_count;
  const ice_avro_type *type;
  /// NULL where the field has none (a default of null is a JSON null). Borrowed from the schema.
  json_t *default_value;
  int32_t field_id;  ///< attribute `field-id`, 0 where absent
  ice_str doc;
} ice_avro_field;

struct ice_avro_type {
  ice_avro_kind kind;
  ice_avro_logical logical;
  ice_str name;  ///< full name of record, enum, fixed
  ice_str *aliases;
  uint32_t alias_count;
  ice_avro_field *fields;  ///< record
  uint32_t field_count;
  const ice_avro_type **branches;  ///< union
  uint32_t branch_count;
  const ice_avro_type *items;  ///< array items, map values
  ice_str *symbols;            ///< enum
  uint32_t symbol_count;
  int32_t enum_default;  ///< index of the default symbol, -1 where absent
  uint32_t size;         ///< fixed
  int32_t precision;     ///< decimal
  int32_t scale;
  int32_t element_id;  ///< attributes `element-id`, `key-id`, `value-id`, 0 where absent
  int32_t key_id;
  int32_t value_id;
};

typedef struct ice_avro_schema ice_avro_schema;

/// Parse a schema. Named types may refer to themselves and to each other.
///
/// Ownership: `*out` is the caller's to destroy; `text` is not needed afterwards.
/// Errors: CORRUPT (no JSON, or no Avro schema: names the place), LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_avro_schema_parse(ice_str text, ice_avro_schema **out, ice_error *err);

/// Accepts NULL.
void ice_avro_schema_destroy(ice_avro_schema *schema);

const ice_avro_type *ice_avro_schema_root(const ice_avro_schema *schema);

/// "null", "boolean", …, "fixed".
const char *ice_avro_kind_name(ice_avro_kind kind);

/// The name behind the last dot.
ice_str ice_avro_short_name(ice_str full_name);

#endif
