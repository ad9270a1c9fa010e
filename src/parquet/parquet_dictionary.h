/// The dictionary of a column chunk under construction: value → code, in the order of first appearance.
#ifndef ICE_PARQUET_DICTIONARY_H
#define ICE_PARQUET_DICTIONARY_H

#include "parquet/parquet_levels.h"

/// Codes are 16-bit; code + 1 must be one too.
enum { ICE_PARQUET_DICTIONARY_COUNT_MAX = 65535 };

/// Ownership: the caller's storage; `deinit` frees it. Threads: one at a time.
typedef struct ice_parquet_dictionary {
  uint32_t width;  ///< bytes of a value; 0: byte arrays
  uint32_t count;
  uint32_t slot_bits;
  size_t size_max;
  ice_bytes plain;    ///< the entries as PLAIN: the body of the dictionary page
  ice_bytes offsets;  ///< byte arrays: where each entry's length stands in `plain`, uint32
  ice_bytes slots;    ///< hash table of uint32: 16 bits of the hash, and code + 1 or 0
} ice_parquet_dictionary;

/// A dictionary that takes no entry which would make its page larger than `size_max`.
void ice_parquet_dictionary_init(ice_parquet_dictionary *dictionary, uint32_t width, size_t size_max);
void ice_parquet_dictionary_deinit(ice_parquet_dictionary *dictionary);

/// Free what only encoding needs. Entries can still be read.
void ice_parquet_dictionary_freeze(ice_parquet_dictionary *dictionary);

static inline size_t ice_parquet_dictionary_memory(const ice_parquet_dictionary *dictionary) {
  return sizeof *dictionary + dictionary->plain.capacity + dictionary->offsets.capacity + dictionary->slots.capacity;
}

/// Codes of `count` values of `width` bytes each, one behind the other. `*done` values got one: fewer than `count`
/// where the dictionary is full. Errors: NO_MEMORY.
ICE_MUST_CHECK ice_status ice_parquet_dictionary_encode_fixed(ice_parquet_dictionary *dictionary,
                                                              const uint8_t *values, size_t count, uint16_t *codes,
                                                              size_t *done, ice_error *err);

/// The same for texts of a column.
ICE_MUST_CHECK ice_status ice_parquet_dictionary_encode_text(ice_parquet_dictionary *dictionary,
                                                             const ice_column *column, ice_parquet_rows rows,
                                                             uint16_t *codes, size_t *done, ice_error *err);

/// The value of a code, without a length before it; borrowed until the next encoding.
static inline ice_str ice_parquet_dictionary_entry(const ice_parquet_dictionary *dictionary, uint32_t code) {
  const uint8_t *plain = dictionary->plain.data;
  if (dictionary->width != 0) {
    return ice_str_make((const char *)plain + (size_t)code * dictionary->width, dictionary->width);
  }
  uint32_t offset = ice_load_u32le(dictionary->offsets.data + (size_t)code * 4);
  return ice_str_make((const char *)plain + offset + 4, ice_load_u32le(plain + offset));
}

#endif
