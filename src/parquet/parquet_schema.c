#include "parquet/parquet_schema.h"

#include "parquet/parquet_schema_priv.h"
#include <stdio.h>
#include <stdlib.h>

const char *ice_parquet_physical_name(ice_parquet_physical physical) {
  static const char *const names[] = {"BOOLEAN", "INT32",  "INT64",      "INT96",
                                      "FLOAT",   "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"};
  return (size_t)physical < ICE_COUNT_OF(names) ? names[physical] : "unknown";
}

void ice_parquet_leaf_name(const ice_parquet_leaf *leaf, char *text, size_t text_size) {
  size_t used = 0;
  text[0] = 0;
  for (uint32_t i = 0; i < leaf->path_count && used + 1 < text_size; i++) {
    int added = snprintf(text + used, text_size - used, "%s%.*s", i > 0 ? "." : "", ICE_STR_ARG(leaf->path[i]));
    used += added > 0 ? (size_t)added : 0;
  }
}

// Bytes of a decimal in FIXED_LEN_BYTE_ARRAY: the fewest whose two's complement holds 10^precision - 1.
static int32_t decimal_size(int32_t precision) {
  static const int8_t digits_max[] = {0, 2, 4, 6, 9, 11, 14, 16, 18, 21, 23, 26, 28, 31, 33, 35, 38};
  int32_t size = 1;
  while (size < 16 && digits_max[size] < precision) {
    size++;
  }
  return size;
}

void ice_parquet_leaf_set_storage(ice_parquet_leaf *leaf) {
  const ice_type *type = &leaf->field->type;
  leaf->kind = type->kind;
  leaf->type_length = 0;
  leaf->time_factor = 1;
  switch (type->kind) {
    case ICE_KIND_BOOLEAN: leaf->physical = ICE_PARQUET_BOOLEAN; break;
    case ICE_KIND_INT:
    case ICE_KIND_DATE: leaf->physical = ICE_PARQUET_INT32; break;
    case ICE_KIND_LONG:
    case ICE_KIND_TIME:
    case ICE_KIND_TIMESTAMP:
    case ICE_KIND_TIMESTAMPTZ: leaf->physical = ICE_PARQUET_INT64; break;
    case ICE_KIND_FLOAT: leaf->physical = ICE_PARQUET_FLOAT; break;
    case ICE_KIND_DOUBLE: leaf->physical = ICE_PARQUET_DOUBLE; break;
    case ICE_KIND_DECIMAL:
      // Iceberg spec, Appendix A, Parquet.
      if (type->precision <= 9) {
        leaf->physical = ICE_PARQUET_INT32;
      } else if (type->precision <= 18) {
        leaf->physical = ICE_PARQUET_INT64;
      } else {
        leaf->physical = ICE_PARQUET_FIXED_LEN_BYTE_ARRAY;
        leaf->type_length = decimal_size(type->precision);
      }
      break;
    case ICE_KIND_STRING:
    case ICE_KIND_BINARY: leaf->physical = ICE_PARQUET_BYTE_ARRAY; break;
    case ICE_KIND_UUID:
      leaf->physical = ICE_PARQUET_FIXED_LEN_BYTE_ARRAY;
      leaf->type_length = 16;
      break;
    case ICE_KIND_FIXED:
      leaf->physical = ICE_PARQUET_FIXED_LEN_BYTE_ARRAY;
      leaf->type_length = type->size;
      break;
    case ICE_KIND_STRUCT:
    case ICE_KIND_LIST:
    case ICE_KIND_MAP: break;
  }
  ice_parquet_leaf_set_width(leaf);
}

void ice_parquet_leaf_set_width(ice_parquet_leaf *leaf) {
  switch (leaf->physical) {
    case ICE_PARQUET_INT32:
    case ICE_PARQUET_FLOAT: leaf->value_width = 4; break;
    case ICE_PARQUET_INT64:
    case ICE_PARQUET_DOUBLE: leaf->value_width = 8; break;
    case ICE_PARQUET_FIXED_LEN_BYTE_ARRAY: leaf->value_width = (uint32_t)leaf->type_length; break;
    case ICE_PARQUET_BOOLEAN:
    case ICE_PARQUET_BYTE_ARRAY:
    case ICE_PARQUET_INT96: leaf->value_width = 0; break;
  }
}

// Layout ------------------------------------------------------------------------------------------------------------

