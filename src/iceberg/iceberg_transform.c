#include "iceberg/iceberg_transform.h"

#include "base/utf8.h"
#include "codec/checksum.h"
#include "codec/iso8601.h"
#include "iceberg/iceberg_metrics.h"

#define MICROS_PER_HOUR INT64_C(3600000000)
#define MICROS_PER_DAY (24 * MICROS_PER_HOUR)

typedef struct transform_name {
  ice_str name;
  ice_str plural;
  ice_transform_kind kind;
} transform_name;

static const transform_name plain_names[] = {
    {ICE_STR_INIT("identity"), ICE_STR_INIT("identity"), ICE_TRANSFORM_IDENTITY},
    {ICE_STR_INIT("year"), ICE_STR_INIT("years"), ICE_TRANSFORM_YEAR},
    {ICE_STR_INIT("month"), ICE_STR_INIT("months"), ICE_TRANSFORM_MONTH},
    {ICE_STR_INIT("day"), ICE_STR_INIT("days"), ICE_TRANSFORM_DAY},
    {ICE_STR_INIT("hour"), ICE_STR_INIT("hours"), ICE_TRANSFORM_HOUR},
    {ICE_STR_INIT("void"), ICE_STR_INIT("void"), ICE_TRANSFORM_VOID}};

// The number in "bucket[16]" or "bucket(16)"; -1 where the text is something else, 0 where the number is no good.
static int64_t parameter_of(ice_str text, ice_str name) {
  if (!ice_str_starts_with(text, name) || text.size < name.size + 3) {
    return -1;
  }
  char open = text.data[name.size];
  char close = text.data[text.size - 1];
  if (!(open == '[' && close == ']') && !(open == '(' && close == ')')) {
    return -1;
  }
  int64_t value = 0;
  for (size_t i = name.size + 1; i + 1 < text.size; i++) {
    char digit = text.data[i];
    if (digit < '0' || digit > '9' || value > INT32_MAX) {
      return 0;
    }
    value = value * 10 + (digit - '0');
  }
  return value;
}

ice_status ice_transform_parse(ice_str text, ice_transform *out, ice_error *err) {
  *out = (ice_transform){.kind = ICE_TRANSFORM_UNKNOWN};
  for (size_t i = 0; i < ICE_COUNT_OF(plain_names); i++) {
    if (ice_str_equal(text, plain_names[i].name) || ice_str_equal(text, plain_names[i].plural)) {
      out->kind = plain_names[i].kind;
      return ICE_OK;
    }
  }
  int64_t buckets = parameter_of(text, ICE_STR("bucket"));
  int64_t width = parameter_of(text, ICE_STR("truncate"));
  int64_t parameter = buckets >= 0 ? buckets : width;
  if (parameter < 0) {
    return ICE_OK;
  }
  if (parameter < 1 || parameter > INT32_MAX) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "transform \"%.*s\" has a parameter that is out of range",
                         ICE_STR_ARG(text));
  }
  *out = (ice_transform){.kind = buckets >= 0 ? ICE_TRANSFORM_BUCKET : ICE_TRANSFORM_TRUNCATE,
                         .parameter = (int32_t)parameter};
  return ICE_OK;
}

ice_status ice_transform_format(ice_transform transform, ice_bytes *out, ice_error *err) {
  for (size_t i = 0; i < ICE_COUNT_OF(plain_names); i++) {
    if (plain_names[i].kind == transform.kind) {
      return ice_bytes_append_str(out, plain_names[i].name, err);
    }
  }
  if (transform.kind == ICE_TRANSFORM_UNKNOWN) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "a transform that is not known has no spelling");
  }
  return ice_bytes_append_format(out, err, "%s[%d]", transform.kind == ICE_TRANSFORM_BUCKET ? "bucket" : "truncate",
                                 transform.parameter);
}

static bool is_timestamp(ice_kind kind) { return kind == ICE_KIND_TIMESTAMP || kind == ICE_KIND_TIMESTAMPTZ; }

static bool takes_bucket(ice_kind kind) {
  switch (kind) {
    case ICE_KIND_INT:
    case ICE_KIND_LONG:
    case ICE_KIND_DECIMAL:
    case ICE_KIND_DATE:
    case ICE_KIND_TIME:
    case ICE_KIND_TIMESTAMP:
    case ICE_KIND_TIMESTAMPTZ:
    case ICE_KIND_STRING:
    case ICE_KIND_UUID:
    case ICE_KIND_FIXED:
    case ICE_KIND_BINARY: return true;
    case ICE_KIND_BOOLEAN:
    case ICE_KIND_FLOAT:
    case ICE_KIND_DOUBLE:
    case ICE_KIND_STRUCT:
    case ICE_KIND_LIST:
    case ICE_KIND_MAP: return false;
  }
  return false;
}

static bool takes_truncate(ice_kind kind) {
  return kind == ICE_KIND_INT || kind == ICE_KIND_LONG || kind == ICE_KIND_DECIMAL || kind == ICE_KIND_STRING ||
         kind == ICE_KIND_BINARY;
}

