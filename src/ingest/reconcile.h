/// Brings position, tables and source into agreement before a sink starts: what other programs did to them meanwhile is
/// refused, or corrected where a policy says how (docs/protocol.md, "Start").
#ifndef ICE_INGEST_RECONCILE_H
#define ICE_INGEST_RECONCILE_H

#include "ingest/commit.h"
#include "source/source.h"

typedef struct ice_reconcile_options {
  const ice_committer *committer;
  /// The lead first.
  const ice_table_ident *tables;
  uint32_t table_count;
  const ice_source *source;
} ice_reconcile_options;

/// True where the source, as it was last looked at, lacks what the position has: an offset, or a partition.
bool ice_reconcile_is_behind(const ice_reconcile_options *options, const ice_lead *lead);

/// Compare one load of the lead, which has a position, with its history, its followers and the source.
///
/// `*agreed` is false after a correction was committed or may have been, and where another writer was faster: load the
/// lead again and call again.
/// Errors: INVALID_STATE with ICE_ERROR_POLICY (the message has the numbers and names the setting), and what catalog and
/// store give.
ICE_MUST_CHECK ice_status ice_reconcile(const ice_reconcile_options *options, const ice_lead *lead, bool *agreed,
                                        ice_error *err);

/// Refuse a first position in a lead where the sink has read its source before: another table of the sink has its position
/// (the lead was changed), or the lead has the position of another sink in a topic of the source (the sink was renamed).
/// Errors: INVALID_STATE with ICE_ERROR_POLICY; the latter not where on_renamed says start.
ICE_MUST_CHECK ice_status ice_reconcile_first(const ice_reconcile_options *options, const ice_lead *lead,
                                              ice_error *err);

#endif
