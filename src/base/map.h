/// A hash map from text to a pointer. Keys are copied; values are borrowed.
///
/// Ownership: the caller's storage; `deinit` frees keys and slots, not the values.
/// Limits: `count_max` entries. Threads: one at a time.
/// Iteration follows the order of insertion, so that output never depends on the hash.
#ifndef ICE_BASE_MAP_H
#define ICE_BASE_MAP_H

#include "base/arena.h"
#include "base/macros.h"
#include "base/str.h"
#include <stddef.h>
#include <stdint.h>

typedef struct ice_map_entry {
  ice_str key;
  void *value;
  uint64_t hash;
} ice_map_entry;

typedef struct ice_map {
  ice_map_entry *entries;
  size_t count;
  size_t capacity;
  size_t count_max;
  uint32_t *slots;
  size_t slot_count;
  ice_arena keys;
} ice_map;

void ice_map_init(ice_map *map, size_t count_max);
void ice_map_deinit(ice_map *map);

/// The value of `key`, or NULL.
void *ice_map_get(const ice_map *map, ice_str key);

/// Insert or replace. Errors: ICE_LIMIT beyond `count_max` entries, ICE_NO_MEMORY; the map stays as it was.
ICE_MUST_CHECK ice_status ice_map_put(ice_map *map, ice_str key, void *value, ice_error *err);

#endif
