/// Dates and times as text: ISO-8601 as RFC 3339 profiles it, with the liberties named below.
///
/// Pure functions; threads: any.
#ifndef ICE_CODEC_ISO8601_H
#define ICE_CODEC_ISO8601_H

#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

/// Parse a date and time into microseconds since 1970-01-01T00:00:00Z.
///
/// Accepted: `YYYY-MM-DD`, then `T`, `t` or a space, `HH:MM`, optional `:SS`, optional fraction after `.` or `,`
/// (digits beyond the sixth are dropped towards the past), optional `Z`, `z`, `±HH:MM`, `±HHMM` or `±HH`; without an
/// offset the text is UTC. A date alone is midnight. Years 0001–9999 (before and after the offset is applied); second
/// 60, 24:00 and anything else give false.
bool ice_iso8601_parse_timestamp(ice_str text, int64_t *out_us);

/// Parse `YYYY-MM-DD` into days since 1970-01-01; years 0001–9999.
bool ice_iso8601_parse_date(ice_str text, int32_t *out_days);

/// Parse `HH:MM[:SS[.fraction]]` into microseconds since midnight.
bool ice_iso8601_parse_time(ice_str text, int64_t *out_us);

enum { ICE_ISO8601_SIZE = 40 };

/// Write `YYYY-MM-DDTHH:MM:SS[.ffffff]` (no offset; the fraction only where it is not 0) and a terminator; returns the
/// size without it. Years outside 0001–9999 are written with a sign.
size_t ice_iso8601_format_timestamp(int64_t us, char out[ICE_ISO8601_SIZE]);

/// Write `YYYY-MM-DD` and a terminator.
size_t ice_iso8601_format_date(int32_t days, char out[ICE_ISO8601_SIZE]);

/// Write `HH:MM:SS[.ffffff]` and a terminator.
size_t ice_iso8601_format_time(int64_t us, char out[ICE_ISO8601_SIZE]);

/// Days since 1970-01-01 of a proleptic Gregorian date, and back (H. Hinnant's algorithms).
int64_t ice_days_from_civil(int64_t year, int month, int day);
void ice_civil_from_days(int64_t days, int64_t *year, int *month, int *day);

#endif
