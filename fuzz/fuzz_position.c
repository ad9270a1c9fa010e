// Properties of a table that anybody may have written: position, pending, a follower's epoch. What is read is written
// again, and that is read the same.
#include "fuzz_replay.h"
#include "ingest/pending.h"
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 1 << 24 };

static void check_same(const ice_bytes *first, const ice_bytes *second) {
  if (first->size != second->size || memcmp(first->data, second->data, first->size) != 0) {
    abort();
  }
}

static void try_position(ice_str text) {
  ice_position position;
  ice_position again;
  ice_bytes first;
  ice_bytes second;
  ice_bytes_init(&first, TEXT_MAX);
  ice_bytes_init(&second, TEXT_MAX);
  if (ice_position_parse(text, &position, NULL) == ICE_OK) {
    if (ice_position_format(&position, &first, NULL) == ICE_OK) {
      if (ice_position_parse(ice_bytes_str(&first), &again, NULL) != ICE_OK ||
          ice_position_format(&again, &second, NULL) != ICE_OK) {
        abort();
      }
      check_same(&first, &second);
      ice_position_deinit(&again);
    }
    ice_position_deinit(&position);
  }
  ice_bytes_deinit(&first);
  ice_bytes_deinit(&second);
}

static void try_pending(ice_str text) {
  ice_pending pending;
  ice_pending again;
  ice_bytes first;
  ice_bytes second;
  ice_bytes_init(&first, TEXT_MAX);
  ice_bytes_init(&second, TEXT_MAX);
  if (ice_pending_parse(text, &pending, NULL) == ICE_OK) {
    if (ice_pending_format(&pending, &first, NULL) == ICE_OK) {
      if (ice_pending_parse(ice_bytes_str(&first), &again, NULL) != ICE_OK ||
          ice_pending_format(&again, &second, NULL) != ICE_OK) {
        abort();
      }
      check_same(&first, &second);
      ice_pending_deinit(&again);
    }
    ice_pending_deinit(&pending);
  }
  ice_bytes_deinit(&first);
  ice_bytes_deinit(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  ice_str text = ice_str_make((const char *)data, size);
  ice_follower_epoch epoch;
  if (size > TEXT_MAX / 256) {
    return 0;
  }
  try_position(text);
  try_pending(text);
  (void)!ice_follower_epoch_parse(text, &epoch, NULL);
  return 0;
}
