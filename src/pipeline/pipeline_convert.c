#include "pipeline/pipeline_convert.h"

#include "base/number.h"
#include "base/utf8.h"
#include "codec/iso8601.h"
#include "codec/uuid.h"
#include "json/json_text.h"
#include <math.h>
#include <stdlib.h>

enum { PLAIN_TEXT_MAX = 1 << 24 };

static bool is_number(ice_kind kind) {
  return kind == ICE_KIND_INT || kind == ICE_KIND_LONG || kind == ICE_KIND_FLOAT || kind == ICE_KIND_DOUBLE;
}

static bool is_timestamp(ice_kind kind) { return kind == ICE_KIND_TIMESTAMP || kind == ICE_KIND_TIMESTAMPTZ; }

static bool parses_from_text(ice_kind kind) {
  return is_number(kind) || is_timestamp(kind) || kind == ICE_KIND_DATE || kind == ICE_KIND_TIME ||
         kind == ICE_KIND_BOOLEAN || kind == ICE_KIND_UUID || kind == ICE_KIND_BINARY;
}

ice_conversion ice_conversion_find(const ice_type *from, const ice_type *to) {
  if (ice_type_same_shape(from, to) || (is_timestamp(from->kind) && is_timestamp(to->kind)) ||
      (from->kind == ICE_KIND_INT && to->kind == ICE_KIND_DATE)) {
    return ICE_CONVERT_COPY;
  }
  if (from->kind == ICE_KIND_STRING && parses_from_text(to->kind)) {
    return ICE_CONVERT_TEXT;
  }
  if (is_number(from->kind) && is_number(to->kind)) {
    return ICE_CONVERT_NUMBER;
  }
  return to->kind == ICE_KIND_STRING ? ICE_CONVERT_TO_TEXT : ICE_CONVERT_NONE;
}

static bool parse_long(ice_str text, int64_t *out) {
  size_t i = 0;
  bool negative = text.size > 0 && text.data[0] == '-';
  i += negative || (text.size > 0 && text.data[0] == '+');
  if (i == text.size) {
    return false;
  }
  int64_t value = 0;
  for (; i < text.size; i++) {
    int digit = text.data[i] - '0';
    if (digit < 0 || digit > 9 || !ice_mul_i64(value, 10, &value) ||
        !(negative ? ice_sub_i64(value, digit, &value) : ice_add_i64(value, digit, &value))) {
      return false;
    }
  }
  *out = value;
  return true;
}

static ice_status append_i64_or_fail(bool valid, int64_t value, ice_column *out, bool *failed, ice_error *err) {
  *failed = !valid;
  return valid ? ice_column_append_i64(out, value, err) : ice_column_append_null(out, err);
}

static ice_status append_i32_or_fail(bool valid, int32_t value, ice_column *out, bool *failed, ice_error *err) {
  *failed = !valid;
  return valid ? ice_column_append_i32(out, value, err) : ice_column_append_null(out, err);
}

static ice_status append_floating(bool valid, double value, ice_column *out, bool *failed, ice_error *err) {
  // A finite number that a float cannot hold would become infinite.
  if (out->kind == ICE_KIND_FLOAT && isfinite(value) && fabs(value) > 3.4028234663852886e38) {
    valid = false;
  }
  *failed = !valid;
  if (!valid) {
    return ice_column_append_null(out, err);
  }
  return out->kind == ICE_KIND_FLOAT ? ice_column_append_f32(out, (float)value, err)
                                     : ice_column_append_f64(out, value, err);
}

