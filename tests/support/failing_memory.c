#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "failing_memory.h"
#include <stdatomic.h>
#include <stdbool.h>

enum { ALLOCATIONS_MAX = 100000 };

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

static _Atomic int64_t made;
static _Atomic int64_t fail_at;

static bool fails(void) { return atomic_fetch_add(&made, 1) + 1 == fail_at; }

void *__wrap_malloc(size_t size) { return fails() ? NULL : __real_malloc(size); }
void *__wrap_calloc(size_t count, size_t size) { return fails() ? NULL : __real_calloc(count, size); }
void *__wrap_realloc(void *old, size_t size) { return fails() ? NULL : __real_realloc(old, size); }
char *__wrap_strdup(const char *text) { return fails() ? NULL : __real_strdup(text); }
char *__wrap_strndup(const char *text, size_t size) { return fails() ? NULL : __real_strndup(text, size); }

void fail_allocation(int64_t n) {
  made = 0;
  fail_at = n;
}

int64_t allocations_made(void) { return made; }

int64_t torture(ice_status (*scenario)(ice_error *err)) {
  for (int64_t n = 1;; n++) {
    assert_true(n < ALLOCATIONS_MAX);
    ice_error err = {0};
    fail_allocation(n);
    ice_status status = scenario(&err);
    int64_t needed = allocations_made();
    fail_allocation(0);
    if (needed < n) {
      assert_int_equal(status, ICE_OK);
      return n - 1;
    }
    if (status != ICE_NO_MEMORY || err.status != ICE_NO_MEMORY) {
      fail_msg("allocation %lld failed: %s %s", (long long)n, ice_status_name(status), err.message);
    }
  }
}
