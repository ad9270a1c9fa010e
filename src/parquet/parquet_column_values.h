/// The values of a slice, appended to the current page of a chunk.
#ifndef ICE_PARQUET_COLUMN_VALUES_H
#define ICE_PARQUET_COLUMN_VALUES_H

#include "parquet/parquet_column_chunk.h"

/// Bytes that the values of `slice` take as PLAIN.
uint64_t ice_parquet_values_size(const ice_parquet_leaf *leaf, const ice_parquet_slice *slice);

/// Append the values; `size` is what ice_parquet_values_size said. Widens the page's bounds where they are stored as
/// PLAIN (those of codes come from the dictionary when the page closes).
ICE_MUST_CHECK ice_status ice_parquet_values_append(ice_parquet_chunk *chunk, ice_parquet_scratch *scratch,
                                                    const ice_parquet_slice *slice, uint64_t size, ice_error *err);

/// Bounds and NaN count of the page's codes.
ICE_MUST_CHECK ice_status ice_parquet_values_bound_codes(ice_parquet_chunk *chunk, ice_parquet_scratch *scratch,
                                                         ice_error *err);

/// Give the dictionary up: the codes of the current page become PLAIN, pages that are encoded stay.
ICE_MUST_CHECK ice_status ice_parquet_values_close_dictionary(ice_parquet_chunk *chunk, ice_parquet_scratch *scratch,
                                                              ice_error *err);

/// True where the values so far are larger with the dictionary than a `share` (in hundredths) of them as PLAIN.
bool ice_parquet_values_dictionary_costs(const ice_parquet_chunk *chunk, uint64_t share);

/// Add the dictionary's entries to the Bloom filter, where there is one.
ICE_MUST_CHECK ice_status ice_parquet_values_bloom_dictionary(ice_parquet_chunk *chunk, ice_error *err);

/// Append `count` bits behind the first `position` ones of `bits`: those of `source` (whole words of 64 bits, the
/// last filled with zeros), or ones where it is NULL.
ICE_MUST_CHECK ice_status ice_parquet_bits_append(ice_bytes *bits, size_t position, const uint8_t *source,
                                                  size_t count, ice_error *err);

#endif
