/// Memory with one lifetime: allocations are freed together, by mark and restore or with the arena.
///
/// Ownership: the caller's storage; `deinit` frees all blocks. Errors: ICE_LIMIT beyond the ceiling,
/// ICE_NO_MEMORY. Threads: one at a time.
#ifndef ICE_BASE_ARENA_H
#define ICE_BASE_ARENA_H

#include "base/macros.h"
#include "base/str.h"
#include <stddef.h>

typedef struct ice_arena_block ice_arena_block;

typedef struct ice_arena {
  ice_arena_block *head;
  size_t size;
  size_t size_max;
} ice_arena;

/// A place to come back to: everything allocated after the mark goes.
typedef struct ice_arena_mark {
  ice_arena_block *block;
  size_t used;
  size_t size;
} ice_arena_mark;

/// An empty arena that never holds more than `size_max` bytes of blocks. Allocates nothing.
void ice_arena_init(ice_arena *arena, size_t size_max);

/// Free everything; accepts an empty arena.
void ice_arena_deinit(ice_arena *arena);

/// `size` zeroed bytes aligned to 16, or NULL with `err` set (ICE_LIMIT or ICE_NO_MEMORY).
/// Zero bytes give a valid pointer.
void *ice_arena_alloc(ice_arena *arena, size_t size, ice_error *err);

/// An array of `count` zeroed elements with checked multiplication, or NULL with `err` set.
void *ice_arena_alloc_array(ice_arena *arena, size_t count, size_t element_size, ice_error *err);

/// A copy of `text`, with a terminating zero byte behind it (not counted).
ICE_MUST_CHECK ice_status ice_arena_copy_str(ice_arena *arena, ice_str text, ice_str *out, ice_error *err);

ice_arena_mark ice_arena_get_mark(const ice_arena *arena);

/// Free everything that was allocated after `mark`.
void ice_arena_restore(ice_arena *arena, ice_arena_mark mark);

#endif