ice_status ice_transform_result_type(ice_transform transform, const ice_type *source, ice_type *out, ice_error *err) {
  bool fits = false;
  bool dated = source->kind == ICE_KIND_DATE || is_timestamp(source->kind);
  *out = *source;
  switch (transform.kind) {
    case ICE_TRANSFORM_IDENTITY:
    case ICE_TRANSFORM_VOID: fits = !ice_kind_nested(source->kind); break;
    case ICE_TRANSFORM_BUCKET:
      fits = takes_bucket(source->kind);
      *out = (ice_type){.kind = ICE_KIND_INT};
      break;
    case ICE_TRANSFORM_TRUNCATE: fits = takes_truncate(source->kind); break;
    case ICE_TRANSFORM_YEAR:
    case ICE_TRANSFORM_MONTH:
      fits = dated;
      *out = (ice_type){.kind = ICE_KIND_INT};
      break;
    case ICE_TRANSFORM_DAY:
      fits = dated;
      *out = (ice_type){.kind = ICE_KIND_DATE};
      break;
    case ICE_TRANSFORM_HOUR:
      fits = is_timestamp(source->kind);
      *out = (ice_type){.kind = ICE_KIND_INT};
      break;
    case ICE_TRANSFORM_UNKNOWN: return ice_error_set(err, ICE_UNSUPPORTED, "a partition transform that is not known");
  }
  if (!fits) {
    *out = (ice_type){0};
    return ice_error_set(err, ICE_UNSUPPORTED, "a partition transform does not take type %s",
                         ice_kind_name(source->kind));
  }
  return ICE_OK;
}

static int64_t floor_divide(int64_t value, int64_t by) {
  int64_t quotient = value / by;
  return quotient - (value % by < 0);
}

static uint32_t hash_long(int64_t value) {
  uint8_t raw[8];
  ice_store_u64le(raw, (uint64_t)value);
  return ice_murmur3(raw, 8);
}

ice_status ice_bucket_hash(const ice_type *type, ice_str raw, uint32_t *out, ice_error *err) {
  size_t width = ice_type_width(type);
  if (!takes_bucket(type->kind) || (width != 0 && raw.size != width)) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "no bucket for a value of type %s", ice_kind_name(type->kind));
  }
  if (type->kind == ICE_KIND_STRING || type->kind == ICE_KIND_BINARY || type->kind == ICE_KIND_FIXED ||
      type->kind == ICE_KIND_UUID) {
    *out = ice_murmur3(raw.data, raw.size);
  } else if (type->kind == ICE_KIND_DECIMAL) {
    ice_bytes text;
    ice_bytes_init(&text, 16);
    ice_status status = ice_single_value_append(type, raw, &text, err);
    if (status == ICE_OK) {
      *out = ice_murmur3(text.data, text.size);
    }
    ice_bytes_deinit(&text);
    return status;
  } else if (width == 4) {
    // int and date hash as the long of the same value, so that a promoted column keeps its buckets.
    *out = hash_long((int32_t)ice_load_u32le(raw.data));
  } else {
    *out = hash_long((int64_t)ice_load_u64le(raw.data));
  }
  return ICE_OK;
}

__extension__ typedef __int128 wide_int;
__extension__ typedef unsigned __int128 wide_uint;

// v - (v mod W), the remainder never negative; it wraps at the type's end as Java's does.
static ice_status truncate_value(ice_transform transform, const ice_column *source, int64_t row, ice_column *out,
                                 ice_error *err) {
  int64_t width = transform.parameter;
  switch (source->kind) {
    case ICE_KIND_INT: {
      int64_t value = ice_column_i32(source, row);
      value = floor_divide(value, width) * width;
      return ice_column_append_i32(out, (int32_t)(uint32_t)(uint64_t)value, err);
    }
    case ICE_KIND_LONG: {
      int64_t value = ice_column_i64(source, row);
      uint64_t rest = (uint64_t)(((value % width) + width) % width);
      return ice_column_append_i64(out, (int64_t)((uint64_t)value - rest), err);
    }
    case ICE_KIND_DECIMAL: {
      wide_int value;
      memcpy(&value, ice_column_fixed(source, row), 16);
      wide_uint rest = (wide_uint)(((value % width) + width) % width);
      wide_uint result = (wide_uint)value - rest;
      return ice_column_append_fixed(out, &result, err);
    }
    case ICE_KIND_STRING:
    case ICE_KIND_BINARY: {
      ice_str text = ice_column_text(source, row);
      if (source->kind == ICE_KIND_STRING) {
        text.size = ice_utf8_prefix(text.data, text.size, (size_t)width);
      } else if (text.size > (size_t)width) {
        text.size = (size_t)width;
      }
      return ice_column_append_text(out, text, err);
    }
    case ICE_KIND_BOOLEAN:
    case ICE_KIND_FLOAT:
    case ICE_KIND_DOUBLE:
    case ICE_KIND_DATE:
    case ICE_KIND_TIME:
    case ICE_KIND_TIMESTAMP:
    case ICE_KIND_TIMESTAMPTZ:
    case ICE_KIND_UUID:
    case ICE_KIND_FIXED:
    case ICE_KIND_STRUCT:
    case ICE_KIND_LIST:
    case ICE_KIND_MAP: break;
  }
  return ice_error_set(err, ICE_INTERNAL, "truncate of a column of type %s", ice_kind_name(source->kind));
}

