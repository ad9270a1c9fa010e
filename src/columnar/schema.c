#include "columnar/schema.h"

#include "base/map.h"
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { SCHEMA_BYTES_MAX = 64 << 20 };

ice_status ice_schema_create(ice_schema **out, ice_error *err) {
  *out = NULL;
  ice_schema *schema = calloc(1, sizeof *schema);
  if (!schema) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a schema");
  }
  atomic_init(&schema->references, 1);
  schema->root.kind = ICE_KIND_STRUCT;
  ice_arena_init(&schema->arena, SCHEMA_BYTES_MAX);
  *out = schema;
  return ICE_OK;
}

// References are counted behind a const interface: the count is not part of the schema's value.
static ice_schema *counted(const ice_schema *schema) {
  union {
    const ice_schema *shared;
    ice_schema *counted;
  } view = {.shared = schema};
  return view.counted;
}

ice_schema *ice_schema_ref(const ice_schema *schema) {
  ice_schema *mutable_schema = counted(schema);
  atomic_fetch_add_explicit(&mutable_schema->references, 1, memory_order_relaxed);
  return mutable_schema;
}

void ice_schema_unref(const ice_schema *schema) {
  if (!schema) {
    return;
  }
  ice_schema *mutable_schema = counted(schema);
  if (atomic_fetch_sub_explicit(&mutable_schema->references, 1, memory_order_acq_rel) == 1) {
    ice_arena_deinit(&mutable_schema->arena);
    free(mutable_schema);
  }
}

ice_status ice_type_set_fields(ice_schema *schema, ice_type *type, uint32_t count, ice_error *err) {
  if (count > ICE_SCHEMA_FIELDS_MAX) {
    return ice_error_set(err, ICE_LIMIT, "%u fields in one type, at most %d are allowed", count,
                         (int)ICE_SCHEMA_FIELDS_MAX);
  }
  ice_field *fields = ice_arena_alloc_array(&schema->arena, count, sizeof *fields, err);
  if (!fields) {
    return err ? err->status : ICE_NO_MEMORY;
  }
  type->fields = fields;
  type->field_count = count;
  return ICE_OK;
}

typedef struct validation {
  ice_map ids;
  uint32_t field_count;
  ice_error *err;
} validation;

static ice_status validate_type(validation *run, const ice_type *type, ice_str name, int depth);

static ice_status validate_id(validation *run, const ice_field *field) {
  if (field->id == 0) {
    return ICE_OK;
  }
  char text[16];
  int size = snprintf(text, sizeof text, "%d", field->id);
  ice_str key = ice_str_make(text, (size_t)size);
  if (ice_map_get(&run->ids, key)) {
    return ice_error_set(run->err, ICE_INVALID_ARGUMENT, "field id %d of \"%.*s\" is used twice", field->id,
                         ICE_STR_ARG(field->name));
  }
  return ice_map_put(&run->ids, key, run, run->err);
}

static ice_status validate_struct_names(validation *run, const ice_type *type) {
  ice_status status = ICE_OK;
  ice_map names;
  ice_map_init(&names, ICE_SCHEMA_FIELDS_MAX);
  ice_error *err = run->err;
  for (uint32_t i = 0; i < type->field_count; i++) {
    ice_str name = type->fields[i].name;
    if (name.size == 0) {
      ICE_FAIL(ICE_INVALID_ARGUMENT, "field %u of a struct has no name", i);
    }
    if (ice_map_get(&names, name)) {
      ICE_FAIL(ICE_INVALID_ARGUMENT, "field name \"%.*s\" is used twice", ICE_STR_ARG(name));
    }
    ICE_TRY(ice_map_put(&names, name, run, err));
  }
done:
  ice_map_deinit(&names);
  return status;
}

static ice_status validate_children(validation *run, const ice_type *type, int depth) {
  for (uint32_t i = 0; i < type->field_count; i++) {
    const ice_field *field = &type->fields[i];
    if (++run->field_count > ICE_SCHEMA_FIELDS_MAX) {
      return ice_error_set(run->err, ICE_LIMIT, "more than %d fields in a schema", (int)ICE_SCHEMA_FIELDS_MAX);
    }
    ice_status status = validate_id(run, field);
    if (status == ICE_OK) {
      status = validate_type(run, &field->type, field->name, depth + 1);
    }
    if (status != ICE_OK) {
      return status;
    }
  }
  return ICE_OK;
}

