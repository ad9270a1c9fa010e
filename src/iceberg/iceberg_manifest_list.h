/// Manifest lists (spec, "Manifest Lists"): one per snapshot, written as v2, read from v1, v2 and v3 of any writer.
#ifndef ICE_ICEBERG_ICEBERG_MANIFEST_LIST_H
#define ICE_ICEBERG_ICEBERG_MANIFEST_LIST_H

#include "base/arena.h"
#include "base/bytes.h"
#include <stdbool.h>
#include <stdint.h>

typedef enum ice_manifest_content { ICE_MANIFEST_DATA = 0, ICE_MANIFEST_DELETES = 1 } ice_manifest_content;

/// Sequence number of a manifest that takes its snapshot's when the list is written.
#define ICE_SEQUENCE_UNASSIGNED (-1)

typedef struct ice_partition_summary {
  bool contains_null;
  bool has_contains_nan;
  bool contains_nan;
  bool has_lower;  ///< false: all values are null or NaN, or unknown
  ice_str lower;   ///< single-value serialization
  bool has_upper;
  ice_str upper;
} ice_partition_summary;

/// One entry of a manifest list (manifest_file). Counts of v1 lists may be unknown: -1.
/// Ownership: borrowed, usually from one arena.
typedef struct ice_manifest_file {
  ice_str path;
  int64_t length;
  int32_t spec_id;
  ice_manifest_content content;
  int64_t sequence_number;
  int64_t min_sequence_number;
  int64_t added_snapshot_id;
  int32_t added_files;
  int32_t existing_files;
  int32_t deleted_files;
  int64_t added_rows;
  int64_t existing_rows;
  int64_t deleted_rows;
  const ice_partition_summary *partitions;
  uint32_t partition_count;
  ice_str key_metadata;   ///< `data` NULL: none
  bool has_first_row_id;  ///< v3
  int64_t first_row_id;
} ice_manifest_file;

typedef struct ice_manifest_list_header {
  int64_t snapshot_id;
  bool has_parent;
  int64_t parent_snapshot_id;
  int64_t sequence_number;
  uint8_t sync[16];
} ice_manifest_list_header;

/// Append a whole manifest list to `out`. Manifests with ICE_SEQUENCE_UNASSIGNED take the header's sequence number.
/// Errors: INVALID_ARGUMENT (empty path, length 0), UNSUPPORTED (unknown counts), NO_MEMORY, LIMIT.
ICE_MUST_CHECK ice_status ice_manifest_list_write(const ice_manifest_list_header *header,
                                                  const ice_manifest_file *manifests, uint32_t count, ice_bytes *out,
                                                  ice_error *err);

/// Read a whole manifest list; fields are found by id, so the legacy names of 504 to 506 do no harm. Everything is
/// copied into `arena`.
/// Errors: CORRUPT, UNSUPPORTED, LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_manifest_list_read(ice_str file, ice_arena *arena, ice_manifest_file **out,
                                                 uint32_t *count, ice_error *err);

#endif
