/// Column metrics of a data file: single values (spec, Appendix D), truncated bounds, and the maps of a manifest.
///
/// Threads: any.
#ifndef ICE_ICEBERG_ICEBERG_METRICS_H
#define ICE_ICEBERG_ICEBERG_METRICS_H

#include "columnar/schema.h"
#include "iceberg/iceberg_data_file.h"
#include "iceberg/iceberg_json.h"

/// What a writer of data files knows about one leaf column. -1 stands for unknown.
typedef struct ice_leaf_metrics {
  int32_t field_id;
  int64_t column_size;
  int64_t value_count;
  int64_t null_count;
  int64_t nan_count;  ///< counts for float and double only
  bool has_bounds;
  ice_str min;  ///< as a column holds it: little-endian fixed width, one byte for a boolean, text
  ice_str max;
  bool min_truncated;  ///< still a lower bound, but cut
  bool max_truncated;  ///< still an upper bound, but cut and incremented
} ice_leaf_metrics;

typedef enum ice_metrics_mode {
  ICE_METRICS_NONE,
  ICE_METRICS_COUNTS,
  ICE_METRICS_TRUNCATE,
  ICE_METRICS_FULL
} ice_metrics_mode;

typedef struct ice_metrics_override {
  int32_t field_id;
  ice_metrics_mode mode;
  uint32_t length;
} ice_metrics_override;

/// `write.metadata.metrics.*` of a table.
typedef struct ice_metrics_config {
  ice_metrics_mode mode;
  uint32_t length;       ///< for TRUNCATE
  uint32_t columns_max;  ///< leaf columns beyond these get no metrics without an override
  const ice_metrics_override *overrides;
  uint32_t override_count;
} ice_metrics_config;

/// Java's defaults: truncate(16), the first 100 columns.
static inline ice_metrics_config ice_metrics_config_default(void) {
  return (ice_metrics_config){.mode = ICE_METRICS_TRUNCATE, .length = 16, .columns_max = 100};
}

/// The configuration that table properties ask for. Modes that cannot be parsed count as the default.
ICE_MUST_CHECK ice_status ice_metrics_config_read(const ice_schema *schema, const ice_property *properties,
                                                  uint32_t property_count, ice_arena *arena, ice_metrics_config *out,
                                                  ice_error *err);

/// The maps of a data file from what is known of its leaves: no bounds under lists and maps, nothing that is unknown,
/// no NaN bounds, zeros of float and double widened to -0.0 below and +0.0 above, lower ≤ upper or neither.
/// Entries follow ascending field ids.
///
/// Ownership: the maps are from `arena`. Errors: NO_MEMORY, LIMIT, INTERNAL (a bound of the wrong size).
ICE_MUST_CHECK ice_status ice_file_metrics_build(const ice_schema *schema, const ice_metrics_config *config,
                                                 const ice_leaf_metrics *leaves, uint32_t leaf_count,
                                                 ice_arena *arena, ice_file_metrics *out, ice_error *err);

/// Append the single-value serialization of a value that a column holds.
ICE_MUST_CHECK ice_status ice_single_value_append(const ice_type *type, ice_str raw, ice_bytes *out, ice_error *err);

/// The reverse: append the value as a column holds it. Errors: CORRUPT (size).
ICE_MUST_CHECK ice_status ice_single_value_read(const ice_type *type, ice_str serialized, ice_bytes *out,
                                                ice_error *err);

/// Order of two raw values of one primitive type: <0, 0, >0. Text by bytes; -0.0 before +0.0; NaN after all.
int ice_raw_compare(const ice_type *type, ice_str a, ice_str b);

/// The upper bound of all texts that begin with the first `length` code points of `text`, at most that long: appended
/// to `out`; `*found` is false where there is none. `text` must be UTF-8, else there is none.
ICE_MUST_CHECK ice_status ice_truncate_upper_text(ice_str text, uint32_t length, ice_bytes *out, bool *found,
                                                  ice_error *err);
/// The same for bytes.
ICE_MUST_CHECK ice_status ice_truncate_upper_binary(ice_str data, uint32_t length, ice_bytes *out, bool *found,
                                                    ice_error *err);

#endif
