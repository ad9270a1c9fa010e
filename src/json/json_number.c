#include "json/json_number_priv.h"

#include "base/number.h"
#include <float.h>
#include <math.h>

enum { MANTISSA_DIGITS = 19, DECIMAL_DIGITS = 38 };

// An exponent beyond this stays there: whatever the digits are, a text of at most 2^31 bytes is zero or out of range.
static const int64_t exponent_max = INT64_C(1) << 40;

static inline bool is_digit(uint8_t c) { return (uint8_t)(c - '0') < 10; }

/// Digits on their way into a mantissa.
typedef struct digits {
  uint64_t mantissa;
  uint32_t kept;    ///< digits in `mantissa`, from the first that is not zero on
  int64_t dropped;  ///< digits behind the last kept one
  bool lost;        ///< one of them was not zero
} digits;

static inline const uint8_t *take_digits(const uint8_t *p, const uint8_t *end, digits *to) {
  for (; p < end && is_digit(*p); p++) {
    uint8_t digit = (uint8_t)(*p - '0');
    if (ICE_LIKELY(to->kept < MANTISSA_DIGITS)) {
      to->mantissa = to->mantissa * 10 + digit;
      to->kept += to->mantissa != 0;
    } else {
      to->dropped++;
      to->lost |= digit != 0;
    }
  }
  return p;
}

static const uint8_t *take_exponent(const uint8_t *p, const uint8_t *end, int64_t *out) {
  bool negative = p < end && *p == '-';
  p += negative || (p < end && *p == '+');
  const uint8_t *from = p;
  int64_t value = 0;
  for (; p < end && is_digit(*p); p++) {
    value = value * 10 + (*p - '0');
    value = value > exponent_max ? exponent_max : value;
  }
  *out = negative ? -value : value;
  return p == from ? NULL : p;
}

// The part of a number behind its sign. `*at` tells where it is wrong when the result is NULL.
static inline const uint8_t *scan(const uint8_t *p, const uint8_t *end, bool strict, json_number *out,
                                  const uint8_t **at) {
  digits found = {0};
  const uint8_t *whole = p;
  p = take_digits(p, end, &found);
  int64_t whole_digits = p - whole;
  int64_t fraction = 0;
  int64_t exponent = 0;
  *at = p;
  if (strict && (whole_digits == 0 || (*whole == '0' && whole_digits > 1))) {
    return NULL;
  }
  if (p < end && *p == '.') {
    const uint8_t *from = ++p;
    p = take_digits(p, end, &found);
    fraction = p - from;
    *at = p;
    if (fraction == 0 && (strict || whole_digits == 0)) {
      return NULL;
    }
  } else if (whole_digits == 0) {
    return NULL;
  }
  if (p < end && (*p == 'e' || *p == 'E')) {
    *at = p;
    p = take_exponent(p + 1, end, &exponent);
    if (!p) {
      return NULL;
    }
  }
  out->mantissa = found.mantissa;
  out->exponent = exponent - fraction + found.dropped;
  out->exact = !found.lost;
  return p;
}

const uint8_t *ice_json_scan_number(json_reader *reader, const uint8_t *p, json_number *out) {
  const uint8_t *from = p;
  const uint8_t *at = p;
  out->negative = p < reader->end && *p == '-';
  p += out->negative;
  if (p == reader->end || !is_digit(*p)) {
    return ice_json_bad(reader, from, "a value is expected");
  }
  p = scan(p, reader->end, true, out, &at);
  if (!p) {
    return ice_json_bad(reader, at, "a number that is none");
  }
  out->text = ice_str_make((const char *)from, (size_t)(p - from));
  return p;
}

bool ice_json_read_number(ice_str text, json_number *out) {
  const uint8_t *p = (const uint8_t *)text.data;
  const uint8_t *end = p + text.size;
  const uint8_t *at;
  if (text.size == 0) {
    return false;
  }
  out->negative = *p == '-';
  p += out->negative || *p == '+';
  out->text = text;
  return scan(p, end, false, out, &at) == end;
}

__extension__ typedef unsigned __int128 wide_number;

// The magnitude of the number times 10^scale, where that is an integer of at most DECIMAL_DIGITS digits. The digits from
// the first to the last that is not zero are its value; what stands around them moves the point.
static bool scale_exactly(const json_number *number, int32_t scale, wide_number *out) {
  const uint8_t *p = (const uint8_t *)number->text.data;
  const uint8_t *end = p + number->text.size;
  wide_number value = 0;
  int64_t digit_count = 0;  // of `value`
  int64_t zeros = 0;        // behind it
  int64_t shift = scale;
  int64_t exponent = 0;
  bool fraction = false;
  for (; p < end && *p != 'e' && *p != 'E'; p++) {
    fraction |= *p == '.';
    if (!is_digit(*p)) {
      continue;
    }
    shift -= fraction;
    if (*p == '0') {
      zeros += value != 0;
      continue;
    }
    digit_count += zeros + 1;
    if (digit_count > DECIMAL_DIGITS) {
      return false;
    }
    for (; zeros > 0; zeros--) {
      value *= 10;
    }
    value = value * 10 + (uint8_t)(*p - '0');
  }
  *out = value;
  if (value == 0) {
    return true;
  }
  if (p < end) {
    (void)take_exponent(p + 1, end, &exponent);
  }
  shift += zeros + exponent;
  if (shift < 0 || shift > DECIMAL_DIGITS - digit_count) {
    return false;
  }
  for (; shift > 0; shift--) {
    value *= 10;
  }
  *out = value;
  return true;
}

bool ice_json_number_long(const json_number *number, int64_t *out) {
  wide_number value = number->mantissa;
  if (ICE_UNLIKELY((!number->exact || number->exponent != 0) && !scale_exactly(number, 0, &value))) {
    return false;
  }
  if (value > (wide_number)INT64_MAX + number->negative) {
    return false;
  }
  *out = number->negative ? (int64_t)(0 - (uint64_t)value) : (int64_t)value;
  return true;
}

bool ice_json_number_double(const json_number *number, double *out) {
  double value;
  if (ICE_LIKELY(number->exact) && ice_number_scale(number->mantissa, number->exponent, &value)) {
    *out = number->negative ? -value : value;
    return true;
  }
  return ice_number_parse(number->text, out);
}

// A double that was rounded once rounds to the float that rounding the number once gives, unless it lies half-way between
// two floats, or where floats have fewer bits.
bool ice_json_number_float(const json_number *number, float *out) {
  double value;
  uint64_t bits;
  enum { BELOW_FLOAT = (1 << 29) - 1, HALF_WAY = 1 << 28 };
  if (!ice_json_number_double(number, &value)) {
    return false;
  }
  memcpy(&bits, &value, sizeof bits);
  if ((bits & BELOW_FLOAT) == HALF_WAY || (value != 0 && fabs(value) < (double)FLT_MIN)) {
    return ice_number_parse_float(number->text, out);
  }
  *out = (float)value;
  return isfinite(*out);
}

bool ice_json_number_decimal(const json_number *number, int32_t precision, int32_t scale, uint8_t out[16]) {
  wide_number value;
  if (!scale_exactly(number, scale, &value)) {
    return false;
  }
  wide_number bound = 1;
  for (int32_t i = 0; i < precision; i++) {
    bound *= 10;
  }
  if (value >= bound) {
    return false;
  }
  if (number->negative) {
    value = ~value + 1;
  }
  ice_store_u64le(out, (uint64_t)value);
  ice_store_u64le(out + 8, (uint64_t)(value >> 64));
  return true;
}
