#include "json/json_value_priv.h"

#include "codec/base64.h"
#include "codec/iso8601.h"
#include "codec/uuid.h"
#include <math.h>

bool ice_json_is_numeric(ice_kind kind) {
  return kind == ICE_KIND_INT || kind == ICE_KIND_LONG || kind == ICE_KIND_FLOAT || kind == ICE_KIND_DOUBLE ||
         kind == ICE_KIND_DECIMAL;
}

ice_status ice_json_append_number(ice_column *column, const json_number *number, bool *fits, ice_error *err) {
  int64_t integer = 0;
  double wide;
  float narrow;
  uint8_t decimal[16];
  *fits = false;
  if (column->kind == ICE_KIND_DOUBLE) {
    *fits = ice_json_number_double(number, &wide);
    return *fits ? ice_column_append_f64(column, wide, err) : ICE_OK;
  }
  if (column->kind == ICE_KIND_FLOAT) {
    *fits = ice_json_number_float(number, &narrow);
    return *fits ? ice_column_append_f32(column, narrow, err) : ICE_OK;
  }
  if (column->kind == ICE_KIND_DECIMAL) {
    *fits = ice_json_number_decimal(number, column->type->precision, column->type->scale, decimal);
    return *fits ? ice_column_append_fixed(column, decimal, err) : ICE_OK;
  }
  bool is_integer = ice_json_number_long(number, &integer);
  if (column->kind == ICE_KIND_LONG) {
    *fits = is_integer;
    return *fits ? ice_column_append_i64(column, integer, err) : ICE_OK;
  }
  *fits = is_integer && integer >= INT32_MIN && integer <= INT32_MAX;
  return *fits ? ice_column_append_i32(column, (int32_t)integer, err) : ICE_OK;
}

// What JSON has no number for, in the words that its writers agree on.
static bool not_finite(ice_str text, double *out) {
  if (ice_str_equal_c(text, "NaN")) {
    *out = (double)NAN;
    return true;
  }
  bool negative = text.size > 0 && text.data[0] == '-';
  *out = negative ? -(double)INFINITY : (double)INFINITY;
  return ice_str_equal_c(text, negative ? "-Infinity" : "Infinity");
}

static ice_status append_number_text(ice_column *column, ice_str text, bool *fits, ice_error *err) {
  json_number number;
  double value;
  if (ice_json_read_number(text, &number)) {
    return ice_json_append_number(column, &number, fits, err);
  }
  bool is_floating = column->kind == ICE_KIND_FLOAT || column->kind == ICE_KIND_DOUBLE;
  *fits = is_floating && not_finite(text, &value);
  if (!*fits) {
    return ICE_OK;
  }
  return column->kind == ICE_KIND_FLOAT ? ice_column_append_f32(column, (float)value, err)
                                        : ice_column_append_f64(column, value, err);
}

static ice_status append_base64(ice_column *column, ice_str text, ice_bytes *decoded, bool *fits, ice_error *err) {
  ice_error cause = {0};
  ice_bytes_clear(decoded);
  ice_status status = ice_base64_decode(decoded, text, &cause);
  if (status != ICE_OK && status != ICE_CORRUPT) {
    if (err) {
      *err = cause;
    }
    return status;
  }
  *fits = status == ICE_OK && (column->kind == ICE_KIND_BINARY || decoded->size == column->width);
  if (!*fits) {
    return ICE_OK;
  }
  return column->kind == ICE_KIND_BINARY ? ice_column_append_text(column, ice_bytes_str(decoded), err)
                                         : ice_column_append_fixed(column, decoded->data, err);
}

ice_status ice_json_append_text_as(ice_column *column, ice_str text, ice_bytes *decoded, bool *fits, ice_error *err) {
  int64_t us = 0;
  int32_t days = 0;
  ice_uuid uuid;
  *fits = true;
  switch (column->kind) {
    case ICE_KIND_TIMESTAMP:
    case ICE_KIND_TIMESTAMPTZ:
      *fits = ice_iso8601_parse_timestamp(text, &us);
      return *fits ? ice_column_append_i64(column, us, err) : ICE_OK;
    case ICE_KIND_TIME:
      *fits = ice_iso8601_parse_time(text, &us);
      return *fits ? ice_column_append_i64(column, us, err) : ICE_OK;
    case ICE_KIND_DATE:
      *fits = ice_iso8601_parse_date(text, &days);
      return *fits ? ice_column_append_i32(column, days, err) : ICE_OK;
    case ICE_KIND_BOOLEAN: {
      bool yes = ice_str_equal_c(text, "true");
      *fits = yes || ice_str_equal_c(text, "false");
      return *fits ? ice_column_append_boolean(column, yes, err) : ICE_OK;
    }
    case ICE_KIND_UUID:
      *fits = ice_uuid_parse(text, &uuid);
      return *fits ? ice_column_append_fixed(column, uuid.bytes, err) : ICE_OK;
    case ICE_KIND_BINARY:
    case ICE_KIND_FIXED: return append_base64(column, text, decoded, fits, err);
    case ICE_KIND_INT:
    case ICE_KIND_LONG:
    case ICE_KIND_FLOAT:
    case ICE_KIND_DOUBLE:
    case ICE_KIND_DECIMAL: return append_number_text(column, text, fits, err);
    case ICE_KIND_STRING:
    case ICE_KIND_STRUCT:
    case ICE_KIND_LIST:
    case ICE_KIND_MAP: break;
  }
  *fits = false;
  return ICE_OK;
}