static ice_status append_from_text(ice_str text, ice_column *out, bool *failed, ice_error *err) {
  int64_t number = 0;
  switch (out->kind) {
    case ICE_KIND_TIMESTAMP:
    case ICE_KIND_TIMESTAMPTZ:
      return append_i64_or_fail(ice_iso8601_parse_timestamp(text, &number), number, out, failed, err);
    case ICE_KIND_TIME: return append_i64_or_fail(ice_iso8601_parse_time(text, &number), number, out, failed, err);
    case ICE_KIND_LONG: return append_i64_or_fail(parse_long(text, &number), number, out, failed, err);
    case ICE_KIND_DATE: {
      int32_t days = 0;
      return append_i32_or_fail(ice_iso8601_parse_date(text, &days), days, out, failed, err);
    }
    case ICE_KIND_INT: {
      bool valid = parse_long(text, &number) && number >= INT32_MIN && number <= INT32_MAX;
      return append_i32_or_fail(valid, valid ? (int32_t)number : 0, out, failed, err);
    }
    case ICE_KIND_FLOAT:
    case ICE_KIND_DOUBLE: {
      double value = 0;
      bool valid = ice_number_parse(text, &value);
      return append_floating(valid, value, out, failed, err);
    }
    case ICE_KIND_BOOLEAN: {
      bool yes = ice_str_equal_c(text, "true");
      *failed = !yes && !ice_str_equal_c(text, "false");
      return *failed ? ice_column_append_null(out, err) : ice_column_append_boolean(out, yes, err);
    }
    case ICE_KIND_UUID: {
      ice_uuid uuid;
      *failed = !ice_uuid_parse(text, &uuid);
      return *failed ? ice_column_append_null(out, err) : ice_column_append_fixed(out, uuid.bytes, err);
    }
    case ICE_KIND_BINARY: *failed = false; return ice_column_append_text(out, text, err);
    case ICE_KIND_DECIMAL:
    case ICE_KIND_STRING:
    case ICE_KIND_FIXED:
    case ICE_KIND_STRUCT:
    case ICE_KIND_LIST:
    case ICE_KIND_MAP: break;
  }
  return ice_error_set(err, ICE_INTERNAL, "no conversion from text to %s", ice_kind_name(out->kind));
}

static ice_status append_from_number(const ice_column *source, int64_t at, ice_column *out, bool *failed,
                                     ice_error *err) {
  bool is_integer = source->kind == ICE_KIND_INT || source->kind == ICE_KIND_LONG;
  int64_t integer = source->kind == ICE_KIND_INT    ? ice_column_i32(source, at)
                    : source->kind == ICE_KIND_LONG ? ice_column_i64(source, at)
                                                    : 0;
  double floating = source->kind == ICE_KIND_FLOAT    ? (double)ice_column_f32(source, at)
                    : source->kind == ICE_KIND_DOUBLE ? ice_column_f64(source, at)
                                                      : (double)integer;
  if (out->kind == ICE_KIND_FLOAT || out->kind == ICE_KIND_DOUBLE) {
    return append_floating(true, floating, out, failed, err);
  }
  bool valid = is_integer;
  if (!is_integer && floating == floor(floating) && floating >= -9007199254740992.0 &&
      floating <= 9007199254740992.0) {
    integer = (int64_t)floating;
    valid = true;
  }
  if (out->kind == ICE_KIND_INT) {
    valid = valid && integer >= INT32_MIN && integer <= INT32_MAX;
    return append_i32_or_fail(valid, valid ? (int32_t)integer : 0, out, failed, err);
  }
  return append_i64_or_fail(valid, integer, out, failed, err);
}

static ice_status append_as_text(const ice_column *source, int64_t at, ice_column *out, ice_error *err) {
  ice_bytes text;
  ice_bytes_init(&text, PLAIN_TEXT_MAX);
  ice_status status = ice_json_append_plain(&text, source, at, err);
  if (status == ICE_OK) {
    status = ice_column_append_text(out, ice_bytes_str(&text), err);
  }
  ice_bytes_deinit(&text);
  return status;
}

// Timestamps are what most text columns become, so this loop is kept free of the general case. Elements share the fields of
// their message, so a value that was parsed for the row before is not parsed again.
static ice_status apply_timestamps(const ice_view *view, size_t row_count, uint32_t index, ice_column *out,
                                   ice_fault *faults, ice_error *err) {
  int64_t parsed_at = -1;
  bool parsed = false;
  int64_t us = 0;
  for (size_t row = 0; row < row_count; row++) {
    int64_t at = ice_view_index(view, row);
    if (at != parsed_at) {
      parsed = !ice_column_is_null(view->column, at) &&
               ice_iso8601_parse_timestamp(ice_column_text(view->column, at), &us);
      parsed_at = at;
    }
    ice_status status = parsed ? ice_column_append_i64(out, us, err) : ice_column_append_null(out, err);
    if (status != ICE_OK) {
      return status;
    }
    if (!parsed && !ice_column_is_null(view->column, at)) {
      ice_fault_set(&faults[row], ICE_FAULT_CONVERT, index);
    }
  }
  return ICE_OK;
}

