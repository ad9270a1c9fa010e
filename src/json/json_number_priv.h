// Numbers of JSON text, without loss.
#ifndef ICE_JSON_JSON_NUMBER_PRIV_H
#define ICE_JSON_JSON_NUMBER_PRIV_H

#include "json/json_scan_priv.h"

/// mantissa * 10^exponent, where `exact`; else the text has more digits than `mantissa` holds.
typedef struct json_number {
  ice_str text;
  uint64_t mantissa;
  int64_t exponent;
  bool negative;
  bool exact;
} json_number;

/// A number of the grammar at `p`; gives the place behind it, or NULL with the reader's message.
const uint8_t *ice_json_scan_number(json_reader *reader, const uint8_t *p, json_number *out);

/// All of `text` as a number with more liberty than JSON has: a plus sign, leading zeros, a point at either end.
bool ice_json_read_number(ice_str text, json_number *out);

/// False where the value is no integer of 64 bits. 1.0, 1e3 and 10e-1 are integers.
bool ice_json_number_long(const json_number *number, int64_t *out);

/// Correctly rounded; false beyond the range, and for texts of more than ICE_NUMBER_TEXT_MAX bytes with more than 19
/// digits.
bool ice_json_number_double(const json_number *number, double *out);
bool ice_json_number_float(const json_number *number, float *out);

/// The unscaled value as 16 bytes of little-endian two's complement; false where a digit would be lost or the precision
/// exceeded.
bool ice_json_number_decimal(const json_number *number, int32_t precision, int32_t scale, uint8_t out[16]);

#endif
