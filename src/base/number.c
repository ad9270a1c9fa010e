#include "base/number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXPONENT_MAX = 100000, EXPONENT_TEXT = 16 };

typedef struct digits {
  char *to;
  size_t size;
  size_t count;
} digits;

static void take_digits(ice_str text, size_t *at, digits *out) {
  size_t from = *at;
  while (*at < text.size && text.data[*at] >= '0' && text.data[*at] <= '9') {
    out->to[out->size++] = text.data[(*at)++];
  }
  out->count += *at - from;
}

// A signed exponent at `at`; beyond EXPONENT_MAX it stays there: the result is zero or infinite either way.
static bool take_exponent(ice_str text, size_t *at, int *out) {
  size_t i = *at + 1;
  bool negative = i < text.size && text.data[i] == '-';
  i += negative || (i < text.size && text.data[i] == '+');
  size_t from = i;
  int value = 0;
  for (; i < text.size && text.data[i] >= '0' && text.data[i] <= '9'; i++) {
    value = value * 10 + (text.data[i] - '0');
    value = value > EXPONENT_MAX ? EXPONENT_MAX : value;
  }
  *out = negative ? -value : value;
  *at = i;
  return i != from;
}

enum { PLAIN_SIZE = 1 + ICE_NUMBER_TEXT_MAX + EXPONENT_TEXT };

// strtod reads the point that the locale has, and there is no portable way to ask it for another. So it gets none: the
// digits without their point, and an exponent that says where it stood.
static bool make_plain(ice_str text, char plain[PLAIN_SIZE]) {
  if (text.size == 0 || text.size > ICE_NUMBER_TEXT_MAX) {
    return false;
  }
  digits found = {.to = plain};
  size_t at = 0;
  int exponent = 0;
  if (text.data[0] == '-' || text.data[0] == '+') {
    plain[found.size++] = text.data[at++];
  }
  take_digits(text, &at, &found);
  size_t whole = found.count;
  if (at < text.size && text.data[at] == '.') {
    at++;
    take_digits(text, &at, &found);
  }
  if (found.count == 0 ||
      (at < text.size && (text.data[at] == 'e' || text.data[at] == 'E') && !take_exponent(text, &at, &exponent)) ||
      at != text.size) {
    return false;
  }
  snprintf(plain + found.size, PLAIN_SIZE - found.size, "e%d", exponent - (int)(found.count - whole));
  return true;
}

bool ice_number_parse(ice_str text, double *out) {
  char plain[PLAIN_SIZE];
  if (!make_plain(text, plain)) {
    return false;
  }
  double value = strtod(plain, NULL);
  if (!isfinite(value)) {
    return false;
  }
  *out = value;
  return true;
}

bool ice_number_parse_float(ice_str text, float *out) {
  char plain[PLAIN_SIZE];
  if (!make_plain(text, plain)) {
    return false;
  }
  float value = strtof(plain, NULL);
  if (!isfinite(value)) {
    return false;
  }
  *out = value;
  return true;
}

#if LDBL_MANT_DIG == 64
// Both operands are exact in 64 bits of mantissa, so the one operation is rounded once, to 64 bits; rounding that to 53
// gives what rounding once would, unless the 64 bits lie exactly half-way between two doubles.
bool ice_number_scale(uint64_t mantissa, int64_t exponent, double *out) {
  static const long double powers[] = {1e0L,  1e1L,  1e2L,  1e3L,  1e4L,  1e5L,  1e6L,  1e7L,  1e8L,  1e9L,
                                       1e10L, 1e11L, 1e12L, 1e13L, 1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L,
                                       1e20L, 1e21L, 1e22L, 1e23L, 1e24L, 1e25L, 1e26L, 1e27L};
  enum { POWER_MAX = 27, HALF_WAY = 0x400, BELOW_DOUBLE = 0x7FF };
  if (exponent > POWER_MAX || exponent < -POWER_MAX) {
    return false;
  }
  long double value =
      exponent < 0 ? (long double)mantissa / powers[-exponent] : (long double)mantissa * powers[exponent];
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  if ((bits & BELOW_DOUBLE) == HALF_WAY) {
    return false;
  }
  *out = (double)value;
  return true;
}
#else
// Clinger's fast path: both operands are exact in a double, so the one operation is rounded once.
bool ice_number_scale(uint64_t mantissa, int64_t exponent, double *out) {
  static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  enum { POWER_MAX = 22, MANTISSA_BITS = 53 };
  if (exponent > POWER_MAX || exponent < -POWER_MAX || mantissa >> MANTISSA_BITS != 0) {
    return false;
  }
  *out = exponent < 0 ? (double)mantissa / powers[-exponent] : (double)mantissa * powers[exponent];
  return true;
}
#endif

bool ice_number_parse_count(ice_str text, int64_t *out) {
  int64_t value = 0;
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] < '0' || text.data[i] > '9' || __builtin_mul_overflow(value, 10, &value) ||
        __builtin_add_overflow(value, text.data[i] - '0', &value)) {
      return false;
    }
  }
  if (text.size > 0) {
    *out = value;
  }
  return text.size > 0;
}
