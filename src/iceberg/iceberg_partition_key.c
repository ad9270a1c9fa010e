#include "iceberg/iceberg_partition_key.h"

#include "base/checked.h"
#include "codec/iso8601.h"
#include "codec/uuid.h"
#include <stdio.h>
#include <stdlib.h>

enum { PATH_STEPS_MAX = ICE_SCHEMA_DEPTH_MAX, VALUE_TEXT_MAX = 1 << 24 };

/// Where a source column is: field positions from the root.
typedef struct source_path {
  uint32_t steps[PATH_STEPS_MAX];
  uint32_t step_count;
  bool absent;  ///< a void field whose source is gone
} source_path;

struct ice_partitioner {
  ice_schema *schema;
  ice_schema *type;
  ice_transform *transforms;
  source_path *sources;
  ice_column *columns;
  uint32_t field_count;
};

static bool find_path(const ice_type *type, int32_t id, source_path *path) {
  if (type->kind != ICE_KIND_STRUCT || path->step_count == PATH_STEPS_MAX) {
    return false;
  }
  uint32_t depth = path->step_count++;
  for (uint32_t i = 0; i < type->field_count; i++) {
    path->steps[depth] = i;
    if (type->fields[i].id == id || find_path(&type->fields[i].type, id, path)) {
      return true;
    }
  }
  path->step_count = depth;
  return false;
}

ice_status ice_partitioner_create(const ice_partition_spec *spec, const ice_schema *schema, ice_partitioner **out,
                                  ice_error *err) {
  ice_status status = ICE_OK;
  *out = NULL;
  ice_partitioner *made = calloc(1, sizeof *made);
  size_t count = spec->field_count == 0 ? 1 : spec->field_count;
  if (!made) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a partitioner");
  }
  made->schema = ice_schema_ref(schema);
  made->transforms = calloc(count, sizeof *made->transforms);
  made->sources = calloc(count, sizeof *made->sources);
  made->columns = calloc(count, sizeof *made->columns);
  if (!made->transforms || !made->sources || !made->columns) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a partitioner");
  }
  ICE_TRY(ice_partition_spec_type(spec, schema, &made->type, err));
  for (uint32_t i = 0; i < spec->field_count; i++) {
    const ice_partition_field *field = &spec->fields[i];
    made->transforms[i] = field->transform;
    if (!find_path(&schema->root, field->source_id, &made->sources[i])) {
      made->sources[i].absent = true;
      if (field->transform.kind != ICE_TRANSFORM_VOID) {
        ICE_FAIL(ICE_UNSUPPORTED, "partition field \"%.*s\": its source is inside a list or map",
                 ICE_STR_ARG(field->name));
      }
    }
    ICE_TRY(ice_column_init(&made->columns[i], &made->type->root.fields[i].type, err));
    made->field_count = i + 1;
  }
  *out = made;
  made = NULL;
done:
  ice_partitioner_destroy(made);
  return status;
}

void ice_partitioner_destroy(ice_partitioner *partitioner) {
  if (!partitioner) {
    return;
  }
  for (uint32_t i = 0; i < partitioner->field_count; i++) {
    ice_column_deinit(&partitioner->columns[i]);
  }
  free(partitioner->columns);
  free(partitioner->sources);
  free(partitioner->transforms);
  ice_schema_unref(partitioner->type);
  ice_schema_unref(partitioner->schema);
  free(partitioner);
}

const ice_schema *ice_partitioner_type(const ice_partitioner *partitioner) { return partitioner->type; }

const ice_column *ice_partitioner_columns(const ice_partitioner *partitioner) { return partitioner->columns; }

static const ice_column *find_column(const ice_batch *batch, const source_path *path) {
  const ice_column *columns = batch->columns;
  uint32_t count = batch->column_count;
  const ice_column *column = NULL;
  for (uint32_t i = 0; i < path->step_count; i++) {
    if (path->steps[i] >= count) {
      return NULL;
    }
    column = &columns[path->steps[i]];
    columns = column->children;
    count = column->child_count;
  }
  return column;
}

ice_status ice_partitioner_apply(ice_partitioner *partitioner, const ice_batch *batch, ice_error *err) {
  ice_status status = ICE_OK;
  for (uint32_t i = 0; i < partitioner->field_count; i++) {
    ice_column *out = &partitioner->columns[i];
    ice_column_truncate(out, 0);
    if (partitioner->sources[i].absent) {
      for (int64_t row = 0; row < batch->row_count; row++) {
        ICE_TRY(ice_column_append_null(out, err));
      }
      continue;
    }
    const ice_column *source = find_column(batch, &partitioner->sources[i]);
    if (!source || source->length != batch->row_count) {
      ICE_FAIL(ICE_INVALID_ARGUMENT, "the batch does not have the partitioner's schema");
    }
    ICE_TRY(ice_transform_apply(partitioner->transforms[i], source, out, err));
  }
done:
  return status;
}

