/// A session: the settings of a host, and the catalog that they name with the stores of its tables. Writers, decoders and scans
/// are opened from one.
///
/// Threads: a session, and everything that was opened from it, is used by one thread at a time. Sessions share nothing.
#ifndef ICESINK_SESSION_H
#define ICESINK_SESSION_H

#include <icesink/arrow.h>
#include <icesink/error.h>
#include <icesink/log.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ice_session ice_session;

/// Zeroed: no settings at all.
typedef struct ice_session_options {
  /// A configuration in YAML; NULL: none. Relative paths in it count from the directory that it is in.
  const char *file;
  /// "key=value" with the keys of docs/configuration.md, values as they are; they win over everything else.
  const char *const *settings;
  size_t setting_count;
  /// Take the environment's variables, and `.env.local` of the working directory, as the program does.
  bool environment;
  ice_log_function log;  ///< NULL: nothing is told
  void *log_context;
} ice_session_options;

/// Read the settings. The catalog is reached when it is first needed.
///
/// Ownership: options are borrowed for the call; `*out` is the caller's to close.
/// Errors: INVALID_ARGUMENT (names file and line, variable or key), NOT_FOUND (the file), IO, NO_MEMORY.
ICE_API ICE_MUST_CHECK ice_status ice_session_open(const ice_session_options *options, ice_session **out,
                                                   ice_error *err);

/// Close a session after everything that was opened from it. Accepts NULL.
ICE_API void ice_session_close(ice_session *session);

/// Have every call that waits for a server end soon, with CANCELLED; the session can only be closed then.
/// Threads: any, while the session is open.
ICE_API void ice_session_stop(ice_session *session);

/// A text of the library's, ended by a zero byte that `size` does not count. Zeroed: none.
typedef struct ice_text {
  char *data;
  size_t size;
} ice_text;

/// Give the memory back; accepts a zeroed one, and leaves one.
ICE_API void ice_text_free(ice_text *text);

/// The value of a setting as it was given or is by default; empty where it is not set, and for secrets.
///
/// Ownership: `*out` is the caller's. Errors: INVALID_ARGUMENT (no such key: suggests one).
ICE_API ICE_MUST_CHECK ice_status ice_session_setting(const ice_session *session, const char *key, ice_text *out,
                                                      ice_error *err);

/// Reach the catalog now. Every function below does it by itself.
///
/// Errors: INVALID_ARGUMENT (settings), IO, AUTH, TIMEOUT, each with the text "Failed to register Iceberg catalog".
ICE_API ICE_MUST_CHECK ice_status ice_session_connect(ice_session *session, ice_error *err);

// Tables ------------------------------------------------------------------------------------------------------------
// A table is named "namespace.table"; a namespace of several levels has dots of its own.

/// Make a namespace; one that is there is fine.
ICE_API ICE_MUST_CHECK ice_status ice_session_create_namespace(ice_session *session, const char *name,
                                                               ice_error *err);

typedef struct ice_table_definition {
  /// A struct; its field ids are not kept.
  const struct ArrowSchema *schema;
  /// Fields of the partition spec, as configurations spell them: "days(start_date)", "bucket(16, id)", "data_type".
  const char *const *partition;
  size_t partition_count;
  /// Table properties, "key=value".
  const char *const *properties;
  size_t property_count;
} ice_table_definition;

/// Make a table (format v2) in a namespace that is there.
///
/// Ownership: the definition is borrowed. Errors: ALREADY_EXISTS, NOT_FOUND (the namespace), INVALID_ARGUMENT, UNSUPPORTED (a
/// type, a transform: names the column), and what the catalog gives.
ICE_API ICE_MUST_CHECK ice_status ice_session_create_table(ice_session *session, const char *table,
                                                           const ice_table_definition *definition, ice_error *err);

/// Make the tables that the settings name (tables.*, with the columns of `pipeline`) where they are not there, with their
/// namespaces, as `icesink init` does. `*created` (may be NULL) counts those that were made.
ICE_API ICE_MUST_CHECK ice_status ice_session_create_tables(ice_session *session, uint32_t *created, ice_error *err);

/// Forget a table; its files stay. Errors: NOT_FOUND.
ICE_API ICE_MUST_CHECK ice_status ice_session_drop_table(ice_session *session, const char *table, ice_error *err);

/// The names of all namespaces (`name_space` NULL), or of the tables of one, in order, each ended by a line feed.
///
/// Ownership: `*out` is the caller's. Errors: NOT_FOUND.
ICE_API ICE_MUST_CHECK ice_status ice_session_list(ice_session *session, const char *name_space, ice_text *out,
                                                   ice_error *err);

/// A table as the catalog has it now: {"metadata-location": …, "metadata": …}, the metadata as the specification writes it
/// (https://iceberg.apache.org/spec/#table-metadata-and-snapshots).
///
/// Ownership: `*out` is the caller's. Errors: NOT_FOUND ("Table does not exist: db.table"), CORRUPT, IO, AUTH.
ICE_API ICE_MUST_CHECK ice_status ice_session_load_table(ice_session *session, const char *table, ice_text *out,
                                                         ice_error *err);

/// The current schema of a table, as a struct; field ids stand in the metadata key `PARQUET:field_id`.
///
/// Ownership: `*out` is the caller's to release. Errors: as ice_session_load_table.
ICE_API ICE_MUST_CHECK ice_status ice_session_table_schema(ice_session *session, const char *table,
                                                           struct ArrowSchema *out, ice_error *err);

// Scans -------------------------------------------------------------------------------------------------------------

/// Read `columns` (count 0: all) of the rows of a table's current snapshot, batch by batch.
///
/// Ownership: `*out` is the caller's to release, before the session is closed; it belongs to the session's thread.
/// Errors: NOT_FOUND, INVALID_ARGUMENT (no such column), UNSUPPORTED (delete files). Those of a batch are errno values of its
///   get_next, with the text in get_last_error.
ICE_API ICE_MUST_CHECK ice_status ice_session_scan(ice_session *session, const char *table,
                                                   const char *const *columns, size_t column_count,
                                                   struct ArrowArrayStream *out, ice_error *err);

#ifdef __cplusplus
}
#endif

#endif
