#include "pipeline/pipeline_spec.h"

const char *ice_error_type_name(ice_error_type type) {
  static const char *const names[] = {"deserialization_error", "schema_error", "transformation_error",
                                      "validation_error"};
  return (size_t)type < ICE_COUNT_OF(names) ? names[type] : "unknown_error";
}

void ice_pipeline_spec_deinit(ice_pipeline_spec *spec) {
  ice_schema_unref(spec->dead_letter_schema);
  ice_schema_unref(spec->schema);
  *spec = (ice_pipeline_spec){0};
}

void ice_pipeline_spec_widen(ice_pipeline_spec *spec, const ice_schema *table) {
  for (uint32_t i = 0; i < spec->schema->root.field_count; i++) {
    ice_type *type = &spec->schema->root.fields[i].type;
    const ice_field *column = ice_schema_find_name(table, spec->schema->root.fields[i].name);
    if (column && ice_type_widens(type, &column->type)) {
      type->kind = column->type.kind;
      type->precision = column->type.precision;
    }
  }
}

int64_t ice_pipeline_spec_find(const ice_pipeline_spec *spec, ice_str name) {
  for (uint32_t i = 0; i < spec->column_count; i++) {
    if (ice_str_equal(spec->schema->root.fields[i].name, name)) {
      return i;
    }
  }
  return -1;
}

typedef struct fixed_column {
  ice_str name;
  ice_kind kind;
  bool required;
} fixed_column;

static void set_field(ice_field *field, int32_t id, ice_str name, ice_kind kind, bool required) {
  *field = (ice_field){.name = name, .id = id, .required = required, .type.kind = kind};
}

ice_status ice_dead_letter_schema_build(ice_pipeline_spec *spec, ice_error *err) {
  static const fixed_column before[] = {
      {ICE_STR_INIT("error_id"), ICE_KIND_STRING, true},
      {ICE_STR_INIT("error_type"), ICE_KIND_STRING, true},
      {ICE_STR_INIT("error_message"), ICE_KIND_STRING, true},
      {ICE_STR_INIT("error_timestamp"), ICE_KIND_TIMESTAMP, true},
      {ICE_STR_INIT("raw_payload"), ICE_KIND_STRING, false},
  };
  static const fixed_column after[] = {
      {ICE_STR_INIT("kafka_topic"), ICE_KIND_STRING, true}, {ICE_STR_INIT("kafka_partition"), ICE_KIND_LONG, true},
      {ICE_STR_INIT("kafka_offset"), ICE_KIND_LONG, true},  {ICE_STR_INIT("element_index"), ICE_KIND_INT, false},
      {ICE_STR_INIT("raw_bytes"), ICE_KIND_BINARY, false},
  };
  ice_status status = ICE_OK;
  ice_schema *schema = NULL;
  ICE_TRY(ice_schema_create(&schema, err));
  uint32_t own = spec->dead_letter_column_count;
  uint32_t count = (uint32_t)(ICE_COUNT_OF(before) + ICE_COUNT_OF(after)) + own;
  ICE_TRY(ice_type_set_fields(schema, &schema->root, count, err));
  uint32_t at = 0;
  for (size_t i = 0; i < ICE_COUNT_OF(before); i++, at++) {
    set_field(&schema->root.fields[at], (int32_t)at + 1, before[i].name, before[i].kind, before[i].required);
  }
  for (uint32_t i = 0; i < own; i++, at++) {
    ice_str name;
    ICE_TRY(ice_arena_copy_str(&schema->arena, spec->dead_letter_columns[i].name, &name, err));
    set_field(&schema->root.fields[at], (int32_t)at + 1, name, ICE_KIND_STRING, false);
  }
  for (size_t i = 0; i < ICE_COUNT_OF(after); i++, at++) {
    set_field(&schema->root.fields[at], (int32_t)at + 1, after[i].name, after[i].kind, after[i].required);
  }
  ICE_TRY(ice_schema_validate(schema, err));
  ice_schema_unref(spec->dead_letter_schema);
  spec->dead_letter_schema = schema;
  schema = NULL;
done:
  ice_schema_unref(schema);
  return status;
}