static ice_status bucket_value(ice_transform transform, const ice_column *source, int64_t row, ice_column *out,
                               ice_error *err) {
  uint32_t hash = 0;
  ice_str raw = source->width == 0 ? ice_column_text(source, row)
                                   : ice_str_make((const char *)ice_column_fixed(source, row), source->width);
  ice_status status = ice_bucket_hash(source->type, raw, &hash, err);
  if (status != ICE_OK) {
    return status;
  }
  return ice_column_append_i32(out, (int32_t)((hash & 0x7FFFFFFF) % (uint32_t)transform.parameter), err);
}

// Days, hours, months and years since 1970, floored, so that times before it go to the earlier one.
static ice_status date_value(ice_transform transform, const ice_column *source, int64_t row, ice_column *out,
                             ice_error *err) {
  bool is_date = source->kind == ICE_KIND_DATE;
  int64_t value = is_date ? ice_column_i32(source, row) : ice_column_i64(source, row);
  if (transform.kind == ICE_TRANSFORM_HOUR) {
    // The end of the 64-bit range is beyond what 32 bits of hours hold; Java wraps there too.
    return ice_column_append_i32(out, (int32_t)(uint32_t)(uint64_t)floor_divide(value, MICROS_PER_HOUR), err);
  }
  int64_t days = is_date ? value : floor_divide(value, MICROS_PER_DAY);
  if (transform.kind == ICE_TRANSFORM_DAY) {
    return ice_column_append_i32(out, (int32_t)days, err);
  }
  int64_t year;
  int month;
  int day;
  ice_civil_from_days(days, &year, &month, &day);
  int64_t result = transform.kind == ICE_TRANSFORM_YEAR ? year - 1970 : (year - 1970) * 12 + month - 1;
  return ice_column_append_i32(out, (int32_t)result, err);
}

static ice_status apply_one(ice_transform transform, const ice_column *source, int64_t row, ice_column *out,
                            ice_error *err) {
  switch (transform.kind) {
    case ICE_TRANSFORM_BUCKET: return bucket_value(transform, source, row, out, err);
    case ICE_TRANSFORM_TRUNCATE: return truncate_value(transform, source, row, out, err);
    case ICE_TRANSFORM_YEAR:
    case ICE_TRANSFORM_MONTH:
    case ICE_TRANSFORM_DAY:
    case ICE_TRANSFORM_HOUR: return date_value(transform, source, row, out, err);
    case ICE_TRANSFORM_IDENTITY:
    case ICE_TRANSFORM_VOID:
    case ICE_TRANSFORM_UNKNOWN: break;
  }
  return ice_error_set(err, ICE_INTERNAL, "transform %d has no values", (int)transform.kind);
}

// The partitioning nearly every stream uses, without a call per row.
static ice_status apply_days(const ice_column *source, ice_column *out, ice_error *err) {
  ice_status status = ice_bytes_reserve(&out->values, (size_t)source->length * 4, err);
  if (status != ICE_OK) {
    return status;
  }
  uint8_t *to = out->values.data + out->values.size;
  for (int64_t i = 0; i < source->length; i++) {
    int32_t days = (int32_t)floor_divide(ice_column_i64(source, i), MICROS_PER_DAY);
    memcpy(to + (size_t)i * 4, &days, 4);
  }
  out->values.size += (size_t)source->length * 4;
  out->length += source->length;
  return ICE_OK;
}

ice_status ice_transform_apply(ice_transform transform, const ice_column *source, ice_column *out, ice_error *err) {
  ice_status status = ICE_OK;
  ice_type expected;
  ICE_TRY(ice_transform_result_type(transform, source->type, &expected, err));
  if (out->kind != expected.kind) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "a transform gives %s, its column holds %s", ice_kind_name(expected.kind),
             ice_kind_name(out->kind));
  }
  if (transform.kind == ICE_TRANSFORM_IDENTITY) {
    ICE_TRY(ice_column_append_range(out, source, 0, source->length, err));
    goto done;
  }
  if (transform.kind == ICE_TRANSFORM_DAY && source->width == 8 && source->null_count == 0 && out->null_count == 0) {
    ICE_TRY(apply_days(source, out, err));
    goto done;
  }
  for (int64_t i = 0; i < source->length; i++) {
    if (transform.kind == ICE_TRANSFORM_VOID || ice_column_is_null(source, i)) {
      ICE_TRY(ice_column_append_null(out, err));
    } else {
      ICE_TRY(apply_one(transform, source, i, out, err));
    }
  }
done:
  return status;
}
