/// Partition transforms (spec, "Partition Transforms", Appendix B).
///
/// Threads: any.
#ifndef ICE_ICEBERG_ICEBERG_TRANSFORM_H
#define ICE_ICEBERG_ICEBERG_TRANSFORM_H

#include "columnar/column.h"

typedef enum ice_transform_kind {
  ICE_TRANSFORM_IDENTITY,
  ICE_TRANSFORM_BUCKET,
  ICE_TRANSFORM_TRUNCATE,
  ICE_TRANSFORM_YEAR,
  ICE_TRANSFORM_MONTH,
  ICE_TRANSFORM_DAY,
  ICE_TRANSFORM_HOUR,
  ICE_TRANSFORM_VOID,
  ICE_TRANSFORM_UNKNOWN  ///< another program's: kept, never applied
} ice_transform_kind;

typedef struct ice_transform {
  ice_transform_kind kind;
  int32_t parameter;  ///< number of buckets, truncation width
} ice_transform;

/// Parse the spelling of the specification ("identity", "bucket[16]", "day", …); also the plurals and calls that
/// people write ("days", "bucket(16)"). Anything else is ICE_TRANSFORM_UNKNOWN.
/// Errors: INVALID_ARGUMENT (a parameter out of range).
ICE_MUST_CHECK ice_status ice_transform_parse(ice_str text, ice_transform *out, ice_error *err);

/// Append the spelling of the specification. INVALID_ARGUMENT for an unknown transform.
ICE_MUST_CHECK ice_status ice_transform_format(ice_transform transform, ice_bytes *out, ice_error *err);

/// The type of what comes out of `source`; `day` gives date. UNSUPPORTED where the transform does not take the type.
ICE_MUST_CHECK ice_status ice_transform_result_type(ice_transform transform, const ice_type *source, ice_type *out,
                                                    ice_error *err);

/// Append the transformed values of all of `source` to `out`, a column of the result type. Null gives null.
ICE_MUST_CHECK ice_status ice_transform_apply(ice_transform transform, const ice_column *source, ice_column *out,
                                              ice_error *err);

/// The 32-bit hash of one value as Appendix B defines it (buckets are (hash & 2^31-1) mod N).
/// `raw` is the value as a column holds it.
ICE_MUST_CHECK ice_status ice_bucket_hash(const ice_type *type, ice_str raw, uint32_t *out, ice_error *err);

#endif
