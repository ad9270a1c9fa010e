#include "ingest/row_tally.h"

#include "codec/checksum.h"
#include "json/json_text.h"
#include <stdlib.h>

typedef struct bucket {
  uint64_t low;
  uint64_t high;
  int64_t rows;
} bucket;

struct ice_row_tally {
  bucket buckets[ICE_TALLY_BUCKETS];
};

ice_status ice_row_tally_create(ice_row_tally **out, ice_error *err) {
  *out = calloc(1, sizeof **out);
  return *out ? ICE_OK : ice_error_set(err, ICE_NO_MEMORY, "out of memory for a comparison of rows");
}

void ice_row_tally_destroy(ice_row_tally *tally) { free(tally); }

ice_status ice_row_hash_of(const ice_batch *batch, int64_t row, const bool *counts, ice_bytes *text,
                           ice_row_hash *out, ice_error *err) {
  ice_status status = ICE_OK;
  ice_bytes_clear(text);
  for (uint32_t i = 0; i < batch->column_count; i++) {
    if (counts && !counts[i]) {
      continue;
    }
    ICE_TRY(ice_json_append_value(text, &batch->columns[i], row, err));
    ICE_TRY(ice_bytes_append_u8(text, '\n', err));
  }
  out->low = ice_xxh64(text->data, text->size);
  // One more byte makes a second hash of the same text.
  ICE_TRY(ice_bytes_append_u8(text, 1, err));
  out->high = ice_xxh64(text->data, text->size);
  ice_bytes_truncate(text, text->size - 1);
done:
  return status;
}

static size_t bucket_of(ice_row_hash hash) { return hash.low % ICE_TALLY_BUCKETS; }

static bool is_empty(const bucket *b) { return b->rows == 0 && b->low == 0 && b->high == 0; }

void ice_row_tally_add(ice_row_tally *tally, ice_row_hash hash, int sign) {
  bucket *b = &tally->buckets[bucket_of(hash)];
  // Sums wrap; what is added and taken away is gone whatever came between.
  b->low += sign > 0 ? hash.low : 0 - hash.low;
  b->high += sign > 0 ? hash.high : 0 - hash.high;
  b->rows += sign;
}

uint32_t ice_row_tally_differences(const ice_row_tally *tally) {
  uint32_t count = 0;
  for (size_t i = 0; i < ICE_TALLY_BUCKETS; i++) {
    count += !is_empty(&tally->buckets[i]);
  }
  return count;
}

bool ice_row_tally_differs(const ice_row_tally *tally, ice_row_hash hash) {
  return !is_empty(&tally->buckets[bucket_of(hash)]);
}
