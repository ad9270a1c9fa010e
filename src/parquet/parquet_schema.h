/// Schemas as Parquet has them: a flat list of SchemaElements, and the leaves that become columns of the file.
///
/// A layout says for every leaf how to reach it from the batch's columns and which levels count (Dremel encoding,
/// parquet-format README, "Nested Encoding"). Writer and reader use the same layout.
#ifndef ICE_PARQUET_SCHEMA_H
#define ICE_PARQUET_SCHEMA_H

#include "columnar/schema.h"
#include "parquet/parquet_format.h"
#include "parquet/parquet_thrift.h"

/// One step on the way to a leaf.
typedef struct ice_parquet_step {
  const ice_field *field;
  uint32_t child;  ///< index among the parent's children; of the first step, among the batch's columns
  bool optional;
  uint8_t definition_level;  ///< of a value that is there; an empty list or map has this one
  uint8_t repetition_level;  ///< list, map: of its second and later elements
} ice_parquet_step;

/// How the values of a leaf are stored: what decides about encoding and order.
typedef struct ice_parquet_leaf {
  const ice_field *field;
  ice_kind kind;
  ice_parquet_physical physical;
  int32_t type_length;   ///< FIXED_LEN_BYTE_ARRAY
  uint32_t value_width;  ///< bytes of one value in PLAIN; 0 for booleans and BYTE_ARRAY
  uint8_t definition_level_max;
  uint8_t repetition_level_max;
  uint32_t step_count;
  ice_parquet_step *steps;
  uint32_t path_count;
  ice_str *path;  ///< path_in_schema: the names, with `list` and `key_value`
  /// Reader: units that a stored time must be multiplied by to become microseconds; else 1.
  int32_t time_factor;
} ice_parquet_leaf;

/// True for a leaf that is not under a list or map.
static inline bool ice_parquet_leaf_single(const ice_parquet_leaf *leaf) { return leaf->repetition_level_max == 0; }

/// Ownership: reference counted, holds a reference to the schema. Threads: one at a time, reference counting too.
typedef struct ice_parquet_layout {
  uint32_t references;
  ice_schema *schema;
  uint32_t leaf_count;
  ice_parquet_leaf *leaves;
  ice_arena arena;
} ice_parquet_layout;

/// Lay out a schema for writing.
///
/// Errors: INVALID_ARGUMENT (not a valid schema), UNSUPPORTED (no columns; a struct without fields), NO_MEMORY.
ICE_MUST_CHECK ice_status ice_parquet_layout_create(const ice_schema *schema, ice_parquet_layout **out,
                                                    ice_error *err);
ice_parquet_layout *ice_parquet_layout_ref(ice_parquet_layout *layout);
/// Accepts NULL.
void ice_parquet_layout_unref(ice_parquet_layout *layout);

/// Write field 2 of FileMetaData: root and elements, depth first.
void ice_parquet_schema_write(ice_thrift_writer *writer, int16_t id, const ice_schema *schema);

/// Limits of reading: SchemaElements, of which a list or map takes two more than its field.
enum { ICE_PARQUET_ELEMENTS_MAX = 3 * ICE_SCHEMA_FIELDS_MAX };

/// Parse the list that field 2 of FileMetaData is, and lay it out.
///
/// Understands the shapes of the backward-compatibility rules for LIST (two levels) and MAP (any names).
/// Errors: CORRUPT, UNSUPPORTED (names the column and its type), LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_parquet_schema_read(ice_thrift_reader *reader, const ice_thrift_field *field,
                                                  ice_parquet_layout **out, ice_error *err);

/// "a.list.element": the leaf's path into `text`, cut at its end.
void ice_parquet_leaf_name(const ice_parquet_leaf *leaf, char *text, size_t text_size);

const char *ice_parquet_physical_name(ice_parquet_physical physical);

#endif
