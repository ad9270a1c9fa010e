#include "parquet/parquet_column_values.h"

#include "codec/checksum.h"
#include "parquet/parquet_encoding.h"
#include <stdlib.h>

enum {
  COPY_STEP = 16,
  COPY_FAST_MAX = 64,
  // Numbers of values at which the dictionary is weighed: first whether anything repeats at all, then by size.
  CHECK_UNIQUE = 1024,
  CHECK_SIZE = 4096,
  // The dictionary goes where it saves less than a quarter.
  SHARE_WANTED = 75
};

#define INLINE static inline __attribute__((always_inline))

ice_status ice_parquet_bits_append(ice_bytes *bits, size_t position, const uint8_t *source, size_t count,
                                   ice_error *err) {
  size_t size = (position + count + 7) / 8;
  // Words are stored whole, up to two beyond the last bit.
  ice_status status = ice_bytes_reserve(bits, size - bits->size + 24, err);
  if (status != ICE_OK) {
    return status;
  }
  for (size_t from = 0; from < count; from += 64, position += 64) {
    size_t n = count - from < 64 ? count - from : 64;
    uint64_t word = source ? ice_load_u64le(source + from / 8) : UINT64_MAX;
    if (n < 64) {
      word &= ((uint64_t)1 << n) - 1;
    }
    uint8_t *at = bits->data + position / 64 * 8;
    unsigned shift = position % 64;
    if (shift == 0) {
      ice_store_u64le(at, word);
    } else {
      ice_store_u64le(at, ice_load_u64le(at) | word << shift);
      ice_store_u64le(at + 8, word >> (64 - shift));
    }
  }
  bits->size = size;
  return ICE_OK;
}

uint64_t ice_parquet_values_size(const ice_parquet_leaf *leaf, const ice_parquet_slice *slice) {
  const ice_parquet_rows *rows = &slice->values;
  if (leaf->physical == ICE_PARQUET_BOOLEAN) {
    return rows->count / 8 + 1;
  }
  if (leaf->physical != ICE_PARQUET_BYTE_ARRAY) {
    return (uint64_t)rows->count * leaf->value_width;
  }
  if (rows->count == 0) {
    return 0;
  }
  uint64_t size = 4 * (uint64_t)rows->count;
  if (!rows->indices) {
    return size + (uint64_t)(ice_column_offset(slice->column, rows->first + (int64_t)rows->count) -
                             ice_column_offset(slice->column, rows->first));
  }
  for (size_t i = 0; i < rows->count; i++) {
    uint32_t row = rows->indices[i];
    size += (uint64_t)(ice_column_offset(slice->column, row + (int64_t)1) - ice_column_offset(slice->column, row));
  }
  return size;
}

// Dictionary --------------------------------------------------------------------------------------------------------

bool ice_parquet_values_dictionary_costs(const ice_parquet_chunk *chunk, uint64_t share) {
  const ice_parquet_dictionary *dictionary = chunk->dictionary;
  uint64_t bits = dictionary->count == 0 ? 0 : ice_parquet_bit_width(dictionary->count - 1);
  uint64_t coded = dictionary->plain.size + chunk->coded_values * bits / 8;
  return coded * 100 > chunk->coded_size * share;
}

ice_status ice_parquet_values_bloom_dictionary(ice_parquet_chunk *chunk, ice_error *err) {
  ice_status status = ICE_OK;
  if (!chunk->bloom || !chunk->dictionary) {
    return ICE_OK;
  }
  for (uint32_t code = 0; code < chunk->dictionary->count && status == ICE_OK; code++) {
    ice_str entry = ice_parquet_dictionary_entry(chunk->dictionary, code);
    status = ice_parquet_bloom_add(chunk->bloom, ice_xxh64(entry.data, entry.size), err);
  }
  return status;
}

// Bounds of one dictionary entry, as of a value of its own. True where it is NaN.
static ice_status bound_entry(ice_parquet_chunk *chunk, uint32_t code, bool *nan, ice_error *err) {
  ice_str entry = ice_parquet_dictionary_entry(chunk->dictionary, code);
  const uint8_t *value = (const uint8_t *)entry.data;
  ice_parquet_bounds *bounds = &chunk->bounds;
  *nan = false;
  switch (chunk->leaf->physical) {
    case ICE_PARQUET_INT32: ice_parquet_bounds_add_i32(bounds, value, 1); return ICE_OK;
    case ICE_PARQUET_INT64: ice_parquet_bounds_add_i64(bounds, value, 1); return ICE_OK;
    case ICE_PARQUET_FLOAT: *nan = ice_parquet_bounds_add_f32(bounds, value, 1) > 0; return ICE_OK;
    case ICE_PARQUET_DOUBLE: *nan = ice_parquet_bounds_add_f64(bounds, value, 1) > 0; return ICE_OK;
    case ICE_PARQUET_BYTE_ARRAY:
    case ICE_PARQUET_FIXED_LEN_BYTE_ARRAY: return ice_parquet_bounds_add_text(bounds, chunk->order, entry, err);
    case ICE_PARQUET_BOOLEAN:
    case ICE_PARQUET_INT96: break;
  }
  return ICE_OK;
}

