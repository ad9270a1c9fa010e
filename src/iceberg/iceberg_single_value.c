// Single values as manifests hold them (spec, Appendix D), their order, and bounds cut to a length.
#include "base/checked.h"
#include "base/utf8.h"
#include "iceberg/iceberg_metrics.h"

enum { DECIMAL_SIZE = 16, CODE_POINT_MAX = 0x10FFFF, SURROGATE_FIRST = 0xD800, SURROGATE_LAST = 0xDFFF };

static ice_status wrong_size(const ice_type *type, size_t size, ice_status code, ice_error *err) {
  return ice_error_set(err, code, "a value of type %s with %zu bytes", ice_kind_name(type->kind), size);
}

// Big-endian two's complement of as few bytes as keep the sign.
static ice_status append_decimal(const uint8_t *raw, ice_bytes *out, ice_error *err) {
  size_t size = DECIMAL_SIZE;
  uint8_t sign = (raw[DECIMAL_SIZE - 1] & 0x80) != 0 ? 0xFF : 0;
  while (size > 1 && raw[size - 1] == sign && (raw[size - 2] & 0x80) == (sign & 0x80)) {
    size--;
  }
  uint8_t text[DECIMAL_SIZE];
  for (size_t i = 0; i < size; i++) {
    text[i] = raw[size - 1 - i];
  }
  return ice_bytes_append(out, text, size, err);
}

ice_status ice_single_value_append(const ice_type *type, ice_str raw, ice_bytes *out, ice_error *err) {
  size_t width = type->kind == ICE_KIND_BOOLEAN ? 1 : ice_type_width(type);
  if (ice_kind_nested(type->kind) || (width != 0 && raw.size != width)) {
    return wrong_size(type, raw.size, ICE_INTERNAL, err);
  }
  if (type->kind == ICE_KIND_DECIMAL) {
    return append_decimal((const uint8_t *)raw.data, out, err);
  }
  // Columns hold numbers little-endian and uuid big-endian, as Appendix D wants them.
  return ice_bytes_append_str(out, raw, err);
}

static ice_status read_decimal(ice_str text, ice_bytes *out, ice_error *err) {
  uint8_t raw[DECIMAL_SIZE];
  uint8_t sign = ((uint8_t)text.data[0] & 0x80) != 0 ? 0xFF : 0;
  for (size_t i = 0; i < DECIMAL_SIZE; i++) {
    raw[i] = i < text.size ? (uint8_t)text.data[text.size - 1 - i] : sign;
  }
  return ice_bytes_append(out, raw, DECIMAL_SIZE, err);
}

ice_status ice_single_value_read(const ice_type *type, ice_str serialized, ice_bytes *out, ice_error *err) {
  size_t width = type->kind == ICE_KIND_BOOLEAN ? 1 : ice_type_width(type);
  if (type->kind == ICE_KIND_DECIMAL) {
    // Some writers pad to a fixed width; the sign extension is the same number.
    if (serialized.size == 0 || serialized.size > DECIMAL_SIZE) {
      return wrong_size(type, serialized.size, ICE_CORRUPT, err);
    }
    return read_decimal(serialized, out, err);
  }
  if (ice_kind_nested(type->kind) || (width != 0 && serialized.size != width)) {
    // A column that was an int or a float when the file was written is longer now (spec, "Schema Evolution").
    bool was_int = type->kind == ICE_KIND_LONG && serialized.size == 4;
    bool was_float = type->kind == ICE_KIND_DOUBLE && serialized.size == 4;
    if (was_int) {
      uint8_t raw[8];
      ice_store_u64le(raw, (uint64_t)(int64_t)(int32_t)ice_load_u32le(serialized.data));
      return ice_bytes_append(out, raw, 8, err);
    }
    if (was_float) {
      uint32_t bits = ice_load_u32le(serialized.data);
      float narrow;
      memcpy(&narrow, &bits, 4);
      double value = (double)narrow;
      return ice_bytes_append(out, &value, 8, err);
    }
    return wrong_size(type, serialized.size, ICE_CORRUPT, err);
  }
  return ice_bytes_append_str(out, serialized, err);
}

static int compare_i64(int64_t a, int64_t b) { return (a > b) - (a < b); }

