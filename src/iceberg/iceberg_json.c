#include "iceberg/iceberg_json.h"

#include "base/utf8.h"

enum { JSON_NUMBER_TEXT_MAX = 64 };

static ice_status no_memory(ice_error *err) { return ice_error_set(err, ICE_NO_MEMORY, "out of memory for JSON"); }

ice_status ice_json_text_parse(ice_str text, json_t **out, ice_error *err) {
  *out = NULL;
  if (text.size > ICE_JSON_SIZE_MAX) {
    return ice_error_set(err, ICE_LIMIT, "JSON of %zu bytes, at most %d are allowed", text.size,
                         (int)ICE_JSON_SIZE_MAX);
  }
  json_error_t json_error = {0};
  const char *data = text.size ? text.data : "";
  *out = json_loadb(data, text.size, JSON_REJECT_DUPLICATES, &json_error);
  if (!*out) {
    // Jansson calls some failures of the allocator syntax errors. What parses at the second try was one of those.
    *out = json_loadb(data, text.size, JSON_REJECT_DUPLICATES, &json_error);
  }
  if (*out) {
    return ICE_OK;
  }
  // Jansson leaves the text empty where only memory was missing.
  if (json_error.text[0] == '\0' || json_error_code(&json_error) == json_error_out_of_memory) {
    return no_memory(err);
  }
  return ice_error_set(err, ICE_CORRUPT, "not JSON: %s (line %d, column %d)", json_error.text, json_error.line,
                       json_error.column);
}

typedef struct dump_target {
  ice_bytes *out;
  ice_error *err;
  ice_status status;
} dump_target;

static int dump_chunk(const char *data, size_t size, void *context) {
  dump_target *target = context;
  // Jansson goes on after a key that could not be written; the first failure stays.
  if (target->status == ICE_OK) {
    target->status = ice_bytes_append(target->out, data, size, target->err);
  }
  return target->status == ICE_OK ? 0 : -1;
}

ice_status ice_json_text_append(const json_t *value, ice_bytes *out, ice_error *err) {
  dump_target target = {.out = out, .err = err};
  size_t size = out->size;
  int result = json_dump_callback(value, dump_chunk, &target, JSON_COMPACT | JSON_ENCODE_ANY);
  if (result == 0 && target.status == ICE_OK) {
    return ICE_OK;
  }
  out->size = size;
  return target.status == ICE_OK ? no_memory(err) : target.status;
}

ice_status ice_json_put(json_t *object, const char *key, json_t *value, ice_error *err) {
  return value && json_object_set_new(object, key, value) == 0 ? ICE_OK : no_memory(err);
}

ice_status ice_json_put_text(json_t *object, ice_str key, ice_str value, ice_error *err) {
  if (!ice_utf8_valid(key.data, key.size) || !ice_utf8_valid(value.data, value.size)) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "the text of \"%.*s\" is not UTF-8", ICE_STR_ARG(key));
  }
  json_t *text = ice_json_string(value);
  if (!text || json_object_setn_new(object, key.data ? key.data : "", key.size, text) != 0) {
    return no_memory(err);
  }
  return ICE_OK;
}

ice_status ice_json_push(json_t *array, json_t *value, ice_error *err) {
  return value && json_array_append_new(array, value) == 0 ? ICE_OK : no_memory(err);
}

json_t *ice_json_string(ice_str text) { return json_stringn(text.data ? text.data : "", text.size); }

static ice_status absent(const char *key, ice_error *err) {
  return ice_error_set(err, ICE_CORRUPT, "member \"%s\" is missing", key);
}

static ice_status wrong(const char *key, const char *expected, ice_error *err) {
  return ice_error_set(err, ICE_CORRUPT, "member \"%s\" is not %s", key, expected);
}

static const json_t *present(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  return json_is_null(value) ? NULL : value;
}

ice_status ice_json_find_i64(const json_t *object, const char *key, int64_t *out, ice_error *err) {
  const json_t *value = present(object, key);
  if (value && !json_is_integer(value)) {
    return wrong(key, "an integer", err);
  }
  if (value) {
    *out = json_integer_value(value);
  }
  return ICE_OK;
}

ice_status ice_json_find_i32(const json_t *object, const char *key, int32_t *out, ice_error *err) {
  int64_t value = *out;
  ice_status status = ice_json_find_i64(object, key, &value, err);
  if (status == ICE_OK && (value < INT32_MIN || value > INT32_MAX)) {
    return wrong(key, "a 32-bit integer", err);
  }
  if (status == ICE_OK) {
    *out = (int32_t)value;
  }
  return status;
}

