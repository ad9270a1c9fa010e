/// Writing to a table in two steps: writers make data files, in as many processes as it takes; one append puts all of them into
/// the table at once, exactly once by its token.
#ifndef ICESINK_WRITER_H
#define ICESINK_WRITER_H

#include <icesink/session.h>

#ifdef __cplusplus
extern "C" {
#endif

// Data files --------------------------------------------------------------------------------------------------------

/// The open data files of a table: one per partition value. Files, pages and memory are bounded by the session's settings
/// (`write.*`, `memory`); what exceeds the memory moves to a temporary file.
typedef struct ice_writer ice_writer;

/// Open a writer for a table as it is now.
///
/// Ownership: the session is borrowed; `*out` is the caller's to close, before the session.
/// Errors: NOT_FOUND, UNSUPPORTED (a format version or a transform that is not written), and what the catalog gives.
/// Threads: as the session.
ICE_API ICE_MUST_CHECK ice_status ice_writer_open(ice_session *session, const char *table, ice_writer **out,
                                                  ice_error *err);

/// Drop what is not finished, and close. Accepts NULL.
ICE_API void ice_writer_close(ice_writer *writer);

/// Write rows: a struct array whose columns are found by their names. Optional columns that are not there are null.
///
/// Texts and lists may be large or views, values may come from dictionaries, numbers and times in other widths and units that fit.
/// Ownership: moves `rows`, also on failure: its `release` is NULL on return; `schema` stays the caller's.
/// Errors: INVALID_ARGUMENT (a column of another type, one that the table does not have, a null in a required one: names it);
///   nothing is written then, and the writer goes on. UNSUPPORTED (a layout that is not read). IO, LIMIT, NO_MEMORY with
///   ICE_ERROR_FATAL: what was written since the last finish is lost, and only ice_writer_close is allowed.
ICE_API ICE_MUST_CHECK ice_status ice_writer_append(ice_writer *writer, struct ArrowArray *rows,
                                                    const struct ArrowSchema *schema, ice_error *err);

/// Close all files, wait until they are durable, and describe them. The writer goes on with new files.
///
/// The description is opaque and may be kept or sent elsewhere: ice_session_append of this version or a later one takes it. It is
/// empty (size 0, but not NULL) where no row was written.
/// Ownership: `*files` is the caller's. Errors: those of the store, with ICE_ERROR_FATAL as above.
ICE_API ICE_MUST_CHECK ice_status ice_writer_finish(ice_writer *writer, ice_text *files, ice_error *err);

typedef struct ice_writer_totals {
  uint64_t rows;   ///< in files that were closed since the writer was opened
  uint64_t bytes;  ///< of those files
  uint64_t files;
  uint64_t memory;  ///< bytes held now
} ice_writer_totals;

ICE_API ice_writer_totals ice_writer_get_totals(const ice_writer *writer);

// Appending ---------------------------------------------------------------------------------------------------------

/// What one append puts into a table.
typedef struct ice_append_request {
  const char *table;
  /// Descriptions that writers gave for this table; empty ones are fine. None, or only empty ones, with a writer's name: a
  /// snapshot without rows that records the number.
  const ice_text *files;
  size_t file_count;
  /// The token: who appends (a job, an application), and a number that grows with each of its appends. The table remembers the
  /// highest number in the same commit that adds the rows, in the property `icesink.token.<writer>`, which outlives snapshots:
  /// an append whose number is not above it was made before, and does nothing. NULL: every call appends.
  const char *writer;
  int64_t number;
  /// Replace everything that the table has at the time of the commit, in the same snapshot (operation `overwrite`).
  bool overwrite;
  /// Further entries of the snapshot's summary, "key=value".
  const char *const *summary;
  size_t summary_count;
} ice_append_request;

typedef struct ice_append_result {
  bool done_before;     ///< the token was there: by an earlier call, or an earlier attempt of another process
  int64_t snapshot_id;  ///< the append's; -1 where it did nothing, or is not known to have one
} ice_append_result;

/// Put files into a table, in one snapshot. Conflicts with other writers are met with further attempts (commit.retries,
/// commit.retry_delay, commit.give_up).
///
/// Ownership: the request is borrowed.
/// Errors: COMMIT_UNKNOWN: the append may have been made or not. With a token the same call may be made again, now or after a
///   restart, and finds out; without one, nobody can tell. After any error with a token the same call is safe.
///   CONFLICT (attempts used up), CORRUPT (no description of files), INVALID_ARGUMENT (of another table's uuid, of a spec that the
///   table does not have), NOT_FOUND, and what catalog and store give.
/// Files of an append that failed are never deleted.
ICE_API ICE_MUST_CHECK ice_status ice_session_append(ice_session *session, const ice_append_request *request,
                                                     ice_append_result *result, ice_error *err);

/// The highest number that a table remembers of a writer; `*known` is false where it remembers none.
ICE_API ICE_MUST_CHECK ice_status ice_session_token(ice_session *session, const char *table, const char *writer,
                                                    bool *known, int64_t *number, ice_error *err);

#ifdef __cplusplus
}
#endif

#endif
