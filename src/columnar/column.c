#include "columnar/column.h"

#include <stdlib.h>

// Offsets are int32, so no buffer of a column grows beyond this.
static const size_t column_bytes_max = INT32_MAX;

static bool has_offsets(ice_kind kind) {
  return kind == ICE_KIND_STRING || kind == ICE_KIND_BINARY || kind == ICE_KIND_LIST || kind == ICE_KIND_MAP;
}

ice_status ice_column_init(ice_column *column, const ice_type *type, ice_error *err) {
  *column = (ice_column){.type = type, .kind = type->kind, .width = (uint32_t)ice_type_width(type)};
  ice_bytes_init(&column->validity, column_bytes_max);
  // One entry more than rows, four bytes each.
  ice_bytes_init(&column->offsets, ((size_t)INT32_MAX + 1) * 4);
  ice_bytes_init(&column->values, column->width > 1 ? column_bytes_max * column->width : column_bytes_max);
  if (type->field_count == 0) {
    return ICE_OK;
  }
  column->children = calloc(type->field_count, sizeof *column->children);
  if (!column->children) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %u columns", type->field_count);
  }
  for (uint32_t i = 0; i < type->field_count; i++) {
    ice_status status = ice_column_init(&column->children[i], &type->fields[i].type, err);
    if (status != ICE_OK) {
      ice_column_deinit(column);
      return status;
    }
    column->child_count = i + 1;
  }
  return ICE_OK;
}

void ice_column_deinit(ice_column *column) {
  for (uint32_t i = 0; i < column->child_count; i++) {
    ice_column_deinit(&column->children[i]);
  }
  free(column->children);
  ice_bytes_deinit(&column->validity);
  ice_bytes_deinit(&column->offsets);
  ice_bytes_deinit(&column->values);
  column->children = NULL;
  column->child_count = 0;
  column->length = 0;
  column->null_count = 0;
}

static size_t bits_size(int64_t count) { return ((size_t)count + 7) >> 3; }

// Make the bits from `length` on zero, so that later appends may or them in.
static void clear_bits_from(ice_bytes *bits, int64_t length) {
  size_t size = bits_size(length);
  if (bits->size > size) {
    bits->size = size;
  }
  if ((length & 7) != 0 && bits->size == size) {
    bits->data[size - 1] &= (uint8_t)((1u << (length & 7)) - 1);
  }
}

static int64_t count_set_bits(const uint8_t *bits, int64_t count) {
  int64_t total = 0;
  int64_t whole = count >> 3;
  int64_t i = 0;
  for (; i + 8 <= whole; i += 8) {
    total += __builtin_popcountll(ice_load_u64le(bits + i));
  }
  for (; i < whole; i++) {
    total += __builtin_popcount(bits[i]);
  }
  if ((count & 7) != 0) {
    total += __builtin_popcount(bits[whole] & ((1u << (count & 7)) - 1));
  }
  return total;
}

// Of bits [from, to).
static int64_t count_set_bits_between(const uint8_t *bits, int64_t from, int64_t to) {
  int64_t total = 0;
  for (; from < to && (from & 7) != 0; from++) {
    total += ice_bit_get(bits, from);
  }
  return from < to ? total + count_set_bits(bits + (from >> 3), to - from) : total;
}

