// The columns that a reader's schema stands for, cut down to the wanted paths.
#include "avro/avro_program_priv.h"

#include "base/arena.h"

typedef struct builder {
  ice_schema *schema;
  ice_arena *arena;
  column_list *missing;
  ice_error *err;
  uint32_t field_count;
  /// Records that are being built with everything below: one that comes again contains itself.
  const ice_avro_type *stack[ICE_SCHEMA_DEPTH_MAX + 1];
  int stack_size;
} builder;

/// What is wanted of one value. `node` NULL: everything.
typedef struct wish {
  const ice_projection *node;
  ice_str path;
  int depth;
} wish;

static ice_status arena_status(const ice_error *err) { return err ? err->status : ICE_NO_MEMORY; }

const ice_avro_type *ice_avro_value_type(const ice_avro_type *type, bool *optional) {
  *optional = false;
  if (type->kind != ICE_AVRO_UNION) {
    return type->kind == ICE_AVRO_NULL ? NULL : type;
  }
  const ice_avro_type *value = NULL;
  for (uint32_t i = 0; i < type->branch_count; i++) {
    if (type->branches[i]->kind == ICE_AVRO_NULL) {
      *optional = true;
    } else if (value) {
      return NULL;
    } else {
      value = type->branches[i];
    }
  }
  return value;
}

bool ice_avro_is_logical_map(const ice_avro_type *type) { return type->logical == ICE_AVRO_LOGICAL_MAP; }

static ice_status join_path(builder *run, ice_str parent, ice_str name, ice_str *out) {
  if (parent.size == 0) {
    *out = name;
    return ICE_OK;
  }
  char *text = ice_arena_alloc(run->arena, parent.size + 1 + name.size, run->err);
  if (!text) {
    return arena_status(run->err);
  }
  memcpy(text, parent.data, parent.size);
  text[parent.size] = '.';
  memcpy(text + parent.size + 1, name.data, name.size);
  *out = ice_str_make(text, parent.size + 1 + name.size);
  return ICE_OK;
}

static ice_status add_missing(builder *run, ice_str path) {
  column_list *list = run->missing;
  if (list->missing_count == list->missing_capacity) {
    uint32_t capacity = list->missing_capacity == 0 ? 8 : list->missing_capacity * 2;
    if (capacity > ICE_SCHEMA_FIELDS_MAX) {
      return ice_error_set(run->err, ICE_LIMIT, "more than %d wanted paths are missing", (int)ICE_SCHEMA_FIELDS_MAX);
    }
    ice_str *texts = ice_arena_alloc_array(run->arena, capacity, sizeof *texts, run->err);
    if (!texts) {
      return arena_status(run->err);
    }
    if (list->missing_count != 0) {
      memcpy(texts, list->missing, list->missing_count * sizeof *texts);
    }
    list->missing = texts;
    list->missing_capacity = capacity;
  }
  return ice_arena_copy_str(run->arena, path, &list->missing[list->missing_count++], run->err);
}

// Every wanted path at and below `node`; its depth is limited by ice_projection_add.
static ice_status report_missing(builder *run, const ice_projection *node, ice_str path) {
  ice_status status = ICE_OK;
  if (node->whole) {
    ICE_TRY(add_missing(run, path));
  }
  for (const ice_projection *child = node->children; child; child = child->next) {
    ice_str child_path;
    ICE_TRY(join_path(run, path, child->name, &child_path));
    ICE_TRY(report_missing(run, child, child_path));
  }
done:
  return status;
}

static ice_status build_type(builder *run, const ice_avro_type *type, wish want, ice_type *out, bool *wanted);

static ice_status unsupported(builder *run, ice_str path, const char *why) {
  return ice_error_set(run->err, ICE_UNSUPPORTED, "field \"%.*s\" %s", ICE_STR_ARG(path), why);
}

static ice_status build_value(builder *run, const ice_avro_type *type, wish want, int32_t id, ice_str name,
                              ice_field *out, bool *wanted) {
  bool optional;
  const ice_avro_type *value = ice_avro_value_type(type, &optional);
  if (!value) {
    bool null_only = type->kind == ICE_AVRO_NULL || type->branch_count == 1;
    return unsupported(run, want.path, null_only ? "is always null" : "is a union of several types");
  }
  if (++run->field_count > ICE_SCHEMA_FIELDS_MAX) {
    return ice_error_set(run->err, ICE_LIMIT, "Avro schema gives more than %d columns", (int)ICE_SCHEMA_FIELDS_MAX);
  }
  *out = (ice_field){.id = id, .required = !optional};
  ice_status status = ice_arena_copy_str(&run->schema->arena, name, &out->name, run->err);
  return status == ICE_OK ? build_type(run, value, want, &out->type, wanted) : status;
}

