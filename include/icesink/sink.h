/// A sink in parts, for hosts that read Kafka themselves and have checkpoints of their own: writers turn records into the data files of all
/// of a sink's tables, in as many processes as it takes; a commit puts their parts into the tables with the position in the topic,
/// data and dead letters as one decision. It is the protocol of the program (docs/protocol.md), and `icesink verify` audits it.
///
/// The settings of the session name the sink (`name`), its pipeline, its tables and how values are decoded; `source.kafka` is not used.
#ifndef ICESINK_SINK_H
#define ICESINK_SINK_H

#include <icesink/record.h>
#include <icesink/session.h>

#ifdef __cplusplus
extern "C" {
#endif

// Writing -----------------------------------------------------------------------------------------------------------

typedef struct ice_sink_writer ice_sink_writer;

/// Load the sink's tables and its position.
///
/// Ownership: the session is borrowed; `*out` is the caller's to close, before the session.
/// Errors: INVALID_ARGUMENT (settings, a table that does not fit), NOT_FOUND ("Table does not exist: …"), and what the catalog gives.
/// Threads: as the session.
ICE_API ICE_MUST_CHECK ice_status ice_sink_writer_open(ice_session *session, ice_sink_writer **out, ice_error *err);

/// Drop what is not finished, and close. Accepts NULL.
ICE_API void ice_sink_writer_close(ice_sink_writer *writer);

/// Say where a partition goes on, as the host's own state has it: the next offset after those of all parts that were ever finished for it
/// and not given up. Without this a partition begins at the table's position; where that has none, at its first record.
///
/// Errors: INVALID_STATE (records of it were added since the last finish), INVALID_ARGUMENT (below 0), NO_MEMORY.
ICE_API ICE_MUST_CHECK ice_status ice_sink_writer_resume(ice_sink_writer *writer, const char *topic,
                                                         int32_t partition, int64_t next, ice_error *err);

/// Decode records and write what becomes of them. Offsets of a partition grow; those that are left out are taken for gaps of the log. A bad
/// record is a dead letter, not an error.
///
/// Ownership: records are borrowed for the call.
/// Errors: INVALID_ARGUMENT (an offset before the next one: names both), an error of the schema registry with ICE_ERROR_RETRYABLE,
///   NO_MEMORY, LIMIT. With ICE_ERROR_FATAL what was added since the last finish is lost, and only ice_sink_writer_close is allowed;
///   without it nothing has happened.
ICE_API ICE_MUST_CHECK ice_status ice_sink_writer_add(ice_sink_writer *writer, const ice_kafka_record *records,
                                                      size_t count, ice_error *err);

/// Close all files, wait until they are durable, and give the part: what was added since the last time. The writer goes on.
///
/// A part is opaque and may be kept, or sent elsewhere. It is empty (size 0, but not NULL) where nothing was added.
/// Ownership: `*part` is the caller's. Errors: those of the store, with ICE_ERROR_FATAL.
ICE_API ICE_MUST_CHECK ice_status ice_sink_writer_finish(ice_sink_writer *writer, ice_text *part, ice_error *err);

/// Where the writer is in all partitions that it knows, for the host's own state: {"topic": {"0": next offset}}.
///
/// Ownership: `*out` is the caller's.
ICE_API ICE_MUST_CHECK ice_status ice_sink_writer_offsets(const ice_sink_writer *writer, ice_text *out,
                                                          ice_error *err);

/// What became of all records that were added: elements = rows + dead_letters + filtered; offsets = records + gaps.
typedef struct ice_sink_counts {
  int64_t records;
  int64_t gaps;
  int64_t elements;
  int64_t rows;
  int64_t dead_letters;
  int64_t filtered;
  int64_t files;  ///< of all tables, those that are closed
  int64_t bytes;  ///< in them
} ice_sink_counts;

ICE_API ice_sink_counts ice_sink_writer_get_counts(const ice_sink_writer *writer);

// Committing --------------------------------------------------------------------------------------------------------

/// What a commit puts into a sink's tables.
typedef struct ice_commit_request {
  /// Parts that writers gave, of one checkpoint or of several; those of a partition are put in the order of their offsets. Empty ones
  /// are fine.
  const ice_text *parts;
  size_t part_count;
  /// A token for hosts that repeat the commit of a checkpoint without what came after it: who commits (a job), and a number that grows with each
  /// of its checkpoints. The lead table remembers the highest number in the commit itself (`icesink.token.<writer>`), and what is not
  /// above it was committed before. NULL: the position alone tells.
  const char *writer;
  int64_t number;
  /// Further entries of the snapshots' summaries, "key=value".
  const char *const *summary;
  size_t summary_count;
} ice_commit_request;

/// Commit parts: their rows, their dead letters, and the position behind their records. Parts that are in the tables already are left alone,
/// so the same call, or one with further parts, may be made again after any error and after a restart.
///
/// One epoch comes out for each checkpoint; several where writers had a table with different partition specs.
/// Ownership: everything is borrowed.
/// Errors: INVALID_STATE with ICE_ERROR_POLICY: the position is at none of the places where the parts begin and end; another writer has moved
///   it, or the host went back to an older state; the text has both places. The same where a table was rolled back, dropped or made
///   anew. COMMIT_UNKNOWN, CONFLICT (commit.give_up is over): call again. CORRUPT, UNSUPPORTED (no parts of this version),
///   INVALID_ARGUMENT (parts that overlap, or leave something out between them), and what catalog and store give.
ICE_API ICE_MUST_CHECK ice_status ice_session_commit(ice_session *session, const ice_commit_request *request,
                                                     ice_error *err);

/// Decide where a sink without a position begins, before any record of it is taken: an empty first commit puts these offsets into its table,
/// {"topic": {"0": next offset}}. So a host that dies before its first commit begins again at the same place, wherever the topic's ends are
/// then. A sink that has a position keeps it; so this may be called again, and from several hosts: ice_session_position
/// tells what was decided.
///
/// Errors: INVALID_ARGUMENT (what is no such text), INVALID_STATE with ICE_ERROR_POLICY (the table has the position of another sink in one
/// of these topics, and on_renamed does not say start), COMMIT_UNKNOWN, CONFLICT: call again; NOT_FOUND, and what the catalog gives.
ICE_API ICE_MUST_CHECK ice_status ice_session_begin(ice_session *session, const char *starts, ice_error *err);

/// Where the sink is according to its table, for a host that has no state: {"topic": {"0": next offset}}, {} before its first commit.
///
/// Ownership: `*out` is the caller's. Errors: NOT_FOUND, CORRUPT, and what the catalog gives.
ICE_API ICE_MUST_CHECK ice_status ice_session_position(ice_session *session, ice_text *out, ice_error *err);

#ifdef __cplusplus
}
#endif

#endif
