#include "parquet/parquet_encoding.h"

#include "base/checked.h"

enum {
  GROUP = 8,         // numbers of one bit-packed group
  STORE_SLACK = 16,  // a packed group is stored as two words, whatever its width
  RUN_HEADER_MAX = 10
};

// The shortest run that is worth an RLE run: it costs its header and value, and splits the packed run around it.
static size_t run_min(unsigned width) { return width >= 3 ? 8 : width == 2 ? 16 : 32; }

static size_t put_varint(uint8_t *out, uint64_t value) {
  size_t size = 0;
  while (value >= 0x80) {
    out[size++] = (uint8_t)(value | 0x80);
    value >>= 7;
  }
  out[size++] = (uint8_t)value;
  return size;
}

ice_status ice_parquet_rle_encode_run(uint32_t value, size_t count, unsigned width, ice_bytes *out, ice_error *err) {
  if (count == 0) {
    return ICE_OK;
  }
  uint8_t run[RUN_HEADER_MAX + 4];
  size_t size = put_varint(run, (uint64_t)count << 1);
  for (unsigned bit = 0; bit < width; bit += 8) {
    run[size++] = (uint8_t)(value >> bit);
  }
  return ice_bytes_append(out, run, size, err);
}

#define INLINE static inline __attribute__((always_inline))

// Numbers of one or of two bytes: `bytes` is a constant at every call, so that two loops come out of one text.
typedef struct numbers {
  const uint8_t *data;
  bool bytes;
} numbers;

INLINE uint32_t number_at(numbers values, size_t index) {
  return values.bytes ? values.data[index] : ice_load_u16le(values.data + index * 2);
}

// Four numbers as four 16-bit lanes of a word.
INLINE uint64_t four_at(numbers values, size_t index) {
  if (!values.bytes) {
    return ice_load_u64le(values.data + index * 2);
  }
  uint64_t four = ice_load_u32le(values.data + index);
  four = (four | four << 16) & 0x0000ffff0000ffffu;
  return (four | four << 8) & 0x00ff00ff00ff00ffu;
}

// Four lanes, packed to 4 * width bits.
INLINE uint64_t pack_four(uint64_t four, unsigned width) {
  const uint64_t even_mask = 0x0000ffff0000ffffu;
  uint64_t pairs = (four & even_mask) | ((four >> 16) & even_mask) << width;
  return (pairs & 0xffffffffu) | (pairs >> 32) << (2 * width);
}

// Stores STORE_SLACK bytes, of which `width` count.
INLINE void pack_group(uint64_t low, uint64_t high, unsigned width, uint8_t *out) {
  unsigned half = 4 * width;
  low = pack_four(low, width);
  high = pack_four(high, width);
  if (half < 64) {
    ice_store_u64le(out, low | high << half);
    ice_store_u64le(out + 8, half == 0 ? 0 : high >> (64 - half));
  } else {
    ice_store_u64le(out, low);
    ice_store_u64le(out + 8, high);
  }
}

// `to - from` is a multiple of eight, except at the end of all, where zeros fill the last group.
INLINE ice_status put_packed(numbers values, size_t from, size_t to, unsigned width, ice_bytes *out, ice_error *err) {
  if (from == to) {
    return ICE_OK;
  }
  size_t groups = (to - from + GROUP - 1) / GROUP;
  ice_status status = ice_bytes_reserve(out, RUN_HEADER_MAX + groups * width + STORE_SLACK, err);
  if (status != ICE_OK) {
    return status;
  }
  uint8_t *at = out->data + out->size;
  at += put_varint(at, (uint64_t)groups << 1 | 1);
  for (; to - from >= GROUP; from += GROUP, at += width) {
    pack_group(four_at(values, from), four_at(values, from + 4), width, at);
  }
  if (from < to) {
    uint64_t rest[2] = {0, 0};
    for (size_t i = 0; from + i < to; i++) {
      rest[i / 4] |= (uint64_t)number_at(values, from + i) << (16 * (i % 4));
    }
    pack_group(rest[0], rest[1], width, at);
    at += width;
  }
  out->size = (size_t)(at - out->data);
  return ICE_OK;
}

INLINE size_t run_length(numbers values, size_t from, size_t count) {
  uint32_t first = number_at(values, from);
  uint64_t pattern = first * (uint64_t)0x0001000100010001u;
  size_t end = from + 1;
  while (end + 4 <= count && four_at(values, end) == pattern) {
    end += 4;
  }
  while (end < count && number_at(values, end) == first) {
    end++;
  }
  return end - from;
}

INLINE ice_status encode(numbers values, size_t count, unsigned width, ice_bytes *out, ice_error *err) {
  ice_status status = ICE_OK;
  size_t minimum = run_min(width);
  size_t packed_from = 0;
  size_t i = 0;
  while (i < count) {
    // Runs start at groups of the packed run before them, so that it stays whole.
    uint64_t low = count - i >= GROUP ? four_at(values, i) : 0;
    if (count - i >= GROUP && low == four_at(values, i + 4) && low == (low << 16 | low >> 48)) {
      size_t length = run_length(values, i, count);
      if (length >= minimum) {
        ICE_TRY(put_packed(values, packed_from, i, width, out, err));
        ICE_TRY(ice_parquet_rle_encode_run(number_at(values, i), length, width, out, err));
        i += length;
        packed_from = i;
        continue;
      }
    }
    i += GROUP;
  }
  ICE_TRY(put_packed(values, packed_from, count, width, out, err));
done:
  return status;
}

