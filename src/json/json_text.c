#include "json/json_text.h"

#include "base/number.h"
#include "base/utf8.h"
#include "codec/base64.h"
#include "codec/iso8601.h"
#include "codec/uuid.h"
#include <math.h>
#include <stdio.h>

static ice_status append_escaped(ice_bytes *out, unsigned char c, ice_error *err) {
  switch (c) {
    case '"': return ice_bytes_append_str(out, ICE_STR("\\\""), err);
    case '\\': return ice_bytes_append_str(out, ICE_STR("\\\\"), err);
    case '\n': return ice_bytes_append_str(out, ICE_STR("\\n"), err);
    case '\r': return ice_bytes_append_str(out, ICE_STR("\\r"), err);
    case '\t': return ice_bytes_append_str(out, ICE_STR("\\t"), err);
    default: return ice_bytes_append_format(out, err, "\\u%04x", c);
  }
}

static bool is_plain(unsigned char c) { return c >= 0x20 && c < 0x80 && c != '"' && c != '\\'; }

ice_status ice_json_append_string(ice_bytes *out, ice_str text, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_u8(out, '"', err));
  size_t i = 0;
  while (i < text.size) {
    size_t from = i;
    while (i < text.size && is_plain((unsigned char)text.data[i])) {
      i++;
    }
    ICE_TRY(ice_bytes_append(out, text.data + from, i - from, err));
    if (i == text.size) {
      break;
    }
    unsigned char c = (unsigned char)text.data[i];
    if (c < 0x80) {
      ICE_TRY(append_escaped(out, c, err));
      i++;
      continue;
    }
    size_t size = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    if (size <= text.size - i && ice_utf8_valid(text.data + i, size)) {
      ICE_TRY(ice_bytes_append(out, text.data + i, size, err));
      i += size;
    } else {
      ICE_TRY(ice_bytes_append_str(out, ICE_STR("\xEF\xBF\xBD"), err));
      i++;
    }
  }
  ICE_TRY(ice_bytes_append_u8(out, '"', err));
done:
  return status;
}

// The text of a number with a point, whatever the locale of the host says: what is no digit, sign or exponent is the
// locale's point, which may take several bytes.
static void force_point(char *text) {
  char *to = text;
  bool in_point = false;
  for (const char *from = text; *from; from++) {
    bool part = (*from >= '0' && *from <= '9') || *from == '-' || *from == '+' || *from == 'e';
    if (part || !in_point) {
      *to++ = part ? *from : '.';
    }
    in_point = !part;
  }
  *to = '\0';
}

ice_status ice_json_append_double(ice_bytes *out, double value, ice_error *err) {
  if (isnan(value)) {
    return ice_bytes_append_str(out, ICE_STR("NaN"), err);
  }
  if (isinf(value)) {
    return ice_bytes_append_str(out, value > 0 ? ICE_STR("Infinity") : ICE_STR("-Infinity"), err);
  }
  char text[40];
  double again = 0;
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, value);
    force_point(text);
    if (ice_number_parse(ice_str_of(text), &again) && again == value) {
      break;
    }
  }
  return ice_bytes_append_str(out, ice_str_of(text), err);
}

static ice_status append_float(ice_bytes *out, float value, ice_error *err) {
  if (isnan(value) || isinf(value)) {
    return ice_json_append_double(out, (double)value, err);
  }
  char text[40];
  double again = 0;
  for (int digits = 6; digits <= 9; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, (double)value);
    force_point(text);
    if (ice_number_parse(ice_str_of(text), &again) && (float)again == value) {
      break;
    }
  }
  return ice_bytes_append_str(out, ice_str_of(text), err);
}

// Digits of a 128-bit two's complement number, with the point `scale` digits from the end.
static ice_status append_decimal(ice_bytes *out, const uint8_t *value, int32_t scale, ice_error *err) {
  __extension__ typedef unsigned __int128 wide;
  wide number = ((wide)ice_load_u64le(value + 8) << 64) | ice_load_u64le(value);
  bool negative = (value[15] & 0x80) != 0;
  if (negative) {
    number = ~number + 1;
  }
  char text[48];
  size_t at = sizeof text;
  int32_t digits = 0;
  while (number != 0 || digits <= scale) {
    text[--at] = (char)('0' + (int)(number % 10));
    number /= 10;
    if (++digits == scale) {
      text[--at] = '.';
    }
  }
  if (negative) {
    text[--at] = '-';
  }
  return ice_bytes_append(out, text + at, sizeof text - at, err);
}