// The way down, while the schema is walked. Depth is bounded by ICE_SCHEMA_DEPTH_MAX.
typedef struct walk {
  ice_parquet_layout *layout;
  ice_error *err;
  uint32_t step_count;
  uint32_t path_count;
  ice_parquet_step steps[ICE_SCHEMA_DEPTH_MAX + 1];
  ice_str path[2 * (ICE_SCHEMA_DEPTH_MAX + 1)];
} walk;

static ice_status add_leaf(walk *way, const ice_field *field) {
  ice_parquet_layout *layout = way->layout;
  ice_parquet_leaf *leaf = &layout->leaves[layout->leaf_count];
  size_t steps_size = way->step_count * sizeof *leaf->steps;
  size_t path_size = way->path_count * sizeof *leaf->path;
  leaf->field = field;
  leaf->steps = ice_arena_alloc(&layout->arena, steps_size, way->err);
  leaf->path = leaf->steps ? ice_arena_alloc(&layout->arena, path_size, way->err) : NULL;
  if (!leaf->path) {
    return ICE_NO_MEMORY;
  }
  memcpy(leaf->steps, way->steps, steps_size);
  memcpy(leaf->path, way->path, path_size);
  leaf->step_count = way->step_count;
  leaf->path_count = way->path_count;
  const ice_parquet_step *last = &way->steps[way->step_count - 1];
  leaf->definition_level_max = last->definition_level;
  leaf->repetition_level_max = last->repetition_level;
  ice_parquet_leaf_set_storage(leaf);
  layout->leaf_count++;
  return ICE_OK;
}

// The names in the file are the format's, whatever the fields under a list or map are called.
static ice_str child_name(const ice_type *parent, uint32_t child) {
  switch ((int)parent->kind) {
    case ICE_KIND_LIST: return ICE_STR("element");
    case ICE_KIND_MAP: return child == 0 ? ICE_STR("key") : ICE_STR("value");
    default: return parent->fields[child].name;
  }
}

static ice_status walk_field(walk *way, const ice_type *parent, uint32_t child, unsigned definition,
                             unsigned repetition) {
  ice_status status = ICE_OK;
  ice_error *err = way->err;
  uint32_t step_count = way->step_count;
  uint32_t path_count = way->path_count;
  const ice_field *field = &parent->fields[child];
  const ice_type *type = &field->type;
  definition += field->required ? 0 : 1;
  bool repeated = type->kind == ICE_KIND_LIST || type->kind == ICE_KIND_MAP;
  repetition += repeated ? 1 : 0;
  way->steps[way->step_count++] = (ice_parquet_step){.field = field,
                                                     .child = child,
                                                     .optional = !field->required,
                                                     .definition_level = (uint8_t)definition,
                                                     .repetition_level = (uint8_t)repetition};
  way->path[way->path_count++] = child_name(parent, child);
  if (!ice_kind_nested(type->kind)) {
    ICE_TRY(add_leaf(way, field));
  } else {
    if (type->field_count == 0) {
      ICE_FAIL(ICE_UNSUPPORTED, "column \"%.*s\": Parquet has no struct without fields", ICE_STR_ARG(field->name));
    }
    if (repeated) {
      way->path[way->path_count++] = type->kind == ICE_KIND_LIST ? ICE_STR("list") : ICE_STR("key_value");
    }
    uint32_t inner_path_count = way->path_count;
    for (uint32_t i = 0; i < type->field_count; i++) {
      way->path_count = inner_path_count;
      ICE_TRY(walk_field(way, type, i, definition + (repeated ? 1 : 0), repetition));
    }
  }
done:
  way->step_count = step_count;
  way->path_count = path_count;
  return status;
}

static uint32_t count_leaves(const ice_type *type) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < type->field_count; i++) {
    const ice_type *inner = &type->fields[i].type;
    count += ice_kind_nested(inner->kind) ? count_leaves(inner) : 1;
  }
  return count;
}

ice_status ice_parquet_layout_create(const ice_schema *schema, ice_parquet_layout **out, ice_error *err) {
  *out = NULL;
  ice_status status = ICE_OK;
  ice_parquet_layout *layout = NULL;
  walk *way = NULL;
  ICE_TRY(ice_schema_validate(schema, err));
  if (schema->root.field_count == 0) {
    ICE_FAIL(ICE_UNSUPPORTED, "Parquet has no schema without columns");
  }
  layout = calloc(1, sizeof *layout);
  if (!layout) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for the layout of a schema");
  }
  layout->references = 1;
  way = calloc(1, sizeof *way);
  if (!way) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for the layout of a schema");
  }
  layout->schema = ice_schema_ref(schema);
  ice_arena_init(&layout->arena, SIZE_MAX);
  layout->leaves = ice_arena_alloc_array(&layout->arena, count_leaves(&schema->root), sizeof *layout->leaves, err);
  if (!layout->leaves) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for the layout of a schema");
  }
  *way = (walk){.layout = layout, .err = err};
  for (uint32_t i = 0; i < schema->root.field_count; i++) {
    ICE_TRY(walk_field(way, &schema->root, i, 0, 0));
  }
  *out = layout;
  layout = NULL;
