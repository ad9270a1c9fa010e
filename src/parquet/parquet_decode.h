/// Values out of pages: PLAIN, booleans in RLE, and codes through a dictionary.
#ifndef ICE_PARQUET_DECODE_H
#define ICE_PARQUET_DECODE_H

#include "columnar/column.h"
#include "parquet/parquet_encoding.h"
#include "parquet/parquet_schema.h"

/// Where decoding of a page's values stands. Borrows the page.
typedef struct ice_parquet_values {
  ice_parquet_encoding encoding;  ///< PLAIN, RLE (booleans) or RLE_DICTIONARY
  const uint8_t *data;            ///< PLAIN: the next value
  const uint8_t *end;
  unsigned bit;                   ///< PLAIN booleans: the next one, in `data[0]`
  ice_parquet_rle_decoder codes;  ///< RLE, RLE_DICTIONARY
  const ice_column *dictionary;   ///< RLE_DICTIONARY
} ice_parquet_values;

/// Make ready for the values at `data`. A dictionary encoding needs `dictionary`.
///
/// Errors: CORRUPT, UNSUPPORTED (names the encoding).
ICE_MUST_CHECK ice_status ice_parquet_values_open(ice_parquet_values *values, const ice_parquet_leaf *leaf,
                                                  ice_parquet_encoding encoding, const uint8_t *data, size_t size,
                                                  const ice_column *dictionary, ice_error *err);

/// Append `count` values to `out`, a column of the leaf's type without nulls.
///
/// Errors: CORRUPT (data end before, a code outside the dictionary), LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_parquet_values_decode(ice_parquet_values *values, const ice_parquet_leaf *leaf,
                                                    size_t count, ice_column *out, ice_error *err);

#endif
