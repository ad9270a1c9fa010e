#include "parquet/parquet_decode.h"

#include "parquet/parquet_page.h"

enum { CODES_AT_ONCE = 512, DECIMAL_SIZE = 16 };

static ice_status damaged(const char *what, ice_error *err) { return ice_error_set(err, ICE_CORRUPT, "%s", what); }

static ice_status truncated(ice_error *err) { return damaged("fewer values in a page than its header says", err); }

// Room for `count` values of `size` bytes behind those of `out`, within what a column may hold.
static ice_status reserve(ice_column *out, size_t count, size_t size, ice_error *err) {
  size_t bytes;
  if (!ice_mul_size(count, size, &bytes)) {
    return ice_error_set(err, ICE_LIMIT, "%zu values of %zu bytes", count, size);
  }
  return ice_bytes_reserve(&out->values, bytes, err);
}

// PLAIN -------------------------------------------------------------------------------------------------------------

static ice_status plain_booleans(ice_parquet_values *values, size_t count, ice_column *out, ice_error *err) {
  ice_status status = ICE_OK;
  size_t there = (size_t)(values->end - values->data) * 8 - values->bit;
  if (count > there) {
    return truncated(err);
  }
  for (size_t i = 0; i < count && status == ICE_OK; i++) {
    status = ice_column_append_boolean(out, (*values->data >> values->bit) & 1, err);
    values->bit = (values->bit + 1) % 8;
    values->data += values->bit == 0 ? 1 : 0;
  }
  return status;
}

static ice_status plain_texts(ice_parquet_values *values, size_t count, ice_column *out, ice_error *err) {
  ice_status status = ICE_OK;
  for (size_t i = 0; i < count && status == ICE_OK; i++) {
    size_t left = (size_t)(values->end - values->data);
    uint32_t size = left >= 4 ? ice_load_u32le(values->data) : 0;
    if (left < 4 || size > left - 4) {
      return truncated(err);
    }
    status = ice_column_append_text(out, ice_str_make((const char *)values->data + 4, size), err);
    values->data += 4 + (size_t)size;
  }
  return status;
}

// `size` bytes, big-endian two's complement, as columnar has decimals.
static ice_status append_decimal(const uint8_t *bytes, size_t size, ice_column *out, ice_error *err) {
  uint8_t value[DECIMAL_SIZE];
  if (size == 0 || size > DECIMAL_SIZE) {
    return damaged("decimal without bytes, or of more than 16", err);
  }
  memset(value, bytes[0] >= 0x80 ? 0xff : 0, sizeof value);
  for (size_t i = 0; i < size; i++) {
    value[i] = bytes[size - 1 - i];
  }
  return ice_column_append_fixed(out, value, err);
}

static ice_status plain_decimals(ice_parquet_values *values, const ice_parquet_leaf *leaf, size_t count,
                                 ice_column *out, ice_error *err) {
  ice_status status = ICE_OK;
  for (size_t i = 0; i < count && status == ICE_OK; i++) {
    size_t left = (size_t)(values->end - values->data);
    size_t size = leaf->value_width;
    if (leaf->physical == ICE_PARQUET_BYTE_ARRAY) {
      if (left < 4) {
        return truncated(err);
      }
      size = ice_load_u32le(values->data);
      values->data += 4;
      left -= 4;
    }
    if (size > left) {
      return truncated(err);
    }
    if (leaf->physical == ICE_PARQUET_INT32 || leaf->physical == ICE_PARQUET_INT64) {
      uint8_t bytes[8];
      for (size_t k = 0; k < size; k++) {
        bytes[k] = values->data[size - 1 - k];
      }
      status = append_decimal(bytes, size, out, err);
    } else {
      status = append_decimal(values->data, size, out, err);
    }
    values->data += size;
  }
  return status;
}

// Times in milliseconds become microseconds.
static ice_status plain_times(ice_parquet_values *values, const ice_parquet_leaf *leaf, size_t count, ice_column *out,
                              ice_error *err) {
  ice_status status = ICE_OK;
  for (size_t i = 0; i < count && status == ICE_OK; i++, values->data += leaf->value_width) {
    int64_t value;
    if (leaf->physical == ICE_PARQUET_INT32) {
      int32_t narrow;
      memcpy(&narrow, values->data, sizeof narrow);
      value = narrow;
    } else {
      memcpy(&value, values->data, sizeof value);
    }
    if (!ice_mul_i64(value, leaf->time_factor, &value)) {
      return damaged("time beyond 64 bits of microseconds", err);
    }
    status = ice_column_append_i64(out, value, err);
  }
  return status;
}

static ice_status plain_fixed(ice_parquet_values *values, const ice_parquet_leaf *leaf, size_t count, ice_column *out,
                              ice_error *err) {
  size_t width = leaf->value_width;
  if (count > (size_t)(values->end - values->data) / width) {
    return truncated(err);
  }
  if (leaf->time_factor != 1) {
    return plain_times(values, leaf, count, out, err);
  }
  ICE_ASSERT(out->width == width && out->null_count == 0);
  if (count > (size_t)INT32_MAX - (size_t)out->length) {
    return ice_error_set(err, ICE_LIMIT, "column of more than 2^31 - 1 values");
  }
  ice_status status = ice_bytes_append(&out->values, values->data, count * width, err);
  if (status == ICE_OK) {
    out->length += (int64_t)count;
    values->data += count * width;
  }
  return status;
}

