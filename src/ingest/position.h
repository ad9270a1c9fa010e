/// Where a sink is in its source, as its lead table remembers it: property `icesink.position.<sink>` (docs/protocol.md).
#ifndef ICE_INGEST_POSITION_H
#define ICE_INGEST_POSITION_H

#include "base/arena.h"
#include "base/bytes.h"
#include <stdbool.h>
#include <stdint.h>

enum { ICE_POSITION_PARTITIONS_MAX = 100000, ICE_POSITION_BYTES_MAX = 64 << 20, ICE_POSITION_REPLACED_MAX = 16 };

/// What became of records. elements = rows + dead_letters + filtered; to − from of all ranges = records + gaps.
typedef struct ice_counts {
  int64_t records;
  int64_t gaps;
  int64_t elements;
  int64_t rows;
  int64_t dead_letters;
  int64_t filtered;
} ice_counts;

enum { ICE_COUNT_FIELDS = 6 };

/// Name of count `index` as position and summary have it ("records", "dead-letters", …), and its place.
const char *ice_count_name(size_t index);
int64_t *ice_count_at(ice_counts *counts, size_t index);

void ice_counts_add(ice_counts *counts, const ice_counts *more);
/// The promise of the counts, checked in every build: elements = rows + dead_letters + filtered, `consumed` offsets = records + gaps, and
/// `written` rows in data files = rows + dead_letters. Returns `code` where it is broken.
ICE_MUST_CHECK ice_status ice_counts_check(const ice_counts *counts, int64_t consumed, int64_t written,
                                           ice_status code, ice_error *err);
void ice_counts_subtract(ice_counts *counts, const ice_counts *less);

typedef struct ice_position_entry {
  ice_str topic;
  int32_t partition;
  int64_t start;   ///< where the sink began
  int64_t offset;  ///< next offset to read
  int64_t moved;   ///< by policies, all in all; the rest of offset − start was consumed
} ice_position_entry;

/// Ownership: everything is in `arena`.
typedef struct ice_position {
  ice_arena arena;
  int64_t epoch;
  int64_t snapshot_id;
  int64_t sequence_number;
  ice_position_entry *entries;
  uint32_t entry_count;
  uint32_t entry_capacity;
  ice_counts totals;  ///< since epoch 1, without what the table has lost
  /// Lead tables (uuids) that this one stands for: followers may still name them.
  ice_str replaced[ICE_POSITION_REPLACED_MAX];
  uint32_t replaced_count;
} ice_position;

void ice_position_init(ice_position *position);
void ice_position_deinit(ice_position *position);

/// Read the property's text. Errors: CORRUPT (names the member), LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_position_parse(ice_str text, ice_position *out, ice_error *err);

/// Append the property's text.
ICE_MUST_CHECK ice_status ice_position_format(const ice_position *position, ice_bytes *out, ice_error *err);

/// Read offsets alone, {"topic":{"0":17}}, as where each partition starts and is. Errors: CORRUPT, LIMIT, NO_MEMORY.
///
/// Ownership: ice_position_deinit, also after an error.
ICE_MUST_CHECK ice_status ice_position_parse_offsets(ice_str text, ice_position *out, ice_error *err);

/// Append the offsets alone: {"topic":{"0":17}}.
ICE_MUST_CHECK ice_status ice_position_format_offsets(const ice_position *position, ice_bytes *out, ice_error *err);

/// The entry of a partition, or NULL.
ice_position_entry *ice_position_find(const ice_position *position, ice_str topic, int32_t partition);

/// Set the offset of a partition; a new one gets `start` too.
ICE_MUST_CHECK ice_status ice_position_set(ice_position *position, ice_str topic, int32_t partition, int64_t start,
                                           int64_t offset, ice_error *err);

/// Make `out` (initialised) a copy that lives by itself.
ICE_MUST_CHECK ice_status ice_position_copy(const ice_position *position, ice_position *out, ice_error *err);

/// True when the position's lead stands for the lead `uuid`.
bool ice_position_replaces(const ice_position *position, ice_str uuid);
/// Remember that it does; one that is known already is not added twice. LIMIT when there are too many.
ICE_MUST_CHECK ice_status ice_position_add_replaced(ice_position *position, ice_str uuid, ice_error *err);

/// Read a partition's number, as a key of the texts above has it. False where it is none.
bool ice_partition_parse(const char *key, int32_t *out);

/// Append `text` as the name of a property of this sink: "icesink.position." and the sink's name.
ICE_MUST_CHECK ice_status ice_sink_property(ice_str prefix, ice_str sink, ice_bytes *out, ice_error *err);

#define ICE_PROPERTY_POSITION ICE_STR("icesink.position.")
#define ICE_PROPERTY_PENDING ICE_STR("icesink.pending.")
#define ICE_PROPERTY_EPOCH ICE_STR("icesink.epoch.")

#endif