static ice_datum datum_of(const ice_column *column, int64_t row) {
  static const char booleans[2] = {0, 1};
  if (ice_column_is_null(column, row)) {
    return (ice_datum){.is_null = true};
  }
  if (column->kind == ICE_KIND_BOOLEAN) {
    return (ice_datum){.raw = {.data = &booleans[ice_column_boolean(column, row)], .size = 1}};
  }
  if (column->width == 0) {
    return (ice_datum){.raw = ice_column_text(column, row)};
  }
  return (ice_datum){.raw = {.data = (const char *)ice_column_fixed(column, row), .size = column->width}};
}

static size_t fixed_size(const ice_type *type) { return type->kind == ICE_KIND_BOOLEAN ? 1 : ice_type_width(type); }

ice_status ice_partition_key_append(const ice_type *type, const ice_datum *value, ice_bytes *out, ice_error *err) {
  ice_status status = ICE_OK;
  if (value->is_null) {
    return ice_bytes_append_u8(out, 0, err);
  }
  size_t width = fixed_size(type);
  if (ice_kind_nested(type->kind) || (width != 0 && value->raw.size != width) || value->raw.size > UINT32_MAX) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "a partition value of type %s with %zu bytes", ice_kind_name(type->kind),
             value->raw.size);
  }
  ICE_TRY(ice_bytes_append_u8(out, 1, err));
  if (width == 0) {
    uint8_t size[4];
    ice_store_u32le(size, (uint32_t)value->raw.size);
    ICE_TRY(ice_bytes_append(out, size, 4, err));
  }
  ICE_TRY(ice_bytes_append_str(out, value->raw, err));
done:
  return status;
}

ice_status ice_partitioner_append_key(const ice_partitioner *partitioner, int64_t row, ice_bytes *out,
                                      ice_error *err) {
  ice_status status = ICE_OK;
  for (uint32_t i = 0; i < partitioner->field_count; i++) {
    ice_datum value = datum_of(&partitioner->columns[i], row);
    ICE_TRY(ice_partition_key_append(partitioner->columns[i].type, &value, out, err));
  }
done:
  return status;
}

bool ice_partitioner_same_key(const ice_partitioner *partitioner, int64_t a, int64_t b) {
  for (uint32_t i = 0; i < partitioner->field_count; i++) {
    if (!ice_column_equal(&partitioner->columns[i], a, &partitioner->columns[i], b)) {
      return false;
    }
  }
  return true;
}

// The ends of a value tell most of them apart.
static uint64_t hint_of(ice_str raw) {
  uint64_t ends = 0;
  if (raw.size >= 8) {
    ends = ice_load_u64le(raw.data) ^ ice_load_u64le(raw.data + raw.size - 8) << 1;
  } else {
    memcpy(&ends, raw.data, raw.size);
  }
  return ends + raw.size;
}

uint32_t ice_partitioner_hint(const ice_partitioner *partitioner, int64_t row) {
  uint64_t hash = 0;
  for (uint32_t i = 0; i < partitioner->field_count; i++) {
    ice_datum value = datum_of(&partitioner->columns[i], row);
    hash = (hash ^ (value.is_null ? 1 : hint_of(value.raw))) * 0x9e3779b97f4a7c15u;
  }
  return (uint32_t)(hash >> 32);
}

ice_status ice_partition_key_split(const ice_type *partition_type, ice_str key, ice_datum *out, ice_error *err) {
  size_t at = 0;
  for (uint32_t i = 0; i < partition_type->field_count; i++) {
    out[i] = (ice_datum){.is_null = true};
    if (at == key.size || (uint8_t)key.data[at] > 1) {
      return ice_error_set(err, ICE_CORRUPT, "partition key of %zu bytes is damaged at byte %zu", key.size, at);
    }
    if (key.data[at++] == 0) {
      continue;
    }
    size_t size = fixed_size(&partition_type->fields[i].type);
    if (size == 0 && key.size - at >= 4) {
      size = ice_load_u32le(key.data + at);
      at += 4;
    } else if (size == 0) {
      return ice_error_set(err, ICE_CORRUPT, "partition key of %zu bytes is cut off", key.size);
    }
    if (key.size - at < size) {
      return ice_error_set(err, ICE_CORRUPT, "partition key of %zu bytes is cut off", key.size);
    }
    out[i] = (ice_datum){.raw = {.data = key.data + at, .size = size}};
    at += size;
  }
  if (at != key.size) {
    return ice_error_set(err, ICE_CORRUPT, "partition key of %zu bytes goes on behind byte %zu", key.size, at);
  }
  return ICE_OK;
}

