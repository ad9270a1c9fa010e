/// The control macros and small helpers that every source file may use.
#ifndef ICE_BASE_MACROS_H
#define ICE_BASE_MACROS_H

#include <icesink/error.h>
#include <stddef.h>

/// Run a fallible call; on failure keep its status in the local `status` and go to the label `done`.
#define ICE_TRY(call)       \
  do {                      \
    status = (call);        \
    if (status != ICE_OK) { \
      goto done;            \
    }                       \
  } while (0)

/// Set the local `status` and the local `err` with a message, and go to the label `done`.
#define ICE_FAIL(code, ...)                         \
  do {                                              \
    status = ice_error_set(err, code, __VA_ARGS__); \
    goto done;                                      \
  } while (0)

/// For programmer errors only. Input is checked with statuses; an invariant that guards durable data is
/// checked in every build and returns ICE_INTERNAL.
#ifndef NDEBUG
#include <assert.h>
#define ICE_ASSERT(condition) assert(condition)
#else
#define ICE_ASSERT(condition) ((void)sizeof(condition))
#endif

#define ICE_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#if defined(__GNUC__)
#define ICE_LIKELY(x) __builtin_expect(!!(x), 1)
#define ICE_UNLIKELY(x) __builtin_expect(!!(x), 0)
#else
#define ICE_LIKELY(x) (x)
#define ICE_UNLIKELY(x) (x)
#endif

#endif
