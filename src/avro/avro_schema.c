#include "avro/avro_schema.h"

#include "base/arena.h"
#include "base/map.h"
#include <stdlib.h>

enum { SCHEMA_ARENA_MAX = 256 << 20 };

struct ice_avro_schema {
  ice_arena arena;
  json_t *document;
  const ice_avro_type *root;
};

typedef struct parser {
  ice_avro_schema *schema;
  ice_map names;
  uint32_t type_count;
  ice_error *err;
} parser;

static const char *const kind_names[] = {"null",   "boolean", "int",  "long",  "float", "double", "bytes",
                                         "string", "record",  "enum", "array", "map",   "union",  "fixed"};

static const ice_avro_type primitives[] = {
    {.kind = ICE_AVRO_NULL},  {.kind = ICE_AVRO_BOOLEAN}, {.kind = ICE_AVRO_INT},   {.kind = ICE_AVRO_LONG},
    {.kind = ICE_AVRO_FLOAT}, {.kind = ICE_AVRO_DOUBLE},  {.kind = ICE_AVRO_BYTES}, {.kind = ICE_AVRO_STRING}};

const char *ice_avro_kind_name(ice_avro_kind kind) {
  return (size_t)kind < ICE_COUNT_OF(kind_names) ? kind_names[kind] : "unknown";
}

ice_str ice_avro_short_name(ice_str full_name) {
  for (size_t i = full_name.size; i > 0; i--) {
    if (full_name.data[i - 1] == '.') {
      return ice_str_make(full_name.data + i, full_name.size - i);
    }
  }
  return full_name;
}

static ice_str namespace_of(ice_str full_name) {
  ice_str name = ice_avro_short_name(full_name);
  return ice_str_make(full_name.data, name.size == full_name.size ? 0 : full_name.size - name.size - 1);
}

static ice_str text_of(const json_t *json) {
  return json_is_string(json) ? ice_str_make(json_string_value(json), json_string_length(json)) : (ice_str){0};
}

static ice_status arena_status(const ice_error *err) { return err ? err->status : ICE_NO_MEMORY; }

static ice_status parse_type(parser *run, const json_t *json, ice_str space, int depth, const ice_avro_type **out);

// A name with a dot is full already; one without belongs to the namespace around it (specification, "Names").
static ice_status make_full_name(parser *run, ice_str name, ice_str space, ice_str *out) {
  ice_error *err = run->err;
  if (space.size == 0 || memchr(name.data, '.', name.size)) {
    return ice_arena_copy_str(&run->schema->arena, name, out, err);
  }
  size_t size = space.size + 1 + name.size;
  char *text = ice_arena_alloc(&run->schema->arena, size + 1, err);
  if (!text) {
    return arena_status(err);
  }
  memcpy(text, space.data, space.size);
  text[space.size] = '.';
  memcpy(text + space.size + 1, name.data, name.size);
  *out = ice_str_make(text, size);
  return ICE_OK;
}

static ice_status new_type(parser *run, ice_avro_kind kind, ice_avro_type **out) {
  ice_error *err = run->err;
  if (++run->type_count > ICE_AVRO_SCHEMA_TYPES_MAX) {
    return ice_error_set(err, ICE_LIMIT, "Avro schema with more than %d types", (int)ICE_AVRO_SCHEMA_TYPES_MAX);
  }
  ice_avro_type *type = ice_arena_alloc(&run->schema->arena, sizeof *type, err);
  if (!type) {
    return arena_status(err);
  }
  type->kind = kind;
  type->enum_default = -1;
  *out = type;
  return ICE_OK;
}

static ice_status find_by_name(parser *run, ice_str name, ice_str space, const ice_avro_type **out) {
  ice_error *err = run->err;
  for (size_t i = 0; i < ICE_COUNT_OF(primitives); i++) {
    if (ice_str_equal_c(name, kind_names[i])) {
      *out = &primitives[i];
      return ICE_OK;
    }
  }
  if (name.size == 0) {
    return ice_error_set(err, ICE_CORRUPT, "Avro schema: empty type name");
  }
  ice_arena_mark mark = ice_arena_get_mark(&run->schema->arena);
  ice_str full;
  ice_status status = make_full_name(run, name, space, &full);
  if (status != ICE_OK) {
    return status;
  }
  const ice_avro_type *type = ice_map_get(&run->names, full);
  if (!type) {
    type = ice_map_get(&run->names, name);
  }
  ice_arena_restore(&run->schema->arena, mark);
  if (!type) {
    return ice_error_set(err, ICE_CORRUPT, "Avro schema: type \"%.*s\" is not defined", ICE_STR_ARG(name));
  }
  *out = type;
  return ICE_OK;
}

