/// The commit protocol (docs/protocol.md): one attempt to have an epoch decided by the lead table.
///
/// Nothing here waits or repeats: whoever drives it counts attempts and chooses delays.
#ifndef ICE_INGEST_COMMIT_H
#define ICE_INGEST_COMMIT_H

#include "base/observer.h"
#include "ingest/epoch.h"
#include "ingest/pending.h"

typedef enum ice_rollback_policy {
  ICE_ROLLBACK_STOP,
  ICE_ROLLBACK_REWIND,   ///< read again what the table has lost
  ICE_ROLLBACK_CONTINUE  ///< what the table has lost stays lost
} ice_rollback_policy;

/// What to do where source and tables are not where the position says (docs/exactly-once.md, "When something moved").
/// Zeroed: stop.
typedef struct ice_policies {
  ice_rollback_policy on_rollback;
  bool skip_gaps;          ///< on_gap: skip
  bool reset_to_earliest;  ///< on_reset: earliest
  bool restart_recreated;  ///< on_recreated: restart
  bool start_renamed;      ///< on_renamed: start
} ice_policies;

/// Manifest lists that were written last, by location: no object of that name will ever be another, so the next commit on top of one
/// need not read it.
enum { ICE_LISTS_KEPT = 8, ICE_LIST_BYTES_KEPT_MAX = 1 << 20 };
typedef struct ice_list_memory {
  struct {
    ice_bytes location;
    ice_bytes text;
  } lists[ICE_LISTS_KEPT];
  uint32_t next;
} ice_list_memory;

void ice_list_memory_init(ice_list_memory *memory);
void ice_list_memory_deinit(ice_list_memory *memory);

typedef struct ice_committer {
  ice_catalog *catalog;
  const ice_port *port;
  const ice_observer *observer;
  ice_str sink;
  ice_policies policies;
  /// The sink's tables, for a follower that was renamed. NULL: none are known.
  const ice_table_ident *tables;
  uint32_t table_count;
  /// The lead must be this one; empty: any.
  ice_str lead_uuid;
  ice_list_memory *lists;  ///< NULL: none are remembered
  /// Told of every table as it is loaded for an attempt; `watcher` is its first argument. May be NULL.
  void (*watch)(void *watcher, ice_table_ident ident, const ice_table_metadata *metadata);
  void *watcher;
} ice_committer;

/// The lead as one load showed it: everything that an attempt checks and builds comes from it.
typedef struct ice_lead {
  ice_table table;
  bool has_position;
  /// The position's snapshot is no ancestor of the branch head.
  bool rolled_back;
  ice_position position;
  bool has_pending;
  ice_pending pending;
} ice_lead;

/// Load the lead table.
///
/// Ownership: the caller's storage, ice_lead_deinit. Errors: as ice_catalog_load_table; CORRUPT (a property of ours that
/// cannot be read: names it); INVALID_STATE with ICE_ERROR_POLICY when it is not the lead that the committer knows
/// (recreated).
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
/// A lead that was rolled back stops it (INVALID_STATE with ICE_ERROR_POLICY), or fences it where on_rollback says how
/// to go on: the start corrects the position then.
/// On ICE_ATTEMPT_FENCED and on errors `epoch->unknown` tells whether its files may be deleted.
/// Errors: what loading or writing gave; the attempt was not applied, or `epoch->unknown` is set. An error with
///   ICE_ERROR_POLICY stops the pipeline.
ICE_MUST_CHECK ice_status ice_commit_attempt(const ice_committer *committer, ice_epoch *epoch, ice_attempt *outcome,
                                             ice_error *err);

/// Make one attempt to commit an epoch with a correction, which was derived from this very load of the lead.
///
/// DONE, or AGAIN after a conflict or an unknown outcome: then load the lead and derive the correction anew.
ICE_MUST_CHECK ice_status ice_commit_correction(const ice_committer *committer, const ice_lead *lead,
                                                ice_epoch *epoch, ice_attempt *outcome, ice_error *err);

/// The error of a lead that was rolled back.
ice_status ice_rollback_error(const ice_committer *committer, ice_table_ident ident, const ice_lead *lead,
                              ice_error *err);

/// INVALID_STATE, marked as the decision of a policy.
ice_status ice_policy_error(ice_error *err);

/// Bring every follower that the lead's pending property names up to the lead.
///
/// `*complete` is false after conflicts or unknown outcomes that did not end within a few tries: call again, from a new load.
/// Errors: policy errors (a follower dropped, recreated, or of another lead), and what the catalog gives.
ICE_MUST_CHECK ice_status ice_followers_finish(const ice_committer *committer, const ice_lead *lead, bool *complete,
                                               ice_error *err);

#endif
