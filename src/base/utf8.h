/// UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF.
#ifndef ICE_BASE_UTF8_H
#define ICE_BASE_UTF8_H

#include "base/bytes.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// True when all of `data` is valid UTF-8. Runs at memory speed over ASCII.
bool ice_utf8_valid(const void *data, size_t size);

/// True when every byte is below 0x80.
bool ice_utf8_ascii(const void *data, size_t size);

/// The size in bytes of the first `count` code points of valid UTF-8 (all of it when there are fewer).
size_t ice_utf8_prefix(const void *data, size_t size, size_t count);

/// The largest size <= `limit` that ends on a code point boundary of valid UTF-8.
size_t ice_utf8_cut(const void *data, size_t size, size_t limit);

/// Append `text`, with U+FFFD in place of each byte that is part of no valid sequence. Errors: NO_MEMORY, LIMIT.
ICE_MUST_CHECK ice_status ice_utf8_append_repaired(ice_bytes *out, ice_str text, ice_error *err);

/// Encode one code point (must be valid); returns the number of bytes written, 1 to 4.
size_t ice_utf8_encode(uint32_t code_point, uint8_t out[4]);

/// Decode the code point at `data` of valid UTF-8 into `*code_point`; returns its size, 0 when size is 0.
size_t ice_utf8_decode(const void *data, size_t size, uint32_t *code_point);

#endif
