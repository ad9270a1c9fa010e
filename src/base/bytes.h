/// A growable byte buffer that declares its ceiling.
///
/// Ownership: the caller's storage; `deinit` frees what it holds and leaves it empty.
/// Errors: every growing call returns ICE_LIMIT beyond `size_max`, ICE_NO_MEMORY when the allocator refuses;
///   the contents stay as they were.
/// Threads: one at a time.
#ifndef ICE_BASE_BYTES_H
#define ICE_BASE_BYTES_H

#include "base/macros.h"
#include "base/str.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct ice_bytes {
  uint8_t *data;
  size_t size;
  size_t capacity;
  /// The ceiling: no call makes `size` larger than this.
  size_t size_max;
} ice_bytes;

/// Make `bytes` an empty buffer that never grows beyond `size_max`. Allocates nothing.
static inline void ice_bytes_init(ice_bytes *bytes, size_t size_max) { *bytes = (ice_bytes){.size_max = size_max}; }

/// Free the contents; the buffer is empty afterwards and keeps its ceiling. Accepts an empty buffer.
void ice_bytes_deinit(ice_bytes *bytes);

/// Make room for at least `extra` more bytes (geometric growth).
ICE_MUST_CHECK ice_status ice_bytes_grow(ice_bytes *bytes, size_t extra, ice_error *err);

/// Room for at least `extra` more bytes, so that the caller may write at data + size.
ICE_MUST_CHECK static inline ice_status ice_bytes_reserve(ice_bytes *bytes, size_t extra, ice_error *err) {
  return ICE_LIKELY(bytes->capacity - bytes->size >= extra) ? ICE_OK : ice_bytes_grow(bytes, extra, err);
}

ICE_MUST_CHECK static inline ice_status ice_bytes_append(ice_bytes *bytes, const void *data, size_t size,
                                                         ice_error *err) {
  ice_status status = ice_bytes_reserve(bytes, size, err);
  if (ICE_LIKELY(status == ICE_OK) && size != 0) {
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
  }
  return status;
}

ICE_MUST_CHECK static inline ice_status ice_bytes_append_str(ice_bytes *bytes, ice_str text, ice_error *err) {
  return ice_bytes_append(bytes, text.data, text.size, err);
}

ICE_MUST_CHECK static inline ice_status ice_bytes_append_u8(ice_bytes *bytes, uint8_t value, ice_error *err) {
  return ice_bytes_append(bytes, &value, 1, err);
}

/// Append `size` zero bytes.
ICE_MUST_CHECK ice_status ice_bytes_append_zero(ice_bytes *bytes, size_t size, ice_error *err);

/// Append printf-formatted text, without a terminator.
ICE_MUST_CHECK ice_status ice_bytes_append_format(ice_bytes *bytes, ice_error *err, const char *format, ...)
    ICE_PRINTF(3, 4);

/// Forget the contents, keep the memory.
static inline void ice_bytes_clear(ice_bytes *bytes) { bytes->size = 0; }
/// Drop what is behind the first `size` bytes.
static inline void ice_bytes_truncate(ice_bytes *bytes, size_t size) {
  bytes->size = size < bytes->size ? size : bytes->size;
}

/// Borrowed view of the contents.
static inline ice_str ice_bytes_str(const ice_bytes *bytes) {
  return (ice_str){.data = (const char *)bytes->data, .size = bytes->size};
}

/// The contents as numbers of this machine. malloc aligns a buffer for every type; one that is read this way holds
/// nothing else.
static inline uint16_t *ice_bytes_u16(const ice_bytes *bytes) { return (uint16_t *)(void *)bytes->data; }
static inline uint32_t *ice_bytes_u32(const ice_bytes *bytes) { return (uint32_t *)(void *)bytes->data; }

/// Put a terminating zero byte behind the contents (not counted in `size`) and return them as a C string,
/// borrowed; NULL on failure.
const char *ice_bytes_c_str(ice_bytes *bytes, ice_error *err);

#endif
