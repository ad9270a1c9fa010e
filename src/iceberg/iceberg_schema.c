#include "iceberg/iceberg_schema.h"

#include <stdlib.h>

enum { JSON_TEXT_MAX = 64 << 20 };

static ice_status type_from_json(ice_schema *schema, const json_t *json, ice_str field, int depth, ice_type *out,
                                 ice_error *err);

// A default is kept as the JSON text that it came as.
static ice_status keep_default(ice_schema *schema, const json_t *json, const char *key, ice_str *out,
                               ice_error *err) {
  ice_status status = ICE_OK;
  const json_t *value = json_object_get(json, key);
  ice_bytes text;
  ice_bytes_init(&text, JSON_TEXT_MAX);
  if (value && !json_is_null(value)) {
    ICE_TRY(ice_json_text_append(value, &text, err));
    ICE_TRY(ice_arena_copy_str(&schema->arena, ice_bytes_str(&text), out, err));
  }
done:
  ice_bytes_deinit(&text);
  return status;
}

static ice_status field_from_json(ice_schema *schema, const json_t *json, int depth, ice_field *out, ice_error *err) {
  ice_status status = ICE_OK;
  ice_str name = {0};
  ice_str doc = {0};
  ICE_TRY(ice_json_get_str(json, "name", &name, err));
  ICE_TRY(ice_arena_copy_str(&schema->arena, name, &out->name, err));
  ICE_TRY(ice_json_get_i32(json, "id", &out->id, err));
  ICE_TRY(ice_json_get_boolean(json, "required", &out->required, err));
  ICE_TRY(ice_json_find_str(json, "doc", &doc, err));
  if (doc.data) {
    ICE_TRY(ice_arena_copy_str(&schema->arena, doc, &out->doc, err));
  }
  ICE_TRY(keep_default(schema, json, "initial-default", &out->initial_default, err));
  ICE_TRY(keep_default(schema, json, "write-default", &out->write_default, err));
  ICE_TRY(type_from_json(schema, json_object_get(json, "type"), out->name, depth + 1, &out->type, err));
done:
  return status;
}

static ice_status struct_from_json(ice_schema *schema, const json_t *json, int depth, ice_type *out, ice_error *err) {
  ice_status status = ICE_OK;
  json_t *fields = NULL;
  ICE_TRY(ice_json_get_array(json, "fields", &fields, err));
  size_t count = json_array_size(fields);
  if (count > ICE_SCHEMA_FIELDS_MAX) {
    ICE_FAIL(ICE_LIMIT, "schema with a struct of %zu fields", count);
  }
  out->kind = ICE_KIND_STRUCT;
  ICE_TRY(ice_type_set_fields(schema, out, (uint32_t)count, err));
  for (size_t i = 0; i < count; i++) {
    status = field_from_json(schema, json_array_get(fields, i), depth, &out->fields[i], err);
    if (status != ICE_OK) {
      ice_error_prepend(err, "field %zu", i);
      goto done;
    }
  }
done:
  return status;
}

// The element of a list, the key and the value of a map: id, optionality and type under names of their own.
static ice_status part_from_json(ice_schema *schema, const json_t *json, const char *part, int depth, ice_field *out,
                                 ice_error *err) {
  ice_status status = ICE_OK;
  char id_key[32];
  char required_key[32];
  snprintf(id_key, sizeof id_key, "%s-id", part);
  snprintf(required_key, sizeof required_key, "%s-required", part);
  out->required = true;
  ICE_TRY(ice_arena_copy_str(&schema->arena, ice_str_of(part), &out->name, err));
  ICE_TRY(ice_json_get_i32(json, id_key, &out->id, err));
  if (strcmp(part, "key") != 0) {
    ICE_TRY(ice_json_get_boolean(json, required_key, &out->required, err));
  }
  ICE_TRY(type_from_json(schema, json_object_get(json, part), out->name, depth + 1, &out->type, err));
done:
  return status;
}

