/// UUIDs (RFC 9562): 16 bytes, big-endian, and their text.
#ifndef ICE_CODEC_UUID_H
#define ICE_CODEC_UUID_H

#include "base/macros.h"
#include "base/str.h"
#include "port/port.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct ice_uuid {
  uint8_t bytes[16];
} ice_uuid;

enum { ICE_UUID_TEXT_SIZE = 36 };

/// A version 4 UUID of 16 random bytes.
ice_uuid ice_uuid_v4(const uint8_t random[16]);

/// The text of a fresh version 4 UUID. Errors: those of the random source.
ICE_MUST_CHECK ice_status ice_uuid_random_text(const ice_random *random, char out[ICE_UUID_TEXT_SIZE + 1],
                                               ice_error *err);

/// The text of a fresh version 7 UUID: milliseconds since 1970, then random bits. Errors: those of the random source.
ICE_MUST_CHECK ice_status ice_uuid_v7_text(const ice_random *random, int64_t now_ms, char out[ICE_UUID_TEXT_SIZE + 1],
                                           ice_error *err);

/// The version 5 UUID (SHA-1) of `name` in the name space `space`.
ICE_MUST_CHECK ice_status ice_uuid_v5(const ice_uuid *space, ice_str name, ice_uuid *out, ice_error *err);

/// Lower-case text with a terminator.
void ice_uuid_format(const ice_uuid *uuid, char out[ICE_UUID_TEXT_SIZE + 1]);

/// Parse the 36-character form, either case.
bool ice_uuid_parse(ice_str text, ice_uuid *out);

#endif