static int compare_double(double a, double b) {
  if (a < b || a > b) {
    return a < b ? -1 : 1;
  }
  bool a_nan = a != a;
  bool b_nan = b != b;
  if (a_nan || b_nan) {
    return (int)a_nan - (int)b_nan;
  }
  // Equal: the zeros are told apart by their sign.
  return (int)(__builtin_signbit(b) != 0) - (int)(__builtin_signbit(a) != 0);
}

static double load_double(const ice_type *type, const char *data) {
  if (type->kind == ICE_KIND_FLOAT) {
    uint32_t bits = ice_load_u32le(data);
    float value;
    memcpy(&value, &bits, 4);
    return (double)value;
  }
  uint64_t bits = ice_load_u64le(data);
  double value;
  memcpy(&value, &bits, 8);
  return value;
}

int ice_raw_compare(const ice_type *type, ice_str a, ice_str b) {
  switch (type->kind) {
    case ICE_KIND_INT:
    case ICE_KIND_DATE: return compare_i64((int32_t)ice_load_u32le(a.data), (int32_t)ice_load_u32le(b.data));
    case ICE_KIND_LONG:
    case ICE_KIND_TIME:
    case ICE_KIND_TIMESTAMP:
    case ICE_KIND_TIMESTAMPTZ: return compare_i64((int64_t)ice_load_u64le(a.data), (int64_t)ice_load_u64le(b.data));
    case ICE_KIND_FLOAT:
    case ICE_KIND_DOUBLE: return compare_double(load_double(type, a.data), load_double(type, b.data));
    case ICE_KIND_DECIMAL: {
      int high = compare_i64((int64_t)ice_load_u64le(a.data + 8), (int64_t)ice_load_u64le(b.data + 8));
      uint64_t a_low = ice_load_u64le(a.data);
      uint64_t b_low = ice_load_u64le(b.data);
      return high != 0 ? high : (a_low > b_low) - (a_low < b_low);
    }
    case ICE_KIND_BOOLEAN:
    case ICE_KIND_STRING:
    case ICE_KIND_UUID:
    case ICE_KIND_FIXED:
    case ICE_KIND_BINARY:
    case ICE_KIND_STRUCT:
    case ICE_KIND_LIST:
    case ICE_KIND_MAP: break;
  }
  return ice_str_compare(a, b);
}

// The start of the code point that ends before `size` (> 0) of valid UTF-8.
static size_t code_point_start(ice_str text, size_t size) {
  do {
    size--;
  } while (size > 0 && ((uint8_t)text.data[size] & 0xC0) == 0x80);
  return size;
}

ice_status ice_truncate_upper_text(ice_str text, uint32_t length, ice_bytes *out, bool *found, ice_error *err) {
  *found = false;
  if (!ice_utf8_valid(text.data, text.size)) {
    return ICE_OK;
  }
  size_t size = ice_utf8_prefix(text.data, text.size, length);
  if (size == text.size) {
    *found = true;
    return ice_bytes_append_str(out, text, err);
  }
  while (size > 0) {
    size_t start = code_point_start(text, size);
    uint32_t code_point = 0;
    ice_utf8_decode(text.data + start, size - start, &code_point);
    code_point++;
    if (code_point == SURROGATE_FIRST) {
      code_point = SURROGATE_LAST + 1;
    }
    if (code_point <= CODE_POINT_MAX) {
      uint8_t encoded[4];
      size_t encoded_size = ice_utf8_encode(code_point, encoded);
      ice_status status = ice_bytes_append(out, text.data, start, err);
      if (status == ICE_OK) {
        status = ice_bytes_append(out, encoded, encoded_size, err);
      }
      *found = status == ICE_OK;
      return status;
    }
    // The last possible code point has no successor: the one before it is raised.
    size = start;
  }
  return ICE_OK;
}

ice_status ice_truncate_upper_binary(ice_str data, uint32_t length, ice_bytes *out, bool *found, ice_error *err) {
  *found = true;
  if (data.size <= length) {
    return ice_bytes_append_str(out, data, err);
  }
  for (size_t size = length; size > 0; size--) {
    uint8_t last = (uint8_t)data.data[size - 1];
    if (last != 0xFF) {
      ice_status status = ice_bytes_append(out, data.data, size - 1, err);
      return status == ICE_OK ? ice_bytes_append_u8(out, (uint8_t)(last + 1), err) : status;
    }
  }
  *found = false;
  return ICE_OK;
}
