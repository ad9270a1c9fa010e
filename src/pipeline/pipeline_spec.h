/// What a pipeline does with a record, as the configuration says it: explode, columns, filters, rules, routes, and what
/// a dead letter carries. Plain data; `pipeline.h` runs it.
#ifndef ICE_PIPELINE_PIPELINE_SPEC_H
#define ICE_PIPELINE_PIPELINE_SPEC_H

#include "columnar/schema.h"

enum {
  ICE_PIPELINE_COLUMNS_MAX = 2000,
  ICE_PIPELINE_RULES_MAX = 2000,
  ICE_PIPELINE_ROUTES_MAX = 60,
  ICE_PIPELINE_CONDITIONS_MAX = 16
};

/// Why something is a dead letter (docs/tables.md).
typedef enum ice_error_type {
  ICE_DESERIALIZATION_ERROR,
  ICE_SCHEMA_ERROR,
  ICE_TRANSFORMATION_ERROR,
  ICE_VALIDATION_ERROR,
  ICE_ERROR_TYPE_COUNT
} ice_error_type;

/// "deserialization_error", …
const char *ice_error_type_name(ice_error_type type);

typedef enum ice_column_origin {
  ICE_ORIGIN_PATH,             ///< a field of the record
  ICE_ORIGIN_PROCESSING_TIME,  ///< the clock, read once per batch
  ICE_ORIGIN_TOPIC,
  ICE_ORIGIN_PARTITION,
  ICE_ORIGIN_OFFSET,
  ICE_ORIGIN_TIMESTAMP,
  ICE_ORIGIN_KEY
} ice_column_origin;

/// One column of the data tables. Its type, name and optionality are those of field `index` of the spec's schema.
typedef struct ice_column_spec {
  ice_column_origin origin;
  ice_str path;
} ice_column_spec;

/// True where every named column holds exactly the text.
typedef struct ice_condition {
  uint32_t column;
  ice_str equals;
} ice_condition;

typedef struct ice_when {
  const ice_condition *conditions;
  uint32_t count;
} ice_when;

typedef enum ice_rule_kind {
  ICE_RULE_BETWEEN,     ///< min <= column <= max (either may be open); NaN fails
  ICE_RULE_FINITE,      ///< neither NaN nor infinite
  ICE_RULE_NOT_EMPTY,   ///< text of at least one character, not null
  ICE_RULE_NOT_BEFORE,  ///< column >= other
  ICE_RULE_ONE_OF       ///< text among `values`
} ice_rule_kind;

typedef struct ice_rule_spec {
  ice_rule_kind kind;
  uint32_t column;
  uint32_t other;
  ice_when when;
  bool has_min;
  bool has_max;
  double min;
  double max;
  const ice_str *values;
  uint32_t value_count;
} ice_rule_spec;

/// Elements that are dropped and counted under `name`.
typedef struct ice_filter_spec {
  ice_str name;
  ice_when when;
} ice_filter_spec;

typedef struct ice_route_spec {
  ice_when when;
  uint32_t table;  ///< index into the tables that the pipeline was created with
  ice_str name;
} ice_route_spec;

/// A column of the dead-letter table that a record's own text fills ("user_id" from "userId").
typedef struct ice_dead_letter_column {
  ice_str name;
  ice_str path;
} ice_dead_letter_column;

typedef enum ice_tombstones { ICE_TOMBSTONES_DEAD_LETTER, ICE_TOMBSTONES_FILTER } ice_tombstones;

/// Ownership: everything lives in `schema->arena`; ice_pipeline_spec_deinit drops the references.
typedef struct ice_pipeline_spec {
  ice_schema *schema;  ///< the data tables' columns
  ice_column_spec *columns;
  uint32_t column_count;
  ice_str explode;  ///< path of the array; empty: none
  ice_str *partition;
  uint32_t partition_count;
  ice_filter_spec *filters;
  uint32_t filter_count;
  ice_rule_spec *rules;
  uint32_t rule_count;
  ice_route_spec *routes;
  uint32_t route_count;
  ice_tombstones tombstones;
  ice_schema *dead_letter_schema;  ///< made by ice_dead_letter_schema_build
  ice_dead_letter_column *dead_letter_columns;
  uint32_t dead_letter_column_count;
  ice_str *dead_letter_partition;
  uint32_t dead_letter_partition_count;
} ice_pipeline_spec;

/// Accepts a zeroed spec.
void ice_pipeline_spec_deinit(ice_pipeline_spec *spec);

/// Index of a column by name, or -1.
int64_t ice_pipeline_spec_find(const ice_pipeline_spec *spec, ice_str name);

/// Give the columns the types that they have in `table` (by name) where those are wider: int to long, float to double, decimals to
/// more digits. Nothing that was made of the spec may be in use.
void ice_pipeline_spec_widen(ice_pipeline_spec *spec, const ice_schema *table);

/// Make the layout of the dead-letter table (docs/tables.md) with the spec's own columns behind raw_payload.
ICE_MUST_CHECK ice_status ice_dead_letter_schema_build(ice_pipeline_spec *spec, ice_error *err);

#endif