done:
  free(way);
  ice_parquet_layout_unref(layout);
  return status;
}

ice_parquet_layout *ice_parquet_layout_ref(ice_parquet_layout *layout) {
  layout->references++;
  return layout;
}

void ice_parquet_layout_unref(ice_parquet_layout *layout) {
  if (!layout || --layout->references > 0) {
    return;
  }
  ice_schema_unref(layout->schema);
  ice_arena_deinit(&layout->arena);
  free(layout);
}

// SchemaElements ----------------------------------------------------------------------------------------------------

static void write_logical_empty(ice_thrift_writer *writer, ice_parquet_logical logical) {
  ice_thrift_struct(writer, ELEMENT_LOGICAL);
  ice_thrift_empty_struct(writer, (int16_t)logical);
  ice_thrift_end(writer);
}

static void write_logical_time(ice_thrift_writer *writer, ice_parquet_logical logical, bool utc) {
  ice_thrift_struct(writer, ELEMENT_LOGICAL);
  ice_thrift_struct(writer, (int16_t)logical);
  ice_thrift_bool(writer, 1, utc);
  ice_thrift_struct(writer, 2);
  ice_thrift_empty_struct(writer, ICE_PARQUET_MICROS);
  ice_thrift_end(writer);
  ice_thrift_end(writer);
  ice_thrift_end(writer);
}

static void write_logical_decimal(ice_thrift_writer *writer, const ice_type *type) {
  ice_thrift_struct(writer, ELEMENT_LOGICAL);
  ice_thrift_struct(writer, ICE_PARQUET_LOGICAL_DECIMAL);
  ice_thrift_i32(writer, 1, type->scale);
  ice_thrift_i32(writer, 2, type->precision);
  ice_thrift_end(writer);
  ice_thrift_end(writer);
}

// The ConvertedType that says the same as the logical type, as old readers know it. Times that are not adjusted to
// UTC have none (LogicalTypes.md, "TIME", "TIMESTAMP": compatibility).
static ice_parquet_converted converted_of(ice_kind kind) {
  switch (kind) {
    case ICE_KIND_STRING: return ICE_PARQUET_UTF8;
    case ICE_KIND_DATE: return ICE_PARQUET_CONVERTED_DATE;
    case ICE_KIND_TIMESTAMPTZ: return ICE_PARQUET_TIMESTAMP_MICROS;
    case ICE_KIND_DECIMAL: return ICE_PARQUET_CONVERTED_DECIMAL;
    case ICE_KIND_LIST: return ICE_PARQUET_CONVERTED_LIST;
    case ICE_KIND_MAP: return ICE_PARQUET_CONVERTED_MAP;
    case ICE_KIND_BOOLEAN:
    case ICE_KIND_INT:
    case ICE_KIND_LONG:
    case ICE_KIND_FLOAT:
    case ICE_KIND_DOUBLE:
    case ICE_KIND_TIME:
    case ICE_KIND_TIMESTAMP:
    case ICE_KIND_UUID:
    case ICE_KIND_FIXED:
    case ICE_KIND_BINARY:
    case ICE_KIND_STRUCT: break;
  }
  return ICE_PARQUET_CONVERTED_NONE;
}

static void write_logical(ice_thrift_writer *writer, const ice_type *type) {
  switch (type->kind) {
    case ICE_KIND_STRING: write_logical_empty(writer, ICE_PARQUET_LOGICAL_STRING); break;
    case ICE_KIND_DATE: write_logical_empty(writer, ICE_PARQUET_LOGICAL_DATE); break;
    case ICE_KIND_UUID: write_logical_empty(writer, ICE_PARQUET_LOGICAL_UUID); break;
    case ICE_KIND_LIST: write_logical_empty(writer, ICE_PARQUET_LOGICAL_LIST); break;
    case ICE_KIND_MAP: write_logical_empty(writer, ICE_PARQUET_LOGICAL_MAP); break;
    case ICE_KIND_TIME: write_logical_time(writer, ICE_PARQUET_LOGICAL_TIME, false); break;
    case ICE_KIND_TIMESTAMP: write_logical_time(writer, ICE_PARQUET_LOGICAL_TIMESTAMP, false); break;
    case ICE_KIND_TIMESTAMPTZ: write_logical_time(writer, ICE_PARQUET_LOGICAL_TIMESTAMP, true); break;
    case ICE_KIND_DECIMAL: write_logical_decimal(writer, type); break;
    case ICE_KIND_BOOLEAN:
    case ICE_KIND_INT:
    case ICE_KIND_LONG:
    case ICE_KIND_FLOAT:
    case ICE_KIND_DOUBLE:
    case ICE_KIND_FIXED:
    case ICE_KIND_BINARY:
    case ICE_KIND_STRUCT: break;
  }
}

