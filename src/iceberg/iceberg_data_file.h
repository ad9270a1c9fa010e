/// What a manifest says about one data or delete file (spec, "Manifests", data_file).
#ifndef ICE_ICEBERG_ICEBERG_DATA_FILE_H
#define ICE_ICEBERG_ICEBERG_DATA_FILE_H

#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

typedef enum ice_file_content {
  ICE_CONTENT_DATA = 0,
  ICE_CONTENT_POSITION_DELETES = 1,
  ICE_CONTENT_EQUALITY_DELETES = 2
} ice_file_content;

/// One entry of column_sizes, value_counts, null_value_counts, nan_value_counts.
typedef struct ice_metric_count {
  int32_t field_id;
  int64_t value;
} ice_metric_count;

/// One entry of lower_bounds, upper_bounds: single-value serialization (Appendix D).
typedef struct ice_metric_bound {
  int32_t field_id;
  ice_str value;
} ice_metric_bound;

/// The metrics maps of a file: a field without an entry is unknown.
typedef struct ice_file_metrics {
  ice_metric_count *column_sizes;
  uint32_t column_size_count;
  ice_metric_count *value_counts;
  uint32_t value_count_count;
  ice_metric_count *null_counts;
  uint32_t null_count_count;
  ice_metric_count *nan_counts;
  uint32_t nan_count_count;
  ice_metric_bound *lower_bounds;
  uint32_t lower_bound_count;
  ice_metric_bound *upper_bounds;
  uint32_t upper_bound_count;
} ice_file_metrics;

/// Ownership: all pointers are borrowed, usually from one arena.
typedef struct ice_data_file {
  ice_file_content content;
  ice_str path;
  ice_str format;     ///< "PARQUET"
  ice_str partition;  ///< the partition key (iceberg_partition_key.h)
  int64_t record_count;
  int64_t file_size;
  ice_file_metrics metrics;
  ice_str key_metadata;          ///< `data` NULL: none
  const int64_t *split_offsets;  ///< ascending
  uint32_t split_offset_count;
  const int32_t *equality_ids;  ///< equality deletes
  uint32_t equality_id_count;
  bool has_sort_order_id;
  int32_t sort_order_id;
  ice_str referenced_data_file;  ///< `data` NULL: none
  bool has_first_row_id;         ///< v3
  int64_t first_row_id;
  int64_t content_offset;  ///< deletion vectors (v3), -1: none
  int64_t content_size;
} ice_data_file;

#endif
