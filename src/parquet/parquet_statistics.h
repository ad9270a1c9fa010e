/// Smallest and largest values, in the order that parquet-format defines for each type (ColumnOrder,
/// TYPE_ORDER), and their form in Statistics and ColumnIndex.
///
/// NaN is never a bound; a zero is written as -0.0 where it is the minimum and +0.0 where it is the maximum.
#ifndef ICE_PARQUET_STATISTICS_H
#define ICE_PARQUET_STATISTICS_H

#include "base/bytes.h"
#include "parquet/parquet_schema.h"

enum {
  /// Bytes kept of a text bound: a longer one is a prefix, marked as truncated.
  ICE_PARQUET_BOUND_SIZE_MAX = 1024,
  /// Bytes of a text bound in the file's own statistics and indexes, as parquet-java's column index has them.
  ICE_PARQUET_BOUND_SIZE_WRITTEN = 64
};

typedef enum ice_parquet_order {
  ICE_PARQUET_ORDER_INTEGER,  ///< BOOLEAN, INT32, INT64: signed
  ICE_PARQUET_ORDER_REAL,     ///< FLOAT, DOUBLE
  ICE_PARQUET_ORDER_BYTES,    ///< unsigned bytes, lexicographic
  ICE_PARQUET_ORDER_DECIMAL   ///< big-endian two's complement of one length
} ice_parquet_order;

ice_parquet_order ice_parquet_leaf_order(const ice_parquet_leaf *leaf);

/// Compare two texts in an order of texts: <0, 0, >0.
int ice_parquet_text_compare(ice_parquet_order order, ice_str a, ice_str b);

typedef union ice_parquet_number {
  int64_t integer;
  double real;
} ice_parquet_number;

/// Ownership: the caller's storage; `deinit` frees it. A zeroed one with initialised texts is empty.
typedef struct ice_parquet_bounds {
  bool present;
  bool min_truncated;  ///< min_text is a proper prefix of the smallest value
  bool max_truncated;
  ice_parquet_number min;
  ice_parquet_number max;
  ice_bytes min_text;
  ice_bytes max_text;
} ice_parquet_bounds;

void ice_parquet_bounds_init(ice_parquet_bounds *bounds);
void ice_parquet_bounds_deinit(ice_parquet_bounds *bounds);
static inline void ice_parquet_bounds_clear(ice_parquet_bounds *bounds) { bounds->present = false; }
static inline size_t ice_parquet_bounds_memory(const ice_parquet_bounds *bounds) {
  return bounds->min_text.capacity + bounds->max_text.capacity;
}

/// Widen by `count` values as PLAIN stores them.
void ice_parquet_bounds_add_i32(ice_parquet_bounds *bounds, const uint8_t *values, size_t count);
void ice_parquet_bounds_add_i64(ice_parquet_bounds *bounds, const uint8_t *values, size_t count);
/// These return how many of the values are NaN.
size_t ice_parquet_bounds_add_f32(ice_parquet_bounds *bounds, const uint8_t *values, size_t count);
size_t ice_parquet_bounds_add_f64(ice_parquet_bounds *bounds, const uint8_t *values, size_t count);
void ice_parquet_bounds_add_boolean(ice_parquet_bounds *bounds, bool value);
/// Widen by one text (ICE_PARQUET_ORDER_BYTES or _DECIMAL).
ICE_MUST_CHECK ice_status ice_parquet_bounds_add_text(ice_parquet_bounds *bounds, ice_parquet_order order,
                                                      ice_str value, ice_error *err);
/// Widen by other bounds of the same leaf.
ICE_MUST_CHECK ice_status ice_parquet_bounds_merge(ice_parquet_bounds *bounds, ice_parquet_order order,
                                                   const ice_parquet_bounds *from, ice_error *err);

/// Append the bound in the form of the file: PLAIN without a length. `*exact` is false where a text was cut; a cut
/// maximum is the next greater text. `*fits` is false, and nothing is appended, where no such text exists.
ICE_MUST_CHECK ice_status ice_parquet_bounds_write(const ice_parquet_bounds *bounds, const ice_parquet_leaf *leaf,
                                                   bool is_max, ice_bytes *out, bool *exact, bool *fits,
                                                   ice_error *err);

#endif
