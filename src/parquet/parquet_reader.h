/// Batches out of Parquet files, with bounded memory, whatever the file says.
///
/// Encodings PLAIN, RLE_DICTIONARY, PLAIN_DICTIONARY and RLE, data pages v1 and v2, codecs none, snappy, zstd, gzip
/// and LZ4_RAW. Anything else is UNSUPPORTED, naming it and the column.
#ifndef ICE_PARQUET_READER_H
#define ICE_PARQUET_READER_H

#include "columnar/batch.h"
#include "parquet/parquet_footer.h"

typedef struct ice_parquet_reader ice_parquet_reader;

/// Where the file's bytes are. `read` fills all of `data` or fails; it is asked for bytes within `size` only.
typedef struct ice_parquet_input {
  void *context;
  uint64_t size;
  ice_status (*read)(void *context, uint64_t offset, void *data, size_t size, ice_error *err);
} ice_parquet_input;

/// Limits. Start from ice_parquet_reader_options_default().
typedef struct ice_parquet_reader_options {
  size_t footer_size_max;
  size_t metadata_memory_max;  ///< bytes that the parsed footer may take
  size_t page_size_max;        ///< bytes of one page, compressed or not
  size_t slots_max;            ///< values of one leaf within one call of read
  bool ignore_crc;             ///< read on where a page's CRC does not match: for rescue, and for fuzzing
} ice_parquet_reader_options;

/// 64 MiB of footer, 256 MiB of metadata, pages of 512 MiB, 64 Mi values.
ice_parquet_reader_options ice_parquet_reader_options_default(void);

/// Read and check the footer.
///
/// Ownership: `*out` is the caller's to close; it borrows what `input` points to. `options` may be NULL.
/// Errors: CORRUPT, UNSUPPORTED, LIMIT, NO_MEMORY, those of the input.
/// Threads: one at a time.
ICE_MUST_CHECK ice_status ice_parquet_reader_open(ice_parquet_input input, const ice_parquet_reader_options *options,
                                                  ice_parquet_reader **out, ice_error *err);
/// Accepts NULL.
void ice_parquet_reader_close(ice_parquet_reader *reader);

/// The file's schema, with field ids (0 where it has none). Borrowed.
const ice_schema *ice_parquet_reader_schema(const ice_parquet_reader *reader);

/// Row groups, statistics, key-value metadata. Borrowed.
const ice_parquet_metadata *ice_parquet_reader_metadata(const ice_parquet_reader *reader);

/// Read only the top-level columns with these field ids, in this order; the next read starts at the first row again.
///
/// Errors: NOT_FOUND (names the id), INVALID_ARGUMENT (none, or one twice), NO_MEMORY.
ICE_MUST_CHECK ice_status ice_parquet_reader_project(ice_parquet_reader *reader, const int32_t *field_ids,
                                                     size_t count, ice_error *err);

/// The schema of what is read: the file's, or the projection. Borrowed until the next projection.
const ice_schema *ice_parquet_reader_projection(const ice_parquet_reader *reader);

/// Read only the row groups [from, from + count); the next read starts at the first of them.
///
/// Errors: INVALID_ARGUMENT.
ICE_MUST_CHECK ice_status ice_parquet_reader_select(ice_parquet_reader *reader, uint32_t from, uint32_t count,
                                                    ice_error *err);

/// Append up to `row_max` rows to `batch`, a batch of ice_parquet_reader_projection(). One call never crosses a row
/// group. `*row_count` is 0 at the end alone.
///
/// Errors: CORRUPT, UNSUPPORTED, LIMIT, NO_MEMORY, INVALID_ARGUMENT (another schema), those of the input; the batch
///   is as before then, and the reader can only be closed.
ICE_MUST_CHECK ice_status ice_parquet_reader_read(ice_parquet_reader *reader, size_t row_max, ice_batch *batch,
                                                  size_t *row_count, ice_error *err);

#endif
