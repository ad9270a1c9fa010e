/// Types, fields and schemas of columns: the Iceberg type system (spec, "Schemas and Data Types"), used by every
/// layer. Formats map their own types to these.
#ifndef ICE_COLUMNAR_SCHEMA_H
#define ICE_COLUMNAR_SCHEMA_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/macros.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

typedef enum ice_kind {
  ICE_KIND_BOOLEAN,
  ICE_KIND_INT,          ///< 32-bit signed
  ICE_KIND_LONG,         ///< 64-bit signed
  ICE_KIND_FLOAT,        ///< 32-bit IEEE 754
  ICE_KIND_DOUBLE,       ///< 64-bit IEEE 754
  ICE_KIND_DECIMAL,      ///< precision 1..38, scale 0..precision; 16 bytes, little-endian two's complement
  ICE_KIND_DATE,         ///< days since 1970-01-01, 32-bit
  ICE_KIND_TIME,         ///< microseconds since midnight, 64-bit
  ICE_KIND_TIMESTAMP,    ///< microseconds since 1970-01-01T00:00:00, no zone, 64-bit
  ICE_KIND_TIMESTAMPTZ,  ///< microseconds since 1970-01-01T00:00:00Z, 64-bit
  ICE_KIND_STRING,       ///< UTF-8
  ICE_KIND_UUID,         ///< 16 bytes, big-endian as in RFC 4122
  ICE_KIND_FIXED,        ///< `size` bytes
  ICE_KIND_BINARY,
  ICE_KIND_STRUCT,  ///< fields
  ICE_KIND_LIST,    ///< fields[0] is the element
  ICE_KIND_MAP      ///< fields[0] is the key (required), fields[1] the value
} ice_kind;

/// Limits of what any schema may hold, whatever it came from.
enum { ICE_SCHEMA_DEPTH_MAX = 64, ICE_SCHEMA_FIELDS_MAX = 20000 };

typedef struct ice_field ice_field;

typedef struct ice_type {
  ice_kind kind;
  int32_t precision;  ///< decimal
  int32_t scale;      ///< decimal
  int32_t size;       ///< fixed
  uint32_t field_count;
  ice_field *fields;  ///< struct, list, map
} ice_type;

struct ice_field {
  ice_str name;
  int32_t id;  ///< Iceberg field id; unique in a schema; 0 in schemas that have none
  bool required;
  ice_type type;
  ice_str doc;  ///< may be empty
  /// Values by default (Iceberg v3) as JSON text, kept as they came; empty where there is none.
  ice_str initial_default;
  ice_str write_default;
};

/// An immutable schema: a struct of columns.
///
/// Ownership: reference counted; the creator holds the first reference. Everything in it lives as long as it does.
/// Threads: any, once created.
typedef struct ice_schema ice_schema;
struct ice_schema {
  _Atomic int32_t references;
  int32_t schema_id;
  ice_type root;  ///< kind struct
  int32_t *identifier_field_ids;
  uint32_t identifier_field_count;
  ice_arena arena;
};

/// A schema under construction: its nodes are allocated from `arena` and filled by the caller.
///
/// Ownership: `*out` holds one reference; `ice_schema_unref` frees it, built or not.
/// Errors: NO_MEMORY.
ICE_MUST_CHECK ice_status ice_schema_create(ice_schema **out, ice_error *err);

/// Give a struct, list or map type `count` zeroed fields from the schema's arena.
ICE_MUST_CHECK ice_status ice_type_set_fields(ice_schema *schema, ice_type *type, uint32_t count, ice_error *err);

/// Check what every layer relies on: depth and field limits, kinds with the right number of fields, names not
/// empty and unique among siblings, ids unique (where not 0), decimals and fixed in range, map keys required.
/// Errors: INVALID_ARGUMENT (names the field), LIMIT.
ICE_MUST_CHECK ice_status ice_schema_validate(const ice_schema *schema, ice_error *err);

/// A deep copy of `field` into the arena of `schema`.
ICE_MUST_CHECK ice_status ice_field_copy(ice_schema *schema, const ice_field *field, ice_field *out, ice_error *err);

/// A copy of `schema` in which each top-level field has the name that the field of its id has in `names`; a field that is not there
/// keeps its own, unless another one has it already: then it has none that anybody would look for.
///
/// Ownership: `*out` holds one reference. Errors: NO_MEMORY, LIMIT.
ICE_MUST_CHECK ice_status ice_schema_with_names(const ice_schema *schema, const ice_schema *names, ice_schema **out,
                                                ice_error *err);

ice_schema *ice_schema_ref(const ice_schema *schema);
/// Drop a reference; accepts NULL.
void ice_schema_unref(const ice_schema *schema);

/// The field with this id anywhere in the schema, or NULL.
const ice_field *ice_schema_find_id(const ice_schema *schema, int32_t id);

/// The top-level field of this name, or NULL.
const ice_field *ice_schema_find_name(const ice_schema *schema, ice_str name);

/// Largest field id anywhere, 0 for none.
int32_t ice_schema_highest_id(const ice_schema *schema);

/// True when the types agree in kind, parameters, names, ids and optionality, all the way down.
bool ice_type_equal(const ice_type *a, const ice_type *b);

/// True when values of one can be copied as values of the other: kinds and parameters agree all the way down, and the
/// names of struct fields; ids and optionality do not count.
bool ice_type_same_shape(const ice_type *a, const ice_type *b);

/// True where a column of type `from` may be widened to type `to` (spec, "Schema Evolution"): int to long, float to double,
/// a decimal to more digits.
bool ice_type_widens(const ice_type *from, const ice_type *to);

static inline bool ice_kind_nested(ice_kind kind) { return kind >= ICE_KIND_STRUCT; }

/// Bytes of one value: 0 for boolean (a bit), for variable-size and nested types.
size_t ice_type_width(const ice_type *type);

/// Append the type as Iceberg spells it ("decimal(9,2)", "fixed[16]", "list<string>", "struct<…>").
ICE_MUST_CHECK ice_status ice_type_format(const ice_type *type, ice_bytes *out, ice_error *err);

/// Parse the spelling of a type as people write it in a configuration: primitives as in Iceberg JSON, plus
/// `list<T>`, `map<K,V>` and `struct<name: T, …>`. Nested fields get id 0 and are optional (map keys required).
/// Errors: INVALID_ARGUMENT with the place. The nodes come from the arena of `schema`.
ICE_MUST_CHECK ice_status ice_type_parse(ice_schema *schema, ice_str text, ice_type *out, ice_error *err);

/// "boolean", "int", …, "struct", "list", "map".
const char *ice_kind_name(ice_kind kind);

#endif