// Paths for people --------------------------------------------------------------------------------------------------

static ice_status append_base64(ice_str data, ice_bytes *out, ice_error *err) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < data.size; i += 3) {
    size_t count = data.size - i < 3 ? data.size - i : 3;
    uint32_t bits = 0;
    for (size_t k = 0; k < 3; k++) {
      bits = bits << 8 | (k < count ? (uint8_t)data.data[i + k] : 0);
    }
    char text[4] = {digits[bits >> 18], digits[bits >> 12 & 63], count > 1 ? digits[bits >> 6 & 63] : '=',
                    count > 2 ? digits[bits & 63] : '='};
    ice_status status = ice_bytes_append(out, text, 4, err);
    if (status != ICE_OK) {
      return status;
    }
  }
  return ICE_OK;
}

__extension__ typedef unsigned __int128 wide_uint;

static ice_status append_decimal(const ice_type *type, ice_str raw, ice_bytes *out, ice_error *err) {
  char text[64];
  size_t at = sizeof text;
  wide_uint value;
  memcpy(&value, raw.data, 16);
  bool negative = (raw.data[15] & 0x80) != 0;
  value = negative ? -value : value;
  for (int32_t digit = 0; value != 0 || digit <= type->scale; digit++) {
    if (digit == type->scale && digit != 0) {
      text[--at] = '.';
    }
    text[--at] = (char)('0' + (int)(value % 10));
    value /= 10;
  }
  if (negative) {
    text[--at] = '-';
  }
  return ice_bytes_append(out, text + at, sizeof text - at, err);
}

static ice_status append_double(double value, ice_bytes *out, ice_error *err) {
  char text[64];
  int size = snprintf(text, sizeof text, "%.17g", value);
  for (int i = 0; i < size; i++) {
    // The host's locale may have a comma here.
    if (text[i] == ',') {
      text[i] = '.';
    }
  }
  return ice_bytes_append(out, text, (size_t)size, err);
}

static ice_status append_plain(const ice_type *type, ice_str raw, ice_bytes *out, ice_error *err) {
  char text[ICE_ISO8601_SIZE];
  switch (type->kind) {
    case ICE_KIND_BOOLEAN: return ice_bytes_append_str(out, raw.data[0] ? ICE_STR("true") : ICE_STR("false"), err);
    case ICE_KIND_INT: return ice_bytes_append_format(out, err, "%d", (int32_t)ice_load_u32le(raw.data));
    case ICE_KIND_LONG:
      return ice_bytes_append_format(out, err, "%lld", (long long)(int64_t)ice_load_u64le(raw.data));
    case ICE_KIND_FLOAT: {
      float value;
      memcpy(&value, raw.data, 4);
      return append_double((double)value, out, err);
    }
    case ICE_KIND_DOUBLE: {
      double value;
      memcpy(&value, raw.data, 8);
      return append_double(value, out, err);
    }
    case ICE_KIND_DECIMAL: return append_decimal(type, raw, out, err);
    case ICE_KIND_DATE:
      return ice_bytes_append(out, text, ice_iso8601_format_date((int32_t)ice_load_u32le(raw.data), text), err);
    case ICE_KIND_TIME:
      return ice_bytes_append(out, text, ice_iso8601_format_time((int64_t)ice_load_u64le(raw.data), text), err);
    case ICE_KIND_TIMESTAMP:
    case ICE_KIND_TIMESTAMPTZ: {
      size_t size = ice_iso8601_format_timestamp((int64_t)ice_load_u64le(raw.data), text);
      ice_status status = ice_bytes_append(out, text, size, err);
      bool zoned = type->kind == ICE_KIND_TIMESTAMPTZ;
      return status == ICE_OK && zoned ? ice_bytes_append_str(out, ICE_STR("+00:00"), err) : status;
    }
    case ICE_KIND_UUID: {
      ice_uuid uuid;
      char uuid_text[ICE_UUID_TEXT_SIZE + 1];
      memcpy(uuid.bytes, raw.data, 16);
      ice_uuid_format(&uuid, uuid_text);
      return ice_bytes_append(out, uuid_text, ICE_UUID_TEXT_SIZE, err);
    }
    case ICE_KIND_FIXED:
    case ICE_KIND_BINARY: return append_base64(raw, out, err);
    case ICE_KIND_STRING: return ice_bytes_append_str(out, raw, err);
    case ICE_KIND_STRUCT:
    case ICE_KIND_LIST:
    case ICE_KIND_MAP: break;
  }
  return ice_error_set(err, ICE_INTERNAL, "a partition value of type %s", ice_kind_name(type->kind));
}