ice_status ice_conversion_apply(ice_conversion conversion, const ice_view *view, size_t row_count, uint32_t index,
                                ice_column *out, ice_fault *faults, ice_error *err) {
  if (conversion == ICE_CONVERT_TEXT && is_timestamp(out->kind)) {
    return apply_timestamps(view, row_count, index, out, faults, err);
  }
  for (size_t row = 0; row < row_count; row++) {
    int64_t at = ice_view_index(view, row);
    bool failed = false;
    ice_status status;
    if (faults[row].kind != ICE_FAULT_NONE || ice_column_is_null(view->column, at)) {
      status = ice_column_append_null(out, err);
    } else if (conversion == ICE_CONVERT_TEXT) {
      status = append_from_text(ice_column_text(view->column, at), out, &failed, err);
    } else if (conversion == ICE_CONVERT_NUMBER) {
      status = append_from_number(view->column, at, out, &failed, err);
    } else {
      status = append_as_text(view->column, at, out, err);
    }
    if (status != ICE_OK) {
      return status;
    }
    if (failed) {
      ice_fault_set(&faults[row], ICE_FAULT_CONVERT, index);
    }
  }
  return ICE_OK;
}

static bool column_is_ascii(const ice_column *column) {
  if (column->kind == ICE_KIND_STRING && !ice_utf8_ascii(column->values.data, column->values.size)) {
    return false;
  }
  for (uint32_t i = 0; i < column->child_count; i++) {
    if (!column_is_ascii(&column->children[i])) {
      return false;
    }
  }
  return true;
}

static bool value_is_utf8(const ice_column *column, int64_t at) {
  if (ice_column_is_null(column, at)) {
    return true;
  }
  if (column->kind == ICE_KIND_STRING) {
    ice_str text = ice_column_text(column, at);
    return ice_utf8_valid(text.data, text.size);
  }
  bool is_struct = column->kind == ICE_KIND_STRUCT;
  bool has_items = column->kind == ICE_KIND_LIST || column->kind == ICE_KIND_MAP;
  for (uint32_t i = 0; i < column->child_count; i++) {
    int64_t from = is_struct ? at : has_items ? ice_column_offset(column, at) : 0;
    int64_t to = is_struct ? at + 1 : has_items ? ice_column_offset(column, at + 1) : 0;
    for (int64_t item = from; item < to; item++) {
      if (!value_is_utf8(&column->children[i], item)) {
        return false;
      }
    }
  }
  return true;
}

void ice_text_check(const ice_view *view, size_t row_count, uint32_t index, ice_fault *faults) {
  if (!view->column || column_is_ascii(view->column)) {
    return;
  }
  for (size_t row = 0; row < row_count; row++) {
    if (!value_is_utf8(view->column, ice_view_index(view, row))) {
      ice_fault_set(&faults[row], ICE_FAULT_TEXT, index);
    }
  }
}

static bool requires_nested(const ice_type *type) {
  for (uint32_t i = 0; i < type->field_count; i++) {
    bool key = type->kind == ICE_KIND_MAP && i == 0;
    if ((type->fields[i].required && !key) || requires_nested(&type->fields[i].type)) {
      return true;
    }
  }
  return false;
}

static bool nested_complete(const ice_type *type, const ice_column *column, int64_t at) {
  if (ice_column_is_null(column, at)) {
    return true;
  }
  bool is_struct = column->kind == ICE_KIND_STRUCT;
  for (uint32_t i = 0; i < column->child_count; i++) {
    int64_t from = is_struct ? at : ice_column_offset(column, at);
    int64_t to = is_struct ? at + 1 : ice_column_offset(column, at + 1);
    for (int64_t item = from; item < to; item++) {
      if ((type->fields[i].required && ice_column_is_null(&column->children[i], item)) ||
          !nested_complete(&type->fields[i].type, &column->children[i], item)) {
        return false;
      }
    }
  }
  return true;
}

void ice_nested_required_check(const ice_type *type, const ice_view *view, size_t row_count, uint32_t index,
                               ice_fault *faults) {
  if (!view->column || !ice_kind_nested(type->kind) || !requires_nested(type)) {
    return;
  }
  for (size_t row = 0; row < row_count; row++) {
    if (!nested_complete(type, view->column, ice_view_index(view, row))) {
      ice_fault_set(&faults[row], ICE_FAULT_MISSING, index);
    }
  }
}