// Texts of a JSON array ("symbols", "aliases"); `space` completes names where it has a pointer.
static ice_status parse_texts(parser *run, const json_t *json, const char *what, const ice_str *space, ice_str **out,
                              uint32_t *count) {
  ice_status status = ICE_OK;
  ice_error *err = run->err;
  size_t size = json_array_size(json);
  if (json && !json_is_array(json)) {
    ICE_FAIL(ICE_CORRUPT, "Avro schema: \"%s\" is no array", what);
  }
  if (size > ICE_AVRO_SCHEMA_TYPES_MAX) {
    ICE_FAIL(ICE_LIMIT, "Avro schema: \"%s\" has %zu entries", what, size);
  }
  ice_str *texts = ice_arena_alloc_array(&run->schema->arena, size, sizeof *texts, err);
  if (!texts) {
    return arena_status(err);
  }
  for (size_t i = 0; i < size; i++) {
    ice_str text = text_of(json_array_get(json, i));
    if (text.size == 0) {
      ICE_FAIL(ICE_CORRUPT, "Avro schema: \"%s\" holds something that is no name", what);
    }
    if (space) {
      ICE_TRY(make_full_name(run, text, *space, &texts[i]));
    } else {
      texts[i] = text;
    }
  }
  *out = texts;
  *count = (uint32_t)size;
done:
  return status;
}

static int32_t int_attribute(const json_t *json, const char *key, int32_t fallback) {
  const json_t *value = json_object_get(json, key);
  if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > INT32_MAX) {
    return fallback;
  }
  return (int32_t)json_integer_value(value);
}

typedef struct logical_name {
  ice_str name;
  ice_avro_kind kind;
  ice_avro_logical logical;
} logical_name;

static const logical_name logical_names[] = {
    {ICE_STR_INIT("date"), ICE_AVRO_INT, ICE_AVRO_LOGICAL_DATE},
    {ICE_STR_INIT("time-millis"), ICE_AVRO_INT, ICE_AVRO_LOGICAL_TIME_MILLIS},
    {ICE_STR_INIT("time-micros"), ICE_AVRO_LONG, ICE_AVRO_LOGICAL_TIME_MICROS},
    {ICE_STR_INIT("timestamp-millis"), ICE_AVRO_LONG, ICE_AVRO_LOGICAL_TIMESTAMP_MILLIS},
    {ICE_STR_INIT("timestamp-micros"), ICE_AVRO_LONG, ICE_AVRO_LOGICAL_TIMESTAMP_MICROS},
    {ICE_STR_INIT("local-timestamp-millis"), ICE_AVRO_LONG, ICE_AVRO_LOGICAL_LOCAL_TIMESTAMP_MILLIS},
    {ICE_STR_INIT("local-timestamp-micros"), ICE_AVRO_LONG, ICE_AVRO_LOGICAL_LOCAL_TIMESTAMP_MICROS},
    {ICE_STR_INIT("decimal"), ICE_AVRO_BYTES, ICE_AVRO_LOGICAL_DECIMAL},
    {ICE_STR_INIT("decimal"), ICE_AVRO_FIXED, ICE_AVRO_LOGICAL_DECIMAL},
    {ICE_STR_INIT("uuid"), ICE_AVRO_STRING, ICE_AVRO_LOGICAL_UUID},
    {ICE_STR_INIT("uuid"), ICE_AVRO_FIXED, ICE_AVRO_LOGICAL_UUID},
    {ICE_STR_INIT("map"), ICE_AVRO_ARRAY, ICE_AVRO_LOGICAL_MAP}};

static ice_avro_logical find_logical(ice_avro_kind kind, ice_str name) {
  for (size_t i = 0; i < ICE_COUNT_OF(logical_names); i++) {
    if (logical_names[i].kind == kind && ice_str_equal(logical_names[i].name, name)) {
      return logical_names[i].logical;
    }
  }
  return ICE_AVRO_LOGICAL_NONE;
}

// Iceberg tells timestamp from timestamptz by `adjust-to-utc` (Iceberg spec, Appendix A, "Avro").
static ice_avro_logical adjust_timestamp(ice_avro_logical logical, const json_t *json) {
  if (!json_is_false(json_object_get(json, "adjust-to-utc"))) {
    return logical;
  }
  if (logical == ICE_AVRO_LOGICAL_TIMESTAMP_MILLIS) {
    return ICE_AVRO_LOGICAL_LOCAL_TIMESTAMP_MILLIS;
  }
  return logical == ICE_AVRO_LOGICAL_TIMESTAMP_MICROS ? ICE_AVRO_LOGICAL_LOCAL_TIMESTAMP_MICROS : logical;
}

