/// Decimal numbers in text. The host's locale plays no part: a point is a point everywhere.
#ifndef ICE_BASE_NUMBER_H
#define ICE_BASE_NUMBER_H

#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

/// Longest text of a number that is read.
enum { ICE_NUMBER_TEXT_MAX = 1000 };

/// Parse all of `text`: an optional sign, digits with at most one point, optionally `e` or `E` and a signed exponent.
/// No spaces, no hexadecimal, no "nan" or "inf"; a number too large for a double, and a text longer than
/// ICE_NUMBER_TEXT_MAX, give false. Rounds to nearest, ties to even.
///
/// Pure function; threads: any. `*out` is left alone where it returns false.
bool ice_number_parse(ice_str text, double *out);

/// The same for a float: rounded once, from the text.
bool ice_number_parse_float(ice_str text, float *out);

/// mantissa * 10^exponent, correctly rounded, where that takes few operations; false where it does not (then
/// ice_number_parse reads the text).
///
/// Pure function; threads: any. `*out` is left alone where it returns false.
bool ice_number_scale(uint64_t mantissa, int64_t exponent, double *out);

/// Parse all of `text` as a count: decimal digits alone, up to INT64_MAX.
///
/// Pure function; threads: any. `*out` is left alone where it returns false.
bool ice_number_parse_count(ice_str text, int64_t *out);

#endif
