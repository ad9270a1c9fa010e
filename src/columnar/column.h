/// Column builders, Arrow-shaped: validity bitmap, int32 offsets, values, children. Decoders append, Parquet reads.
///
/// Ownership: the caller's storage; `deinit` frees it. The schema's types are borrowed and must outlive the column.
/// Errors of appending calls: NO_MEMORY, LIMIT (more than 2^31-1 rows or bytes of text in one column); the column
///   is then in an unfinished state, and `ice_column_truncate` to an earlier length makes it whole again.
/// Threads: one at a time.
#ifndef ICE_COLUMNAR_COLUMN_H
#define ICE_COLUMNAR_COLUMN_H

#include "base/bytes.h"
#include "base/checked.h"
#include "columnar/schema.h"

typedef struct ice_column ice_column;
struct ice_column {
  const ice_type *type;  ///< borrowed
  ice_kind kind;         ///< type->kind
  uint32_t width;        ///< ice_type_width(type)
  int64_t length;
  int64_t null_count;
  /// Bit i (least significant first) is 1 where value i is not null. Empty while null_count is 0.
  ice_bytes validity;
  /// string, binary, list, map: length + 1 little-endian int32, the first 0. Empty while length is 0.
  ice_bytes offsets;
  /// Fixed-width values (nulls are zeros), text bytes, or bits of a boolean.
  ice_bytes values;
  uint32_t child_count;
  ice_column *children;
};

/// An empty column of `type`, children included.
ICE_MUST_CHECK ice_status ice_column_init(ice_column *column, const ice_type *type, ice_error *err);
void ice_column_deinit(ice_column *column);

/// Drop all values from `length` on, in children too; also repairs the unfinished state after a failed append.
void ice_column_truncate(ice_column *column, int64_t length);

/// Bytes held (capacity), children included.
size_t ice_column_memory(const ice_column *column);
/// Bytes of values in use, children included.
size_t ice_column_size(const ice_column *column);

// Reading -----------------------------------------------------------------------------------------------------------

static inline bool ice_bit_get(const uint8_t *bits, int64_t index) {
  return (bits[(size_t)index >> 3] >> ((size_t)index & 7)) & 1;
}

static inline bool ice_column_is_null(const ice_column *column, int64_t index) {
  return column->null_count != 0 && !ice_bit_get(column->validity.data, index);
}

static inline int32_t ice_column_offset(const ice_column *column, int64_t index) {
  int32_t value;
  memcpy(&value, column->offsets.data + (size_t)index * 4, 4);
  return value;
}

/// string, binary: the bytes of a value (empty for null).
static inline ice_str ice_column_text(const ice_column *column, int64_t index) {
  int32_t from = ice_column_offset(column, index);
  int32_t to = ice_column_offset(column, index + 1);
  // While every text is empty there is no buffer; an address is still needed to tell empty from null.
  const char *data = column->values.data ? (const char *)column->values.data : "";
  return (ice_str){.data = data + from, .size = (size_t)(to - from)};
}

static inline int32_t ice_column_i32(const ice_column *column, int64_t index) {
  int32_t value;
  memcpy(&value, column->values.data + (size_t)index * 4, 4);
  return value;
}

static inline int64_t ice_column_i64(const ice_column *column, int64_t index) {
  int64_t value;
  memcpy(&value, column->values.data + (size_t)index * 8, 8);
  return value;
}

static inline float ice_column_f32(const ice_column *column, int64_t index) {
  float value;
  memcpy(&value, column->values.data + (size_t)index * 4, 4);
  return value;
}

static inline double ice_column_f64(const ice_column *column, int64_t index) {
  double value;
  memcpy(&value, column->values.data + (size_t)index * 8, 8);
  return value;
}

static inline bool ice_column_boolean(const ice_column *column, int64_t index) {
  return ice_bit_get(column->values.data, index);
}

/// decimal, uuid, fixed: the `width` bytes of a value.
static inline const uint8_t *ice_column_fixed(const ice_column *column, int64_t index) {
  return column->values.data + (size_t)index * column->width;
}

// Appending ---------------------------------------------------------------------------------------------------------

/// Append a null; struct children get a null each, lists and maps an empty range.
ICE_MUST_CHECK ice_status ice_column_append_null(ice_column *column, ice_error *err);

/// Append a validity bit of 1 where the column has had a null before (slow path of the inline calls).
ICE_MUST_CHECK ice_status ice_column_mark_valid(ice_column *column, ice_error *err);

