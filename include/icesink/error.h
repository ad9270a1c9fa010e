/// One error convention for the whole library: every fallible call returns an `ice_status` and fills an
/// `ice_error` that the caller owns and may leave out (NULL).
#ifndef ICESINK_ERROR_H
#define ICESINK_ERROR_H

#include <icesink/export.h>
#include <stdarg.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// What went wrong, as far as the caller's next step depends on it.
typedef enum ice_status {
  ICE_OK = 0,
  ICE_INVALID_ARGUMENT,
  ICE_INVALID_STATE,
  ICE_NO_MEMORY,
  ICE_LIMIT,
  ICE_CORRUPT,
  ICE_UNSUPPORTED,
  ICE_NOT_FOUND,
  ICE_ALREADY_EXISTS,
  /// A commit was refused because the table is not as the request asserted. Nothing was applied.
  ICE_CONFLICT,
  /// A commit may or may not have been applied. Its files must not be deleted.
  ICE_COMMIT_UNKNOWN,
  ICE_IO,
  ICE_TIMEOUT,
  ICE_AUTH,
  ICE_CANCELLED,
  ICE_INTERNAL
} ice_status;

/// The same call may succeed later without any change by the user.
#define ICE_ERROR_RETRYABLE 1u
/// The handle that returned this error can only be destroyed.
#define ICE_ERROR_FATAL 2u
/// A policy of the exactly-once protocol (`on_gap`, `on_rollback`, …) stopped the pipeline.
#define ICE_ERROR_POLICY 4u

/// An error: the caller's storage, no ownership inside, may be copied and dropped.
typedef struct ice_error {
  ice_status status;
  uint32_t flags;
  /// errno, an HTTP status, a librdkafka or SQLite code; 0 where there is none.
  int32_t origin_code;
  char message[500];
} ice_error;

/// Fill `err` (may be NULL) with a status and a printf-formatted message; flags and origin code become 0.
///
/// Returns `status`, so that `return ice_error_set(err, …)` reads as one step.
/// Threads: any; `err` is not shared.
ICE_API ice_status ice_error_set(ice_error *err, ice_status status, const char *format, ...) ICE_PRINTF(3, 4);

/// Put printf-formatted coordinates and ": " before the message that is there ("topic t, offset 42: …").
/// What does not fit is cut at the end.
ICE_API void ice_error_prepend(ice_error *err, const char *format, ...) ICE_PRINTF(2, 3);

/// Make `err` (may be NULL) the empty error, status ICE_OK.
ICE_API void ice_error_clear(ice_error *err);

/// The name of a status as users see it ("NO_MEMORY"); "UNKNOWN_STATUS" for a value outside the enumeration.
///
/// Ownership: a constant of the library.
ICE_API const char *ice_status_name(ice_status status);

#ifdef __cplusplus
}
#endif

#endif
