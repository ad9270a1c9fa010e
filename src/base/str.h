/// A borrowed piece of text: not terminated, may hold any byte, lives as long as whatever it was taken from.
#ifndef ICE_BASE_STR_H
#define ICE_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct ice_str {
  const char *data;
  size_t size;
} ice_str;

#define ICE_STR(literal) ((ice_str){.data = (literal), .size = sizeof(literal) - 1})
/// Initialiser form, for static tables.
#define ICE_STR_INIT(literal) {.data = (literal), .size = sizeof(literal) - 1}
/// For printf: "%.*s" with ICE_STR_ARG(s); text beyond 2^31-1 bytes is cut.
#define ICE_STR_ARG(s) ((int)((s).size > 0x7fffffff ? 0x7fffffff : (s).size)), ((s).data ? (s).data : "")

/// View of a terminated string; NULL gives the empty view.
static inline ice_str ice_str_of(const char *text) {
  return (ice_str){.data = text, .size = text ? strlen(text) : 0};
}

static inline ice_str ice_str_make(const char *data, size_t size) { return (ice_str){.data = data, .size = size}; }

static inline bool ice_str_equal(ice_str a, ice_str b) {
  return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool ice_str_equal_c(ice_str a, const char *b) { return ice_str_equal(a, ice_str_of(b)); }

static inline bool ice_str_starts_with(ice_str text, ice_str prefix) {
  return text.size >= prefix.size && (prefix.size == 0 || memcmp(text.data, prefix.data, prefix.size) == 0);
}

static inline bool ice_str_ends_with(ice_str text, ice_str suffix) {
  return text.size >= suffix.size &&
         (suffix.size == 0 || memcmp(text.data + (text.size - suffix.size), suffix.data, suffix.size) == 0);
}

/// True when `part`, which is not empty, stands somewhere in `text`.
static inline bool ice_str_contains(ice_str text, ice_str part) {
  for (size_t i = 0; part.size > 0 && i + part.size <= text.size; i++) {
    if (memcmp(text.data + i, part.data, part.size) == 0) {
      return true;
    }
  }
  return false;
}

/// Byte order comparison, as memcmp with the shorter text first: <0, 0, >0.
static inline int ice_str_compare(ice_str a, ice_str b) {
  size_t common = a.size < b.size ? a.size : b.size;
  int order = common ? memcmp(a.data, b.data, common) : 0;
  return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/// The start of a foreign text in `out` (`size` bytes, at least one), terminated, with a blank for each byte that is not printable
/// ASCII: nothing that could break a line of a log.
static inline void ice_str_print(ice_str text, char *out, size_t size) {
  size_t shown = text.size < size ? text.size : size - 1;
  for (size_t i = 0; i < shown; i++) {
    unsigned char c = (unsigned char)text.data[i];
    out[i] = c < ' ' || c >= 0x7f ? ' ' : (char)c;
  }
  out[shown] = '\0';
}

#endif
