#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BYTES_FIRST_CAPACITY = 64 };

void ice_bytes_deinit(ice_bytes *bytes) {
  free(bytes->data);
  *bytes = (ice_bytes){.size_max = bytes->size_max};
}

ice_status ice_bytes_grow(ice_bytes *bytes, size_t extra, ice_error *err) {
  if (extra > bytes->size_max || bytes->size > bytes->size_max - extra) {
    return ice_error_set(err, ICE_LIMIT, "buffer of %zu bytes would grow by %zu beyond its limit of %zu bytes",
                         bytes->size, extra, bytes->size_max);
  }
  size_t needed = bytes->size + extra;
  if (needed <= bytes->capacity) {
    return ICE_OK;
  }
  size_t capacity = bytes->capacity + bytes->capacity / 2;
  if (capacity < needed) {
    capacity = needed;
  }
  if (capacity < BYTES_FIRST_CAPACITY) {
    capacity = BYTES_FIRST_CAPACITY;
  }
  // The inline reserve asks the capacity alone, so the capacity is where the ceiling holds.
  if (capacity > bytes->size_max) {
    capacity = bytes->size_max;
  }
  uint8_t *data = realloc(bytes->data, capacity);
  if (!data) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory growing a buffer to %zu bytes", capacity);
  }
  bytes->data = data;
  bytes->capacity = capacity;
  return ICE_OK;
}

ice_status ice_bytes_append_zero(ice_bytes *bytes, size_t size, ice_error *err) {
  ice_status status = ice_bytes_reserve(bytes, size, err);
  if (status == ICE_OK && size != 0) {
    memset(bytes->data + bytes->size, 0, size);
    bytes->size += size;
  }
  return status;
}

ice_status ice_bytes_append_format(ice_bytes *bytes, ice_error *err, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  // vsnprintf also writes the terminator, so one byte more than counted is reserved.
  ice_status status = length < 0 ? ice_error_set(err, ICE_INTERNAL, "bad format \"%s\"", format)
                                 : ice_bytes_reserve(bytes, (size_t)length + 1, err);
  if (status == ICE_OK) {
    vsnprintf((char *)bytes->data + bytes->size, (size_t)length + 1, format, again);
    bytes->size += (size_t)length;
  }
  va_end(again);
  return status;
}

const char *ice_bytes_c_str(ice_bytes *bytes, ice_error *err) {
  if (ice_bytes_reserve(bytes, 1, err) != ICE_OK) {
    return NULL;
  }
  bytes->data[bytes->size] = 0;
  return (const char *)bytes->data;
}