void ice_column_truncate(ice_column *column, int64_t length) {
  // A failed append may have left this column short of its siblings.
  if (length > column->length) {
    length = column->length;
  }
  if (column->null_count != 0) {
    // What goes is counted, not what stays: dropping the last value of a long column has to be cheap.
    int64_t dropped = column->length - length;
    column->null_count -= dropped - count_set_bits_between(column->validity.data, length, column->length);
    clear_bits_from(&column->validity, length);
    if (column->null_count == 0) {
      ice_bytes_clear(&column->validity);
    }
  }
  if (has_offsets(column->kind)) {
    int32_t end = length == 0 ? 0 : ice_column_offset(column, length);
    column->offsets.size = length == 0 ? 0 : ((size_t)length + 1) * 4;
    if (column->child_count == 0) {
      column->values.size = (size_t)end;
    }
    for (uint32_t i = 0; i < column->child_count; i++) {
      ice_column_truncate(&column->children[i], end);
    }
  } else if (column->kind == ICE_KIND_BOOLEAN) {
    clear_bits_from(&column->values, length);
  } else if (column->kind == ICE_KIND_STRUCT) {
    for (uint32_t i = 0; i < column->child_count; i++) {
      ice_column_truncate(&column->children[i], length);
    }
  } else {
    column->values.size = (size_t)length * column->width;
  }
  column->length = length;
}

size_t ice_column_memory(const ice_column *column) {
  size_t total = column->validity.capacity + column->offsets.capacity + column->values.capacity;
  for (uint32_t i = 0; i < column->child_count; i++) {
    total += sizeof(ice_column) + ice_column_memory(&column->children[i]);
  }
  return total;
}

size_t ice_column_size(const ice_column *column) {
  size_t total = column->validity.size + column->offsets.size + column->values.size;
  for (uint32_t i = 0; i < column->child_count; i++) {
    total += ice_column_size(&column->children[i]);
  }
  return total;
}

// Append one bit at position `length` of a bitmap whose later bits are zero.
static ice_status append_bit(ice_bytes *bits, int64_t length, bool value, ice_error *err) {
  if ((length & 7) == 0 || bits->size < bits_size(length + 1)) {
    ice_status status = ice_bytes_append_u8(bits, 0, err);
    if (status != ICE_OK) {
      return status;
    }
  }
  bits->data[(size_t)length >> 3] |= (uint8_t)((unsigned)value << (length & 7));
  return ICE_OK;
}

static ice_status append_offset(ice_column *column, size_t end, ice_error *err) {
  if (end > (size_t)INT32_MAX) {
    return ice_error_set(err, ICE_LIMIT, "more than %d values or bytes in one column of a batch", INT32_MAX);
  }
  ice_status status = ice_bytes_reserve(&column->offsets, 8, err);
  if (status != ICE_OK) {
    return status;
  }
  if (column->offsets.size == 0) {
    memset(column->offsets.data, 0, 4);
    column->offsets.size = 4;
  }
  int32_t value = (int32_t)end;
  memcpy(column->offsets.data + column->offsets.size, &value, 4);
  column->offsets.size += 4;
  return ICE_OK;
}

// The first null of a column makes the bitmap of all the values before it.
static ice_status start_validity(ice_column *column, ice_error *err) {
  size_t size = bits_size(column->length);
  ice_bytes_clear(&column->validity);
  ice_status status = ice_bytes_reserve(&column->validity, size + 1, err);
  if (status == ICE_OK) {
    if (size != 0) {
      memset(column->validity.data, 0xFF, size);
    }
    column->validity.size = size;
    clear_bits_from(&column->validity, column->length);
  }
  return status;
}

ice_status ice_column_mark_valid(ice_column *column, ice_error *err) {
  return column->null_count == 0 ? ICE_OK : append_bit(&column->validity, column->length, true, err);
}

ice_status ice_column_append_null(ice_column *column, ice_error *err) {
  ice_status status = ICE_OK;
  if (column->null_count == 0) {
    ICE_TRY(start_validity(column, err));
  }
  ICE_TRY(append_bit(&column->validity, column->length, false, err));
  if (has_offsets(column->kind)) {
    size_t end = column->child_count == 0 ? column->values.size : (size_t)column->children[0].length;
    ICE_TRY(append_offset(column, end, err));
  } else if (column->kind == ICE_KIND_BOOLEAN) {
    ICE_TRY(append_bit(&column->values, column->length, false, err));
  } else if (column->kind == ICE_KIND_STRUCT) {
    for (uint32_t i = 0; i < column->child_count; i++) {
      ICE_TRY(ice_column_append_null(&column->children[i], err));
    }
  } else {
    ICE_TRY(ice_bytes_append_zero(&column->values, column->width, err));
  }
  column->length++;
  column->null_count++;
done:
  return status;
}

