#include "base/map.h"

#include <stdlib.h>

enum { MAP_FIRST_CAPACITY = 16, MAP_KEY_BYTES_MAX = 1 << 30 };

// FNV-1a: keys are short names, and the order of iteration never shows the hash.
static uint64_t hash_key(ice_str key) {
  uint64_t hash = 14695981039346656037u;
  for (size_t i = 0; i < key.size; i++) {
    hash = (hash ^ (unsigned char)key.data[i]) * 1099511628211u;
  }
  return hash;
}

void ice_map_init(ice_map *map, size_t count_max) {
  *map = (ice_map){.count_max = count_max};
  ice_arena_init(&map->keys, MAP_KEY_BYTES_MAX);
}

void ice_map_deinit(ice_map *map) {
  free(map->entries);
  free(map->slots);
  ice_arena_deinit(&map->keys);
  *map = (ice_map){.count_max = map->count_max};
  ice_arena_init(&map->keys, MAP_KEY_BYTES_MAX);
}

// Slots hold entry index + 1; 0 is free. The table is never more than half full.
static uint32_t *find_slot(const ice_map *map, ice_str key, uint64_t hash) {
  size_t mask = map->slot_count - 1;
  size_t slot = (size_t)hash & mask;
  while (map->slots[slot] != 0) {
    const ice_map_entry *entry = &map->entries[map->slots[slot] - 1];
    if (entry->hash == hash && ice_str_equal(entry->key, key)) {
      break;
    }
    slot = (slot + 1) & mask;
  }
  return &map->slots[slot];
}

void *ice_map_get(const ice_map *map, ice_str key) {
  if (map->count == 0) {
    return NULL;
  }
  uint32_t index = *find_slot(map, key, hash_key(key));
  return index == 0 ? NULL : map->entries[index - 1].value;
}

static ice_status grow(ice_map *map, ice_error *err) {
  size_t capacity = map->capacity == 0 ? MAP_FIRST_CAPACITY : map->capacity * 2;
  ice_map_entry *entries = realloc(map->entries, capacity * sizeof *entries);
  if (!entries) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a map of %zu entries", capacity);
  }
  map->entries = entries;
  uint32_t *slots = calloc(capacity * 2, sizeof *slots);
  if (!slots) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a map of %zu entries", capacity);
  }
  free(map->slots);
  map->slots = slots;
  map->slot_count = capacity * 2;
  map->capacity = capacity;
  for (size_t i = 0; i < map->count; i++) {
    *find_slot(map, map->entries[i].key, map->entries[i].hash) = (uint32_t)(i + 1);
  }
  return ICE_OK;
}

ice_status ice_map_put(ice_map *map, ice_str key, void *value, ice_error *err) {
  uint64_t hash = hash_key(key);
  if (map->count != 0) {
    uint32_t index = *find_slot(map, key, hash);
    if (index != 0) {
      map->entries[index - 1].value = value;
      return ICE_OK;
    }
  }
  if (map->count >= map->count_max || map->count >= UINT32_MAX / 4) {
    return ice_error_set(err, ICE_LIMIT, "map is full at %zu entries", map->count);
  }
  ice_status status = ICE_OK;
  if (map->count == map->capacity) {
    ICE_TRY(grow(map, err));
  }
  ice_str copy;
  ICE_TRY(ice_arena_copy_str(&map->keys, key, &copy, err));
  map->entries[map->count] = (ice_map_entry){.key = copy, .value = value, .hash = hash};
  *find_slot(map, copy, hash) = (uint32_t)(map->count + 1);
  map->count++;
done:
  return status;
}