ice_status ice_parquet_rle_encode_u16(const uint16_t *values, size_t count, unsigned width, ice_bytes *out,
                                      ice_error *err) {
  ICE_ASSERT(width <= 16);
  if (width == 0) {
    return ice_parquet_rle_encode_run(0, count, 0, out, err);
  }
  return encode((numbers){.data = (const uint8_t *)values, .bytes = false}, count, width, out, err);
}

ice_status ice_parquet_rle_encode_u8(const uint8_t *values, size_t count, unsigned width, ice_bytes *out,
                                     ice_error *err) {
  ICE_ASSERT(width >= 1 && width <= 8);
  return encode((numbers){.data = values, .bytes = true}, count, width, out, err);
}

ice_status ice_parquet_rle_encode_bits(const uint8_t *bits, size_t count, ice_bytes *out, ice_error *err) {
  ice_status status = ICE_OK;
  enum { RUN_BYTES_MIN = 4 };
  size_t whole = count / 8;
  size_t packed_from = 0;
  size_t i = 0;
  while (i <= whole) {
    size_t end = i;
    if (i < whole && (bits[i] == 0x00 || bits[i] == 0xff)) {
      while (end < whole && bits[end] == bits[i]) {
        end++;
      }
    }
    bool run = end - i >= RUN_BYTES_MIN;
    if (run || i == whole) {
      // Numbers of one bit are packed as they stand in the bitmap.
      size_t last = i == whole && count % 8 != 0 ? whole + 1 : i;
      if (last > packed_from) {
        uint8_t header[RUN_HEADER_MAX];
        ICE_TRY(ice_bytes_append(out, header, put_varint(header, (uint64_t)(last - packed_from) << 1 | 1), err));
        ICE_TRY(ice_bytes_append(out, bits + packed_from, last - packed_from, err));
        if (last > whole) {
          out->data[out->size - 1] &= (uint8_t)((1u << (count % 8)) - 1);
        }
      }
      if (!run) {
        break;
      }
      ICE_TRY(ice_parquet_rle_encode_run(bits[i] & 1, (end - i) * 8, 1, out, err));
      packed_from = end;
      i = end;
      continue;
    }
    i = end > i ? end : i + 1;
  }
done:
  return status;
}

// Decoding ----------------------------------------------------------------------------------------------------------

bool ice_parquet_rle_decoder_init(ice_parquet_rle_decoder *decoder, const void *data, size_t size, unsigned width) {
  *decoder = (ice_parquet_rle_decoder){.data = data, .size = size, .width = width};
  return width <= 32;
}

// Reads the header of the next run, and its value.
static bool next_run(ice_parquet_rle_decoder *decoder) {
  uint64_t header = 0;
  unsigned shift = 0;
  for (;;) {
    if (decoder->position >= decoder->size || shift > 28) {
      return false;
    }
    uint8_t byte = decoder->data[decoder->position++];
    header |= (uint64_t)(byte & 0x7f) << shift;
    shift += 7;
    if (byte < 0x80) {
      break;
    }
  }
  size_t left = decoder->size - decoder->position;
  if (header & 1) {
    // At most 2^34 numbers of 32 bits: no overflow. A last group that is cut short gives what is there.
    uint64_t there = (header >> 1) * GROUP;
    uint64_t bytes = (header >> 1) * decoder->width;
    decoder->packed_bit = (uint64_t)decoder->position * 8;
    if (bytes > left) {
      there = (uint64_t)left * 8 / decoder->width;
      bytes = left;
    }
    decoder->packed_left = there;
    decoder->position += (size_t)bytes;
    return there > 0;
  }
  size_t value_size = (decoder->width + 7) / 8;
  if (left < value_size || header == 0) {
    return false;
  }
  uint32_t value = 0;
  for (size_t i = 0; i < value_size; i++) {
    value |= (uint32_t)decoder->data[decoder->position + i] << (8 * i);
  }
  decoder->position += value_size;
  if (decoder->width < 32 && value >> decoder->width != 0) {
    return false;
  }
  decoder->run_value = value;
  decoder->run_left = header >> 1;
  return true;
}

static void unpack(ice_parquet_rle_decoder *decoder, uint32_t *out, size_t count) {
  uint64_t bit = decoder->packed_bit;
  unsigned width = decoder->width;
  uint32_t mask = width == 32 ? UINT32_MAX : (1u << width) - 1;
  for (size_t i = 0; i < count; i++, bit += width) {
    size_t byte = (size_t)(bit >> 3);
    uint64_t word = 0;
    if (decoder->size - byte >= 8) {
      word = ice_load_u64le(decoder->data + byte);
    } else {
      for (size_t k = 0; byte + k < decoder->size; k++) {
        word |= (uint64_t)decoder->data[byte + k] << (8 * k);
      }
    }
    out[i] = (uint32_t)(word >> (bit & 7)) & mask;
  }
  decoder->packed_bit = bit;
}

bool ice_parquet_rle_decode(ice_parquet_rle_decoder *decoder, uint32_t *out, size_t count) {
  if (decoder->width == 0) {
    memset(out, 0, count * sizeof *out);
    return true;
  }
  while (count > 0) {
    if (decoder->run_left > 0) {
      size_t n = decoder->run_left < count ? (size_t)decoder->run_left : count;
      for (size_t i = 0; i < n; i++) {
        out[i] = decoder->run_value;
      }
      decoder->run_left -= n;
      out += n;
      count -= n;
    } else if (decoder->packed_left > 0) {
      size_t n = decoder->packed_left < count ? (size_t)decoder->packed_left : count;
      unpack(decoder, out, n);
      decoder->packed_left -= n;
      out += n;
      count -= n;
    } else if (!next_run(decoder)) {
      return false;
    }
  }
  return true;
}
