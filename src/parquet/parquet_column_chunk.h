/// A column chunk under construction: the current page's values, and the pages that are encoded.
#ifndef ICE_PARQUET_COLUMN_CHUNK_H
#define ICE_PARQUET_COLUMN_CHUNK_H

#include "parquet/parquet_bloom.h"
#include "parquet/parquet_dictionary.h"
#include "parquet/parquet_levels.h"
#include "parquet/parquet_page.h"
#include "parquet/parquet_statistics.h"

/// What all columns of a file share.
typedef struct ice_parquet_page_settings {
  ice_codec codec;
  int level;
  size_t page_size;
  uint32_t page_row_max;
  size_t dictionary_size_max;
} ice_parquet_page_settings;

/// An encoded data page: header and body.
typedef struct ice_parquet_page_record {
  uint8_t *data;          ///< NULL once it is spilled
  uint64_t spill_offset;  ///< then
  uint32_t size;
  uint32_t plain_size;  ///< header and body before compression
  uint32_t row_count;
  uint32_t slot_count;
  uint32_t null_count;
  uint32_t min_offset;  ///< bounds, in `page_bounds` of the chunk
  uint32_t min_size;
  uint32_t max_offset;
  uint32_t max_size;
  uint64_t text_size;
  bool dictionary;
  bool bounded;  ///< has bounds
} ice_parquet_page_record;

/// Totals of one chunk, or of a column over the file.
typedef struct ice_parquet_totals {
  uint64_t slot_count;
  uint64_t null_count;  ///< also empty lists and what is missing above the leaf
  uint64_t nan_count;
  uint64_t text_size;  ///< bytes of BYTE_ARRAY values, without their lengths
} ice_parquet_totals;

/// Ownership: `init/deinit`, the caller's storage; borrows leaf and settings. Threads: one at a time.
typedef struct ice_parquet_chunk {
  const ice_parquet_leaf *leaf;
  const ice_parquet_page_settings *settings;
  ice_parquet_order order;

  // The current page.
  ice_bytes values;             ///< codes (uint16) while `dictionary_open`, PLAIN, or bits of booleans
  ice_bytes definition_levels;  ///< leaf that is a column: bits, from the first null on; else bytes
  ice_bytes repetition_levels;
  uint32_t page_slots;
  uint32_t page_rows;
  uint32_t page_values;
  uint64_t page_text_size;
  uint64_t page_coded_size;  ///< what the page's codes would take as PLAIN
  uint64_t page_nans;
  ice_parquet_bounds bounds;  ///< of the page while it is open

  // The chunk.
  ice_codec codec;      ///< the settings' codec, or none where the first page showed that it gains little
  uint32_t slice_rows;  ///< rows to try at once: fewer where values are large
  ice_parquet_dictionary *dictionary;
  bool dictionary_open;   ///< values still become codes
  uint64_t coded_values;  ///< values that became codes
  uint64_t coded_size;    ///< and their size as PLAIN
  uint64_t coded_check;   ///< number of values at which to ask again whether the dictionary pays
  uint32_t dictionary_pages;
  ice_parquet_page_record *pages;
  uint32_t page_count;
  uint32_t page_capacity;
  uint32_t pages_spilled;  ///< the first so many pages are out
  /// Pages whose entries are out, before those in `pages`, and the bytes of their bounds.
  uint32_t pages_listed_out;
  uint64_t bounds_listed_out;
  uint64_t encoded_size;    ///< bytes of all pages
  uint64_t encoded_memory;  ///< of those that are in memory
  uint64_t encoded_plain;   ///< before compression
  ice_bytes page_bounds;    ///< bounds of pages as ColumnIndex has them
  ice_bytes histograms;     ///< per page int64 counts of repetition levels, then of definition levels
  bool index_possible;      ///< every page with values has bounds
  ice_parquet_bounds chunk_bounds;
  ice_parquet_totals totals;
  ice_parquet_bloom *bloom;  ///< NULL where none is wanted
} ice_parquet_chunk;

/// `bloom`: keep hashes for a Bloom filter. Errors: NO_MEMORY.
ICE_MUST_CHECK ice_status ice_parquet_chunk_init(ice_parquet_chunk *chunk, const ice_parquet_leaf *leaf,
                                                 const ice_parquet_page_settings *settings, bool bloom,
                                                 ice_error *err);
void ice_parquet_chunk_deinit(ice_parquet_chunk *chunk);

/// Append the leaf's part of some rows of `batch`. Pages close as they fill.
///
/// Errors: NO_MEMORY, LIMIT, INVALID_ARGUMENT (null in a required field). The chunk is of no use after an error.
ICE_MUST_CHECK ice_status ice_parquet_chunk_append(ice_parquet_chunk *chunk, ice_parquet_scratch *scratch,
                                                   const ice_batch *batch, ice_parquet_rows rows, ice_error *err);

/// Encode what the current page holds, if anything.
ICE_MUST_CHECK ice_status ice_parquet_chunk_close_page(ice_parquet_chunk *chunk, ice_parquet_scratch *scratch,
                                                       ice_error *err);

/// Encode what the current page holds, end the dictionary, and give back buffers: the least that the chunk can hold.
ICE_MUST_CHECK ice_status ice_parquet_chunk_compact(ice_parquet_chunk *chunk, ice_parquet_scratch *scratch,
                                                    ice_error *err);

/// Make ready for the next row group. Keeps small buffers.
void ice_parquet_chunk_reset(ice_parquet_chunk *chunk);

/// Bytes held.
size_t ice_parquet_chunk_memory(const ice_parquet_chunk *chunk);

/// Estimated bytes of the chunk in the file, should it close now.
uint64_t ice_parquet_chunk_size(const ice_parquet_chunk *chunk);

/// Bytes of the current page, as they are buffered.
static inline size_t ice_parquet_chunk_page_size(const ice_parquet_chunk *chunk) {
  return chunk->values.size + chunk->definition_levels.size + chunk->repetition_levels.size;
}

/// Counts per page in `histograms`; 0 where the levels say nothing that the counts of values do not.
static inline uint32_t ice_parquet_leaf_histogram_count(const ice_parquet_leaf *leaf) {
  uint32_t repetition = leaf->repetition_level_max > 0 ? leaf->repetition_level_max + 1u : 0;
  uint32_t definition = leaf->definition_level_max > 1 ? leaf->definition_level_max + 1u : 0;
  return repetition + definition;
}

#endif