static ice_status type_from_json(ice_schema *schema, const json_t *json, ice_str field, int depth, ice_type *out,
                                 ice_error *err) {
  ice_status status = ICE_OK;
  ice_str name = {0};
  if (depth > ICE_SCHEMA_DEPTH_MAX) {
    ICE_FAIL(ICE_LIMIT, "schema nests deeper than %d", (int)ICE_SCHEMA_DEPTH_MAX);
  }
  if (json_is_string(json)) {
    name = ice_str_make(json_string_value(json), json_string_length(json));
    // Nested types are objects in JSON; their spelling as text belongs to configurations.
    status = memchr(name.data, '<', name.size) ? ICE_INVALID_ARGUMENT : ice_type_parse(schema, name, out, err);
    if (status == ICE_INVALID_ARGUMENT) {
      ICE_FAIL(ICE_UNSUPPORTED, "field \"%.*s\" has type \"%.*s\", which is not supported", ICE_STR_ARG(field),
               ICE_STR_ARG(name));
    }
    goto done;
  }
  if (!json_is_object(json)) {
    ICE_FAIL(ICE_CORRUPT, "field \"%.*s\" has no type", ICE_STR_ARG(field));
  }
  ICE_TRY(ice_json_get_str(json, "type", &name, err));
  if (ice_str_equal_c(name, "struct")) {
    ICE_TRY(struct_from_json(schema, json, depth, out, err));
  } else if (ice_str_equal_c(name, "list")) {
    out->kind = ICE_KIND_LIST;
    ICE_TRY(ice_type_set_fields(schema, out, 1, err));
    ICE_TRY(part_from_json(schema, json, "element", depth, &out->fields[0], err));
  } else if (ice_str_equal_c(name, "map")) {
    out->kind = ICE_KIND_MAP;
    ICE_TRY(ice_type_set_fields(schema, out, 2, err));
    ICE_TRY(part_from_json(schema, json, "key", depth, &out->fields[0], err));
    ICE_TRY(part_from_json(schema, json, "value", depth, &out->fields[1], err));
  } else {
    ICE_FAIL(ICE_UNSUPPORTED, "field \"%.*s\" has type \"%.*s\", which is not supported", ICE_STR_ARG(field),
             ICE_STR_ARG(name));
  }
done:
  return status;
}

static ice_status identifiers_from_json(ice_schema *schema, const json_t *json, ice_error *err) {
  ice_status status = ICE_OK;
  json_t *ids = NULL;
  ICE_TRY(ice_json_find_array(json, "identifier-field-ids", &ids, err));
  size_t count = json_array_size(ids);
  if (count > ICE_SCHEMA_FIELDS_MAX) {
    ICE_FAIL(ICE_LIMIT, "schema with %zu identifier fields", count);
  }
  schema->identifier_field_ids = ice_arena_alloc_array(&schema->arena, count, sizeof(int32_t), err);
  if (!schema->identifier_field_ids) {
    return err ? err->status : ICE_NO_MEMORY;
  }
  for (size_t i = 0; i < count; i++) {
    const json_t *id = json_array_get(ids, i);
    if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) > INT32_MAX) {
      ICE_FAIL(ICE_CORRUPT, "member \"identifier-field-ids\" holds something that is no id");
    }
    schema->identifier_field_ids[i] = (int32_t)json_integer_value(id);
  }
  schema->identifier_field_count = (uint32_t)count;
done:
  return status;
}

ice_status ice_schema_from_json(const json_t *json, ice_schema **out, ice_error *err) {
  ice_status status = ICE_OK;
  ice_schema *schema = NULL;
  *out = NULL;
  if (!json_is_object(json)) {
    ICE_FAIL(ICE_CORRUPT, "schema is no JSON object");
  }
  ICE_TRY(ice_schema_create(&schema, err));
  ICE_TRY(ice_json_find_i32(json, "schema-id", &schema->schema_id, err));
  ICE_TRY(struct_from_json(schema, json, 0, &schema->root, err));
  ICE_TRY(identifiers_from_json(schema, json, err));
  status = ice_schema_validate(schema, err);
  if (status == ICE_INVALID_ARGUMENT) {
    status = ICE_CORRUPT;
    if (err) {
      err->status = ICE_CORRUPT;
    }
  }
  ICE_TRY(status);
  *out = schema;
  schema = NULL;
done:
  ice_schema_unref(schema);
  return status;
}

