/// Torture: run a scenario again and again, each time with another allocation failing. The linker wraps malloc,
/// calloc and realloc of the code under test. Jansson is left alone: its lexer asserts where its own buffer cannot
/// grow.
#ifndef ICE_TORTURE_SUPPORT_H
#define ICE_TORTURE_SUPPORT_H

#include <icesink/error.h>
#include <stdlib.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

/// Allocations until the one that fails; negative: none fails.
static long torture_left = -1;

static int torture_fails(void) { return torture_left >= 0 && torture_left-- == 0; }

void *__wrap_malloc(size_t size) { return torture_fails() ? NULL : __real_malloc(size); }
void *__wrap_calloc(size_t count, size_t size) { return torture_fails() ? NULL : __real_calloc(count, size); }
void *__wrap_realloc(void *memory, size_t size) { return torture_fails() ? NULL : __real_realloc(memory, size); }

/// Fail allocation 0, 1, 2, … until the scenario needs no more. Each failure must be a clean NO_MEMORY.
static inline void torture(ice_status (*scenario)(ice_error *err)) {
  for (long n = 0;; n++) {
    ice_error err = {0};
    torture_left = n;
    ice_status status = scenario(&err);
    long left = torture_left;
    torture_left = -1;
    if (status == ICE_OK && left >= 0) {
      assert_true(n > 10);
      break;
    }
    if (status != ICE_NO_MEMORY) {
      fail_msg("allocation %ld failed: %s %s", n, ice_status_name(status), err.message);
    }
    assert_true(n < 100000);
  }
}

#endif
