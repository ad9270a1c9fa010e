/// Values of columns as JSON text (RFC 8259): for people (dead letters), and for `scan`.
///
/// Pure functions; threads: any. Errors: NO_MEMORY, LIMIT.
#ifndef ICE_JSON_JSON_TEXT_H
#define ICE_JSON_JSON_TEXT_H

#include "columnar/column.h"

/// Append `text` as a JSON string; bytes that are no UTF-8 become U+FFFD.
ICE_MUST_CHECK ice_status ice_json_append_string(ice_bytes *out, ice_str text, ice_error *err);

/// Append value `index` of a column. Numbers are written so that they read back equal; NaN and infinities, dates, times,
/// decimals and UUIDs are strings; binary and fixed are base64; maps with text keys are objects, other maps arrays of
/// `{"key": …, "value": …}`.
ICE_MUST_CHECK ice_status ice_json_append_value(ice_bytes *out, const ice_column *column, int64_t index,
                                                ice_error *err);

/// Append value `index` as plain text, as CSV and tables show it: as above, but a string without quotes; null is empty.
ICE_MUST_CHECK ice_status ice_json_append_plain(ice_bytes *out, const ice_column *column, int64_t index,
                                                ice_error *err);

/// Append the shortest decimal text that reads back as `value`; "NaN", "Infinity", "-Infinity". Ignores the locale.
ICE_MUST_CHECK ice_status ice_json_append_double(ice_bytes *out, double value, ice_error *err);

#endif
