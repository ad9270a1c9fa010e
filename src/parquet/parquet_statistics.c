#include "parquet/parquet_statistics.h"

#include "base/checked.h"
#include "base/utf8.h"
#include <math.h>

ice_parquet_order ice_parquet_leaf_order(const ice_parquet_leaf *leaf) {
  switch (leaf->physical) {
    case ICE_PARQUET_FLOAT:
    case ICE_PARQUET_DOUBLE: return ICE_PARQUET_ORDER_REAL;
    case ICE_PARQUET_BYTE_ARRAY:
    case ICE_PARQUET_FIXED_LEN_BYTE_ARRAY:
      return leaf->kind == ICE_KIND_DECIMAL ? ICE_PARQUET_ORDER_DECIMAL : ICE_PARQUET_ORDER_BYTES;
    case ICE_PARQUET_BOOLEAN:
    case ICE_PARQUET_INT32:
    case ICE_PARQUET_INT64:
    case ICE_PARQUET_INT96: break;
  }
  return ICE_PARQUET_ORDER_INTEGER;
}

void ice_parquet_bounds_init(ice_parquet_bounds *bounds) {
  *bounds = (ice_parquet_bounds){0};
  ice_bytes_init(&bounds->min_text, ICE_PARQUET_BOUND_SIZE_MAX);
  ice_bytes_init(&bounds->max_text, ICE_PARQUET_BOUND_SIZE_MAX);
}

void ice_parquet_bounds_deinit(ice_parquet_bounds *bounds) {
  ice_bytes_deinit(&bounds->min_text);
  ice_bytes_deinit(&bounds->max_text);
  bounds->present = false;
}

static void widen_integer(ice_parquet_bounds *bounds, int64_t min, int64_t max) {
  if (!bounds->present) {
    bounds->present = true;
    bounds->min.integer = min;
    bounds->max.integer = max;
    return;
  }
  bounds->min.integer = min < bounds->min.integer ? min : bounds->min.integer;
  bounds->max.integer = max > bounds->max.integer ? max : bounds->max.integer;
}

static void widen_real(ice_parquet_bounds *bounds, double min, double max) {
  if (!bounds->present) {
    bounds->present = true;
    bounds->min.real = min;
    bounds->max.real = max;
    return;
  }
  bounds->min.real = min < bounds->min.real ? min : bounds->min.real;
  bounds->max.real = max > bounds->max.real ? max : bounds->max.real;
}

void ice_parquet_bounds_add_i32(ice_parquet_bounds *bounds, const uint8_t *values, size_t count) {
  if (count == 0) {
    return;
  }
  int32_t min = INT32_MAX;
  int32_t max = INT32_MIN;
  for (size_t i = 0; i < count; i++) {
    int32_t value;
    memcpy(&value, values + i * sizeof value, sizeof value);
    min = value < min ? value : min;
    max = value > max ? value : max;
  }
  widen_integer(bounds, min, max);
}

void ice_parquet_bounds_add_i64(ice_parquet_bounds *bounds, const uint8_t *values, size_t count) {
  if (count == 0) {
    return;
  }
  // Two of each: the compare-and-move chain is what limits the loop.
  int64_t min[2] = {INT64_MAX, INT64_MAX};
  int64_t max[2] = {INT64_MIN, INT64_MIN};
  for (size_t i = 0; i < count; i++) {
    int64_t value;
    memcpy(&value, values + i * sizeof value, sizeof value);
    min[i & 1] = value < min[i & 1] ? value : min[i & 1];
    max[i & 1] = value > max[i & 1] ? value : max[i & 1];
  }
  widen_integer(bounds, min[0] < min[1] ? min[0] : min[1], max[0] > max[1] ? max[0] : max[1]);
}

// Comparisons with NaN are false, so a NaN never replaces a bound.
size_t ice_parquet_bounds_add_f64(ice_parquet_bounds *bounds, const uint8_t *values, size_t count) {
  double min = INFINITY;
  double max = -INFINITY;
  size_t nan_count = 0;
  for (size_t i = 0; i < count; i++) {
    double value;
    memcpy(&value, values + i * sizeof value, sizeof value);
    min = value < min ? value : min;
    max = value > max ? value : max;
    nan_count += value != value;
  }
  if (nan_count < count) {
    widen_real(bounds, min, max);
  }
  return nan_count;
}