ice_status ice_column_append_boolean(ice_column *column, bool value, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(append_bit(&column->values, column->length, value, err));
  ICE_TRY(ice_column_mark_valid(column, err));
  column->length++;
done:
  return status;
}

ice_status ice_column_append_text(ice_column *column, ice_str value, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append(&column->values, value.data, value.size, err));
  ICE_TRY(append_offset(column, column->values.size, err));
  ICE_TRY(ice_column_mark_valid(column, err));
  column->length++;
done:
  return status;
}

ice_status ice_column_append_list_end(ice_column *column, ice_error *err) {
  ice_status status = ICE_OK;
  for (uint32_t i = 1; i < column->child_count; i++) {
    if (column->children[i].length != column->children[0].length) {
      ICE_FAIL(ICE_INTERNAL, "a map has %lld keys and %lld values", (long long)column->children[0].length,
               (long long)column->children[i].length);
    }
  }
  ICE_TRY(append_offset(column, (size_t)column->children[0].length, err));
  ICE_TRY(ice_column_mark_valid(column, err));
  column->length++;
done:
  return status;
}

ice_status ice_column_append_struct_end(ice_column *column, ice_error *err) {
  ice_status status = ICE_OK;
  for (uint32_t i = 0; i < column->child_count; i++) {
    if (column->children[i].length != column->length + 1) {
      ICE_FAIL(ICE_INTERNAL, "field %u of a struct has %lld values after value %lld", i,
               (long long)column->children[i].length, (long long)column->length);
    }
  }
  ICE_TRY(ice_column_mark_valid(column, err));
  column->length++;
done:
  return status;
}

static ice_status append_rows_fixed(ice_column *column, const ice_column *source, const uint32_t *rows, size_t count,
                                    ice_error *err) {
  size_t width = column->width;
  ice_status status = ice_bytes_reserve(&column->values, count * width, err);
  if (status != ICE_OK) {
    return status;
  }
  uint8_t *to = column->values.data + column->values.size;
  const uint8_t *from = source->values.data;
  if (width == 8) {
    for (size_t i = 0; i < count; i++) {
      memcpy(to + i * 8, from + (size_t)rows[i] * 8, 8);
    }
  } else if (width == 4) {
    for (size_t i = 0; i < count; i++) {
      memcpy(to + i * 4, from + (size_t)rows[i] * 4, 4);
    }
  } else {
    for (size_t i = 0; i < count; i++) {
      memcpy(to + i * width, from + (size_t)rows[i] * width, width);
    }
  }
  column->values.size += count * width;
  column->length += (int64_t)count;
  return ICE_OK;
}

static ice_status append_rows_text(ice_column *column, const ice_column *source, const uint32_t *rows, size_t count,
                                   ice_error *err) {
  ice_status status = ICE_OK;
  const ice_bytes *values = &source->values;
  for (size_t i = 0; i < count && status == ICE_OK; i++) {
    ice_str text = ice_column_text(source, rows[i]);
    // While every text is empty there is no buffer to read on in.
    const void *readable_end = values->data ? (const char *)values->data + values->size : text.data;
    status = ice_column_append_text_of(column, text.data, text.size, readable_end, err);
  }
  return status;
}

// Append bits [from, to) of `source`, ones where it is NULL, at position `length` of a bitmap whose later bits are zero.
static ice_status append_bits(ice_bytes *bits, int64_t length, const uint8_t *source, int64_t from, int64_t to,
                              ice_error *err) {
  size_t size = bits_size(length + (to - from));
  ice_status status = size > bits->size ? ice_bytes_append_zero(bits, size - bits->size, err) : ICE_OK;
  for (int64_t i = from; i < to && status == ICE_OK; i++, length++) {
    unsigned bit = !source || ice_bit_get(source, i);
    bits->data[(size_t)length >> 3] |= (uint8_t)(bit << (length & 7));
  }
  return status;
}