ICE_MUST_CHECK ice_status ice_column_append_boolean(ice_column *column, bool value, ice_error *err);

/// ice_column_append_fixed for a width that the compiler knows.
ICE_MUST_CHECK static inline ice_status ice_column_append_width(ice_column *column, const void *value, size_t width,
                                                                ice_error *err) {
  ICE_ASSERT(column->width == width);
  ice_status status = ice_bytes_append(&column->values, value, width, err);
  if (ICE_UNLIKELY(column->null_count != 0) && status == ICE_OK) {
    status = ice_column_mark_valid(column, err);
  }
  column->length += status == ICE_OK;
  return status;
}

/// Append `width` bytes as they are (int, long, float, double, date, time, timestamps, decimal, uuid, fixed).
ICE_MUST_CHECK static inline ice_status ice_column_append_fixed(ice_column *column, const void *value,
                                                                ice_error *err) {
  return ice_column_append_width(column, value, column->width, err);
}

ICE_MUST_CHECK static inline ice_status ice_column_append_i32(ice_column *column, int32_t value, ice_error *err) {
  return ice_column_append_width(column, &value, sizeof value, err);
}

ICE_MUST_CHECK static inline ice_status ice_column_append_i64(ice_column *column, int64_t value, ice_error *err) {
  return ice_column_append_width(column, &value, sizeof value, err);
}

ICE_MUST_CHECK static inline ice_status ice_column_append_f32(ice_column *column, float value, ice_error *err) {
  return ice_column_append_width(column, &value, sizeof value, err);
}

ICE_MUST_CHECK static inline ice_status ice_column_append_f64(ice_column *column, double value, ice_error *err) {
  return ice_column_append_width(column, &value, sizeof value, err);
}

/// string, binary.
ICE_MUST_CHECK ice_status ice_column_append_text(ice_column *column, ice_str value, ice_error *err);

/// Texts up to this size, a UUID's among them, are copied whole words at a time where there is room on both sides.
enum { ICE_SHORT_TEXT = 48 };

/// ice_column_append_text for decoders: up to `readable_end` memory may be read (at least the text itself), which makes
/// the copy of a short text cheap.
ICE_MUST_CHECK static inline ice_status ice_column_append_text_of(ice_column *column, const void *data, size_t size,
                                                                  const void *readable_end, ice_error *err) {
  const uint8_t *from = data;
  ice_bytes *values = &column->values;
  ice_bytes *offsets = &column->offsets;
  if (ICE_LIKELY(column->null_count == 0 && values->capacity - values->size >= size && offsets->size != 0 &&
                 offsets->capacity - offsets->size >= 4 && values->size + size <= INT32_MAX)) {
    if (size <= ICE_SHORT_TEXT && (const uint8_t *)readable_end - from >= ICE_SHORT_TEXT &&
        values->capacity - values->size >= ICE_SHORT_TEXT) {
      // A copy of fixed size costs less than a call; what it writes too much is written over.
      memcpy(values->data + values->size, from, ICE_SHORT_TEXT);
    } else if (size != 0) {
      memcpy(values->data + values->size, from, size);
    }
    values->size += size;
    int32_t offset = (int32_t)values->size;
    memcpy(offsets->data + offsets->size, &offset, 4);
    offsets->size += 4;
    column->length++;
    return ICE_OK;
  }
  return ice_column_append_text(column, ice_str_make(data, size), err);
}

/// Close one value of a list or map: it takes the child values appended since the last one.
ICE_MUST_CHECK ice_status ice_column_append_list_end(ice_column *column, ice_error *err);

/// Close one value of a struct: each child has got exactly one value (INTERNAL if not).
ICE_MUST_CHECK ice_status ice_column_append_struct_end(ice_column *column, ice_error *err);

/// Append source[rows[0]], source[rows[1]], …; the types must be equal in shape. Rows may repeat.
ICE_MUST_CHECK ice_status ice_column_append_rows(ice_column *column, const ice_column *source, const uint32_t *rows,
                                                 size_t row_count, ice_error *err);

/// Append source[from, to).
ICE_MUST_CHECK ice_status ice_column_append_range(ice_column *column, const ice_column *source, int64_t from,
                                                  int64_t to, ice_error *err);

/// True when the two values are equal (null equals null; NaN equals NaN bit for bit).
bool ice_column_equal(const ice_column *a, int64_t a_index, const ice_column *b, int64_t b_index);

#endif