static ice_status append_value(ice_transform transform, const ice_type *type, ice_str raw, ice_bytes *out,
                               ice_error *err) {
  int64_t year;
  int month;
  int day;
  int32_t value = type->kind == ICE_KIND_INT || type->kind == ICE_KIND_DATE ? (int32_t)ice_load_u32le(raw.data) : 0;
  switch (transform.kind) {
    case ICE_TRANSFORM_YEAR: return ice_bytes_append_format(out, err, "%04lld", 1970 + (long long)value);
    case ICE_TRANSFORM_MONTH: {
      int64_t months = (int64_t)value + 1970 * 12;
      return ice_bytes_append_format(out, err, "%04lld-%02d",
                                     (long long)(months >= 0 ? months / 12 : (months - 11) / 12),
                                     (int)((months % 12 + 12) % 12) + 1);
    }
    case ICE_TRANSFORM_HOUR: {
      int64_t days = value >= 0 ? value / 24 : -((-(int64_t)value + 23) / 24);
      ice_civil_from_days(days, &year, &month, &day);
      return ice_bytes_append_format(out, err, "%04lld-%02d-%02d-%02d", (long long)year, month, day,
                                     (int)(value - days * 24));
    }
    case ICE_TRANSFORM_IDENTITY:
    case ICE_TRANSFORM_BUCKET:
    case ICE_TRANSFORM_TRUNCATE:
    case ICE_TRANSFORM_DAY:
    case ICE_TRANSFORM_VOID:
    case ICE_TRANSFORM_UNKNOWN: break;
  }
  return append_plain(type, raw, out, err);
}

// As java.net.URLEncoder: letters, digits and ".-*_" stay, a blank becomes "+", the rest %XX.
static ice_status append_encoded(ice_str text, ice_bytes *out, ice_error *err) {
  ice_status status = ICE_OK;
  for (size_t i = 0; i < text.size && status == ICE_OK; i++) {
    uint8_t byte = (uint8_t)text.data[i];
    bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
    bool plain = letter || (byte >= '0' && byte <= '9') || byte == '.' || byte == '-' || byte == '*' || byte == '_';
    if (plain || byte == ' ') {
      status = ice_bytes_append_u8(out, byte == ' ' ? '+' : byte, err);
    } else {
      status = ice_bytes_append_format(out, err, "%%%02X", (unsigned)byte);
    }
  }
  return status;
}

ice_status ice_partition_path_append(const ice_partition_spec *spec, const ice_type *partition_type, ice_str key,
                                     ice_bytes *out, ice_error *err) {
  ice_status status = ICE_OK;
  ice_bytes text;
  ice_bytes_init(&text, VALUE_TEXT_MAX);
  ice_datum *values = calloc(spec->field_count == 0 ? 1 : spec->field_count, sizeof *values);
  if (!values) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a partition path");
  }
  if (partition_type->field_count != spec->field_count) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "a partition of %u fields in a spec of %u", partition_type->field_count,
             spec->field_count);
  }
  ICE_TRY(ice_partition_key_split(partition_type, key, values, err));
  for (uint32_t i = 0; i < spec->field_count; i++) {
    ice_bytes_clear(&text);
    if (values[i].is_null) {
      ICE_TRY(ice_bytes_append_str(&text, ICE_STR("null"), err));
    } else {
      ICE_TRY(append_value(spec->fields[i].transform, &partition_type->fields[i].type, values[i].raw, &text, err));
    }
    if (i != 0) {
      ICE_TRY(ice_bytes_append_u8(out, '/', err));
    }
    ICE_TRY(append_encoded(spec->fields[i].name, out, err));
    ICE_TRY(ice_bytes_append_u8(out, '=', err));
    ICE_TRY(append_encoded(ice_bytes_str(&text), out, err));
  }
done:
  free(values);
  ice_bytes_deinit(&text);
  return status;
}