size_t ice_parquet_bounds_add_f32(ice_parquet_bounds *bounds, const uint8_t *values, size_t count) {
  float min = INFINITY;
  float max = -INFINITY;
  size_t nan_count = 0;
  for (size_t i = 0; i < count; i++) {
    float value;
    memcpy(&value, values + i * sizeof value, sizeof value);
    min = value < min ? value : min;
    max = value > max ? value : max;
    nan_count += value != value;
  }
  if (nan_count < count) {
    widen_real(bounds, (double)min, (double)max);
  }
  return nan_count;
}

void ice_parquet_bounds_add_boolean(ice_parquet_bounds *bounds, bool value) { widen_integer(bounds, value, value); }

int ice_parquet_text_compare(ice_parquet_order order, ice_str a, ice_str b) {
  if (order == ICE_PARQUET_ORDER_DECIMAL && a.size > 0 && b.size > 0) {
    // The sign stands in the first byte; turned around, the rest compares as unsigned bytes.
    int first_a = (uint8_t)a.data[0] ^ 0x80;
    int first_b = (uint8_t)b.data[0] ^ 0x80;
    if (first_a != first_b) {
      return first_a - first_b;
    }
  }
  return ice_str_compare(a, b);
}

static ice_str cut(ice_str value) {
  if (value.size > ICE_PARQUET_BOUND_SIZE_MAX) {
    value.size = ICE_PARQUET_BOUND_SIZE_MAX;
  }
  return value;
}

static ice_status keep(ice_bytes *text, ice_str value, ice_error *err) {
  ice_bytes_clear(text);
  return ice_bytes_append_str(text, value, err);
}

// Cutting to a prefix keeps the order, except between texts that share it: among these the exact one is the
// smaller, and a cut one the greater.
static ice_status widen_min(ice_parquet_bounds *bounds, ice_parquet_order order, ice_str prefix, bool truncated,
                            ice_error *err) {
  int compared = ice_parquet_text_compare(order, prefix, ice_bytes_str(&bounds->min_text));
  if (compared > 0) {
    return ICE_OK;
  }
  bounds->min_truncated = compared == 0 ? bounds->min_truncated && truncated : truncated;
  return compared == 0 ? ICE_OK : keep(&bounds->min_text, prefix, err);
}

static ice_status widen_max(ice_parquet_bounds *bounds, ice_parquet_order order, ice_str prefix, bool truncated,
                            ice_error *err) {
  int compared = ice_parquet_text_compare(order, prefix, ice_bytes_str(&bounds->max_text));
  if (compared < 0) {
    return ICE_OK;
  }
  bounds->max_truncated = compared == 0 ? bounds->max_truncated || truncated : truncated;
  return compared == 0 ? ICE_OK : keep(&bounds->max_text, prefix, err);
}

static ice_status widen_text(ice_parquet_bounds *bounds, ice_parquet_order order, ice_str min, bool min_truncated,
                             ice_str max, bool max_truncated, ice_error *err) {
  ice_status status = ICE_OK;
  if (!bounds->present) {
    ICE_TRY(keep(&bounds->min_text, min, err));
    ICE_TRY(keep(&bounds->max_text, max, err));
    bounds->min_truncated = min_truncated;
    bounds->max_truncated = max_truncated;
    bounds->present = true;
    return ICE_OK;
  }
  ICE_TRY(widen_min(bounds, order, min, min_truncated, err));
  ICE_TRY(widen_max(bounds, order, max, max_truncated, err));
done:
  return status;
}

ice_status ice_parquet_bounds_add_text(ice_parquet_bounds *bounds, ice_parquet_order order, ice_str value,
                                       ice_error *err) {
  ice_str prefix = cut(value);
  bool truncated = prefix.size < value.size;
  return widen_text(bounds, order, prefix, truncated, prefix, truncated, err);
}

ice_status ice_parquet_bounds_merge(ice_parquet_bounds *bounds, ice_parquet_order order,
                                    const ice_parquet_bounds *from, ice_error *err) {
  if (!from->present) {
    return ICE_OK;
  }
  switch (order) {
    case ICE_PARQUET_ORDER_INTEGER: widen_integer(bounds, from->min.integer, from->max.integer); return ICE_OK;
    case ICE_PARQUET_ORDER_REAL: widen_real(bounds, from->min.real, from->max.real); return ICE_OK;
    case ICE_PARQUET_ORDER_BYTES:
    case ICE_PARQUET_ORDER_DECIMAL: break;
  }
  return widen_text(bounds, order, ice_bytes_str(&from->min_text), from->min_truncated,
                    ice_bytes_str(&from->max_text), from->max_truncated, err);
}

