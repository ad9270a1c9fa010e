#include "codec/iso8601.h"

#include "base/checked.h"
#include <stdio.h>

static const int64_t us_per_second = 1000000;
static const int64_t us_per_day = 86400 * (int64_t)1000000;

int64_t ice_days_from_civil(int64_t year, int month, int day) {
  year -= month <= 2;
  int64_t era = (year >= 0 ? year : year - 399) / 400;
  int64_t year_of_era = year - era * 400;
  int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

void ice_civil_from_days(int64_t days, int64_t *year, int *month, int *day) {
  days += 719468;
  int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  int64_t day_of_era = days - era * 146097;
  int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t shifted_month = (5 * day_of_year + 2) / 153;
  *day = (int)(day_of_year - (153 * shifted_month + 2) / 5 + 1);
  *month = (int)(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
  *year = year_of_era + era * 400 + (*month <= 2);
}

static inline bool digit(char c) { return c >= '0' && c <= '9'; }

static inline bool two_digits(const char *p, int *out) {
  if (!digit(p[0]) || !digit(p[1])) {
    return false;
  }
  *out = (p[0] - '0') * 10 + (p[1] - '0');
  return true;
}

// Eight characters at once. Where `shape` has 0 any digit may stand, everything else stands as it is there. Byte i of
// `*pairs` is then the number that the digits i and i + 1 make.
static inline bool parse_shape(const char *p, const char shape[8], uint64_t fixed, uint64_t *pairs) {
  uint64_t digits = ice_load_u64le(p) ^ ice_load_u64le(shape);
  uint64_t beyond_nine = (digits | (digits + 0x7676767676767676u)) & 0x8080808080808080u;
  *pairs = digits * 10 + (digits >> 8);
  return (beyond_nine | (digits & fixed)) == 0;
}

static inline int pair_at(uint64_t pairs, int index) { return (int)(pairs >> (8 * index) & 0xff); }

static bool parse_date_part(const char *p, int64_t *days) {
  uint64_t pairs;
  int day;
  if (!parse_shape(p, "0000-00-", 0xff0000ff00000000u, &pairs) || !two_digits(p + 8, &day)) {
    return false;
  }
  int century = pair_at(pairs, 0);
  int years = pair_at(pairs, 2);
  int month = pair_at(pairs, 5);
  static const int days_in_month[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  static const int days_before_month[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  if (century + years == 0 || month < 1 || month > 12 || day < 1) {
    return false;
  }
  bool leap = (years != 0 ? years : century) % 4 == 0;
  if (day > days_in_month[month - 1] + (month == 2 && leap)) {
    return false;
  }
  // Of the leap days up to the year's end a century has 24, every fourth one more.
  int leap_days = century * 24 + century / 4 + years / 4 - (leap && month <= 2);
  static const int before_1970 = 719528;  // from the year 0 on, counted the same way
  *days = (century * 100 + years) * 365 + leap_days + days_before_month[month - 1] + day - before_1970;
  return true;
}

// Parses a fraction's digits at `at` and moves it behind; those beyond the sixth count for nothing.
static bool parse_fraction(ice_str text, size_t *at, int64_t *us) {
  static const int32_t scales[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
  const char *p = text.data;
  size_t i = *at;
  int32_t digits = 0;
  for (; i < text.size && digit(p[i]) && i - *at < 6; i++) {
    digits = digits * 10 + (p[i] - '0');
  }
  *us = (int64_t)digits * scales[i - *at];
  bool found = i > *at;
  while (i < text.size && digit(p[i])) {
    i++;
  }
  *at = i;
  return found;
}

// Parses HH:MM[:SS[.fraction]] at `at` and moves it behind.
static bool parse_time_part(ice_str text, size_t *at, int64_t *us) {
  const char *p = text.data + *at;
  size_t left = text.size - *at;
  int hour;
  int minute;
  int second = 0;
  uint64_t pairs;
  bool seconds = left >= 8 && p[5] == ':';
  if (seconds) {
    if (!parse_shape(p, "00:00:00", 0x0000ff0000ff0000u, &pairs)) {
      return false;
    }
    hour = pair_at(pairs, 0);
    minute = pair_at(pairs, 3);
    second = pair_at(pairs, 6);
  } else if (left < 5 || !two_digits(p, &hour) || p[2] != ':' || !two_digits(p + 3, &minute)) {
    return false;
  }
  if (hour > 23 || minute > 59 || second > 59) {
    return false;
  }
  *at += seconds ? 8 : 5;
  int64_t fraction = 0;
  if (seconds && left > 8 && (p[8] == '.' || p[8] == ',')) {
    ++*at;
    if (!parse_fraction(text, at, &fraction)) {
      return false;
    }
  }
  *us = ((int64_t)hour * 3600 + minute * 60 + second) * us_per_second + fraction;
  return true;
}

// Parses nothing, Z, ±HH, ±HHMM or ±HH:MM up to the end of the text.
static bool parse_offset(ice_str text, size_t at, int64_t *us) {
  *us = 0;
  const char *p = text.data + at;
  size_t left = text.size - at;
  if (left == 0) {
    return true;
  }
  if (left == 1 && (p[0] == 'Z' || p[0] == 'z')) {
    return true;
  }
  int hours;
  int minutes = 0;
  if ((p[0] != '+' && p[0] != '-') || left < 3 || !two_digits(p + 1, &hours) || hours > 23) {
    return false;
  }
  bool complete = left == 3 || (left == 5 && two_digits(p + 3, &minutes)) ||
                  (left == 6 && p[3] == ':' && two_digits(p + 4, &minutes));
  if (!complete || minutes > 59) {
    return false;
  }
  int64_t offset = ((int64_t)hours * 60 + minutes) * 60 * us_per_second;
  *us = p[0] == '-' ? -offset : offset;
  return true;
}

bool ice_iso8601_parse_timestamp(ice_str text, int64_t *out_us) {
  int64_t days;
  if (text.size < 10 || !parse_date_part(text.data, &days)) {
    return false;
  }
  int64_t time = 0;
  int64_t offset = 0;
  if (text.size > 10) {
    char separator = text.data[10];
    size_t at = 11;
    if ((separator != 'T' && separator != 't' && separator != ' ') || !parse_time_part(text, &at, &time) ||
        !parse_offset(text, at, &offset)) {
      return false;
    }
  }
  static const int64_t first_us = -62135596800 * (int64_t)1000000;  // 0001-01-01
  static const int64_t end_us = 253402300800 * (int64_t)1000000;    // 10000-01-01
  int64_t us = days * us_per_day + time - offset;
  if (us < first_us || us >= end_us) {
    return false;
  }
  *out_us = us;
  return true;
}

bool ice_iso8601_parse_date(ice_str text, int32_t *out_days) {
  int64_t days;
  if (text.size != 10 || !parse_date_part(text.data, &days)) {
    return false;
  }
  *out_days = (int32_t)days;
  return true;
}

bool ice_iso8601_parse_time(ice_str text, int64_t *out_us) {
  size_t at = 0;
  return parse_time_part(text, &at, out_us) && at == text.size;
}

static size_t format_date(int64_t days, char out[ICE_ISO8601_SIZE]) {
  int64_t year;
  int month;
  int day;
  ice_civil_from_days(days, &year, &month, &day);
  const char *format = year >= 1 && year <= 9999 ? "%04lld-%02d-%02d" : "%+05lld-%02d-%02d";
  // The format is one of two constants; the compiler cannot check it through the variable.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  int size = snprintf(out, ICE_ISO8601_SIZE, format, (long long)year, month, day);
#pragma GCC diagnostic pop
  return size < 0 ? 0 : (size_t)size;
}

size_t ice_iso8601_format_date(int32_t days, char out[ICE_ISO8601_SIZE]) { return format_date(days, out); }

size_t ice_iso8601_format_time(int64_t us, char out[ICE_ISO8601_SIZE]) {
  int64_t seconds = us / us_per_second;
  int fraction = (int)(us % us_per_second);
  int size = snprintf(out, ICE_ISO8601_SIZE, "%02d:%02d:%02d", (int)(seconds / 3600), (int)(seconds / 60 % 60),
                      (int)(seconds % 60));
  if (fraction != 0) {
    size += snprintf(out + size, (size_t)(ICE_ISO8601_SIZE - size), ".%06d", fraction);
  }
  return (size_t)size;
}

size_t ice_iso8601_format_timestamp(int64_t us, char out[ICE_ISO8601_SIZE]) {
  int64_t days = us / us_per_day;
  int64_t rest = us % us_per_day;
  if (rest < 0) {
    rest += us_per_day;
    days--;
  }
  size_t size = format_date(days, out);
  out[size++] = 'T';
  char time[ICE_ISO8601_SIZE];
  size_t time_size = ice_iso8601_format_time(rest, time);
  memcpy(out + size, time, time_size + 1);
  return size + time_size;
}
