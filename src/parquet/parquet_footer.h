/// FileMetaData: what the end of a file says about its row groups and columns.
#ifndef ICE_PARQUET_FOOTER_H
#define ICE_PARQUET_FOOTER_H

#include "base/arena.h"
#include "codec/compress.h"
#include "parquet/parquet_schema.h"

enum { ICE_PARQUET_ENCODING_STATS_MAX = 3 };

/// PageEncodingStats.
typedef struct ice_parquet_encoding_stats {
  ice_parquet_page_type page_type;
  ice_parquet_encoding encoding;
  int32_t count;
} ice_parquet_encoding_stats;

/// ColumnChunk with its ColumnMetaData. Offsets are those of the file; 0 where there is no such thing.
typedef struct ice_parquet_column_metadata {
  ice_parquet_physical physical;
  uint32_t encodings;  ///< bit e: encoding e occurs
  int32_t compression;
  int64_t value_count;  ///< slots: values and nulls
  int64_t plain_size;   ///< total_uncompressed_size
  int64_t size;         ///< total_compressed_size
  int64_t data_page_offset;
  int64_t dictionary_page_offset;
  // Statistics.
  bool has_null_count;
  int64_t null_count;
  bool has_min;
  bool has_max;
  bool min_exact;
  bool max_exact;
  ice_str min;
  ice_str max;
  // What the writer states beside.
  uint32_t encoding_stats_count;
  ice_parquet_encoding_stats encoding_stats[ICE_PARQUET_ENCODING_STATS_MAX];
  int64_t bloom_offset;
  int32_t bloom_size;
  bool has_text_size;
  int64_t text_size;
  const int64_t *histograms;  ///< repetition, then definition levels; NULL for none
  int64_t offset_index_offset;
  int32_t offset_index_size;
  int64_t column_index_offset;
  int32_t column_index_size;
} ice_parquet_column_metadata;

typedef struct ice_parquet_row_group_metadata {
  int64_t row_count;
  int64_t plain_size;                    ///< total_byte_size
  int64_t size;                          ///< total_compressed_size
  int64_t file_offset;                   ///< of its first page
  ice_parquet_column_metadata *columns;  ///< as many as the layout has leaves
} ice_parquet_row_group_metadata;

typedef struct ice_parquet_key_value {
  ice_str key;
  ice_str value;
} ice_parquet_key_value;

typedef struct ice_parquet_metadata {
  ice_parquet_layout *layout;  ///< a reference
  int64_t row_count;
  ice_str created_by;
  uint32_t key_value_count;
  ice_parquet_key_value *key_values;
  uint32_t row_group_count;
  ice_parquet_row_group_metadata *row_groups;
  ice_arena arena;  ///< everything else
} ice_parquet_metadata;

/// Append FileMetaData to `out`, without its length and magic.
ICE_MUST_CHECK ice_status ice_parquet_footer_write(const ice_parquet_metadata *metadata, ice_bytes *out,
                                                   ice_error *err);

/// Parse FileMetaData and check what readers rely on: as many columns as leaves, no negative counts, chunks within
/// the `file_size` bytes before the footer, row counts that add up.
///
/// Ownership: `out` is the caller's storage, ice_parquet_footer_deinit frees it; nothing borrows `data`.
/// Errors: CORRUPT, UNSUPPORTED, LIMIT (it would take more than `memory_max` bytes), NO_MEMORY; `out` is empty then.
ICE_MUST_CHECK ice_status ice_parquet_footer_read(const void *data, size_t size, uint64_t file_size,
                                                  size_t memory_max, ice_parquet_metadata *out, ice_error *err);

/// Accepts a zeroed one.
void ice_parquet_footer_deinit(ice_parquet_metadata *metadata);

#endif