// A logical type with parameters that make no sense is ignored: the type under it still reads.
static void read_attributes(ice_avro_type *type, const json_t *json) {
  type->element_id = int_attribute(json, "element-id", 0);
  type->key_id = int_attribute(json, "key-id", 0);
  type->value_id = int_attribute(json, "value-id", 0);
  ice_avro_logical logical = find_logical(type->kind, text_of(json_object_get(json, "logicalType")));
  if (logical == ICE_AVRO_LOGICAL_DECIMAL) {
    int32_t precision = int_attribute(json, "precision", 0);
    int32_t scale = json_object_get(json, "scale") ? int_attribute(json, "scale", -1) : 0;
    if (precision < 1 || precision > 38 || scale < 0 || scale > precision) {
      return;
    }
    type->precision = precision;
    type->scale = scale;
  }
  if (logical == ICE_AVRO_LOGICAL_UUID && type->kind == ICE_AVRO_FIXED && type->size != 16) {
    return;
  }
  if (logical == ICE_AVRO_LOGICAL_MAP && (type->items->kind != ICE_AVRO_RECORD || type->items->field_count != 2)) {
    return;
  }
  type->logical = adjust_timestamp(logical, json);
}

static ice_status parse_union(parser *run, const json_t *json, ice_str space, int depth, const ice_avro_type **out) {
  ice_status status = ICE_OK;
  ice_error *err = run->err;
  size_t count = json_array_size(json);
  ice_avro_type *type = NULL;
  if (count == 0 || count > ICE_AVRO_SCHEMA_TYPES_MAX) {
    ICE_FAIL(ICE_CORRUPT, "Avro schema: a union of %zu types", count);
  }
  ICE_TRY(new_type(run, ICE_AVRO_UNION, &type));
  type->branches = ice_arena_alloc_array(&run->schema->arena, count, sizeof *type->branches, err);
  if (!type->branches) {
    return arena_status(err);
  }
  uint32_t seen = 0;
  for (size_t i = 0; i < count; i++) {
    const ice_avro_type *branch = NULL;
    ICE_TRY(parse_type(run, json_array_get(json, i), space, depth + 1, &branch));
    if (branch->kind == ICE_AVRO_UNION) {
      ICE_FAIL(ICE_CORRUPT, "Avro schema: a union directly inside a union");
    }
    bool named = branch->kind == ICE_AVRO_RECORD || branch->kind == ICE_AVRO_ENUM || branch->kind == ICE_AVRO_FIXED;
    if (!named && (seen & (1u << branch->kind)) != 0) {
      ICE_FAIL(ICE_CORRUPT, "Avro schema: a union with two branches of type %s", ice_avro_kind_name(branch->kind));
    }
    seen |= 1u << branch->kind;
    type->branches[i] = branch;
  }
  type->branch_count = (uint32_t)count;
  *out = type;
done:
  return status;
}

static ice_status parse_field(parser *run, const json_t *json, ice_str space, int depth, ice_avro_field *field) {
  ice_status status = ICE_OK;
  ice_error *err = run->err;
  field->name = text_of(json_object_get(json, "name"));
  if (field->name.size == 0) {
    ICE_FAIL(ICE_CORRUPT, "Avro schema: a field without a name");
  }
  const json_t *type = json_object_get(json, "type");
  if (!type) {
    ICE_FAIL(ICE_CORRUPT, "Avro schema: field \"%.*s\" has no type", ICE_STR_ARG(field->name));
  }
  ICE_TRY(parse_texts(run, json_object_get(json, "aliases"), "aliases", NULL, &field->aliases, &field->alias_count));
  field->default_value = json_object_get(json, "default");
  field->field_id = int_attribute(json, "field-id", 0);
  field->doc = text_of(json_object_get(json, "doc"));
  ICE_TRY(parse_type(run, type, space, depth + 1, &field->type));
done:
  return status;
}