static ice_status append_text_value(ice_bytes *out, const ice_column *column, int64_t index, ice_error *err) {
  char text[ICE_ISO8601_SIZE];
  switch (column->kind) {
    case ICE_KIND_DECIMAL: return append_decimal(out, ice_column_fixed(column, index), column->type->scale, err);
    case ICE_KIND_DATE:
      return ice_bytes_append(out, text, ice_iso8601_format_date(ice_column_i32(column, index), text), err);
    case ICE_KIND_TIME:
      return ice_bytes_append(out, text, ice_iso8601_format_time(ice_column_i64(column, index), text), err);
    case ICE_KIND_TIMESTAMP:
    case ICE_KIND_TIMESTAMPTZ: {
      size_t size = ice_iso8601_format_timestamp(ice_column_i64(column, index), text);
      ice_status status = ice_bytes_append(out, text, size, err);
      if (status == ICE_OK && column->kind == ICE_KIND_TIMESTAMPTZ) {
        status = ice_bytes_append_u8(out, 'Z', err);
      }
      return status;
    }
    case ICE_KIND_UUID: {
      ice_uuid uuid;
      memcpy(uuid.bytes, ice_column_fixed(column, index), sizeof uuid.bytes);
      ice_uuid_format(&uuid, text);
      return ice_bytes_append(out, text, ICE_UUID_TEXT_SIZE, err);
    }
    case ICE_KIND_FIXED:
      return ice_base64_append(out, ice_str_make((const char *)ice_column_fixed(column, index), column->width), err);
    case ICE_KIND_BINARY: return ice_base64_append(out, ice_column_text(column, index), err);
    case ICE_KIND_STRING: return ice_bytes_append_str(out, ice_column_text(column, index), err);
    case ICE_KIND_BOOLEAN:
      return ice_bytes_append_str(out, ice_column_boolean(column, index) ? ICE_STR("true") : ICE_STR("false"), err);
    case ICE_KIND_INT: return ice_bytes_append_format(out, err, "%d", ice_column_i32(column, index));
    case ICE_KIND_LONG: return ice_bytes_append_format(out, err, "%lld", (long long)ice_column_i64(column, index));
    case ICE_KIND_FLOAT: return append_float(out, ice_column_f32(column, index), err);
    case ICE_KIND_DOUBLE: return ice_json_append_double(out, ice_column_f64(column, index), err);
    case ICE_KIND_STRUCT:
    case ICE_KIND_LIST:
    case ICE_KIND_MAP: break;
  }
  return ice_json_append_value(out, column, index, err);
}

static bool is_quoted(const ice_column *column, int64_t index) {
  switch (column->kind) {
    case ICE_KIND_BOOLEAN:
    case ICE_KIND_INT:
    case ICE_KIND_LONG: return false;
    case ICE_KIND_FLOAT: return !isfinite(ice_column_f32(column, index));
    case ICE_KIND_DOUBLE: return !isfinite(ice_column_f64(column, index));
    case ICE_KIND_DECIMAL:
    case ICE_KIND_DATE:
    case ICE_KIND_TIME:
    case ICE_KIND_TIMESTAMP:
    case ICE_KIND_TIMESTAMPTZ:
    case ICE_KIND_STRING:
    case ICE_KIND_UUID:
    case ICE_KIND_FIXED:
    case ICE_KIND_BINARY:
    case ICE_KIND_STRUCT:
    case ICE_KIND_LIST:
    case ICE_KIND_MAP: return true;
  }
  return true;
}

static ice_status append_struct(ice_bytes *out, const ice_column *column, int64_t index, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_u8(out, '{', err));
  for (uint32_t i = 0; i < column->child_count; i++) {
    if (i != 0) {
      ICE_TRY(ice_bytes_append_u8(out, ',', err));
    }
    ICE_TRY(ice_json_append_string(out, column->type->fields[i].name, err));
    ICE_TRY(ice_bytes_append_u8(out, ':', err));
    ICE_TRY(ice_json_append_value(out, &column->children[i], index, err));
  }
  ICE_TRY(ice_bytes_append_u8(out, '}', err));
done:
  return status;
}

static ice_status append_items(ice_bytes *out, const ice_column *column, int64_t index, ice_error *err) {
  int32_t from = ice_column_offset(column, index);
  int32_t to = ice_column_offset(column, index + 1);
  bool is_map = column->kind == ICE_KIND_MAP;
  bool is_object = is_map && column->children[0].kind == ICE_KIND_STRING;
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_u8(out, is_object ? '{' : '[', err));
  for (int32_t i = from; i < to; i++) {
    if (i != from) {
      ICE_TRY(ice_bytes_append_u8(out, ',', err));
    }
    if (is_map && !is_object) {
      ICE_TRY(ice_bytes_append_str(out, ICE_STR("{\"key\":"), err));
    }
    ICE_TRY(ice_json_append_value(out, &column->children[0], i, err));
    if (is_map) {
      ICE_TRY(ice_bytes_append_str(out, is_object ? ICE_STR(":") : ICE_STR(",\"value\":"), err));
      ICE_TRY(ice_json_append_value(out, &column->children[1], i, err));
    }
    if (is_map && !is_object) {
      ICE_TRY(ice_bytes_append_u8(out, '}', err));
    }
  }
  ICE_TRY(ice_bytes_append_u8(out, is_object ? '}' : ']', err));
done:
  return status;
}

ice_status ice_json_append_value(ice_bytes *out, const ice_column *column, int64_t index, ice_error *err) {
  if (ice_column_is_null(column, index)) {
    return ice_bytes_append_str(out, ICE_STR("null"), err);
  }
  if (column->kind == ICE_KIND_STRING) {
    return ice_json_append_string(out, ice_column_text(column, index), err);
  }
  if (column->kind == ICE_KIND_STRUCT) {
    return append_struct(out, column, index, err);
  }
  if (column->kind == ICE_KIND_LIST || column->kind == ICE_KIND_MAP) {
    return append_items(out, column, index, err);
  }
  bool quoted = is_quoted(column, index);
  ice_status status = ICE_OK;
  if (quoted) {
    ICE_TRY(ice_bytes_append_u8(out, '"', err));
  }
  ICE_TRY(append_text_value(out, column, index, err));
  if (quoted) {
    ICE_TRY(ice_bytes_append_u8(out, '"', err));
  }
done:
  return status;
}

ice_status ice_json_append_plain(ice_bytes *out, const ice_column *column, int64_t index, ice_error *err) {
  return ice_column_is_null(column, index) ? ICE_OK : append_text_value(out, column, index, err);
}
