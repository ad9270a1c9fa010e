/// Partition values of rows: one canonical byte string per tuple, equal exactly where the tuples are equal, so that
/// it can be a map key, and can be read back.
///
/// Encoding, per field in spec order: 0 for null, else 1 and the value: fixed-width values as a column holds them (a
/// boolean as one byte), text as a 32-bit little-endian size and its bytes.
#ifndef ICE_ICEBERG_ICEBERG_PARTITION_KEY_H
#define ICE_ICEBERG_ICEBERG_PARTITION_KEY_H

#include "columnar/batch.h"
#include "iceberg/iceberg_partition_spec.h"

/// One value as a column holds it: little-endian fixed width, one byte for a boolean, or text.
typedef struct ice_datum {
  bool is_null;
  ice_str raw;  ///< borrowed
} ice_datum;

typedef struct ice_partitioner ice_partitioner;

/// Prepare the transforms of `spec` over batches of `schema` (the table's schema; sources may be in structs).
///
/// Ownership: `*out` is the caller's to destroy; it keeps a reference to the schema. Errors: NOT_FOUND, UNSUPPORTED,
/// NO_MEMORY. Threads: one at a time.
ICE_MUST_CHECK ice_status ice_partitioner_create(const ice_partition_spec *spec, const ice_schema *schema,
                                                 ice_partitioner **out, ice_error *err);
/// Accepts NULL.
void ice_partitioner_destroy(ice_partitioner *partitioner);

/// The struct of partition values (ice_partition_spec_type); borrowed.
const ice_schema *ice_partitioner_type(const ice_partitioner *partitioner);

/// Compute the partition values of all rows of `batch`. They are kept until the next call.
/// Errors: INVALID_ARGUMENT (a column of the batch is of another type), NO_MEMORY, LIMIT.
ICE_MUST_CHECK ice_status ice_partitioner_apply(ice_partitioner *partitioner, const ice_batch *batch, ice_error *err);

/// The values of the last apply: one column per field of the partition type. Borrowed until the next apply.
const ice_column *ice_partitioner_columns(const ice_partitioner *partitioner);

/// Append the key of one row of the last apply.
ICE_MUST_CHECK ice_status ice_partitioner_append_key(const ice_partitioner *partitioner, int64_t row, ice_bytes *out,
                                                     ice_error *err);

/// True when two rows of the last apply have the same key, without building it.
bool ice_partitioner_same_key(const ice_partitioner *partitioner, int64_t a, int64_t b);

/// A number that is the same for rows of the same key, for finding such rows quickly.
uint32_t ice_partitioner_hint(const ice_partitioner *partitioner, int64_t row);

/// Append one value to a key under construction.
ICE_MUST_CHECK ice_status ice_partition_key_append(const ice_type *type, const ice_datum *value, ice_bytes *out,
                                                   ice_error *err);

/// Split a key into `type->field_count` values that point into it. Errors: CORRUPT.
ICE_MUST_CHECK ice_status ice_partition_key_split(const ice_type *partition_type, ice_str key, ice_datum *out,
                                                  ice_error *err);

/// Append the path of a partition as people and Java write it: `start_date_day=2024-01-01/data_type=heartRate`, each
/// part percent-encoded as java.net.URLEncoder does; null is `null`. Nothing for an unpartitioned table.
ICE_MUST_CHECK ice_status ice_partition_path_append(const ice_partition_spec *spec, const ice_type *partition_type,
                                                    ice_str key, ice_bytes *out, ice_error *err);

#endif
