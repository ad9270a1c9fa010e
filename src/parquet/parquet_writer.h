/// Parquet files out of batches.
///
/// Pages are encoded and compressed as they fill; a row group is written to the output when it closes. What a
/// writer holds until then are encoded pages and the values of one open page per column.
#ifndef ICE_PARQUET_WRITER_H
#define ICE_PARQUET_WRITER_H

#include "base/budget.h"
#include "codec/compress.h"
#include "columnar/batch.h"
#include "parquet/parquet_footer.h"
#include "parquet/parquet_scratch.h"

typedef struct ice_parquet_writer ice_parquet_writer;

/// Where the file's bytes go, in order.
typedef struct ice_parquet_output {
  void *context;
  /// `data` is borrowed for the call. Errors: whatever the target has; the writer passes them on.
  ice_status (*write)(void *context, const void *data, size_t size, ice_error *err);
} ice_parquet_output;

/// Where encoded pages can wait for their row group to close.
typedef struct ice_parquet_spill {
  void *context;
  ice_status (*append)(void *context, const void *data, size_t size, uint64_t *offset, ice_error *err);
  ice_status (*read)(void *context, uint64_t offset, void *data, size_t size, ice_error *err);
} ice_parquet_spill;

/// Start from ice_parquet_writer_options_default(). Everything pointed to is borrowed for the call of `create`, the
/// budget until `destroy`.
typedef struct ice_parquet_writer_options {
  ice_codec codec;             ///< NONE, SNAPPY, ZSTD, LZ4_RAW or GZIP
  int level;                   ///< 0: the codec's default
  size_t page_size;            ///< bytes of a page before compression at which it closes
  uint32_t page_row_max;       ///< rows at which a page closes
  uint64_t row_group_size;     ///< bytes at which a row group closes
  size_t dictionary_size_max;  ///< 0: no dictionaries
  ice_str created_by;          ///< empty: "icesink version X (build X)"
  const int32_t *bloom_ids;    ///< field ids of the leaves that get a Bloom filter
  size_t bloom_id_count;
  const ice_parquet_key_value *key_values;
  size_t key_value_count;
  ice_budget *budget;              ///< may be NULL; counts every byte that the writer holds
  const ice_parquet_spill *spill;  ///< may be NULL: ice_parquet_writer_spill does nothing then
} ice_parquet_writer_options;

/// Snappy, pages of 1 MiB or 20,000 rows, row groups of 128 MiB, dictionaries up to 1 MiB.
ice_parquet_writer_options ice_parquet_writer_options_default(void);

/// A leaf column of a finished file.
typedef struct ice_parquet_file_column {
  int32_t field_id;
  ice_kind kind;
  bool single;          ///< not under a list or map: the bounds are there only then
  int64_t size;         ///< compressed bytes, page headers included
  int64_t value_count;  ///< nulls included
  int64_t null_count;
  bool has_nan_count;  ///< float, double
  int64_t nan_count;
  /// Bounds as columnar holds the value: little-endian numbers, 16 bytes of a decimal, one byte of a boolean, the
  /// bytes of texts. Not there where every value is null or NaN.
  bool has_bounds;
  ice_str min;
  ice_str max;
  bool min_truncated;  ///< min is only the first ICE_PARQUET_BOUND_SIZE_MAX bytes of the smallest value
  bool max_truncated;
} ice_parquet_file_column;

/// What is known of a finished file. Ownership: the caller's; ice_parquet_file_deinit frees it.
typedef struct ice_parquet_file {
  int64_t row_count;
  int64_t file_size;
  uint32_t split_offset_count;
  int64_t *split_offsets;  ///< where the row groups start, ascending
  uint32_t column_count;
  ice_parquet_file_column *columns;  ///< the leaves, depth first
  ice_arena arena;
} ice_parquet_file;

/// Accepts a zeroed one.
void ice_parquet_file_deinit(ice_parquet_file *file);

/// Open a file for rows of `schema`. Nothing is written before the first row group closes.
///
/// Ownership: `*out` is the caller's to destroy; it borrows `scratch` and what `output` and the spill point to, and
///   refers to the schema.
/// Errors: INVALID_ARGUMENT (schema, sizes, an unknown id among the Bloom filters), UNSUPPORTED (codec, a struct
///   without fields), NO_MEMORY.
/// Threads: a writer is confined to the thread of its scratch.
ICE_MUST_CHECK ice_status ice_parquet_writer_create(const ice_schema *schema,
                                                    const ice_parquet_writer_options *options,
                                                    ice_parquet_output output, ice_parquet_scratch *scratch,
                                                    ice_parquet_writer **out, ice_error *err);

/// Append the rows of `batch` whose indices stand in `rows`, in that order; all rows where `rows` is NULL
/// (`row_count` must be the batch's then).
///
/// Errors: INVALID_ARGUMENT (another schema, an index beyond the batch, a null in a required field), LIMIT,
///   NO_MEMORY, those of the output. After an error only ice_parquet_writer_destroy() is allowed.
ICE_MUST_CHECK ice_status ice_parquet_writer_append(ice_parquet_writer *writer, const ice_batch *batch,
                                                    const uint32_t *rows, size_t row_count, ice_error *err);

/// What one file takes of a batch: `rows` as for ice_parquet_writer_append.
typedef struct ice_parquet_share {
  ice_parquet_writer *writer;
  const uint32_t *rows;
  size_t row_count;
} ice_parquet_share;

/// Append a batch to several files of one schema and scratch, each its share. The files are the same as if each share were
/// appended alone; but a column goes to all of them before the next, and so stays in the cache.
///
/// Errors: as for append; `*failed` is the share that failed. Of the others only destroy is allowed then too.
ICE_MUST_CHECK ice_status ice_parquet_writer_append_shares(const ice_batch *batch, const ice_parquet_share *shares,
                                                           uint32_t share_count, uint32_t *failed, ice_error *err);

/// Bytes of memory that the writer holds, without the scratch.
size_t ice_parquet_writer_memory(const ice_parquet_writer *writer);

/// Bytes of the file so far: what is written and an estimate of the open row group.
uint64_t ice_parquet_writer_size(const ice_parquet_writer *writer);

/// Rows appended so far.
int64_t ice_parquet_writer_row_count(const ice_parquet_writer *writer);

/// Change at which size pages close. A page that is larger now closes with the next rows.
void ice_parquet_writer_set_page_size(ice_parquet_writer *writer, size_t page_size);

/// Move the encoded pages to the spill target. The file's bytes do not depend on it.
///
/// Errors: those of the target; the writer is of no use then.
ICE_MUST_CHECK ice_status ice_parquet_writer_spill(ice_parquet_writer *writer, ice_error *err);

/// Give up what spilling leaves: encode the open pages and let the dictionaries take no further value (their columns go on
/// as PLAIN until the row group closes), then spill. For when there are so many open files that their open pages and
/// dictionaries alone exceed the budget; the file gets larger by it.
///
/// Errors: as for spill, and those of encoding a page.
ICE_MUST_CHECK ice_status ice_parquet_writer_compact(ice_parquet_writer *writer, ice_error *err);

/// Write what is open, the indexes and the footer. Only destroy is allowed afterwards, after success too.
///
/// Ownership: `out` is filled on success and empty on failure.
/// Errors: as for append.
ICE_MUST_CHECK ice_status ice_parquet_writer_finish(ice_parquet_writer *writer, ice_parquet_file *out,
                                                    ice_error *err);

/// Free the writer, finished or not. Does no I/O, accepts NULL.
void ice_parquet_writer_destroy(ice_parquet_writer *writer);

#endif
