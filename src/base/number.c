#include "base/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

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

// strtod reads the point that the locale has, and there is no portable way to ask it for another. So it gets none: the
// digits without their point, and an exponent that says where it stood.
bool ice_number_parse(ice_str text, double *out) {
  char plain[1 + ICE_NUMBER_TEXT_MAX + EXPONENT_TEXT];
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
  snprintf(plain + found.size, sizeof plain - found.size, "e%d", exponent - (int)(found.count - whole));
  double value = strtod(plain, NULL);
  if (!isfinite(value)) {
    return false;
  }
  *out = value;
  return true;
}
