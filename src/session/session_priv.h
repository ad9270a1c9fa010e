/// What the public functions share.
#ifndef ICE_SESSION_SESSION_PRIV_H
#define ICE_SESSION_SESSION_PRIV_H

#include "assembly/sink_tables.h"
#include "base/budget.h"
#include "base/observer.h"
#include "catalog/catalog.h"
#include "config/settings.h"
#include "ingest/commit.h"
#include "ingest/table_writer.h"
#include <icesink/session.h>
#include <stdatomic.h>

enum { ICE_SESSION_WRITERS_MAX = 64, ICE_SESSION_TEXT_MAX = 1 << 30 };

struct ice_session {
  ice_settings settings;
  ice_log_function log;
  void *log_context;
  ice_bytes log_line;
  ice_observer observer;
  _Atomic bool stop;
  ice_budget budget;     ///< of all writers together
  ice_catalog *catalog;  ///< NULL until it is first needed
  /// Open writers, so that memory is taken back where most is held.
  ice_table_writer *writers[ICE_SESSION_WRITERS_MAX];
  uint32_t writer_count;
};

/// Open the catalog where it is not. With `create` a SQLite file and a warehouse that are not there are made.
ICE_MUST_CHECK ice_status ice_session_reach(ice_session *session, bool create, ice_error *err);

/// Reach the catalog and load a table. `*ident` borrows from `name`.
ICE_MUST_CHECK ice_status ice_session_load(ice_session *session, const char *name, ice_table_ident *ident,
                                           ice_table *out, ice_error *err);

/// Make a text of `bytes`, which is empty afterwards, also on failure.
ICE_MUST_CHECK ice_status ice_session_text(ice_bytes *bytes, ice_text *out, ice_error *err);

/// Take "key=value" apart. Ownership: borrowed. Errors: INVALID_ARGUMENT.
ICE_MUST_CHECK ice_status ice_session_property(const char *text, ice_property *out, ice_error *err);

/// Mark an error as one after which the handle can only be closed. Returns `status`.
ice_status ice_session_fatal(ice_status status, ice_error *err);

/// One attempt at something that the catalog decides. `*done`: it is decided; else `err` says why it is to be tried again, also with
/// status OK. `*unknown`: some attempt so far may have been applied.
typedef ice_status (*ice_session_attempt)(void *context, bool *done, bool *unknown, ice_error *err);

/// Attempts until it is decided, or until commit.give_up: then COMMIT_UNKNOWN where some attempt may have been applied, else what the last
/// one gave. `err` must not be NULL.
ICE_MUST_CHECK ice_status ice_session_drive(ice_session *session, ice_session_attempt attempt, void *context,
                                            ice_error *err);

/// What commits the session's sink: no policy but to stop, for whoever reads the topic decides where it goes on.
ice_committer ice_session_committer(const ice_session *session);

/// Wait, or return CANCELLED when the session was stopped.
ICE_MUST_CHECK ice_status ice_session_wait(ice_session *session, int64_t ms, ice_error *err);

#endif
