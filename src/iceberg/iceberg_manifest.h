/// Manifests (spec, "Manifests"): files of data file entries, written as v2, read from v1, v2 and v3 of any writer.
#ifndef ICE_ICEBERG_ICEBERG_MANIFEST_H
#define ICE_ICEBERG_ICEBERG_MANIFEST_H

#include "iceberg/iceberg_data_file.h"
#include "iceberg/iceberg_manifest_list.h"
#include "iceberg/iceberg_partition_key.h"

typedef enum ice_entry_status { ICE_ENTRY_EXISTING = 0, ICE_ENTRY_ADDED = 1, ICE_ENTRY_DELETED = 2 } ice_entry_status;

typedef struct ice_manifest_entry {
  ice_entry_status status;
  bool has_snapshot_id;
  int64_t snapshot_id;
  bool has_sequence_number;  ///< absent: inherited from the manifest list
  int64_t sequence_number;
  bool has_file_sequence_number;
  int64_t file_sequence_number;
  ice_data_file file;
} ice_manifest_entry;

typedef struct ice_manifest_writer_options {
  const ice_schema *schema;  ///< the table's
  const ice_partition_spec *spec;
  ice_manifest_content content;
  int64_t snapshot_id;
  uint8_t sync[16];  ///< marker between blocks: random or derived, the caller's choice
} ice_manifest_writer_options;

/// What a finished manifest adds up to.
typedef struct ice_manifest_totals {
  /// The entry for the manifest list. `path` is empty and `sequence_number` unset (ICE_SEQUENCE_UNASSIGNED): the
  /// caller fills the path, the append the number. Texts and summaries are from the arena given to finish.
  ice_manifest_file file;
  int64_t added_files_size;
  int64_t deleted_files_size;
  uint64_t partition_count;  ///< distinct partitions of added and deleted files
} ice_manifest_totals;

typedef struct ice_manifest_writer ice_manifest_writer;

/// Start a manifest: bytes are appended to `out`, which is borrowed until finish.
///
/// Ownership: `*writer` is the caller's to destroy; schema and spec are borrowed until then.
/// Errors: UNSUPPORTED, NOT_FOUND (from the spec), NO_MEMORY, LIMIT. Threads: one at a time.
ICE_MUST_CHECK ice_status ice_manifest_writer_create(const ice_manifest_writer_options *options, ice_bytes *out,
                                                     ice_manifest_writer **writer, ice_error *err);

/// Append one entry. ADDED entries are written without sequence numbers (they inherit them, so the manifest survives
/// retries) and with the manifest's snapshot id where they have none. EXISTING and DELETED must have all three.
///
/// Errors: INVALID_ARGUMENT (missing numbers, counts below zero, a partition that does not fit the spec, split
/// offsets
///   out of order), NO_MEMORY, LIMIT. After an error the manifest is spoilt.
ICE_MUST_CHECK ice_status ice_manifest_writer_append(ice_manifest_writer *writer, const ice_manifest_entry *entry,
                                                     ice_error *err);

/// Write the end and say what it adds up to.
ICE_MUST_CHECK ice_status ice_manifest_writer_finish(ice_manifest_writer *writer, ice_arena *arena,
                                                     ice_manifest_totals *totals, ice_error *err);

/// Accepts NULL.
void ice_manifest_writer_destroy(ice_manifest_writer *writer);

typedef struct ice_manifest_reader ice_manifest_reader;

/// Open a manifest that is whole in memory. `inherit` (may be NULL) is its entry in the manifest list: sequence
/// numbers and snapshot id are inherited from it as the specification says. `partition_type` (may be NULL) is the
/// partition struct of the manifest's spec: keys of entries then follow its order and ids, absent fields are null;
/// without it they follow the manifest's own struct.
///
/// Ownership: `file`, `inherit` and `partition_type` are borrowed until destroy. Errors: CORRUPT, UNSUPPORTED,
/// NO_MEMORY, LIMIT. Threads: one at a time.
ICE_MUST_CHECK ice_status ice_manifest_reader_create(ice_str file, const ice_manifest_file *inherit,
                                                     const ice_type *partition_type, ice_manifest_reader **out,
                                                     ice_error *err);
/// Accepts NULL.
void ice_manifest_reader_destroy(ice_manifest_reader *reader);

/// The value of a header key ("schema", "partition-spec-id", …); `data` NULL where absent. Borrowed from the file.
ice_str ice_manifest_reader_header(const ice_manifest_reader *reader, ice_str key);

/// The partition struct that keys follow; borrowed.
const ice_type *ice_manifest_reader_partition_type(const ice_manifest_reader *reader);

/// The next entry; `*found` is false at the end. Everything in the entry is copied into `arena`.
/// Errors: CORRUPT (names the entry), NO_MEMORY, LIMIT.
ICE_MUST_CHECK ice_status ice_manifest_reader_next(ice_manifest_reader *reader, ice_arena *arena,
                                                   ice_manifest_entry *entry, bool *found, ice_error *err);

#endif