static size_t count_elements(const ice_type *type) {
  size_t count = 0;
  for (uint32_t i = 0; i < type->field_count; i++) {
    const ice_type *inner = &type->fields[i].type;
    bool repeated = inner->kind == ICE_KIND_LIST || inner->kind == ICE_KIND_MAP;
    count += (repeated ? 2u : 1u) + count_elements(inner);
  }
  return count;
}

static void write_repeated_group(ice_thrift_writer *writer, ice_str name, uint32_t child_count) {
  // No field id: the middle group is no field of the table.
  ice_thrift_element_struct(writer);
  ice_thrift_i32(writer, ELEMENT_REPETITION, ICE_PARQUET_REPEATED);
  ice_thrift_binary(writer, ELEMENT_NAME, name);
  ice_thrift_i32(writer, ELEMENT_NUM_CHILDREN, (int32_t)child_count);
  ice_thrift_end(writer);
}

static void write_field(ice_thrift_writer *writer, const ice_type *parent, uint32_t child) {
  const ice_field *field = &parent->fields[child];
  const ice_type *type = &field->type;
  bool repeated = type->kind == ICE_KIND_LIST || type->kind == ICE_KIND_MAP;
  ice_parquet_leaf storage = {.field = field};
  ice_parquet_leaf_set_storage(&storage);
  ice_thrift_element_struct(writer);
  if (!ice_kind_nested(type->kind)) {
    ice_thrift_i32(writer, ELEMENT_TYPE, (int32_t)storage.physical);
    if (storage.physical == ICE_PARQUET_FIXED_LEN_BYTE_ARRAY) {
      ice_thrift_i32(writer, ELEMENT_TYPE_LENGTH, storage.type_length);
    }
  }
  ice_thrift_i32(writer, ELEMENT_REPETITION, field->required ? ICE_PARQUET_REQUIRED : ICE_PARQUET_OPTIONAL);
  ice_thrift_binary(writer, ELEMENT_NAME, child_name(parent, child));
  if (ice_kind_nested(type->kind)) {
    ice_thrift_i32(writer, ELEMENT_NUM_CHILDREN, repeated ? 1 : (int32_t)type->field_count);
  }
  if (converted_of(type->kind) != ICE_PARQUET_CONVERTED_NONE) {
    ice_thrift_i32(writer, ELEMENT_CONVERTED, (int32_t)converted_of(type->kind));
  }
  if (type->kind == ICE_KIND_DECIMAL) {
    ice_thrift_i32(writer, ELEMENT_SCALE, type->scale);
    ice_thrift_i32(writer, ELEMENT_PRECISION, type->precision);
  }
  if (field->id != 0) {
    ice_thrift_i32(writer, ELEMENT_FIELD_ID, field->id);
  }
  write_logical(writer, type);
  ice_thrift_end(writer);
  if (repeated) {
    write_repeated_group(writer, type->kind == ICE_KIND_LIST ? ICE_STR("list") : ICE_STR("key_value"),
                         type->field_count);
  }
  for (uint32_t i = 0; i < type->field_count; i++) {
    write_field(writer, type, i);
  }
}

void ice_parquet_schema_write(ice_thrift_writer *writer, int16_t id, const ice_schema *schema) {
  const ice_type *root = &schema->root;
  ice_thrift_list(writer, id, ICE_THRIFT_STRUCT, 1 + count_elements(root));
  ice_thrift_element_struct(writer);
  ice_thrift_binary(writer, ELEMENT_NAME, ICE_STR("table"));
  ice_thrift_i32(writer, ELEMENT_NUM_CHILDREN, (int32_t)root->field_count);
  ice_thrift_end(writer);
  for (uint32_t i = 0; i < root->field_count; i++) {
    write_field(writer, root, i);
  }
}
