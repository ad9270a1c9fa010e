#include <icesink/error.h>
#include <stdio.h>
#include <string.h>

ice_status ice_error_set(ice_error *err, ice_status status, const char *format, ...) {
  if (err) {
    // Arguments may point into the old message, so the new one is made aside.
    char message[sizeof err->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    err->status = status;
    err->flags = 0;
    err->origin_code = 0;
    memcpy(err->message, message, sizeof message);
  }
  return status;
}

void ice_error_prepend(ice_error *err, const char *format, ...) {
  if (!err) {
    return;
  }
  char message[2 * sizeof err->message];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(message, sizeof err->message, format, arguments);
  va_end(arguments);
  size_t used = length < 0 ? 0 : (size_t)length;
  if (used >= sizeof err->message) {
    used = sizeof err->message - 1;
  }
  snprintf(message + used, sizeof message - used, ": %s", err->message);
  message[sizeof err->message - 1] = '\0';
  memcpy(err->message, message, sizeof err->message);
}

void ice_error_clear(ice_error *err) {
  if (err) {
    *err = (ice_error){.status = ICE_OK};
  }
}

const char *ice_status_name(ice_status status) {
  switch (status) {
    case ICE_OK: return "OK";
    case ICE_INVALID_ARGUMENT: return "INVALID_ARGUMENT";
    case ICE_INVALID_STATE: return "INVALID_STATE";
    case ICE_NO_MEMORY: return "NO_MEMORY";
    case ICE_LIMIT: return "LIMIT";
    case ICE_CORRUPT: return "CORRUPT";
    case ICE_UNSUPPORTED: return "UNSUPPORTED";
    case ICE_NOT_FOUND: return "NOT_FOUND";
    case ICE_ALREADY_EXISTS: return "ALREADY_EXISTS";
    case ICE_CONFLICT: return "CONFLICT";
    case ICE_COMMIT_UNKNOWN: return "COMMIT_UNKNOWN";
    case ICE_IO: return "IO";
    case ICE_TIMEOUT: return "TIMEOUT";
    case ICE_AUTH: return "AUTH";
    case ICE_CANCELLED: return "CANCELLED";
    case ICE_INTERNAL: return "INTERNAL";
  }
  return "UNKNOWN_STATUS";
}