ice_status ice_json_find_str(const json_t *object, const char *key, ice_str *out, ice_error *err) {
  const json_t *value = present(object, key);
  if (value && !json_is_string(value)) {
    return wrong(key, "a text", err);
  }
  if (value) {
    *out = ice_str_make(json_string_value(value), json_string_length(value));
  }
  return ICE_OK;
}

ice_status ice_json_find_boolean(const json_t *object, const char *key, bool *out, ice_error *err) {
  const json_t *value = present(object, key);
  if (value && !json_is_boolean(value)) {
    return wrong(key, "a boolean", err);
  }
  if (value) {
    *out = json_is_true(value);
  }
  return ICE_OK;
}

ice_status ice_json_find_array(const json_t *object, const char *key, json_t **out, ice_error *err) {
  json_t *value = json_object_get(object, key);
  if (value && !json_is_null(value) && !json_is_array(value)) {
    return wrong(key, "an array", err);
  }
  if (json_is_array(value)) {
    *out = value;
  }
  return ICE_OK;
}

ice_status ice_json_get_i64(const json_t *object, const char *key, int64_t *out, ice_error *err) {
  return present(object, key) ? ice_json_find_i64(object, key, out, err) : absent(key, err);
}

ice_status ice_json_get_i32(const json_t *object, const char *key, int32_t *out, ice_error *err) {
  *out = 0;
  return present(object, key) ? ice_json_find_i32(object, key, out, err) : absent(key, err);
}

ice_status ice_json_get_str(const json_t *object, const char *key, ice_str *out, ice_error *err) {
  return present(object, key) ? ice_json_find_str(object, key, out, err) : absent(key, err);
}

ice_status ice_json_get_boolean(const json_t *object, const char *key, bool *out, ice_error *err) {
  return present(object, key) ? ice_json_find_boolean(object, key, out, err) : absent(key, err);
}

ice_status ice_json_get_array(const json_t *object, const char *key, json_t **out, ice_error *err) {
  return present(object, key) ? ice_json_find_array(object, key, out, err) : absent(key, err);
}

ice_status ice_json_get_object(const json_t *object, const char *key, json_t **out, ice_error *err) {
  json_t *value = json_object_get(object, key);
  if (!json_is_object(value)) {
    return value ? wrong(key, "an object", err) : absent(key, err);
  }
  *out = value;
  return ICE_OK;
}

static ice_status scalar_text(const json_t *value, const char *key, ice_arena *arena, ice_str *out, ice_error *err) {
  if (json_is_string(value)) {
    *out = ice_str_make(json_string_value(value), json_string_length(value));
    return ICE_OK;
  }
  if (!json_is_number(value) && !json_is_boolean(value)) {
    return wrong(key, "a text", err);
  }
  ice_bytes text;
  ice_bytes_init(&text, JSON_NUMBER_TEXT_MAX);
  ice_status status = ice_json_text_append(value, &text, err);
  if (status == ICE_OK) {
    status = ice_arena_copy_str(arena, ice_bytes_str(&text), out, err);
  }
  ice_bytes_deinit(&text);
  return status;
}

ice_status ice_json_read_properties(const json_t *object, ice_arena *arena, ice_property **out, uint32_t *count,
                                    ice_error *err) {
  *out = NULL;
  *count = 0;
  if (!object || json_is_null(object)) {
    return ICE_OK;
  }
  if (!json_is_object(object)) {
    return ice_error_set(err, ICE_CORRUPT, "properties are no JSON object");
  }
  size_t size = json_object_size(object);
  ice_property *properties = ice_arena_alloc_array(arena, size, sizeof *properties, err);
  if (!properties) {
    return err ? err->status : ICE_NO_MEMORY;
  }
  // Jansson iterates over objects that are not const; nothing is changed.
  union {
    const json_t *read;
    json_t *iterated;
  } view = {.read = object};
  uint32_t filled = 0;
  for (void *i = json_object_iter(view.iterated); i; i = json_object_iter_next(view.iterated, i)) {
    const char *key = json_object_iter_key(i);
    properties[filled].key = ice_str_make(key, json_object_iter_key_len(i));
    ice_status status = scalar_text(json_object_iter_value(i), key, arena, &properties[filled].value, err);
    if (status != ICE_OK) {
      return status;
    }
    filled++;
  }
  *out = properties;
  *count = filled;
  return ICE_OK;
}
