/// Followers: tables that take what their lead has decided.
#ifndef ICE_INGEST_COMMIT_FOLLOWER_H
#define ICE_INGEST_COMMIT_FOLLOWER_H

#include "ingest/commit_build.h"

/// A follower as one load showed it.
typedef struct ice_follower {
  ice_table table;
  ice_follower_epoch taken;
} ice_follower;

/// Load a follower and what it has taken of this sink. Errors: as ice_catalog_load_table; CORRUPT (the property);
/// INVALID_STATE with ICE_ERROR_POLICY (it follows a lead that this one does not stand for).
ICE_MUST_CHECK ice_status ice_follower_load(const ice_committer *committer, ice_table_ident ident,
                                            const ice_lead *lead, ice_follower *out, ice_error *err);
void ice_follower_deinit(ice_follower *follower);

typedef struct ice_follower_part {
  ice_table_ident ident;
  ice_str lead_uuid;
  int64_t epoch;
  int64_t snapshot_id;
  const ice_manifest_totals *manifest;
  uint32_t attempt;
  ice_str uuid;
} ice_follower_part;

/// Build the append of a follower's part, `icesink.epoch.<sink>` included.
ICE_MUST_CHECK ice_status ice_follower_build(const ice_committer *committer, const ice_follower *follower,
                                             const ice_follower_part *part, ice_build *out, ice_error *err);

#endif