static ice_status decode_plain(ice_parquet_values *values, const ice_parquet_leaf *leaf, size_t count,
                               ice_column *out, ice_error *err) {
  if (leaf->kind == ICE_KIND_DECIMAL) {
    return plain_decimals(values, leaf, count, out, err);
  }
  switch (leaf->physical) {
    case ICE_PARQUET_BOOLEAN: return plain_booleans(values, count, out, err);
    case ICE_PARQUET_BYTE_ARRAY: return plain_texts(values, count, out, err);
    case ICE_PARQUET_INT32:
    case ICE_PARQUET_INT64:
    case ICE_PARQUET_FLOAT:
    case ICE_PARQUET_DOUBLE:
    case ICE_PARQUET_FIXED_LEN_BYTE_ARRAY: return plain_fixed(values, leaf, count, out, err);
    case ICE_PARQUET_INT96: break;
  }
  return ice_error_set(err, ICE_UNSUPPORTED, "type INT96");
}

// Codes -------------------------------------------------------------------------------------------------------------

static ice_status append_entries(const ice_column *dictionary, const uint32_t *codes, size_t count, ice_column *out,
                                 ice_error *err) {
  ice_status status = ICE_OK;
  for (size_t i = 0; i < count; i++) {
    if (codes[i] >= (uint64_t)dictionary->length) {
      return damaged("code outside the dictionary", err);
    }
  }
  if (out->kind == ICE_KIND_STRING || out->kind == ICE_KIND_BINARY) {
    for (size_t i = 0; i < count && status == ICE_OK; i++) {
      status = ice_column_append_text(out, ice_column_text(dictionary, codes[i]), err);
    }
    return status;
  }
  size_t width = out->width;
  status = reserve(out, count, width, err);
  for (size_t i = 0; i < count && status == ICE_OK; i++) {
    status = ice_column_append_fixed(out, dictionary->values.data + codes[i] * width, err);
  }
  return status;
}

static ice_status decode_codes(ice_parquet_values *values, size_t count, ice_column *out, ice_error *err) {
  ice_status status = ICE_OK;
  uint32_t codes[CODES_AT_ONCE];
  while (count > 0 && status == ICE_OK) {
    size_t n = count < CODES_AT_ONCE ? count : CODES_AT_ONCE;
    if (!ice_parquet_rle_decode(&values->codes, codes, n)) {
      return truncated(err);
    }
    if (values->dictionary) {
      status = append_entries(values->dictionary, codes, n, out, err);
    } else {
      for (size_t i = 0; i < n && status == ICE_OK; i++) {
        status = ice_column_append_boolean(out, codes[i] != 0, err);
      }
    }
    count -= n;
  }
  return status;
}

ice_status ice_parquet_values_open(ice_parquet_values *values, const ice_parquet_leaf *leaf,
                                   ice_parquet_encoding encoding, const uint8_t *data, size_t size,
                                   const ice_column *dictionary, ice_error *err) {
  *values = (ice_parquet_values){.encoding = encoding, .data = data, .end = data + size};
  switch (encoding) {
    case ICE_PARQUET_PLAIN: return ICE_OK;
    case ICE_PARQUET_PLAIN_DICTIONARY:
    case ICE_PARQUET_RLE_DICTIONARY:
      values->encoding = ICE_PARQUET_RLE_DICTIONARY;
      if (!dictionary || leaf->physical == ICE_PARQUET_BOOLEAN) {
        return damaged("codes without a dictionary", err);
      }
      values->dictionary = dictionary;
      // A page of nulls alone may end here, without even the width.
      if (size == 0) {
        return ice_parquet_rle_decoder_init(&values->codes, data, 0, 1) ? ICE_OK : truncated(err);
      }
      return ice_parquet_rle_decoder_init(&values->codes, data + 1, size - 1, data[0])
                 ? ICE_OK
                 : damaged("codes of more than 32 bits", err);
    case ICE_PARQUET_RLE:
      if (leaf->physical != ICE_PARQUET_BOOLEAN) {
        break;
      }
      if (size < 4 || ice_load_u32le(data) > size - 4) {
        return truncated(err);
      }
      return ice_parquet_rle_decoder_init(&values->codes, data + 4, ice_load_u32le(data), 1) ? ICE_OK
                                                                                             : truncated(err);
    case ICE_PARQUET_BIT_PACKED:
    case ICE_PARQUET_DELTA_BINARY_PACKED:
    case ICE_PARQUET_DELTA_LENGTH_BYTE_ARRAY:
    case ICE_PARQUET_DELTA_BYTE_ARRAY:
    case ICE_PARQUET_BYTE_STREAM_SPLIT: break;
  }
  return ice_error_set(err, ICE_UNSUPPORTED, "encoding %s (%d)", ice_parquet_encoding_name(encoding), (int)encoding);
}

ice_status ice_parquet_values_decode(ice_parquet_values *values, const ice_parquet_leaf *leaf, size_t count,
                                     ice_column *out, ice_error *err) {
  if (count == 0) {
    return ICE_OK;
  }
  return values->encoding == ICE_PARQUET_PLAIN ? decode_plain(values, leaf, count, out, err)
                                               : decode_codes(values, count, out, err);
}