ice_status ice_parquet_values_bound_codes(ice_parquet_chunk *chunk, ice_parquet_scratch *scratch, ice_error *err) {
  ice_status status = ICE_OK;
  uint32_t count = chunk->dictionary->count;
  const uint8_t *codes = chunk->values.data;
  ice_bytes_clear(&scratch->seen);
  ICE_TRY(ice_bytes_append_zero(&scratch->seen, ((size_t)count + 7) / 8 * 8, err));
  uint8_t *seen = scratch->seen.data;
  for (uint32_t i = 0; i < chunk->page_values; i++) {
    seen[ice_load_u16le(codes + (size_t)i * 2)] = 1;
  }
  bool some_nan = false;
  for (uint32_t code = 0; code < count; code++) {
    if (code % 8 == 0 && ice_load_u64le(seen + code) == 0) {
      code += 7;
      continue;
    }
    if (seen[code]) {
      bool nan = false;
      ICE_TRY(bound_entry(chunk, code, &nan, err));
      seen[code] = nan ? 2 : 1;
      some_nan = some_nan || nan;
    }
  }
  for (uint32_t i = 0; some_nan && i < chunk->page_values; i++) {
    chunk->page_nans += seen[ice_load_u16le(codes + (size_t)i * 2)] == 2;
  }
done:
  return status;
}

ice_status ice_parquet_values_close_dictionary(ice_parquet_chunk *chunk, ice_parquet_scratch *scratch,
                                               ice_error *err) {
  ice_status status = ICE_OK;
  ice_parquet_dictionary *dictionary = chunk->dictionary;
  const uint8_t *codes = chunk->values.data;
  size_t prefix = dictionary->width == 0 ? 4 : 0;
  ice_bytes plain;
  ice_bytes_init(&plain, chunk->values.size_max);
  size_t size = 0;
  for (uint32_t i = 0; i < chunk->page_values; i++) {
    size += prefix + ice_parquet_dictionary_entry(dictionary, ice_load_u16le(codes + (size_t)i * 2)).size;
  }
  ICE_TRY(ice_bytes_reserve(&plain, size, err));
  for (uint32_t i = 0; i < chunk->page_values; i++) {
    ice_str entry = ice_parquet_dictionary_entry(dictionary, ice_load_u16le(codes + (size_t)i * 2));
    // The length stands before the text in the dictionary too.
    memcpy(plain.data + plain.size, entry.data - prefix, prefix + entry.size);
    plain.size += prefix + entry.size;
  }
  ICE_TRY(ice_parquet_values_bound_codes(chunk, scratch, err));
  ICE_TRY(ice_parquet_values_bloom_dictionary(chunk, err));
  ice_bytes_deinit(&chunk->values);
  chunk->values = plain;
  ice_bytes_init(&plain, 0);
  chunk->dictionary_open = false;
  chunk->page_coded_size = 0;
  if (chunk->dictionary_pages == 0) {
    ice_parquet_dictionary_deinit(dictionary);
    free(dictionary);
    chunk->dictionary = NULL;
  } else {
    ice_parquet_dictionary_freeze(dictionary);
  }
done:
  ice_bytes_deinit(&plain);
  return status;
}

// After a slice: does the dictionary still pay?
static ice_status weigh_dictionary(ice_parquet_chunk *chunk, ice_parquet_scratch *scratch, ice_error *err) {
  if (chunk->coded_values < chunk->coded_check) {
    return ICE_OK;
  }
  bool costs = chunk->coded_values < CHECK_SIZE ? chunk->dictionary->count == chunk->coded_values
                                                : ice_parquet_values_dictionary_costs(chunk, SHARE_WANTED);
  chunk->coded_check = chunk->coded_values < CHECK_SIZE ? CHECK_SIZE : chunk->coded_check * 4;
  return costs ? ice_parquet_values_close_dictionary(chunk, scratch, err) : ICE_OK;
}

