/// Reading one column chunk: its pages, one at a time, into levels and values of a few rows.
#ifndef ICE_PARQUET_COLUMN_READER_H
#define ICE_PARQUET_COLUMN_READER_H

#include "codec/compress.h"
#include "parquet/parquet_decode.h"
#include "parquet/parquet_footer.h"
#include "parquet/parquet_page.h"
#include "parquet/parquet_reader.h"

enum { ICE_PARQUET_LEVELS_AT_ONCE = 1024 };

/// What the columns of a file share.
typedef struct ice_parquet_source {
  ice_parquet_input input;
  ice_parquet_reader_options options;
  ice_compressor *compressor;
} ice_parquet_source;

/// Ownership: `init/deinit`, the caller's storage; borrows leaf, metadata and source. Threads: one at a time.
typedef struct ice_parquet_column_reader {
  const ice_parquet_leaf *leaf;
  const ice_parquet_source *source;
  const ice_parquet_column_metadata *metadata;
  ice_codec codec;

  // The file.
  ice_bytes window;  ///< bytes from `window_offset` on
  uint64_t window_offset;
  uint64_t position;  ///< of the next page
  uint64_t end;

  // The chunk.
  int64_t slots_left;  ///< in pages not loaded yet
  bool has_dictionary;
  ice_column dictionary;

  // The page.
  ice_bytes page;            ///< decompressed
  uint64_t page_slots_left;  ///< beyond the block
  ice_parquet_rle_decoder definition;
  ice_parquet_rle_decoder repetition;
  ice_parquet_values values_at;

  // Levels that are decoded but not used.
  uint32_t block_at;
  uint32_t block_count;
  uint8_t block_definition[ICE_PARQUET_LEVELS_AT_ONCE];
  uint8_t block_repetition[ICE_PARQUET_LEVELS_AT_ONCE];

  // What the last read gave.
  ice_bytes definition_levels;  ///< a byte per slot
  ice_bytes repetition_levels;
  size_t slot_count;
  ice_column values;  ///< what is not null
} ice_parquet_column_reader;

ICE_MUST_CHECK ice_status ice_parquet_column_reader_init(ice_parquet_column_reader *reader,
                                                         const ice_parquet_leaf *leaf,
                                                         const ice_parquet_source *source, ice_error *err);
/// Accepts a zeroed one.
void ice_parquet_column_reader_deinit(ice_parquet_column_reader *reader);

/// Go to the start of a chunk. Errors: UNSUPPORTED (compression).
ICE_MUST_CHECK ice_status ice_parquet_column_reader_start(ice_parquet_column_reader *reader,
                                                          const ice_parquet_column_metadata *metadata,
                                                          ice_error *err);

/// Read the next `row_count` rows: levels and values of the reader are theirs alone afterwards.
///
/// Errors: CORRUPT (damage, CRC, fewer rows), UNSUPPORTED (encoding), LIMIT, NO_MEMORY, those of the input.
ICE_MUST_CHECK ice_status ice_parquet_column_reader_read(ice_parquet_column_reader *reader, size_t row_count,
                                                         ice_error *err);

#endif
