#include "base/arena.h"

#include "base/checked.h"
#include <stdalign.h>
#include <stdlib.h>

enum { ARENA_ALIGNMENT = 16, ARENA_FIRST_BLOCK = 1024, ARENA_BLOCK_MAX = 256 * 1024 };

struct ice_arena_block {
  ice_arena_block *previous;
  size_t capacity;
  size_t used;
  alignas(ARENA_ALIGNMENT) unsigned char data[];
};

void ice_arena_init(ice_arena *arena, size_t size_max) { *arena = (ice_arena){.size_max = size_max}; }

void ice_arena_deinit(ice_arena *arena) {
  while (arena->head) {
    ice_arena_block *block = arena->head;
    arena->head = block->previous;
    free(block);
  }
  arena->size = 0;
}

static ice_arena_block *add_block(ice_arena *arena, size_t size, ice_error *err) {
  size_t capacity = arena->head ? arena->head->capacity * 2 : ARENA_FIRST_BLOCK;
  if (capacity > ARENA_BLOCK_MAX) {
    capacity = ARENA_BLOCK_MAX;
  }
  if (capacity < size) {
    capacity = size;
  }
  if (capacity > arena->size_max - arena->size) {
    capacity = size;
  }
  size_t total;
  if (size > arena->size_max - arena->size || !ice_add_size(capacity, sizeof(ice_arena_block), &total)) {
    ice_error_set(err, ICE_LIMIT, "arena of %zu bytes would grow by %zu beyond its limit of %zu bytes", arena->size,
                  size, arena->size_max);
    return NULL;
  }
  ice_arena_block *block = malloc(total);
  if (!block) {
    ice_error_set(err, ICE_NO_MEMORY, "out of memory for an arena block of %zu bytes", total);
    return NULL;
  }
  block->previous = arena->head;
  block->capacity = capacity;
  block->used = 0;
  arena->head = block;
  arena->size += capacity;
  return block;
}

void *ice_arena_alloc(ice_arena *arena, size_t size, ice_error *err) {
  size_t rounded;
  if (!ice_add_size(size == 0 ? 1 : size, ARENA_ALIGNMENT - 1, &rounded)) {
    ice_error_set(err, ICE_LIMIT, "arena allocation of %zu bytes", size);
    return NULL;
  }
  rounded &= ~(size_t)(ARENA_ALIGNMENT - 1);
  ice_arena_block *block = arena->head;
  if (!block || block->capacity - block->used < rounded) {
    block = add_block(arena, rounded, err);
    if (!block) {
      return NULL;
    }
  }
  void *result = block->data + block->used;
  block->used += rounded;
  memset(result, 0, rounded);
  return result;
}

void *ice_arena_alloc_array(ice_arena *arena, size_t count, size_t element_size, ice_error *err) {
  size_t size;
  if (!ice_mul_size(count, element_size, &size)) {
    ice_error_set(err, ICE_LIMIT, "array of %zu elements of %zu bytes", count, element_size);
    return NULL;
  }
  return ice_arena_alloc(arena, size, err);
}

ice_status ice_arena_copy_str(ice_arena *arena, ice_str text, ice_str *out, ice_error *err) {
  *out = (ice_str){0};
  size_t size;
  if (!ice_add_size(text.size, 1, &size)) {
    return ice_error_set(err, ICE_LIMIT, "text of %zu bytes", text.size);
  }
  char *copy = ice_arena_alloc(arena, size, err);
  if (!copy) {
    return err ? err->status : ICE_NO_MEMORY;
  }
  if (text.size != 0) {
    memcpy(copy, text.data, text.size);
  }
  *out = ice_str_make(copy, text.size);
  return ICE_OK;
}

ice_arena_mark ice_arena_get_mark(const ice_arena *arena) {
  return (ice_arena_mark){.block = arena->head, .used = arena->head ? arena->head->used : 0, .size = arena->size};
}

void ice_arena_restore(ice_arena *arena, ice_arena_mark mark) {
  while (arena->head != mark.block) {
    ice_arena_block *block = arena->head;
    arena->head = block->previous;
    free(block);
  }
  if (arena->head) {
    arena->head->used = mark.used;
  }
  arena->size = mark.size;
}
