/// What the public functions share.
#ifndef ICE_SESSION_SESSION_PRIV_H
#define ICE_SESSION_SESSION_PRIV_H

#include "assembly/sink_tables.h"
#include "base/budget.h"
#include "base/observer.h"
#include "catalog/catalog.h"
#include "config/settings.h"
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

/// Wait, or return CANCELLED when the session was stopped.
ICE_MUST_CHECK ice_status ice_session_wait(ice_session *session, int64_t ms, ice_error *err);

#endif