static ice_status parse_record(parser *run, const json_t *json, int depth, ice_avro_type *type) {
  ice_status status = ICE_OK;
  ice_error *err = run->err;
  ice_map names;
  ice_map_init(&names, ICE_AVRO_SCHEMA_TYPES_MAX);
  const json_t *fields = json_object_get(json, "fields");
  size_t count = json_array_size(fields);
  if (!json_is_array(fields)) {
    ICE_FAIL(ICE_CORRUPT, "Avro schema: record \"%.*s\" has no fields", ICE_STR_ARG(type->name));
  }
  if (count > ICE_AVRO_SCHEMA_TYPES_MAX) {
    ICE_FAIL(ICE_LIMIT, "Avro schema: record \"%.*s\" has %zu fields", ICE_STR_ARG(type->name), count);
  }
  type->fields = ice_arena_alloc_array(&run->schema->arena, count, sizeof *type->fields, err);
  if (!type->fields) {
    status = arena_status(err);
    goto done;
  }
  for (size_t i = 0; i < count; i++) {
    ICE_TRY(parse_field(run, json_array_get(fields, i), namespace_of(type->name), depth, &type->fields[i]));
    if (ice_map_get(&names, type->fields[i].name)) {
      ICE_FAIL(ICE_CORRUPT, "Avro schema: record \"%.*s\" has two fields \"%.*s\"", ICE_STR_ARG(type->name),
               ICE_STR_ARG(type->fields[i].name));
    }
    ICE_TRY(ice_map_put(&names, type->fields[i].name, type, err));
  }
  // Set last: a type that refers to itself is seen with no fields while it is read, never with half of them.
  type->field_count = (uint32_t)count;
done:
  ice_map_deinit(&names);
  return status;
}

static ice_status parse_enum(parser *run, const json_t *json, ice_avro_type *type) {
  ice_status status = ICE_OK;
  ice_error *err = run->err;
  ICE_TRY(parse_texts(run, json_object_get(json, "symbols"), "symbols", NULL, &type->symbols, &type->symbol_count));
  if (type->symbol_count == 0) {
    ICE_FAIL(ICE_CORRUPT, "Avro schema: enum \"%.*s\" has no symbols", ICE_STR_ARG(type->name));
  }
  const json_t *fallback = json_object_get(json, "default");
  if (!fallback) {
    goto done;
  }
  for (uint32_t i = 0; i < type->symbol_count; i++) {
    if (ice_str_equal(type->symbols[i], text_of(fallback))) {
      type->enum_default = (int32_t)i;
      goto done;
    }
  }
  ICE_FAIL(ICE_CORRUPT, "Avro schema: the default of enum \"%.*s\" is none of its symbols", ICE_STR_ARG(type->name));
done:
  return status;
}

static ice_status parse_named(parser *run, const json_t *json, ice_avro_kind kind, ice_str space, int depth,
                              const ice_avro_type **out) {
  ice_status status = ICE_OK;
  ice_error *err = run->err;
  ice_avro_type *type = NULL;
  ice_str name = text_of(json_object_get(json, "name"));
  if (name.size == 0) {
    ICE_FAIL(ICE_CORRUPT, "Avro schema: a %s without a name", ice_avro_kind_name(kind));
  }
  const json_t *own_space = json_object_get(json, "namespace");
  ICE_TRY(new_type(run, kind, &type));
  ICE_TRY(make_full_name(run, name, json_is_string(own_space) ? text_of(own_space) : space, &type->name));
  if (ice_map_get(&run->names, type->name)) {
    ICE_FAIL(ICE_CORRUPT, "Avro schema: type \"%.*s\" is defined twice", ICE_STR_ARG(type->name));
  }
  ice_str inner = namespace_of(type->name);
  ICE_TRY(parse_texts(run, json_object_get(json, "aliases"), "aliases", &inner, &type->aliases, &type->alias_count));
  ICE_TRY(ice_map_put(&run->names, type->name, type, err));
  if (kind == ICE_AVRO_RECORD) {
    ICE_TRY(parse_record(run, json, depth, type));
  } else if (kind == ICE_AVRO_ENUM) {
    ICE_TRY(parse_enum(run, json, type));
  } else {
    int32_t size = int_attribute(json, "size", -1);
    if (size < 0) {
      ICE_FAIL(ICE_CORRUPT, "Avro schema: fixed \"%.*s\" has no valid size", ICE_STR_ARG(type->name));
    }
    type->size = (uint32_t)size;
  }
  read_attributes(type, json);
  *out = type;
done:
  return status;
}

