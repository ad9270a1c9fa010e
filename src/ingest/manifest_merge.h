/// Manifests of one snapshot, made of the entries of others: of descriptions that writers gave (described_files.h), or of what a table
/// has and is to lose. One manifest per partition spec and kind of content comes out.
#ifndef ICE_INGEST_MANIFEST_MERGE_H
#define ICE_INGEST_MANIFEST_MERGE_H

#include "catalog/catalog.h"
#include "iceberg/iceberg_manifest.h"

/// Partition specs that the files may be of.
enum { ICE_MERGE_SPECS_MAX = 16 };

/// A manifest in the making.
typedef struct ice_merged_manifest {
  int32_t spec_id;
  ice_manifest_content content;
  ice_manifest_writer *writer;
  ice_bytes text;
} ice_merged_manifest;

/// Begin with the first five set and the rest zero. Ownership: the caller's storage, which borrows them.
typedef struct ice_manifest_merge {
  ice_store *store;
  const ice_port *port;
  ice_table_ident ident;
  const ice_table_metadata *metadata;
  int64_t snapshot_id;
  ice_merged_manifest manifests[2 * ICE_MERGE_SPECS_MAX];
  uint32_t count;
} ice_manifest_merge;

void ice_manifest_merge_deinit(ice_manifest_merge *merge);

/// Add the files of a description. Errors: CORRUPT, UNSUPPORTED (no description of this version), INVALID_ARGUMENT (of a table with
///   another uuid, of a partition spec that the table does not have), LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_manifest_merge_add(ice_manifest_merge *merge, ice_str files, ice_error *err);

/// Delete the live files of one of the table's manifests. Errors: as above, and those of the store; the manifest is named.
ICE_MUST_CHECK ice_status ice_manifest_merge_delete(ice_manifest_merge *merge, const ice_manifest_file *manifest,
                                                    ice_error *err);

/// Finish manifest `index` and put it into the table's metadata directory, as `<uuid>-m<number>.avro`. `totals` is from `arena`.
ICE_MUST_CHECK ice_status ice_manifest_merge_store(ice_manifest_merge *merge, uint32_t index, ice_str uuid,
                                                   uint32_t number, ice_arena *arena, ice_manifest_totals *totals,
                                                   ice_error *err);

#endif