ice_status ice_schema_from_json_text(ice_str text, ice_schema **out, ice_error *err) {
  json_t *json = NULL;
  *out = NULL;
  ice_status status = ice_json_text_parse(text, &json, err);
  if (status == ICE_OK) {
    status = ice_schema_from_json(json, out, err);
  }
  json_decref(json);
  return status;
}

static ice_status type_to_json(const ice_type *type, json_t **out, ice_error *err);

static ice_status put_type(json_t *object, const char *key, const ice_type *type, ice_error *err) {
  json_t *json = NULL;
  ice_status status = type_to_json(type, &json, err);
  return status == ICE_OK ? ice_json_put(object, key, json, err) : status;
}

static ice_status put_default(json_t *object, const char *key, ice_str text, ice_error *err) {
  if (text.size == 0) {
    return ICE_OK;
  }
  json_error_t json_error;
  return ice_json_put(object, key, json_loadb(text.data, text.size, JSON_DECODE_ANY, &json_error), err);
}

static ice_status put_fields(json_t *object, const ice_type *type, ice_error *err) {
  ice_status status = ICE_OK;
  json_t *fields = json_array();
  ICE_TRY(ice_json_put(object, "fields", fields, err));
  for (uint32_t i = 0; i < type->field_count; i++) {
    const ice_field *field = &type->fields[i];
    json_t *item = json_object();
    ICE_TRY(ice_json_push(fields, item, err));
    ICE_TRY(ice_json_put(item, "id", json_integer(field->id), err));
    ICE_TRY(ice_json_put(item, "name", ice_json_string(field->name), err));
    ICE_TRY(ice_json_put(item, "required", json_boolean(field->required), err));
    ICE_TRY(put_type(item, "type", &field->type, err));
    if (field->doc.size != 0) {
      ICE_TRY(ice_json_put(item, "doc", ice_json_string(field->doc), err));
    }
    ICE_TRY(put_default(item, "initial-default", field->initial_default, err));
    ICE_TRY(put_default(item, "write-default", field->write_default, err));
  }
done:
  return status;
}

static ice_status nested_to_json(const ice_type *type, json_t *object, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_json_put(object, "type", json_string(ice_kind_name(type->kind)), err));
  if (type->kind == ICE_KIND_STRUCT) {
    ICE_TRY(put_fields(object, type, err));
  } else if (type->kind == ICE_KIND_LIST) {
    ICE_TRY(ice_json_put(object, "element-id", json_integer(type->fields[0].id), err));
    ICE_TRY(put_type(object, "element", &type->fields[0].type, err));
    ICE_TRY(ice_json_put(object, "element-required", json_boolean(type->fields[0].required), err));
  } else {
    ICE_TRY(ice_json_put(object, "key-id", json_integer(type->fields[0].id), err));
    ICE_TRY(put_type(object, "key", &type->fields[0].type, err));
    ICE_TRY(ice_json_put(object, "value-id", json_integer(type->fields[1].id), err));
    ICE_TRY(put_type(object, "value", &type->fields[1].type, err));
    ICE_TRY(ice_json_put(object, "value-required", json_boolean(type->fields[1].required), err));
  }
done:
  return status;
}

static ice_status type_to_json(const ice_type *type, json_t **out, ice_error *err) {
  ice_status status = ICE_OK;
  json_t *json = NULL;
  ice_bytes text;
  ice_bytes_init(&text, 1000);
  if (ice_kind_nested(type->kind)) {
    json = json_object();
    if (!json) {
      ICE_FAIL(ICE_NO_MEMORY, "out of memory for JSON");
    }
    ICE_TRY(nested_to_json(type, json, err));
  } else {
    ICE_TRY(ice_type_format(type, &text, err));
    json = ice_json_string(ice_bytes_str(&text));
    if (!json) {
      ICE_FAIL(ICE_NO_MEMORY, "out of memory for JSON");
    }
  }
  *out = json;
  json = NULL;
done:
  json_decref(json);
  ice_bytes_deinit(&text);
  return status;
}