static ice_status validate_type(validation *run, const ice_type *type, ice_str name, int depth) {
  if (depth > ICE_SCHEMA_DEPTH_MAX) {
    return ice_error_set(run->err, ICE_LIMIT, "types nest deeper than %d", (int)ICE_SCHEMA_DEPTH_MAX);
  }
  uint32_t expected = 0;
  switch (type->kind) {
    case ICE_KIND_DECIMAL:
      if (type->precision < 1 || type->precision > 38 || type->scale < 0 || type->scale > type->precision) {
        return ice_error_set(run->err, ICE_INVALID_ARGUMENT, "\"%.*s\": decimal(%d,%d) is out of range",
                             ICE_STR_ARG(name), type->precision, type->scale);
      }
      break;
    case ICE_KIND_FIXED:
      if (type->size < 1 || type->size > (1 << 20)) {
        return ice_error_set(run->err, ICE_INVALID_ARGUMENT, "\"%.*s\": fixed[%d] is out of range", ICE_STR_ARG(name),
                             type->size);
      }
      break;
    case ICE_KIND_STRUCT: {
      ice_status status = validate_struct_names(run, type);
      return status == ICE_OK ? validate_children(run, type, depth) : status;
    }
    case ICE_KIND_LIST: expected = 1; break;
    case ICE_KIND_MAP: expected = 2; break;
    case ICE_KIND_BOOLEAN:
    case ICE_KIND_INT:
    case ICE_KIND_LONG:
    case ICE_KIND_FLOAT:
    case ICE_KIND_DOUBLE:
    case ICE_KIND_DATE:
    case ICE_KIND_TIME:
    case ICE_KIND_TIMESTAMP:
    case ICE_KIND_TIMESTAMPTZ:
    case ICE_KIND_STRING:
    case ICE_KIND_UUID:
    case ICE_KIND_BINARY: break;
  }
  if (type->field_count != expected) {
    return ice_error_set(run->err, ICE_INVALID_ARGUMENT, "\"%.*s\": %s with %u fields", ICE_STR_ARG(name),
                         ice_kind_name(type->kind), type->field_count);
  }
  if (type->kind == ICE_KIND_MAP && !type->fields[0].required) {
    return ice_error_set(run->err, ICE_INVALID_ARGUMENT, "\"%.*s\": map keys are required", ICE_STR_ARG(name));
  }
  return validate_children(run, type, depth);
}

ice_status ice_schema_validate(const ice_schema *schema, ice_error *err) {
  validation run = {.err = err};
  ice_map_init(&run.ids, ICE_SCHEMA_FIELDS_MAX);
  ice_status status = validate_type(&run, &schema->root, ICE_STR("schema"), 0);
  ice_map_deinit(&run.ids);
  return status;
}

static ice_status copy_type(ice_schema *schema, const ice_type *type, ice_type *out, int depth, ice_error *err);

static ice_status copy_field(ice_schema *schema, const ice_field *field, ice_field *out, int depth, ice_error *err) {
  ice_status status = ICE_OK;
  out->id = field->id;
  out->required = field->required;
  ICE_TRY(ice_arena_copy_str(&schema->arena, field->name, &out->name, err));
  ICE_TRY(ice_arena_copy_str(&schema->arena, field->doc, &out->doc, err));
  ICE_TRY(ice_arena_copy_str(&schema->arena, field->initial_default, &out->initial_default, err));
  ICE_TRY(ice_arena_copy_str(&schema->arena, field->write_default, &out->write_default, err));
  ICE_TRY(copy_type(schema, &field->type, &out->type, depth, err));
done:
  return status;
}

static ice_status copy_type(ice_schema *schema, const ice_type *type, ice_type *out, int depth, ice_error *err) {
  if (depth > ICE_SCHEMA_DEPTH_MAX) {
    return ice_error_set(err, ICE_LIMIT, "types nest deeper than %d", (int)ICE_SCHEMA_DEPTH_MAX);
  }
  *out = *type;
  out->fields = NULL;
  out->field_count = 0;
  ice_status status = ICE_OK;
  if (type->field_count != 0) {
    ICE_TRY(ice_type_set_fields(schema, out, type->field_count, err));
  }
  for (uint32_t i = 0; i < type->field_count; i++) {
    ICE_TRY(copy_field(schema, &type->fields[i], &out->fields[i], depth + 1, err));
  }
done:
  return status;
}

ice_status ice_field_copy(ice_schema *schema, const ice_field *field, ice_field *out, ice_error *err) {
  return copy_field(schema, field, out, 0, err);
}

static const ice_field *top_level_id(const ice_schema *schema, int32_t id) {
  for (uint32_t i = 0; i < schema->root.field_count; i++) {
    if (schema->root.fields[i].id == id) {
      return &schema->root.fields[i];
    }
  }
  return NULL;
}

