/// From one load of a table to the commit that appends an epoch's part to it.
#ifndef ICE_INGEST_COMMIT_BUILD_H
#define ICE_INGEST_COMMIT_BUILD_H

#include "iceberg/iceberg_append.h"
#include "ingest/commit.h"

enum { ICE_BUILD_PROPERTIES_MAX = 4 };

typedef struct ice_build {
  ice_arena arena;
  ice_append append;
  char *manifest_list;  ///< its location, once written
  ice_property properties[ICE_BUILD_PROPERTIES_MAX];
  uint32_t property_count;
  ice_property removed[ICE_BUILD_PROPERTIES_MAX];
  uint32_t removed_count;
  ice_table_update updates[4];
} ice_build;

typedef struct ice_build_options {
  const ice_table *table;
  int64_t snapshot_id;
  const ice_manifest_totals *manifests;
  uint32_t manifest_count;  ///< 0: an empty append
  bool replace;             ///< see ice_append_options
  const ice_property *summary;
  uint32_t summary_count;
  uint32_t attempt;
  ice_str uuid;
} ice_build_options;

/// The manifests of a loaded table's head, from `arena`; none where it has no snapshot. Errors: UNSUPPORTED (a v1 snapshot without a
/// manifest list), CORRUPT, and what the store gives.
ICE_MUST_CHECK ice_status ice_build_read_manifests(const ice_committer *committer, const ice_table *table,
                                                   ice_arena *arena, ice_manifest_file **out, uint32_t *count,
                                                   ice_error *err);

/// Read the head's manifest list, build the append, and write the new manifest list, whose name is unique to the attempt.
///
/// Ownership: `out` is the caller's storage; ice_build_deinit in any case. `options` is borrowed until then.
ICE_MUST_CHECK ice_status ice_build_append(const ice_committer *committer, const ice_build_options *options,
                                           ice_build *out, ice_error *err);

/// Add a property to be set with the append; key and value are copied.
ICE_MUST_CHECK ice_status ice_build_set_property(ice_build *build, ice_str key, ice_str value, ice_error *err);
/// Add a property to be removed with the append.
ICE_MUST_CHECK ice_status ice_build_remove_property(ice_build *build, ice_str key, ice_error *err);

/// The finished change; it points into the build.
ice_table_change ice_build_change(ice_build *build);

/// Delete the manifest list of an attempt that was refused for certain.
void ice_build_discard(const ice_committer *committer, ice_build *build);

/// Accepts a zeroed build.
void ice_build_deinit(ice_build *build);

#endif
