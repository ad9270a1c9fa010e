/// Lets one allocation of the code under test fail. A test that links with `ice_fail_allocations` (tests/CMakeLists.txt)
/// sends the project's malloc, calloc, realloc, strdup and strndup here; shared libraries outside the project are left
/// alone (jansson's lexer asserts where its own buffer cannot grow). Safe from several threads.
#ifndef ICE_TESTS_FAILING_MEMORY_H
#define ICE_TESTS_FAILING_MEMORY_H

#include <icesink/error.h>
#include <stdint.h>

/// Counts anew; the n-th allocation from here on (the first is 1) fails, once. 0: none fails.
void fail_allocation(int64_t n);

/// Allocations since `fail_allocation`, the one that failed among them.
int64_t allocations_made(void);

/// Runs the scenario again and again, each time with another of its allocations failing, until it needs no more. Each
/// failure must be a clean NO_MEMORY. Returns how many allocations failed.
int64_t torture(ice_status (*scenario)(ice_error *err));

#endif
