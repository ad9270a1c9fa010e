/// Encodings of levels and dictionary indices: the RLE / bit-packed hybrid (parquet-format, Encodings.md).
#ifndef ICE_PARQUET_ENCODING_H
#define ICE_PARQUET_ENCODING_H

#include "base/bytes.h"
#include "base/macros.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Bits that the numbers 0..max need; 0 for max 0.
static inline unsigned ice_parquet_bit_width(uint32_t max) {
  return max == 0 ? 0 : 32 - (unsigned)__builtin_clz(max);
}

/// Append the hybrid form of `count` indices, each below 2^width; width 0 to 16. Appends runs only, neither the
/// width nor a length. Runs of equal numbers become RLE runs where that is smaller.
ICE_MUST_CHECK ice_status ice_parquet_rle_encode_u16(const uint16_t *values, size_t count, unsigned width,
                                                     ice_bytes *out, ice_error *err);

/// The same for levels of one byte; width 1 to 8.
ICE_MUST_CHECK ice_status ice_parquet_rle_encode_u8(const uint8_t *values, size_t count, unsigned width,
                                                    ice_bytes *out, ice_error *err);

/// The same for `count` bits of a bitmap, least significant first, as numbers of width 1. Bits of the last byte
/// beyond `count` are taken as 0.
ICE_MUST_CHECK ice_status ice_parquet_rle_encode_bits(const uint8_t *bits, size_t count, ice_bytes *out,
                                                      ice_error *err);

/// One RLE run of `count` times `value`.
ICE_MUST_CHECK ice_status ice_parquet_rle_encode_run(uint32_t value, size_t count, unsigned width, ice_bytes *out,
                                                     ice_error *err);

/// Decodes a hybrid run by run. Borrows the bytes.
typedef struct ice_parquet_rle_decoder {
  const uint8_t *data;
  size_t size;
  size_t position;
  unsigned width;     ///< 0 to 32
  uint64_t run_left;  ///< numbers left in the current RLE run
  uint32_t run_value;
  uint64_t packed_left;  ///< numbers left in the current bit-packed run
  uint64_t packed_bit;   ///< bit position of the next one, from the start of `data`
} ice_parquet_rle_decoder;

/// False where `width` is above 32.
ICE_MUST_CHECK bool ice_parquet_rle_decoder_init(ice_parquet_rle_decoder *decoder, const void *data, size_t size,
                                                 unsigned width);

/// Decode `count` numbers; false when the data are damaged or end before.
ICE_MUST_CHECK bool ice_parquet_rle_decode(ice_parquet_rle_decoder *decoder, uint32_t *out, size_t count);

#endif