ice_status ice_schema_to_json(const ice_schema *schema, json_t **out, ice_error *err) {
  ice_status status = ICE_OK;
  *out = NULL;
  json_t *json = json_object();
  if (!json) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for JSON");
  }
  ICE_TRY(ice_json_put(json, "type", json_string("struct"), err));
  ICE_TRY(ice_json_put(json, "schema-id", json_integer(schema->schema_id), err));
  if (schema->identifier_field_count != 0) {
    json_t *ids = json_array();
    ICE_TRY(ice_json_put(json, "identifier-field-ids", ids, err));
    for (uint32_t i = 0; i < schema->identifier_field_count; i++) {
      ICE_TRY(ice_json_push(ids, json_integer(schema->identifier_field_ids[i]), err));
    }
  }
  ICE_TRY(put_fields(json, &schema->root, err));
  *out = json;
  json = NULL;
done:
  json_decref(json);
  return status;
}

ice_status ice_schema_append_json(const ice_schema *schema, ice_bytes *out, ice_error *err) {
  json_t *json = NULL;
  ice_status status = ice_schema_to_json(schema, &json, err);
  if (status == ICE_OK) {
    status = ice_json_text_append(json, out, err);
  }
  json_decref(json);
  return status;
}

// Old id of each renumbered field, so that identifier fields follow.
typedef struct renumbering {
  ice_schema *schema;
  int32_t *last_id;
  int32_t *identifiers;
} renumbering;

static void renumber(renumbering *run, ice_type *type) {
  for (uint32_t i = 0; i < type->field_count; i++) {
    ice_field *field = &type->fields[i];
    int32_t old = field->id;
    field->id = ++*run->last_id;
    for (uint32_t k = 0; old != 0 && k < run->schema->identifier_field_count; k++) {
      if (run->schema->identifier_field_ids[k] == old) {
        run->identifiers[k] = field->id;
      }
    }
  }
  for (uint32_t i = 0; i < type->field_count; i++) {
    renumber(run, &type->fields[i].type);
  }
}

ice_status ice_schema_assign_fresh_ids(const ice_schema *schema, int32_t *last_id, ice_schema **out, ice_error *err) {
  ice_status status = ICE_OK;
  ice_schema *copy = NULL;
  *out = NULL;
  if (*last_id < 0 || *last_id > INT32_MAX - ICE_SCHEMA_FIELDS_MAX) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "last field id %d is out of range", *last_id);
  }
  ICE_TRY(ice_schema_create(&copy, err));
  copy->schema_id = schema->schema_id;
  ICE_TRY(ice_type_set_fields(copy, &copy->root, schema->root.field_count, err));
  for (uint32_t i = 0; i < schema->root.field_count; i++) {
    ICE_TRY(ice_field_copy(copy, &schema->root.fields[i], &copy->root.fields[i], err));
  }
  uint32_t count = schema->identifier_field_count;
  int32_t *before = ice_arena_alloc_array(&copy->arena, count, sizeof(int32_t), err);
  int32_t *after = before ? ice_arena_alloc_array(&copy->arena, count, sizeof(int32_t), err) : NULL;
  if (!after) {
    status = err ? err->status : ICE_NO_MEMORY;
    goto done;
  }
  if (count != 0) {
    memcpy(before, schema->identifier_field_ids, count * sizeof(int32_t));
  }
  copy->identifier_field_ids = before;
  copy->identifier_field_count = count;
  renumbering run = {.schema = copy, .last_id = last_id, .identifiers = after};
  renumber(&run, &copy->root);
  copy->identifier_field_ids = after;
  ICE_TRY(ice_schema_validate(copy, err));
  *out = copy;
  copy = NULL;
done:
  ice_schema_unref(copy);
  return status;
}