static ice_status push_record(builder *run, const ice_avro_type *type, wish want) {
  for (int i = 0; i < run->stack_size; i++) {
    if (run->stack[i] == type) {
      return unsupported(run, want.path, "is of a record type that contains itself");
    }
  }
  if (run->stack_size > ICE_SCHEMA_DEPTH_MAX) {
    return ice_error_set(run->err, ICE_LIMIT, "Avro records nest deeper than %d", (int)ICE_SCHEMA_DEPTH_MAX);
  }
  run->stack[run->stack_size++] = type;
  return ICE_OK;
}

static ice_status build_record(builder *run, const ice_avro_type *type, wish want, ice_type *out, bool *wanted) {
  ice_status status = ICE_OK;
  bool pushed = false;
  bool whole = !want.node || want.node->whole;
  if (whole) {
    ICE_TRY(push_record(run, type, want));
    pushed = true;
  }
  out->kind = ICE_KIND_STRUCT;
  ICE_TRY(ice_type_set_fields(run->schema, out, type->field_count, run->err));
  out->field_count = 0;
  for (uint32_t i = 0; i < type->field_count; i++) {
    const ice_avro_field *field = &type->fields[i];
    wish inner = {.depth = want.depth + 1};
    bool take = true;
    if (!whole) {
      inner.node = ice_projection_find(want.node, field->name);
      take = inner.node != NULL;
    }
    if (take) {
      ICE_TRY(join_path(run, want.path, field->name, &inner.path));
      ICE_TRY(
          build_value(run, field->type, inner, field->field_id, field->name, &out->fields[out->field_count], &take));
      out->field_count += take;
    }
  }
  for (const ice_projection *child = want.node ? want.node->children : NULL; child; child = child->next) {
    bool found = false;
    for (uint32_t i = 0; i < type->field_count && !found; i++) {
      found = ice_str_equal(type->fields[i].name, child->name);
    }
    if (!found) {
      ice_str path;
      ICE_TRY(join_path(run, want.path, child->name, &path));
      ICE_TRY(report_missing(run, child, path));
    }
  }
  *wanted = whole || out->field_count != 0;
done:
  run->stack_size -= pushed;
  return status;
}

// Keys and values of an array that stands for a map are the two fields of its items.
static ice_status build_logical_map(builder *run, const ice_avro_type *type, wish want, ice_type *out, bool *wanted) {
  ice_status status = ICE_OK;
  const ice_avro_field *fields = type->items->fields;
  static const ice_str names[] = {ICE_STR_INIT("key"), ICE_STR_INIT("value")};
  out->kind = ICE_KIND_MAP;
  ICE_TRY(push_record(run, type->items, want));
  ICE_TRY(ice_type_set_fields(run->schema, out, 2, run->err));
  for (uint32_t i = 0; i < 2; i++) {
    wish inner = {.path = want.path, .depth = want.depth + 1};
    ICE_TRY(build_value(run, fields[i].type, inner, fields[i].field_id, names[i], &out->fields[i], wanted));
  }
  out->fields[0].required = true;
  run->stack_size--;
done:
  return status;
}

static ice_status build_nested(builder *run, const ice_avro_type *type, wish want, ice_type *out, bool *wanted) {
  ice_status status = ICE_OK;
  wish inner = {.path = want.path, .depth = want.depth + 1};
  if (type->kind == ICE_AVRO_RECORD) {
    return build_record(run, type, want, out, wanted);
  }
  if (ice_avro_is_logical_map(type)) {
    return build_logical_map(run, type, want, out, wanted);
  }
  if (type->kind == ICE_AVRO_ARRAY) {
    inner.node = want.node && want.node->whole ? NULL : want.node;
    out->kind = ICE_KIND_LIST;
    ICE_TRY(ice_type_set_fields(run->schema, out, 1, run->err));
    ICE_TRY(build_value(run, type->items, inner, type->element_id, ICE_STR("element"), &out->fields[0], wanted));
    goto done;
  }
  out->kind = ICE_KIND_MAP;
  ICE_TRY(ice_type_set_fields(run->schema, out, 2, run->err));
  out->fields[0] =
      (ice_field){.name = ICE_STR("key"), .id = type->key_id, .required = true, .type = {.kind = ICE_KIND_STRING}};
  ICE_TRY(build_value(run, type->items, inner, type->value_id, ICE_STR("value"), &out->fields[1], wanted));
done:
  return status;
}

static void build_int(const ice_avro_type *type, ice_type *out) {
  out->kind = type->logical == ICE_AVRO_LOGICAL_DATE          ? ICE_KIND_DATE
              : type->logical == ICE_AVRO_LOGICAL_TIME_MILLIS ? ICE_KIND_TIME
                                                              : ICE_KIND_INT;
}

