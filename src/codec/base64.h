/// Base64 (RFC 4648, section 4), with padding.
#ifndef ICE_CODEC_BASE64_H
#define ICE_CODEC_BASE64_H

#include "base/bytes.h"

/// Append the base64 text of `data`.
ICE_MUST_CHECK ice_status ice_base64_append(ice_bytes *out, ice_str data, ice_error *err);

/// Append the bytes that `text` stands for. CORRUPT for anything but complete, padded base64.
ICE_MUST_CHECK ice_status ice_base64_decode(ice_bytes *out, ice_str text, ice_error *err);

#endif