ice_status ice_schema_with_names(const ice_schema *schema, const ice_schema *names, ice_schema **out,
                                 ice_error *err) {
  ice_schema *copy = NULL;
  ice_status status = ICE_OK;
  *out = NULL;
  ICE_TRY(ice_schema_create(&copy, err));
  copy->schema_id = schema->schema_id;
  ICE_TRY(ice_type_set_fields(copy, &copy->root, schema->root.field_count, err));
  for (uint32_t i = 0; i < schema->root.field_count; i++) {
    ice_field *field = &copy->root.fields[i];
    ICE_TRY(ice_field_copy(copy, &schema->root.fields[i], field, err));
    const ice_field *named = top_level_id(names, field->id);
    if (named) {
      ICE_TRY(ice_arena_copy_str(&copy->arena, named->name, &field->name, err));
    } else if (ice_schema_find_name(names, field->name)) {
      // No configuration has a name with a zero byte.
      ICE_TRY(ice_arena_copy_str(&copy->arena, ICE_STR("\0new"), &field->name, err));
    }
  }
  *out = copy;
  copy = NULL;
done:
  ice_schema_unref(copy);
  return status;
}

// Depth is bounded by ice_schema_validate and by every builder, so these walks may recurse.
static const ice_field *find_id(const ice_type *type, int32_t id) {
  for (uint32_t i = 0; i < type->field_count; i++) {
    if (type->fields[i].id == id) {
      return &type->fields[i];
    }
    const ice_field *found = find_id(&type->fields[i].type, id);
    if (found) {
      return found;
    }
  }
  return NULL;
}

const ice_field *ice_schema_find_id(const ice_schema *schema, int32_t id) { return find_id(&schema->root, id); }

const ice_field *ice_schema_find_name(const ice_schema *schema, ice_str name) {
  for (uint32_t i = 0; i < schema->root.field_count; i++) {
    if (ice_str_equal(schema->root.fields[i].name, name)) {
      return &schema->root.fields[i];
    }
  }
  return NULL;
}

static int32_t highest_id(const ice_type *type) {
  int32_t highest = 0;
  for (uint32_t i = 0; i < type->field_count; i++) {
    int32_t below = highest_id(&type->fields[i].type);
    int32_t id = type->fields[i].id > below ? type->fields[i].id : below;
    highest = id > highest ? id : highest;
  }
  return highest;
}

int32_t ice_schema_highest_id(const ice_schema *schema) { return highest_id(&schema->root); }

static bool same_node(const ice_type *a, const ice_type *b) {
  return a->kind == b->kind && a->precision == b->precision && a->scale == b->scale && a->size == b->size &&
         a->field_count == b->field_count;
}

bool ice_type_same_shape(const ice_type *a, const ice_type *b) {
  bool same = same_node(a, b);
  for (uint32_t i = 0; same && i < a->field_count; i++) {
    same = (a->kind != ICE_KIND_STRUCT || ice_str_equal(a->fields[i].name, b->fields[i].name)) &&
           ice_type_same_shape(&a->fields[i].type, &b->fields[i].type);
  }
  return same;
}

bool ice_type_equal(const ice_type *a, const ice_type *b) {
  if (!same_node(a, b)) {
    return false;
  }
  for (uint32_t i = 0; i < a->field_count; i++) {
    const ice_field *x = &a->fields[i];
    const ice_field *y = &b->fields[i];
    if (!ice_str_equal(x->name, y->name) || x->id != y->id || x->required != y->required ||
        !ice_type_equal(&x->type, &y->type)) {
      return false;
    }
  }
  return true;
}

bool ice_type_widens(const ice_type *from, const ice_type *to) {
  return (from->kind == ICE_KIND_INT && to->kind == ICE_KIND_LONG) ||
         (from->kind == ICE_KIND_FLOAT && to->kind == ICE_KIND_DOUBLE) ||
         (from->kind == ICE_KIND_DECIMAL && to->kind == ICE_KIND_DECIMAL && from->scale == to->scale &&
          from->precision < to->precision);
}

size_t ice_type_width(const ice_type *type) {
  switch (type->kind) {
    case ICE_KIND_INT:
    case ICE_KIND_FLOAT:
    case ICE_KIND_DATE: return 4;
    case ICE_KIND_LONG:
    case ICE_KIND_DOUBLE:
    case ICE_KIND_TIME:
    case ICE_KIND_TIMESTAMP:
    case ICE_KIND_TIMESTAMPTZ: return 8;
    case ICE_KIND_DECIMAL:
    case ICE_KIND_UUID: return 16;
    case ICE_KIND_FIXED: return (size_t)type->size;
    case ICE_KIND_BOOLEAN:
    case ICE_KIND_STRING:
    case ICE_KIND_BINARY:
    case ICE_KIND_STRUCT:
    case ICE_KIND_LIST:
    case ICE_KIND_MAP: return 0;
  }
  return 0;
}
