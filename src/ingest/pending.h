/// What the lead says its followers still have to take: property `icesink.pending.<sink>`. It holds all that is needed to
/// finish them without the writer's memory or configuration.
#ifndef ICE_INGEST_PENDING_H
#define ICE_INGEST_PENDING_H

#include "ingest/epoch.h"

typedef struct ice_pending_follower {
  ice_str table;  ///< "db.table"
  ice_str uuid;
  int64_t snapshot_id;
  ice_manifest_totals manifest;
} ice_pending_follower;

/// Ownership: everything is in `arena`.
typedef struct ice_pending {
  ice_arena arena;
  int64_t epoch;
  ice_pending_follower *followers;
  uint32_t follower_count;
} ice_pending;

void ice_pending_deinit(ice_pending *pending);

/// Errors: CORRUPT, LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_pending_parse(ice_str text, ice_pending *out, ice_error *err);
ICE_MUST_CHECK ice_status ice_pending_format(const ice_pending *pending, ice_bytes *out, ice_error *err);

/// What a follower says it has taken last: property `icesink.epoch.<sink>`.
typedef struct ice_follower_epoch {
  bool present;
  char lead_uuid[ICE_UUID_TEXT_SIZE + 1];
  int64_t epoch;
  int64_t snapshot_id;
} ice_follower_epoch;

ICE_MUST_CHECK ice_status ice_follower_epoch_parse(ice_str text, ice_follower_epoch *out, ice_error *err);
ICE_MUST_CHECK ice_status ice_follower_epoch_format(const ice_follower_epoch *epoch, ice_bytes *out, ice_error *err);

#endif