// Append the validity bits of source[from, to) behind the column's own; `*null_count` is how many of them are 0.
static ice_status append_validity(ice_column *column, const ice_column *source, int64_t from, int64_t to,
                                  int64_t *null_count, ice_error *err) {
  const uint8_t *bits = source->null_count == 0 ? NULL : source->validity.data;
  *null_count = bits ? to - from - count_set_bits_between(bits, from, to) : 0;
  if (*null_count == 0 && column->null_count == 0) {
    return ICE_OK;
  }
  ice_status status = column->null_count == 0 ? start_validity(column, err) : ICE_OK;
  return status == ICE_OK ? append_bits(&column->validity, column->length, bits, from, to, err) : status;
}

// Append the offsets of source[from, to), whose values were or will be appended from `base` on.
static ice_status append_offsets(ice_column *column, const ice_column *source, int64_t from, int64_t to, size_t base,
                                 ice_error *err) {
  ice_status status = ICE_OK;
  size_t count = (size_t)(to - from);
  int32_t first = ice_column_offset(source, from);
  if ((size_t)(ice_column_offset(source, to) - first) > (size_t)INT32_MAX - base) {
    ICE_FAIL(ICE_LIMIT, "more than %d values or bytes in one column of a batch", INT32_MAX);
  }
  ICE_TRY(ice_bytes_reserve(&column->offsets, (count + 1) * 4, err));
  if (column->offsets.size == 0) {
    memset(column->offsets.data, 0, 4);
    column->offsets.size = 4;
  }
  uint8_t *to_offsets = column->offsets.data + column->offsets.size;
  for (size_t i = 0; i < count; i++) {
    int32_t end = ice_column_offset(source, from + (int64_t)i + 1) - first + (int32_t)base;
    memcpy(to_offsets + i * 4, &end, 4);
  }
  column->offsets.size += count * 4;
done:
  return status;
}

static ice_status append_range_values(ice_column *column, const ice_column *source, int64_t from, int64_t to,
                                      ice_error *err) {
  ice_status status = ICE_OK;
  if (has_offsets(column->kind)) {
    int32_t first = ice_column_offset(source, from);
    int32_t end = ice_column_offset(source, to);
    bool text = column->child_count == 0;
    size_t base = text ? column->values.size : (size_t)column->children[0].length;
    ICE_TRY(append_offsets(column, source, from, to, base, err));
    if (text && end > first) {
      ICE_TRY(ice_bytes_append(&column->values, source->values.data + first, (size_t)(end - first), err));
    }
    for (uint32_t i = 0; i < column->child_count; i++) {
      ICE_TRY(ice_column_append_range(&column->children[i], &source->children[i], first, end, err));
    }
  } else if (column->kind == ICE_KIND_STRUCT) {
    for (uint32_t i = 0; i < column->child_count; i++) {
      ICE_TRY(ice_column_append_range(&column->children[i], &source->children[i], from, to, err));
    }
  } else if (column->kind == ICE_KIND_BOOLEAN) {
    ICE_TRY(append_bits(&column->values, column->length, source->values.data, from, to, err));
  } else {
    size_t width = column->width;
    ICE_TRY(ice_bytes_append(&column->values, ice_column_fixed(source, from), (size_t)(to - from) * width, err));
  }
done:
  return status;
}

ice_status ice_column_append_range(ice_column *column, const ice_column *source, int64_t from, int64_t to,
                                   ice_error *err) {
  ice_status status = ICE_OK;
  int64_t null_count;
  if (from == to) {
    goto done;
  }
  ICE_TRY(append_validity(column, source, from, to, &null_count, err));
  ICE_TRY(append_range_values(column, source, from, to, err));
  column->length += to - from;
  column->null_count += null_count;
done:
  return status;
}

