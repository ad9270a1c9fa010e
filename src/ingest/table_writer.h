/// The open data files of one table: rows are split by partition value, each value has one open file.
#ifndef ICE_INGEST_TABLE_WRITER_H
#define ICE_INGEST_TABLE_WRITER_H

#include "base/budget.h"
#include "base/observer.h"
#include "catalog/catalog.h"
#include "ingest/epoch.h"
#include "ingest/spill.h"

typedef struct ice_write_options {
  ice_codec codec;
  size_t page_size;
  uint64_t row_group_size;
  uint64_t target_file_size;
} ice_write_options;

typedef struct ice_table_writer_options {
  const ice_table *table;
  ice_table_ident ident;
  ice_store *store;
  const ice_port *port;
  const ice_observer *observer;
  ice_budget *budget;
  ice_spill *spill;
  ice_parquet_scratch *scratch;
  ice_write_options write;
} ice_table_writer_options;

typedef struct ice_table_writer ice_table_writer;

/// Ownership: `*out` is the caller's to destroy; everything in the options is borrowed while it lives, `table` too.
/// Errors: UNSUPPORTED (format version other than 2, a partition transform that is not known), NOT_FOUND, NO_MEMORY.
/// Threads: one at a time; all writers that share a scratch are on its thread.
ICE_MUST_CHECK ice_status ice_table_writer_create(const ice_table_writer_options *options, ice_table_writer **out,
                                                  ice_error *err);
/// Drops what is open. Accepts NULL.
void ice_table_writer_destroy(ice_table_writer *writer);

/// Write the rows of a batch of the table's schema.
///
/// Errors: those of the store and the Parquet writer; the open epoch is to be dropped then (ice_table_writer_discard).
ICE_MUST_CHECK ice_status ice_table_writer_append(ice_table_writer *writer, const ice_batch *batch, ice_error *err);

/// Finish all files and have the store begin to make them durable, so that several tables' files go out together. The next call is
/// ice_table_writer_close or ice_table_writer_discard.
ICE_MUST_CHECK ice_status ice_table_writer_submit(ice_table_writer *writer, ice_error *err);

/// Finish all files, wait until they are durable, write their manifest, and put it into part `index` of the epoch. Without
/// rows the part stays without a manifest.
ICE_MUST_CHECK ice_status ice_table_writer_close(ice_table_writer *writer, ice_epoch *epoch, uint32_t index,
                                                 ice_error *err);

/// Finish all files, wait until they are durable, and append a description of them (described_files.h) to `out`; nothing without
/// rows. `*rows` is how many they hold. They are nobody's any more then: discarding leaves them.
ICE_MUST_CHECK ice_status ice_table_writer_describe(ice_table_writer *writer, ice_bytes *out, int64_t *rows,
                                                    ice_error *err);

/// Drop what was written since the last close. Files that were finished already are deleted.
void ice_table_writer_discard(ice_table_writer *writer);

/// How memory is given back. Spilling moves encoded pages to the temporary file and changes no byte of the data file;
/// compacting also ends open pages and dictionaries, which makes the file larger.
typedef enum ice_relief { ICE_RELIEF_SPILL, ICE_RELIEF_COMPACT } ice_relief;

/// Relieve the file that holds most; `*freed` is how many bytes went. 0: nothing is worth it.
ICE_MUST_CHECK ice_status ice_table_writer_relieve(ice_table_writer *writer, ice_relief relief, size_t *freed,
                                                   ice_error *err);

/// How much ice_table_writer_relieve can give back at best.
size_t ice_table_writer_largest(const ice_table_writer *writer);

/// Bring a budget that writers share back below its limit, as far as they can: spills first, largest file first, and compacts only
/// where spilling does not bring it back.
ICE_MUST_CHECK ice_status ice_table_writers_relieve(ice_table_writer *const *writers, uint32_t count,
                                                    const ice_budget *budget, ice_error *err);

typedef struct ice_table_writer_totals {
  uint64_t files;
  uint64_t bytes;
  uint64_t rows;
} ice_table_writer_totals;

/// Files closed since the writer was created.
ice_table_writer_totals ice_table_writer_get_totals(const ice_table_writer *writer);

#endif
