// Allocations that fail. The linker's --wrap sends the project's own here; those of shared libraries are left alone (jansson's
// lexer asserts where its buffer cannot grow).
#include "sim.h"

#include <stdlib.h>

enum { RATE_WHOLE = 100000 };

// Names that the linker's --wrap gives.
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);

static sim *world;
/// Allocations until one fails, if a process makes it; none fails while it is 0.
static int64_t left;

static void arm(void) {
  int64_t rate = world->scenario->rates[SIM_NO_MEMORY];
  uint64_t h = sim_hash(world->scenario->seed, 8000, world->opportunities[SIM_NO_MEMORY]);
  left = rate == 0 ? 0 : 1 + (int64_t)(h % (uint64_t)(2 * RATE_WHOLE / rate));
}

void sim_memory_watch(sim *watched) {
  world = watched;
  left = 0;
  if (world) {
    arm();
  }
}

static bool is_due(void) {
  const sim_process *process = world->running;
  uint32_t number = world->opportunities[SIM_NO_MEMORY]++;
  arm();
  return process && !process->dead && !process->calm && !world->quiet && !world->sheltered &&
         sim_planned(world, SIM_NO_MEMORY, number);
}

static bool fails(void) { return left > 0 && --left == 0 && is_due(); }

void *__wrap_malloc(size_t size) { return fails() ? NULL : __real_malloc(size); }
void *__wrap_calloc(size_t count, size_t size) { return fails() ? NULL : __real_calloc(count, size); }
void *__wrap_realloc(void *old, size_t size) { return fails() ? NULL : __real_realloc(old, size); }
char *__wrap_strdup(const char *text) { return fails() ? NULL : __real_strdup(text); }
char *__wrap_strndup(const char *text, size_t size) { return fails() ? NULL : __real_strndup(text, size); }