static ice_status parse_object(parser *run, const json_t *json, ice_str space, int depth, const ice_avro_type **out) {
  ice_status status = ICE_OK;
  ice_error *err = run->err;
  ice_avro_type *type = NULL;
  const json_t *inner = json_object_get(json, "type");
  ice_str name = text_of(inner);
  if (json_is_object(inner) || json_is_array(inner)) {
    return parse_type(run, inner, space, depth + 1, out);
  }
  if (ice_str_equal_c(name, "record") || ice_str_equal_c(name, "error")) {
    return parse_named(run, json, ICE_AVRO_RECORD, space, depth, out);
  }
  if (ice_str_equal_c(name, "enum")) {
    return parse_named(run, json, ICE_AVRO_ENUM, space, depth, out);
  }
  if (ice_str_equal_c(name, "fixed")) {
    return parse_named(run, json, ICE_AVRO_FIXED, space, depth, out);
  }
  if (ice_str_equal_c(name, "array") || ice_str_equal_c(name, "map")) {
    bool array = ice_str_equal_c(name, "array");
    const json_t *items = json_object_get(json, array ? "items" : "values");
    if (!items) {
      ICE_FAIL(ICE_CORRUPT, "Avro schema: a%s without \"%s\"", array ? "n array" : " map",
               array ? "items" : "values");
    }
    ICE_TRY(new_type(run, array ? ICE_AVRO_ARRAY : ICE_AVRO_MAP, &type));
    ICE_TRY(parse_type(run, items, space, depth + 1, &type->items));
  } else {
    const ice_avro_type *base = NULL;
    ICE_TRY(find_by_name(run, name, space, &base));
    if (base->kind >= ICE_AVRO_RECORD) {
      *out = base;
      goto done;
    }
    ICE_TRY(new_type(run, base->kind, &type));
  }
  read_attributes(type, json);
  *out = type;
done:
  return status;
}

static ice_status parse_type(parser *run, const json_t *json, ice_str space, int depth, const ice_avro_type **out) {
  if (depth > ICE_AVRO_SCHEMA_DEPTH_MAX) {
    return ice_error_set(run->err, ICE_LIMIT, "Avro schema nests deeper than %d", (int)ICE_AVRO_SCHEMA_DEPTH_MAX);
  }
  if (json_is_string(json)) {
    return find_by_name(run, text_of(json), space, out);
  }
  if (json_is_array(json)) {
    return parse_union(run, json, space, depth, out);
  }
  if (json_is_object(json)) {
    return parse_object(run, json, space, depth, out);
  }
  return ice_error_set(run->err, ICE_CORRUPT, "Avro schema: a type is a name, an object or an array");
}

// Jansson calls some failures of the allocator syntax errors. What parses at the second try was one of those.
static json_t *load_json(ice_str text, json_error_t *json_error) {
  const char *data = text.size ? text.data : "";
  json_t *document = json_loadb(data, text.size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, json_error);
  return document ? document : json_loadb(data, text.size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, json_error);
}

ice_status ice_avro_schema_parse(ice_str text, ice_avro_schema **out, ice_error *err) {
  ice_status status = ICE_OK;
  *out = NULL;
  parser run = {.err = err};
  ice_map_init(&run.names, ICE_AVRO_SCHEMA_TYPES_MAX);
  ice_avro_schema *schema = calloc(1, sizeof *schema);
  if (!schema) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for an Avro schema");
  }
  run.schema = schema;
  ice_arena_init(&schema->arena, SCHEMA_ARENA_MAX);
  if (text.size > ICE_AVRO_SCHEMA_SIZE_MAX) {
    ICE_FAIL(ICE_LIMIT, "Avro schema of %zu bytes, at most %d are allowed", text.size, (int)ICE_AVRO_SCHEMA_SIZE_MAX);
  }
  json_error_t json_error = {0};
  schema->document = load_json(text, &json_error);
  if (!schema->document) {
    // Jansson leaves the text empty where only memory was missing.
    if (json_error.text[0] == '\0' || json_error_code(&json_error) == json_error_out_of_memory) {
      ICE_FAIL(ICE_NO_MEMORY, "out of memory for an Avro schema");
    }
    ICE_FAIL(ICE_CORRUPT, "Avro schema is no JSON: %s (line %d, column %d)", json_error.text, json_error.line,
             json_error.column);
  }
  ICE_TRY(parse_type(&run, schema->document, (ice_str){0}, 0, &schema->root));
  *out = schema;
  schema = NULL;
done:
  ice_map_deinit(&run.names);
  ice_avro_schema_destroy(schema);
  return status;
}

void ice_avro_schema_destroy(ice_avro_schema *schema) {
  if (!schema) {
    return;
  }
  json_decref(schema->document);
  ice_arena_deinit(&schema->arena);
  free(schema);
}

const ice_avro_type *ice_avro_schema_root(const ice_avro_schema *schema) { return schema->root; }
