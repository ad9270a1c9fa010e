/// Two multisets of rows compared in bounded memory: each row adds its hashes to one of many buckets or takes them away. A
/// bucket that is not empty at the end holds a row that only one side has.
#ifndef ICE_INGEST_ROW_TALLY_H
#define ICE_INGEST_ROW_TALLY_H

#include "base/macros.h"
#include "columnar/batch.h"

enum { ICE_TALLY_BUCKETS = 1 << 16, ICE_TALLY_ROW_MAX = 256 << 20 };

/// What tells one row from another: 128 bits of its text.
typedef struct ice_row_hash {
  uint64_t low;
  uint64_t high;
} ice_row_hash;

typedef struct ice_row_tally ice_row_tally;

/// Ownership: `*out` is the caller's to destroy. Errors: NO_MEMORY. Threads: one at a time.
ICE_MUST_CHECK ice_status ice_row_tally_create(ice_row_tally **out, ice_error *err);
/// Accepts NULL.
void ice_row_tally_destroy(ice_row_tally *tally);

/// The hash of row `row` over the columns that `counts` is true for (one per column; NULL: all). The text of the row is
/// left in `text`.
ICE_MUST_CHECK ice_status ice_row_hash_of(const ice_batch *batch, int64_t row, const bool *counts, ice_bytes *text,
                                          ice_row_hash *out, ice_error *err);

/// Count the row `sign` (1 or -1) times.
void ice_row_tally_add(ice_row_tally *tally, ice_row_hash hash, int sign);

/// Number of buckets that are not empty.
uint32_t ice_row_tally_differences(const ice_row_tally *tally);

/// True when the row's bucket is not empty.
bool ice_row_tally_differs(const ice_row_tally *tally, ice_row_hash hash);

#endif