// Rows that follow one another are appended together.
static ice_status append_runs(ice_column *column, const ice_column *source, const uint32_t *rows, size_t row_count,
                              ice_error *err) {
  ice_status status = ICE_OK;
  for (size_t i = 0; i < row_count && status == ICE_OK;) {
    size_t begin = i++;
    while (i < row_count && rows[i] == rows[i - 1] + 1) {
      i++;
    }
    status = ice_column_append_range(column, source, rows[begin], (int64_t)rows[i - 1] + 1, err);
  }
  return status;
}

// Of ascending rows without repetition: few are left out.
static bool mostly_runs(const uint32_t *rows, size_t row_count) {
  size_t span = row_count == 0 || rows[row_count - 1] < rows[0] ? 0 : (size_t)rows[row_count - 1] - rows[0] + 1;
  return span >= row_count && span - row_count <= row_count / 8;
}

ice_status ice_column_append_rows(ice_column *column, const ice_column *source, const uint32_t *rows,
                                  size_t row_count, ice_error *err) {
  if (column->null_count == 0 && source->null_count == 0 && !mostly_runs(rows, row_count)) {
    if (column->width != 0) {
      return append_rows_fixed(column, source, rows, row_count, err);
    }
    if (has_offsets(column->kind) && column->child_count == 0) {
      return append_rows_text(column, source, rows, row_count, err);
    }
  }
  return append_runs(column, source, rows, row_count, err);
}

static bool children_equal(const ice_column *a, int64_t a_index, const ice_column *b, int64_t b_index) {
  int32_t a_from = ice_column_offset(a, a_index);
  int32_t b_from = ice_column_offset(b, b_index);
  int32_t count = ice_column_offset(a, a_index + 1) - a_from;
  if (count != ice_column_offset(b, b_index + 1) - b_from) {
    return false;
  }
  for (uint32_t c = 0; c < a->child_count; c++) {
    for (int32_t i = 0; i < count; i++) {
      if (!ice_column_equal(&a->children[c], a_from + i, &b->children[c], b_from + i)) {
        return false;
      }
    }
  }
  return true;
}

bool ice_column_equal(const ice_column *a, int64_t a_index, const ice_column *b, int64_t b_index) {
  if (a->kind != b->kind || a->width != b->width || a->child_count != b->child_count) {
    return false;
  }
  bool a_null = ice_column_is_null(a, a_index);
  if (a_null != ice_column_is_null(b, b_index)) {
    return false;
  }
  if (a_null) {
    return true;
  }
  switch (a->kind) {
    case ICE_KIND_BOOLEAN: return ice_column_boolean(a, a_index) == ice_column_boolean(b, b_index);
    case ICE_KIND_STRING:
    case ICE_KIND_BINARY: return ice_str_equal(ice_column_text(a, a_index), ice_column_text(b, b_index));
    case ICE_KIND_LIST:
    case ICE_KIND_MAP: return children_equal(a, a_index, b, b_index);
    case ICE_KIND_STRUCT:
      for (uint32_t i = 0; i < a->child_count; i++) {
        if (!ice_column_equal(&a->children[i], a_index, &b->children[i], b_index)) {
          return false;
        }
      }
      return true;
    case ICE_KIND_INT:
    case ICE_KIND_LONG:
    case ICE_KIND_FLOAT:
    case ICE_KIND_DOUBLE:
    case ICE_KIND_DECIMAL:
    case ICE_KIND_DATE:
    case ICE_KIND_TIME:
    case ICE_KIND_TIMESTAMP:
    case ICE_KIND_TIMESTAMPTZ:
    case ICE_KIND_UUID:
    case ICE_KIND_FIXED: return memcmp(ice_column_fixed(a, a_index), ice_column_fixed(b, b_index), a->width) == 0;
  }
  return false;
}
