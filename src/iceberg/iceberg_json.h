/// Small helpers around jansson for metadata and REST bodies: one way to parse, to read a typed member and to print.
/// Every reader names the member that is wrong.
///
/// Threads: one at a time per document.
#ifndef ICE_ICEBERG_ICEBERG_JSON_H
#define ICE_ICEBERG_ICEBERG_JSON_H

#include "base/arena.h"
#include "base/bytes.h"
#include <jansson.h>

enum { ICE_JSON_SIZE_MAX = 1 << 30 };

/// Parse one JSON value (an object or an array). Keys that occur twice are refused.
///
/// Ownership: `*out` is the caller's reference. Errors: CORRUPT (with line and column), LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_json_text_parse(ice_str text, json_t **out, ice_error *err);

/// Append the compact text of `value`, members in their order. Errors: NO_MEMORY, LIMIT.
ICE_MUST_CHECK ice_status ice_json_text_append(const json_t *value, ice_bytes *out, ice_error *err);

/// Put `value` under `key`. Ownership: takes the reference of `value`, also on failure; NULL is NO_MEMORY.
ICE_MUST_CHECK ice_status ice_json_put(json_t *object, const char *key, json_t *value, ice_error *err);
/// Put a text under a key that need not end in a zero byte. INVALID_ARGUMENT where either is not UTF-8.
ICE_MUST_CHECK ice_status ice_json_put_text(json_t *object, ice_str key, ice_str value, ice_error *err);
/// Append to an array; as ice_json_put.
ICE_MUST_CHECK ice_status ice_json_push(json_t *array, json_t *value, ice_error *err);

/// Values for ice_json_put and ice_json_push; NULL when memory is out or `text` is not UTF-8.
json_t *ice_json_string(ice_str text);

/// Members that must be there, of the type asked for. Errors: CORRUPT, naming the key.
ICE_MUST_CHECK ice_status ice_json_get_i64(const json_t *object, const char *key, int64_t *out, ice_error *err);
ICE_MUST_CHECK ice_status ice_json_get_i32(const json_t *object, const char *key, int32_t *out, ice_error *err);
/// Borrowed from the document.
ICE_MUST_CHECK ice_status ice_json_get_str(const json_t *object, const char *key, ice_str *out, ice_error *err);
ICE_MUST_CHECK ice_status ice_json_get_boolean(const json_t *object, const char *key, bool *out, ice_error *err);
ICE_MUST_CHECK ice_status ice_json_get_array(const json_t *object, const char *key, json_t **out, ice_error *err);
ICE_MUST_CHECK ice_status ice_json_get_object(const json_t *object, const char *key, json_t **out, ice_error *err);

/// Members that may be absent or null: `*out` keeps its value then. Errors: CORRUPT where the type is another.
ICE_MUST_CHECK ice_status ice_json_find_i64(const json_t *object, const char *key, int64_t *out, ice_error *err);
ICE_MUST_CHECK ice_status ice_json_find_i32(const json_t *object, const char *key, int32_t *out, ice_error *err);
ICE_MUST_CHECK ice_status ice_json_find_str(const json_t *object, const char *key, ice_str *out, ice_error *err);
ICE_MUST_CHECK ice_status ice_json_find_boolean(const json_t *object, const char *key, bool *out, ice_error *err);
ICE_MUST_CHECK ice_status ice_json_find_array(const json_t *object, const char *key, json_t **out, ice_error *err);

/// A name and a text: properties and summaries, in the order of the document.
typedef struct ice_property {
  ice_str key;
  ice_str value;
} ice_property;

/// Read an object of texts (numbers and booleans are taken as their spelling). Text is borrowed from `object`, the
/// array and converted values are from `arena`. NULL or JSON null gives none.
ICE_MUST_CHECK ice_status ice_json_read_properties(const json_t *object, ice_arena *arena, ice_property **out,
                                                   uint32_t *count, ice_error *err);

#endif