// Takes the values of a slice that got a code; `size` is what they take as PLAIN.
static void count_codes(ice_parquet_chunk *chunk, size_t count, uint64_t size) {
  chunk->values.size += count * sizeof(uint16_t);
  chunk->page_values += (uint32_t)count;
  chunk->coded_values += count;
  chunk->coded_size += size;
  chunk->page_coded_size += size;
}

// Room for codes behind those that are there.
static ice_status reserve_codes(ice_parquet_chunk *chunk, size_t count, uint16_t **codes, ice_error *err) {
  ice_status status = ice_bytes_reserve(&chunk->values, count * sizeof(uint16_t), err);
  // Only codes are in the buffer.
  size_t before = chunk->values.size / sizeof(uint16_t);
  *codes = status == ICE_OK ? &ice_bytes_u16(&chunk->values)[before] : NULL;
  return status;
}

// Text --------------------------------------------------------------------------------------------------------------

// The smallest and largest text of a slice. The first eight bytes as a number decide most comparisons.
typedef struct text_range {
  ice_str min;
  ice_str max;
  uint64_t min_prefix;
  uint64_t max_prefix;
} text_range;

INLINE uint64_t text_prefix(const uint8_t *data, size_t size, size_t readable) {
  uint64_t prefix = 0;
  if (readable >= 8) {
    prefix = ice_load_u64be(data);
    return size >= 8 ? prefix : size == 0 ? 0 : prefix & UINT64_MAX << (64 - 8 * size);
  }
  for (size_t i = 0; i < size; i++) {
    prefix |= (uint64_t)data[i] << (56 - 8 * i);
  }
  return prefix;
}

INLINE void widen_range(text_range *range, ice_str text, uint64_t prefix) {
  if (prefix < range->min_prefix || (prefix == range->min_prefix && ice_str_compare(text, range->min) < 0)) {
    range->min = text;
    range->min_prefix = prefix;
  }
  if (prefix > range->max_prefix || (prefix == range->max_prefix && ice_str_compare(text, range->max) > 0)) {
    range->max = text;
    range->max_prefix = prefix;
  }
}

// Copies in steps of 16 where the bytes behind source and target may be touched.
INLINE void copy_text(uint8_t *to, const uint8_t *from, size_t size, size_t readable) {
  if (size <= COPY_FAST_MAX && readable >= COPY_FAST_MAX) {
    for (size_t i = 0; i < size; i += COPY_STEP) {
      memcpy(to + i, from + i, COPY_STEP);
    }
  } else if (size > 0) {
    memcpy(to, from, size);
  }
}

INLINE ice_status append_text(ice_parquet_chunk *chunk, const ice_column *column, const uint32_t *indices,
                              uint32_t first, size_t count, uint64_t size, ice_error *err) {
  if (count == 0) {
    return ICE_OK;
  }
  ice_status status = ice_bytes_reserve(&chunk->values, (size_t)size + COPY_FAST_MAX, err);
  if (status != ICE_OK) {
    return status;
  }
  uint8_t *out = chunk->values.data + chunk->values.size;
  size_t end = column->values.size;
  text_range range = {0};
  for (size_t i = 0; i < count; i++) {
    int64_t row = indices ? indices[i] : (int64_t)first + (int64_t)i;
    size_t from = (size_t)ice_column_offset(column, row);
    size_t length = (size_t)ice_column_offset(column, row + 1) - from;
    const uint8_t *data = column->values.data + from;
    ice_store_u32le(out, (uint32_t)length);
    copy_text(out + 4, data, length, end - from);
    out += 4 + length;
    ice_str text = {.data = (const char *)data, .size = length};
    uint64_t prefix = text_prefix(data, length, end - from);
    if (i == 0) {
      range = (text_range){.min = text, .max = text, .min_prefix = prefix, .max_prefix = prefix};
    } else {
      widen_range(&range, text, prefix);
    }
  }
  chunk->values.size = (size_t)(out - chunk->values.data);
  chunk->page_values += (uint32_t)count;
  status = ice_parquet_bounds_add_text(&chunk->bounds, chunk->order, range.min, err);
  return status == ICE_OK ? ice_parquet_bounds_add_text(&chunk->bounds, chunk->order, range.max, err) : status;
}

static ice_status bloom_texts(ice_parquet_chunk *chunk, const ice_column *column, ice_parquet_rows rows,
                              ice_error *err) {
  ice_status status = ICE_OK;
  for (size_t i = 0; i < rows.count && status == ICE_OK; i++) {
    ice_str text = ice_column_text(column, rows.indices ? rows.indices[i] : rows.first + (uint32_t)i);
    status = ice_parquet_bloom_add(chunk->bloom, ice_xxh64(text.size ? text.data : "", text.size), err);
  }
  return status;
}

