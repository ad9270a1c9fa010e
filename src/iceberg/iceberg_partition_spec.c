#include "iceberg/iceberg_partition_spec.h"

static ice_status arena_status(const ice_error *err) { return err ? err->status : ICE_NO_MEMORY; }

static ice_status field_from_json(const json_t *json, ice_arena *arena, int32_t *next_id, ice_partition_field *out,
                                  ice_error *err) {
  ice_status status = ICE_OK;
  ice_str name = {0};
  ice_str transform = {0};
  int32_t field_id = *next_id;
  json_t *sources = NULL;
  ICE_TRY(ice_json_get_str(json, "name", &name, err));
  ICE_TRY(ice_json_get_str(json, "transform", &transform, err));
  ICE_TRY(ice_json_find_array(json, "source-ids", &sources, err));
  if (json_array_size(sources) > 1) {
    ICE_FAIL(ICE_UNSUPPORTED, "partition field \"%.*s\" has several sources", ICE_STR_ARG(name));
  }
  if (sources && !json_object_get(json, "source-id")) {
    out->source_id = (int32_t)json_integer_value(json_array_get(sources, 0));
  } else {
    ICE_TRY(ice_json_get_i32(json, "source-id", &out->source_id, err));
  }
  ICE_TRY(ice_json_find_i32(json, "field-id", &field_id, err));
  out->field_id = field_id;
  if (field_id >= *next_id && field_id < INT32_MAX) {
    *next_id = field_id + 1;
  }
  ICE_TRY(ice_arena_copy_str(arena, name, &out->name, err));
  ICE_TRY(ice_arena_copy_str(arena, transform, &out->transform_text, err));
  if (ice_transform_parse(transform, &out->transform, NULL) != ICE_OK) {
    out->transform = (ice_transform){.kind = ICE_TRANSFORM_UNKNOWN};
  }
done:
  return status;
}

ice_status ice_partition_spec_from_json(const json_t *json, ice_arena *arena, ice_partition_spec *out,
                                        ice_error *err) {
  ice_status status = ICE_OK;
  *out = (ice_partition_spec){0};
  const json_t *fields = json;
  int32_t next_id = ICE_PARTITION_FIELD_ID_FIRST;
  if (json_is_object(json)) {
    json_t *member = NULL;
    ICE_TRY(ice_json_get_i32(json, "spec-id", &out->spec_id, err));
    ICE_TRY(ice_json_get_array(json, "fields", &member, err));
    fields = member;
  }
  if (!json_is_array(fields)) {
    ICE_FAIL(ICE_CORRUPT, "partition spec is neither an object nor an array");
  }
  size_t count = json_array_size(fields);
  if (count > ICE_PARTITION_FIELDS_MAX) {
    ICE_FAIL(ICE_LIMIT, "partition spec with %zu fields", count);
  }
  ice_partition_field *list = ice_arena_alloc_array(arena, count, sizeof *list, err);
  if (!list) {
    return arena_status(err);
  }
  for (size_t i = 0; i < count; i++) {
    status = field_from_json(json_array_get(fields, i), arena, &next_id, &list[i], err);
    if (status != ICE_OK) {
      ice_error_prepend(err, "partition field %zu", i);
      goto done;
    }
  }
  out->fields = list;
  out->field_count = (uint32_t)count;
done:
  return status;
}

static ice_status put_transform(json_t *item, const ice_partition_field *field, ice_error *err) {
  if (field->transform.kind == ICE_TRANSFORM_UNKNOWN) {
    return ice_json_put(item, "transform", ice_json_string(field->transform_text), err);
  }
  ice_bytes text;
  ice_bytes_init(&text, 100);
  ice_status status = ice_transform_format(field->transform, &text, err);
  if (status == ICE_OK) {
    status = ice_json_put(item, "transform", ice_json_string(ice_bytes_str(&text)), err);
  }
  ice_bytes_deinit(&text);
  return status;
}

static ice_status fields_to_json(const ice_partition_spec *spec, json_t **out, ice_error *err) {
  ice_status status = ICE_OK;
  *out = NULL;
  json_t *fields = json_array();
  if (!fields) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for JSON");
  }
  for (uint32_t i = 0; i < spec->field_count; i++) {
    const ice_partition_field *field = &spec->fields[i];
    json_t *item = json_object();
    ICE_TRY(ice_json_push(fields, item, err));
    ICE_TRY(ice_json_put(item, "name", ice_json_string(field->name), err));
    ICE_TRY(put_transform(item, field, err));
    ICE_TRY(ice_json_put(item, "source-id", json_integer(field->source_id), err));
    ICE_TRY(ice_json_put(item, "field-id", json_integer(field->field_id), err));
  }
  *out = fields;
  fields = NULL;
done:
  json_decref(fields);
  return status;
}