// Writing -----------------------------------------------------------------------------------------------------------

static ice_status write_number(const ice_parquet_bounds *bounds, const ice_parquet_leaf *leaf, bool is_max,
                               ice_bytes *out, ice_error *err) {
  ice_parquet_number number = is_max ? bounds->max : bounds->min;
  if (ice_parquet_leaf_order(leaf) == ICE_PARQUET_ORDER_REAL) {
    if (number.real == 0) {
      number.real = is_max ? 0.0 : -0.0;
    }
    if (leaf->physical == ICE_PARQUET_FLOAT) {
      float single = (float)number.real;
      return ice_bytes_append(out, &single, sizeof single, err);
    }
    return ice_bytes_append(out, &number.real, sizeof number.real, err);
  }
  uint8_t bytes[8];
  ice_store_u64le(bytes, (uint64_t)number.integer);
  size_t size = leaf->physical == ICE_PARQUET_BOOLEAN ? 1 : leaf->value_width;
  return ice_bytes_append(out, bytes, size, err);
}

// Make `text` the smallest text of at most its size that is greater than all that begin with it. 0: none exists.
static size_t increment_utf8(uint8_t *text, size_t size) {
  while (size > 0) {
    size_t last = size - 1;
    while (last > 0 && (text[last] & 0xc0) == 0x80) {
      last--;
    }
    uint32_t code_point = 0;
    uint8_t encoded[4];
    if (ice_utf8_decode(text + last, size - last, &code_point) != size - last) {
      return 0;
    }
    code_point = code_point == 0xd7ff ? 0xe000 : code_point + 1;
    if (code_point <= 0x10ffff) {
      size_t encoded_size = ice_utf8_encode(code_point, encoded);
      // One code point may grow by a byte where the next one does not fit: then the one before is raised.
      if (encoded_size <= size - last) {
        memcpy(text + last, encoded, encoded_size);
        return last + encoded_size;
      }
    }
    size = last;
  }
  return 0;
}

static size_t increment_bytes(uint8_t *text, size_t size) {
  while (size > 0) {
    if (text[size - 1] != 0xff) {
      text[size - 1]++;
      return size;
    }
    size--;
  }
  return 0;
}

ice_status ice_parquet_bounds_write(const ice_parquet_bounds *bounds, const ice_parquet_leaf *leaf, bool is_max,
                                    ice_bytes *out, bool *exact, bool *fits, ice_error *err) {
  *exact = true;
  *fits = true;
  ice_parquet_order order = ice_parquet_leaf_order(leaf);
  if (order == ICE_PARQUET_ORDER_INTEGER || order == ICE_PARQUET_ORDER_REAL) {
    return write_number(bounds, leaf, is_max, out, err);
  }
  ice_str text = ice_bytes_str(is_max ? &bounds->max_text : &bounds->min_text);
  bool truncated = is_max ? bounds->max_truncated : bounds->min_truncated;
  if (leaf->physical == ICE_PARQUET_FIXED_LEN_BYTE_ARRAY) {
    // Values of a fixed length are written whole, or not at all.
    *fits = !truncated;
    return truncated ? ICE_OK : ice_bytes_append_str(out, text, err);
  }
  if (text.size <= ICE_PARQUET_BOUND_SIZE_WRITTEN && !truncated) {
    return ice_bytes_append_str(out, text, err);
  }
  *exact = false;
  bool utf8 = leaf->kind == ICE_KIND_STRING;
  uint8_t bytes[ICE_PARQUET_BOUND_SIZE_WRITTEN];
  size_t size = utf8 ? ice_utf8_cut(text.data, text.size, sizeof bytes) : sizeof bytes;
  memcpy(bytes, text.data, size);
  if (is_max) {
    size = utf8 ? increment_utf8(bytes, size) : increment_bytes(bytes, size);
    *fits = size > 0;
  }
  return ice_bytes_append(out, bytes, size, err);
}
