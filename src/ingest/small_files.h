/// The warning of tables whose files are many and small, for reads get slow by them and only the owner can help.
#ifndef ICE_INGEST_SMALL_FILES_H
#define ICE_INGEST_SMALL_FILES_H

#include "base/observer.h"
#include "iceberg/iceberg_snapshot.h"

#define ICE_SMALL_FILES_ADVICE                                                                       \
  "A longer commit.interval (in Flink, of checkpoints) makes fewer and larger ones; BATCH_SIZE and " \
  "BATCH_TIMEOUT_SECONDS close no file, TARGET_FILE_SIZE_MB is only a ceiling."

/// What a snapshot's summary says of all data files of its table.
typedef struct ice_file_totals {
  int64_t files;
  int64_t bytes;
} ice_file_totals;

/// `snapshot` may be NULL: a table without one.
ice_file_totals ice_file_totals_of(const ice_snapshot *snapshot);

/// A hundred files or more, of less than 32 MiB on average.
bool ice_files_are_small(ice_file_totals totals);

/// Log "Too many small files in Iceberg table" where `snapshot` brings a table that far, and whenever their number has doubled since;
/// `parent` (may be NULL) is the snapshot before.
void ice_warn_of_small_files(const ice_observer *observer, ice_str location, const ice_snapshot *parent,
                             const ice_snapshot *snapshot);

#endif