ice_status ice_partition_spec_to_json(const ice_partition_spec *spec, json_t **out, ice_error *err) {
  ice_status status = ICE_OK;
  *out = NULL;
  json_t *fields = NULL;
  json_t *json = json_object();
  ICE_TRY(json ? ICE_OK : ice_error_set(err, ICE_NO_MEMORY, "out of memory for JSON"));
  ICE_TRY(ice_json_put(json, "spec-id", json_integer(spec->spec_id), err));
  ICE_TRY(fields_to_json(spec, &fields, err));
  ICE_TRY(ice_json_put(json, "fields", fields, err));
  *out = json;
  json = NULL;
done:
  json_decref(json);
  return status;
}

ice_status ice_partition_spec_append_fields_json(const ice_partition_spec *spec, ice_bytes *out, ice_error *err) {
  json_t *fields = NULL;
  ice_status status = fields_to_json(spec, &fields, err);
  if (status == ICE_OK) {
    status = ice_json_text_append(fields, out, err);
  }
  json_decref(fields);
  return status;
}

static ice_str trim(ice_str text) {
  while (text.size != 0 && text.data[0] == ' ') {
    text.data++;
    text.size--;
  }
  while (text.size != 0 && text.data[text.size - 1] == ' ') {
    text.size--;
  }
  return text;
}

static size_t find_byte(ice_str text, char byte) {
  const char *at = text.size ? memchr(text.data, byte, text.size) : NULL;
  return at ? (size_t)(at - text.data) : text.size;
}

// A column by its name, or a field inside structs by its names with dots between.
static const ice_field *find_source(const ice_type *type, ice_str path) {
  for (uint32_t i = 0; i < type->field_count; i++) {
    const ice_field *field = &type->fields[i];
    if (ice_str_equal(field->name, path)) {
      return field;
    }
    if (field->type.kind == ICE_KIND_STRUCT && ice_str_starts_with(path, field->name) &&
        path.data[field->name.size] == '.') {
      ice_str rest = {.data = path.data + field->name.size + 1, .size = path.size - field->name.size - 1};
      const ice_field *found = find_source(&field->type, rest);
      if (found) {
        return found;
      }
    }
  }
  return NULL;
}

static const char *name_suffix(ice_transform_kind kind) {
  switch (kind) {
    case ICE_TRANSFORM_BUCKET: return "_bucket";
    case ICE_TRANSFORM_TRUNCATE: return "_trunc";
    case ICE_TRANSFORM_YEAR: return "_year";
    case ICE_TRANSFORM_MONTH: return "_month";
    case ICE_TRANSFORM_DAY: return "_day";
    case ICE_TRANSFORM_HOUR: return "_hour";
    case ICE_TRANSFORM_VOID: return "_null";
    case ICE_TRANSFORM_IDENTITY:
    case ICE_TRANSFORM_UNKNOWN: break;
  }
  return "";
}

// "bucket(16, id)" and "truncate(4, id)" to the transform's own spelling and the column.
static ice_status split_call(ice_str call, ice_transform *transform, ice_str *column, ice_error *err) {
  ice_status status = ICE_OK;
  ice_bytes text;
  ice_bytes_init(&text, 1000);
  size_t open = find_byte(call, '(');
  if (open == call.size) {
    *transform = (ice_transform){.kind = ICE_TRANSFORM_IDENTITY};
    *column = call;
    goto done;
  }
  if (call.data[call.size - 1] != ')') {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "partition \"%.*s\" has no closing parenthesis", ICE_STR_ARG(call));
  }
  ice_str name = trim(ice_str_make(call.data, open));
  ice_str inside = {.data = call.data + open + 1, .size = call.size - open - 2};
  size_t comma = find_byte(inside, ',');
  *column = trim(inside);
  ICE_TRY(ice_bytes_append_str(&text, name, err));
  if (comma < inside.size) {
    ice_str parameter = trim(ice_str_make(inside.data, comma));
    *column = trim(ice_str_make(inside.data + comma + 1, inside.size - comma - 1));
    // Either order is written by people: bucket(16, id) and bucket(id, 16).
    if (column->size != 0 && column->data[0] >= '0' && column->data[0] <= '9') {
      ice_str other = parameter;
      parameter = *column;
      *column = other;
    }
    ICE_TRY(ice_bytes_append_format(&text, err, "[%.*s]", ICE_STR_ARG(parameter)));
  }
  ICE_TRY(ice_transform_parse(ice_bytes_str(&text), transform, err));
  if (transform->kind == ICE_TRANSFORM_UNKNOWN) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "partition \"%.*s\": unknown transform \"%.*s\"", ICE_STR_ARG(call),
             ICE_STR_ARG(name));
  }
done:
  ice_bytes_deinit(&text);
  return status;
}