static ice_status append_texts(ice_parquet_chunk *chunk, ice_parquet_scratch *scratch, const ice_parquet_slice *slice,
                               uint64_t size, ice_error *err) {
  ice_status status = ICE_OK;
  ice_parquet_rows rows = slice->values;
  chunk->page_text_size += size - 4 * (uint64_t)rows.count;
  if (chunk->dictionary_open) {
    uint16_t *codes;
    size_t done = 0;
    ICE_TRY(reserve_codes(chunk, rows.count, &codes, err));
    ICE_TRY(ice_parquet_dictionary_encode_text(chunk->dictionary, slice->column, rows, codes, &done, err));
    if (done == rows.count) {
      count_codes(chunk, done, size);
      return weigh_dictionary(chunk, scratch, err);
    }
    ice_parquet_rows coded = ice_parquet_rows_take(&rows, done);
    ice_parquet_slice part = {.column = slice->column, .values = coded};
    uint64_t coded_size = ice_parquet_values_size(chunk->leaf, &part);
    count_codes(chunk, done, coded_size);
    size -= coded_size;
    ICE_TRY(ice_parquet_values_close_dictionary(chunk, scratch, err));
  }
  if (chunk->bloom) {
    ICE_TRY(bloom_texts(chunk, slice->column, rows, err));
  }
  status = rows.indices ? append_text(chunk, slice->column, rows.indices, 0, rows.count, size, err)
                        : append_text(chunk, slice->column, NULL, rows.first, rows.count, size, err);
done:
  return status;
}

// Fixed width -------------------------------------------------------------------------------------------------------

INLINE void gather(uint8_t *to, const uint8_t *from, const uint32_t *indices, size_t count, size_t width) {
  for (size_t i = 0; i < count; i++) {
    memcpy(to + i * width, from + indices[i] * width, width);
  }
}

// 16 bytes little-endian become INT32, INT64 (their low bytes) or big-endian bytes of the type's length.
static void gather_decimals(uint8_t *to, const ice_column *column, ice_parquet_rows rows,
                            const ice_parquet_leaf *leaf) {
  size_t width = leaf->value_width;
  for (size_t i = 0; i < rows.count; i++, to += width) {
    const uint8_t *from = ice_column_fixed(column, rows.indices ? rows.indices[i] : rows.first + (uint32_t)i);
    if (leaf->physical == ICE_PARQUET_FIXED_LEN_BYTE_ARRAY) {
      for (size_t k = 0; k < width; k++) {
        to[k] = from[width - 1 - k];
      }
    } else {
      memcpy(to, from, width);
    }
  }
}

// The values of a slice as PLAIN, one behind the other: in the column itself where they stand so, else gathered.
static ice_status gather_fixed(ice_parquet_scratch *scratch, const ice_parquet_leaf *leaf,
                               const ice_parquet_slice *slice, const uint8_t **out, ice_error *err) {
  const ice_column *column = slice->column;
  ice_parquet_rows rows = slice->values;
  size_t width = leaf->value_width;
  bool decimal = leaf->kind == ICE_KIND_DECIMAL;
  if (!rows.indices && !decimal) {
    *out = column->values.data + rows.first * width;
    return ICE_OK;
  }
  ice_bytes_clear(&scratch->values);
  ice_status status = ice_bytes_reserve(&scratch->values, rows.count * width, err);
  if (status != ICE_OK) {
    return status;
  }
  uint8_t *to = scratch->values.data;
  if (decimal) {
    gather_decimals(to, column, rows, leaf);
  } else if (width == 8) {
    gather(to, column->values.data, rows.indices, rows.count, 8);
  } else if (width == 4) {
    gather(to, column->values.data, rows.indices, rows.count, 4);
  } else {
    gather(to, column->values.data, rows.indices, rows.count, width);
  }
  *out = to;
  return ICE_OK;
}

