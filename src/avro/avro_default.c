// Default values: JSON of a schema to the binary encoding, so that a default is read like any other datum.
#include "avro/avro_encode.h"
#include "avro/avro_program_priv.h"
#include "base/utf8.h"

static ice_status misfit(const ice_avro_type *type, ice_error *err) {
  return ice_error_set(err, ICE_INVALID_ARGUMENT, "default value does not fit type %s",
                       ice_avro_kind_name(type->kind));
}

// bytes and fixed stand in JSON as text whose code points 0 to 255 are the bytes.
static ice_status encode_bytes(const ice_avro_type *type, const json_t *value, ice_bytes *out, ice_error *err) {
  ice_status status = ICE_OK;
  ice_bytes raw;
  ice_bytes_init(&raw, PROGRAM_CONSTANTS_MAX);
  const char *text = json_string_value(value);
  size_t size = json_string_length(value);
  if (!text) {
    ICE_TRY(misfit(type, err));
  }
  for (size_t i = 0; i < size;) {
    uint32_t code_point = 0;
    i += ice_utf8_decode(text + i, size - i, &code_point);
    if (code_point > 0xFF) {
      ICE_TRY(misfit(type, err));
    }
    ICE_TRY(ice_bytes_append_u8(&raw, (uint8_t)code_point, err));
  }
  if (type->kind == ICE_AVRO_BYTES) {
    ICE_TRY(ice_avro_put_bytes(out, ice_bytes_str(&raw), err));
  } else if (raw.size != type->size) {
    ICE_TRY(misfit(type, err));
  } else {
    ICE_TRY(ice_bytes_append(out, raw.data, raw.size, err));
  }
done:
  ice_bytes_deinit(&raw);
  return status;
}

static ice_status encode_record(const ice_avro_type *type, json_t *value, uint32_t *steps, ice_bytes *out,
                                ice_error *err) {
  for (uint32_t i = 0; i < type->field_count; i++) {
    const ice_avro_field *field = &type->fields[i];
    json_t *member = json_object_getn(value, field->name.data, field->name.size);
    if (!member) {
      member = field->default_value;
    }
    if (!member) {
      return misfit(type, err);
    }
    ice_status status = ice_avro_default_encode(field->type, member, steps, out, err);
    if (status != ICE_OK) {
      return status;
    }
  }
  return ICE_OK;
}

static ice_status encode_blocks(const ice_avro_type *type, json_t *value, uint32_t *steps, ice_bytes *out,
                                ice_error *err) {
  ice_status status = ICE_OK;
  bool map = type->kind == ICE_AVRO_MAP;
  if (map ? !json_is_object(value) : !json_is_array(value)) {
    ICE_TRY(misfit(type, err));
  }
  size_t count = map ? json_object_size(value) : json_array_size(value);
  if (count != 0) {
    ICE_TRY(ice_avro_put_long(out, (int64_t)count, err));
  }
  if (map) {
    const char *key;
    size_t key_size;
    json_t *member;
    json_object_keylen_foreach(value, key, key_size, member) {
      status = status == ICE_OK ? ice_avro_put_bytes(out, ice_str_make(key, key_size), err) : status;
      status = status == ICE_OK ? ice_avro_default_encode(type->items, member, steps, out, err) : status;
    }
    ICE_TRY(status);
  }
  for (size_t i = 0; !map && i < count; i++) {
    ICE_TRY(ice_avro_default_encode(type->items, json_array_get(value, i), steps, out, err));
  }
  ICE_TRY(ice_avro_put_long(out, 0, err));
done:
  return status;
}

// The specification takes the first branch; from 1.12 on, any branch that fits.
static ice_status encode_union(const ice_avro_type *type, json_t *value, uint32_t *steps, ice_bytes *out,
                               ice_error *err) {
  size_t size = out->size;
  for (uint32_t i = 0; i < type->branch_count; i++) {
    ice_status status = ice_avro_put_long(out, i, err);
    if (status == ICE_OK) {
      status = ice_avro_default_encode(type->branches[i], value, steps, out, err);
    }
    if (status != ICE_INVALID_ARGUMENT) {
      return status;
    }
    out->size = size;
  }
  return misfit(type, err);
}

static ice_status encode_enum(const ice_avro_type *type, const json_t *value, ice_bytes *out, ice_error *err) {
  ice_str text = {.data = json_string_value(value), .size = json_string_length(value)};
  for (uint32_t i = 0; i < type->symbol_count; i++) {
    if (text.data && ice_str_equal(text, type->symbols[i])) {
      return ice_avro_put_long(out, i, err);
    }
  }
  return misfit(type, err);
}

ice_status ice_avro_default_encode(const ice_avro_type *type, json_t *value, uint32_t *steps, ice_bytes *out,
                                   ice_error *err) {
  if (*steps == 0) {
    return ice_error_set(err, ICE_LIMIT, "default value of more than %d parts", (int)DEFAULT_STEPS_MAX);
  }
  --*steps;
  switch (type->kind) {
    case ICE_AVRO_NULL: return json_is_null(value) ? ICE_OK : misfit(type, err);
    case ICE_AVRO_BOOLEAN:
      return json_is_boolean(value) ? ice_avro_put_boolean(out, json_is_true(value), err) : misfit(type, err);
    case ICE_AVRO_INT:
      if (!json_is_integer(value) || json_integer_value(value) < INT32_MIN || json_integer_value(value) > INT32_MAX) {
        return misfit(type, err);
      }
      return ice_avro_put_long(out, json_integer_value(value), err);
    case ICE_AVRO_LONG:
      return json_is_integer(value) ? ice_avro_put_long(out, json_integer_value(value), err) : misfit(type, err);
    case ICE_AVRO_FLOAT:
      return json_is_number(value) ? ice_avro_put_float(out, (float)json_number_value(value), err)
                                   : misfit(type, err);
    case ICE_AVRO_DOUBLE:
      return json_is_number(value) ? ice_avro_put_double(out, json_number_value(value), err) : misfit(type, err);
    case ICE_AVRO_STRING:
      if (!json_is_string(value)) {
        return misfit(type, err);
      }
      return ice_avro_put_bytes(out, ice_str_make(json_string_value(value), json_string_length(value)), err);
    case ICE_AVRO_BYTES:
    case ICE_AVRO_FIXED: return encode_bytes(type, value, out, err);
    case ICE_AVRO_ENUM: return encode_enum(type, value, out, err);
    case ICE_AVRO_RECORD:
      return json_is_object(value) ? encode_record(type, value, steps, out, err) : misfit(type, err);
    case ICE_AVRO_ARRAY:
    case ICE_AVRO_MAP: return encode_blocks(type, value, steps, out, err);
    case ICE_AVRO_UNION: return encode_union(type, value, steps, out, err);
  }
  return misfit(type, err);
}
