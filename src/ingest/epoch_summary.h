/// What a lead's snapshot says in its summary about the epoch that made it: written with each commit, read by the audit
/// and after a rollback (docs/protocol.md, "What is stored").
#ifndef ICE_INGEST_EPOCH_SUMMARY_H
#define ICE_INGEST_EPOCH_SUMMARY_H

#include "iceberg/iceberg_snapshot.h"
#include "ingest/epoch.h"

/// Entries of its own, and those that an epoch may bring.
enum { ICE_EPOCH_SUMMARY_OWN = 16, ICE_EPOCH_SUMMARY_MAX = 100, ICE_EPOCH_SUMMARY_BYTES_MAX = 64 << 20 };

/// Ownership: borrowed from the snapshot.
typedef struct ice_epoch_summary {
  int64_t epoch;
  ice_counts counts;
  ice_str ranges;  ///< `data` NULL: the snapshot has none
  /// Of a correction: the policy that made it, the offsets that it moved, and the first of the epochs before it that
  /// the table has lost (0: none).
  ice_str policy;
  ice_str moves;
  int64_t lost_first;
} ice_epoch_summary;

/// Read the summary of a snapshot; false where it is no epoch of this sink. A count that is not there is -1.
bool ice_epoch_summary_read(const ice_snapshot *snapshot, ice_str sink, ice_epoch_summary *out);

/// Make the summary of `epoch` with its number. Texts are from `arena`. `out` has room for ICE_EPOCH_SUMMARY_MAX.
ICE_MUST_CHECK ice_status ice_epoch_summary_write(const ice_epoch *epoch, int64_t number, ice_str sink,
                                                  ice_arena *arena, ice_property *out, uint32_t *count,
                                                  ice_error *err);

/// Called per partition of a text of ranges or moves; the topic is borrowed. Another status than OK ends the visit.
typedef ice_status (*ice_range_visit)(void *context, ice_str topic, int32_t partition, int64_t from, int64_t to,
                                      ice_error *err);

/// Visit {"topic":{"0":[from,to]}}. Errors: CORRUPT (names topic and partition).
ICE_MUST_CHECK ice_status ice_ranges_visit(ice_str text, ice_range_visit visit, void *context, ice_error *err);

#endif