static ice_status bound_fixed(ice_parquet_chunk *chunk, const uint8_t *values, size_t count, ice_error *err) {
  ice_status status = ICE_OK;
  uint32_t width = chunk->leaf->value_width;
  switch (chunk->leaf->physical) {
    case ICE_PARQUET_INT32: ice_parquet_bounds_add_i32(&chunk->bounds, values, count); break;
    case ICE_PARQUET_INT64: ice_parquet_bounds_add_i64(&chunk->bounds, values, count); break;
    case ICE_PARQUET_FLOAT: chunk->page_nans += ice_parquet_bounds_add_f32(&chunk->bounds, values, count); break;
    case ICE_PARQUET_DOUBLE: chunk->page_nans += ice_parquet_bounds_add_f64(&chunk->bounds, values, count); break;
    case ICE_PARQUET_FIXED_LEN_BYTE_ARRAY:
      for (size_t i = 0; i < count && status == ICE_OK; i++) {
        ice_str value = {.data = (const char *)values + i * width, .size = width};
        status = ice_parquet_bounds_add_text(&chunk->bounds, chunk->order, value, err);
      }
      break;
    case ICE_PARQUET_BOOLEAN:
    case ICE_PARQUET_BYTE_ARRAY:
    case ICE_PARQUET_INT96: break;
  }
  return status;
}

static ice_status append_fixed(ice_parquet_chunk *chunk, ice_parquet_scratch *scratch, const ice_parquet_slice *slice,
                               ice_error *err) {
  ice_status status = ICE_OK;
  const uint8_t *values = NULL;
  size_t width = chunk->leaf->value_width;
  size_t count = slice->values.count;
  if (count == 0) {
    return ICE_OK;
  }
  ICE_TRY(gather_fixed(scratch, chunk->leaf, slice, &values, err));
  if (chunk->dictionary_open) {
    uint16_t *codes;
    size_t done = 0;
    ICE_TRY(reserve_codes(chunk, count, &codes, err));
    ICE_TRY(ice_parquet_dictionary_encode_fixed(chunk->dictionary, values, count, codes, &done, err));
    count_codes(chunk, done, done * width);
    if (done == count) {
      return weigh_dictionary(chunk, scratch, err);
    }
    values += done * width;
    count -= done;
    ICE_TRY(ice_parquet_values_close_dictionary(chunk, scratch, err));
  }
  ICE_TRY(ice_bytes_append(&chunk->values, values, count * width, err));
  chunk->page_values += (uint32_t)count;
  for (size_t i = 0; chunk->bloom && i < count; i++) {
    ICE_TRY(ice_parquet_bloom_add(chunk->bloom, ice_xxh64(values + i * width, width), err));
  }
  ICE_TRY(bound_fixed(chunk, values, count, err));
done:
  return status;
}

static ice_status append_booleans(ice_parquet_chunk *chunk, const ice_parquet_slice *slice, ice_error *err) {
  ice_status status = ICE_OK;
  const uint8_t *bits = slice->column->values.data;
  ice_parquet_rows rows = slice->values;
  uint64_t true_count = 0;
  for (size_t from = 0; from < rows.count; from += 64) {
    size_t n = rows.count - from < 64 ? rows.count - from : 64;
    uint64_t word = 0;
    for (size_t i = 0; i < n; i++) {
      uint32_t row = rows.indices ? rows.indices[from + i] : rows.first + (uint32_t)(from + i);
      word |= (uint64_t)ice_bit_get(bits, row) << i;
    }
    uint8_t bytes[8];
    ice_store_u64le(bytes, word);
    ICE_TRY(ice_parquet_bits_append(&chunk->values, chunk->page_values, bytes, n, err));
    chunk->page_values += (uint32_t)n;
    true_count += (uint64_t)__builtin_popcountll(word);
  }
  if (true_count > 0) {
    ice_parquet_bounds_add_boolean(&chunk->bounds, true);
  }
  if (true_count < rows.count) {
    ice_parquet_bounds_add_boolean(&chunk->bounds, false);
  }
done:
  return status;
}

ice_status ice_parquet_values_append(ice_parquet_chunk *chunk, ice_parquet_scratch *scratch,
                                     const ice_parquet_slice *slice, uint64_t size, ice_error *err) {
  switch (chunk->leaf->physical) {
    case ICE_PARQUET_BOOLEAN: return append_booleans(chunk, slice, err);
    case ICE_PARQUET_BYTE_ARRAY: return append_texts(chunk, scratch, slice, size, err);
    case ICE_PARQUET_INT32:
    case ICE_PARQUET_INT64:
    case ICE_PARQUET_FLOAT:
    case ICE_PARQUET_DOUBLE:
    case ICE_PARQUET_FIXED_LEN_BYTE_ARRAY: return append_fixed(chunk, scratch, slice, err);
    case ICE_PARQUET_INT96: break;
  }
  return ice_error_set(err, ICE_UNSUPPORTED, "writing INT96");
}