static void build_long(const ice_avro_type *type, ice_type *out) {
  switch (type->logical) {
    case ICE_AVRO_LOGICAL_TIME_MICROS: out->kind = ICE_KIND_TIME; return;
    case ICE_AVRO_LOGICAL_TIMESTAMP_MILLIS:
    case ICE_AVRO_LOGICAL_TIMESTAMP_MICROS: out->kind = ICE_KIND_TIMESTAMPTZ; return;
    case ICE_AVRO_LOGICAL_LOCAL_TIMESTAMP_MILLIS:
    case ICE_AVRO_LOGICAL_LOCAL_TIMESTAMP_MICROS: out->kind = ICE_KIND_TIMESTAMP; return;
    case ICE_AVRO_LOGICAL_NONE:
    case ICE_AVRO_LOGICAL_DATE:
    case ICE_AVRO_LOGICAL_TIME_MILLIS:
    case ICE_AVRO_LOGICAL_DECIMAL:
    case ICE_AVRO_LOGICAL_UUID:
    case ICE_AVRO_LOGICAL_MAP: out->kind = ICE_KIND_LONG; return;
  }
}

static void build_bytes(const ice_avro_type *type, ice_type *out) {
  if (type->logical == ICE_AVRO_LOGICAL_DECIMAL) {
    *out = (ice_type){.kind = ICE_KIND_DECIMAL, .precision = type->precision, .scale = type->scale};
  } else if (type->kind == ICE_AVRO_BYTES) {
    out->kind = ICE_KIND_BINARY;
  } else if (type->logical == ICE_AVRO_LOGICAL_UUID) {
    out->kind = ICE_KIND_UUID;
  } else if (type->size == 0) {
    // Iceberg has no fixed of no bytes.
    out->kind = ICE_KIND_BINARY;
  } else {
    *out = (ice_type){.kind = ICE_KIND_FIXED, .size = (int32_t)type->size};
  }
}

static ice_status build_type(builder *run, const ice_avro_type *type, wish want, ice_type *out, bool *wanted) {
  if (want.depth > ICE_SCHEMA_DEPTH_MAX) {
    return ice_error_set(run->err, ICE_LIMIT, "field \"%.*s\" nests deeper than %d", ICE_STR_ARG(want.path),
                         (int)ICE_SCHEMA_DEPTH_MAX);
  }
  *wanted = true;
  if (type->kind == ICE_AVRO_RECORD || type->kind == ICE_AVRO_ARRAY || type->kind == ICE_AVRO_MAP) {
    return build_nested(run, type, want, out, wanted);
  }
  switch (type->kind) {
    case ICE_AVRO_BOOLEAN: out->kind = ICE_KIND_BOOLEAN; break;
    case ICE_AVRO_INT: build_int(type, out); break;
    case ICE_AVRO_LONG: build_long(type, out); break;
    case ICE_AVRO_FLOAT: out->kind = ICE_KIND_FLOAT; break;
    case ICE_AVRO_DOUBLE: out->kind = ICE_KIND_DOUBLE; break;
    case ICE_AVRO_BYTES:
    case ICE_AVRO_FIXED: build_bytes(type, out); break;
    case ICE_AVRO_STRING:
    case ICE_AVRO_ENUM: out->kind = ICE_KIND_STRING; break;
    case ICE_AVRO_NULL:
    case ICE_AVRO_RECORD:
    case ICE_AVRO_ARRAY:
    case ICE_AVRO_MAP:
    case ICE_AVRO_UNION: return unsupported(run, want.path, "has no column type");
  }
  ice_status status = ICE_OK;
  if (want.node && !want.node->whole) {
    // Only something below is wanted, and there is nothing below.
    *wanted = false;
  }
  for (const ice_projection *child = want.node ? want.node->children : NULL; child; child = child->next) {
    ice_str path;
    ICE_TRY(join_path(run, want.path, child->name, &path));
    ICE_TRY(report_missing(run, child, path));
  }
done:
  return status;
}

ice_status ice_avro_columns_build(const ice_avro_type *root, const ice_projection *projection, ice_arena *arena,
                                  ice_schema **out, column_list *missing, ice_error *err) {
  ice_status status = ICE_OK;
  *out = NULL;
  builder run = {.arena = arena, .missing = missing, .err = err};
  ice_error local = {0};
  bool wanted;
  if (!err) {
    run.err = err = &local;
  }
  if (root->kind != ICE_AVRO_RECORD) {
    ICE_FAIL(ICE_UNSUPPORTED, "the root of an Avro schema must be a record, it is %s",
             ice_avro_kind_name(root->kind));
  }
  ICE_TRY(ice_schema_create(&run.schema, err));
  // The root of a projection stands for the record and is whole only where it says so.
  wish want = {.node = projection && !projection->whole ? projection : NULL};
  ICE_TRY(build_record(&run, root, want, &run.schema->root, &wanted));
  status = ice_schema_validate(run.schema, err);
  if (status == ICE_INVALID_ARGUMENT) {
    status = err->status = ICE_UNSUPPORTED;
  }
  ICE_TRY(status);
  *out = run.schema;
  run.schema = NULL;
done:
  ice_schema_unref(run.schema);
  return status;
}
