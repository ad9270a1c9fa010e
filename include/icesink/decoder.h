/// The pipeline of a configuration without a source: Kafka records in, rows and dead letters out.
#ifndef ICESINK_DECODER_H
#define ICESINK_DECODER_H

#include <icesink/record.h>
#include <icesink/session.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Compiled from `pipeline`, `source.decode.*` and `name` of a session's settings, with the columns that `pipeline` has; no
/// catalog is asked.
typedef struct ice_decoder ice_decoder;

/// Ownership: the session is borrowed; `*out` is the caller's to close, before the session.
/// Errors: INVALID_ARGUMENT (settings), CORRUPT (a schema), IO. Threads: as the session.
ICE_API ICE_MUST_CHECK ice_status ice_decoder_open(ice_session *session, ice_decoder **out, ice_error *err);

/// Accepts NULL.
ICE_API void ice_decoder_close(ice_decoder *decoder);

/// Tables that rows go to: the data table first, then those of routes; the last one takes the dead letters.
ICE_API uint32_t ice_decoder_table_count(const ice_decoder *decoder);

/// The name of a table as the settings have it, and its columns. Either may be NULL.
///
/// Ownership: name and schema are the caller's.
ICE_API ICE_MUST_CHECK ice_status ice_decoder_table(const ice_decoder *decoder, uint32_t index, ice_text *name,
                                                    struct ArrowSchema *schema, ice_error *err);

/// Decode records: their rows and dead letters are kept until they are taken. A record that is bad is a dead letter, not an
/// error.
///
/// Ownership: records are borrowed for the call. Errors: whatever a schema registry gives that cannot be asked, with
///   ICE_ERROR_RETRYABLE: nothing has happened, call again with the same records. NO_MEMORY, LIMIT with ICE_ERROR_FATAL.
ICE_API ICE_MUST_CHECK ice_status ice_decoder_add(ice_decoder *decoder, const ice_kafka_record *records, size_t count,
                                                  ice_error *err);

/// Take the rows of a table: those since the last time, a struct array of the columns of ice_decoder_table.
///
/// Ownership: `*out` is the caller's to release. Errors: NO_MEMORY; with ICE_ERROR_FATAL the rows are lost.
ICE_API ICE_MUST_CHECK ice_status ice_decoder_take(ice_decoder *decoder, uint32_t index, struct ArrowArray *out,
                                                   ice_error *err);

/// What became of all records: elements = rows + dead_letters + filtered.
typedef struct ice_decoder_counts {
  int64_t records;
  int64_t elements;
  int64_t rows;
  int64_t dead_letters;
  int64_t filtered;
} ice_decoder_counts;

ICE_API ice_decoder_counts ice_decoder_get_counts(const ice_decoder *decoder);

#ifdef __cplusplus
}
#endif

#endif
