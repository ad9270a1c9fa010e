/// The commit protocol (docs/protocol.md): one attempt to have an epoch decided by the lead table.
///
/// Nothing here waits or repeats: whoever drives it counts attempts and chooses delays.
#ifndef ICE_INGEST_COMMIT_H
#define ICE_INGEST_COMMIT_H

#include "base/observer.h"
#include "ingest/epoch.h"
#include "ingest/pending.h"

typedef enum ice_rollback_policy { ICE_ROLLBACK_STOP, ICE_ROLLBACK_CONTINUE } ice_rollback_policy;

typedef struct ice_committer {
  ice_catalog *catalog;
  const ice_port *port;
  const ice_observer *observer;
  ice_str sink;
  ice_rollback_policy on_rollback;
} ice_committer;

/// The lead as one load showed it: everything that an attempt checks and builds comes from it.
typedef struct ice_lead {
  ice_table table;
  bool has_position;
  ice_position position;
  bool has_pending;
  ice_pending pending;
} ice_lead;

/// Load the lead table.
///
/// Ownership: the caller's storage, ice_lead_deinit. Errors: as ice_catalog_load_table; CORRUPT (a property of ours that
/// cannot be read: names it); INVALID_STATE with ICE_ERROR_POLICY when the position's snapshot is not an ancestor of the
/// branch head (rolled back).
ICE_MUST_CHECK ice_status ice_lead_load(const ice_committer *committer, ice_table_ident ident, ice_lead *out,
                                        ice_error *err);
/// Accepts a zeroed lead.
void ice_lead_deinit(ice_lead *lead);

typedef enum ice_attempt {
  ICE_ATTEMPT_DONE,    ///< the epoch is in the table, whoever put it there
  ICE_ATTEMPT_FENCED,  ///< another writer has moved the position: forget the epoch, restart from the table's position
  ICE_ATTEMPT_AGAIN    ///< conflict or unknown outcome (`err` says which): try again, from a new load
} ice_attempt;

/// Make one attempt to commit `epoch`.
///
/// On ICE_ATTEMPT_FENCED and on errors `epoch->unknown` tells whether its files may be deleted.
/// Errors: what loading or writing gave; the attempt was not applied, or `epoch->unknown` is set. An error with
///   ICE_ERROR_POLICY stops the pipeline.
ICE_MUST_CHECK ice_status ice_commit_attempt(const ice_committer *committer, ice_epoch *epoch, ice_attempt *outcome,
                                             ice_error *err);

/// Bring every follower that the lead's pending property names up to the lead.
///
/// `*complete` is false after conflicts or unknown outcomes that did not end within a few tries: call again, from a new load.
/// Errors: policy errors (a follower dropped, recreated, or of another lead), and what the catalog gives.
ICE_MUST_CHECK ice_status ice_followers_finish(const ice_committer *committer, const ice_lead *lead, bool *complete,
                                               ice_error *err);

#endif