ice_status ice_partition_field_parse(ice_str text, const ice_schema *schema, ice_arena *arena,
                                     ice_partition_field *out, ice_error *err) {
  ice_status status = ICE_OK;
  ice_str call = trim(text);
  ice_str name = {0};
  ice_str column = {0};
  ice_type result;
  ice_bytes made;
  ice_bytes_init(&made, 10000);
  *out = (ice_partition_field){0};
  static const ice_str as = ICE_STR_INIT(" as ");
  for (size_t i = 0; i + as.size < call.size; i++) {
    if (memcmp(call.data + i, as.data, as.size) == 0) {
      name = trim(ice_str_make(call.data + i + as.size, call.size - i - as.size));
      call = trim(ice_str_make(call.data, i));
      break;
    }
  }
  if (call.size == 0) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "empty partition field");
  }
  ICE_TRY(split_call(call, &out->transform, &column, err));
  const ice_field *source = find_source(&schema->root, column);
  if (!source) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "partition \"%.*s\": no column \"%.*s\"", ICE_STR_ARG(call), ICE_STR_ARG(column));
  }
  status = ice_transform_result_type(out->transform, &source->type, &result, err);
  if (status != ICE_OK) {
    ice_error_prepend(err, "partition \"%.*s\"", ICE_STR_ARG(call));
    goto done;
  }
  out->source_id = source->id;
  if (name.size == 0) {
    ICE_TRY(ice_bytes_append_str(&made, column, err));
    ICE_TRY(ice_bytes_append_str(&made, ice_str_of(name_suffix(out->transform.kind)), err));
    name = ice_bytes_str(&made);
  }
  ICE_TRY(ice_arena_copy_str(arena, name, &out->name, err));
done:
  ice_bytes_deinit(&made);
  return status;
}

ice_status ice_partition_spec_parse(const ice_str *texts, uint32_t count, const ice_schema *schema, ice_arena *arena,
                                    ice_partition_spec *out, ice_error *err) {
  *out = (ice_partition_spec){.field_count = count};
  out->fields = ice_arena_alloc_array(arena, count, sizeof *out->fields, err);
  if (!out->fields) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a partition spec");
  }
  for (uint32_t i = 0; i < count; i++) {
    ice_status status = ice_partition_field_parse(texts[i], schema, arena, &out->fields[i], err);
    if (status != ICE_OK) {
      return status;
    }
    out->fields[i].field_id = ICE_PARTITION_FIELD_ID_FIRST + (int32_t)i;
  }
  return ICE_OK;
}

ice_status ice_partition_spec_type(const ice_partition_spec *spec, const ice_schema *schema, ice_schema **out,
                                   ice_error *err) {
  ice_status status = ICE_OK;
  ice_schema *made = NULL;
  *out = NULL;
  ICE_TRY(ice_schema_create(&made, err));
  ICE_TRY(ice_type_set_fields(made, &made->root, spec->field_count, err));
  for (uint32_t i = 0; i < spec->field_count; i++) {
    const ice_partition_field *field = &spec->fields[i];
    const ice_field *source = ice_schema_find_id(schema, field->source_id);
    ice_field *value = &made->root.fields[i];
    value->id = field->field_id;
    ICE_TRY(ice_arena_copy_str(&made->arena, field->name, &value->name, err));
    if (!source && field->transform.kind == ICE_TRANSFORM_VOID) {
      // The column is gone and so is its type; all values are null, which any type can say.
      value->type.kind = ICE_KIND_STRING;
      continue;
    }
    if (!source) {
      ICE_FAIL(ICE_NOT_FOUND, "partition field \"%.*s\": the schema has no field %d", ICE_STR_ARG(field->name),
               field->source_id);
    }
    status = ice_transform_result_type(field->transform, &source->type, &value->type, err);
    if (status != ICE_OK) {
      ice_error_prepend(err, "partition field \"%.*s\"", ICE_STR_ARG(field->name));
      goto done;
    }
  }
  ICE_TRY(ice_schema_validate(made, err));
  *out = made;
  made = NULL;
done:
  ice_schema_unref(made);
  return status;
}

bool ice_partition_spec_equivalent(const ice_partition_spec *a, const ice_partition_spec *b) {
  if (a->field_count != b->field_count) {
    return false;
  }
  for (uint32_t i = 0; i < a->field_count; i++) {
    const ice_partition_field *x = &a->fields[i];
    const ice_partition_field *y = &b->fields[i];
    bool same = x->source_id == y->source_id && x->transform.kind == y->transform.kind &&
                x->transform.parameter == y->transform.parameter && ice_str_equal(x->name, y->name);
    if (!same ||
        (x->transform.kind == ICE_TRANSFORM_UNKNOWN && !ice_str_equal(x->transform_text, y->transform_text))) {
      return false;
    }
  }
  return true;
}

json_t *ice_sort_order_unsorted(void) {
  json_t *order = json_object();
  json_t *fields = json_array();
  if (!order || json_object_set_new(order, "order-id", json_integer(0)) != 0) {
    json_decref(fields);
    json_decref(order);
    return NULL;
  }
  if (json_object_set_new(order, "fields", fields) != 0) {
    json_decref(order);
    return NULL;
  }
  return order;
}
