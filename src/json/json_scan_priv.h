// Scanning of JSON text (RFC 8259), shared by the decoder's files. A function that reads takes the place where it
// starts and gives the place behind what it read, or NULL with the reader's status and message set.
#ifndef ICE_JSON_JSON_SCAN_PRIV_H
#define ICE_JSON_JSON_SCAN_PRIV_H

#include "base/bytes.h"
#include "base/checked.h"

typedef struct json_reader {
  const uint8_t *start;
  const uint8_t *end;
  ice_error *err;
  ice_status status;
  int depth;
} json_reader;

/// Damage at `at`: CORRUPT with the place; NULL.
const uint8_t *ice_json_bad(json_reader *reader, const uint8_t *at, const char *what);

/// One more level of arrays and objects, opened at `at`; false beyond the limit. The caller lowers `depth` again.
bool ice_json_enter(json_reader *reader, const uint8_t *at);

static inline const uint8_t *json_skip_space(const json_reader *reader, const uint8_t *p) {
  while (p < reader->end && *p <= ' ' && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) {
    p++;
  }
  return p;
}

/// The first byte from `p` on that is a quote, a backslash or a control character, or the end. Eight bytes at a time:
/// a byte that is 0 after the exclusive or, or below 0x20, sets its high bit; only the lowest one is looked at, for the
/// borrow may set bits above it.
static inline const uint8_t *json_find_special(const uint8_t *p, const uint8_t *end) {
  const uint64_t ones = UINT64_C(0x0101010101010101);
  const uint64_t high = UINT64_C(0x8080808080808080);
  while (end - p >= 8) {
    uint64_t word = ice_load_u64le(p);
    uint64_t quote = word ^ (ones * '"');
    uint64_t backslash = word ^ (ones * '\\');
    uint64_t found =
        (((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) | ((word - ones * 0x20) & ~word)) & high;
    if (found != 0) {
      return p + (__builtin_ctzll(found) >> 3);
    }
    p += 8;
  }
  while (p < end && *p != '"' && *p != '\\' && *p >= 0x20) {
    p++;
  }
  return p;
}

/// `p` is behind the opening quote; gives the place behind the closing one.
const uint8_t *ice_json_skip_string(json_reader *reader, const uint8_t *p);

/// The same, and append the text that the string stands for. A surrogate without its partner becomes the three bytes
/// that UTF-8 forbids for it, so that the text is found to be none.
const uint8_t *ice_json_unescape(json_reader *reader, const uint8_t *p, ice_bytes *out);

/// Any value, checked against the grammar.
const uint8_t *ice_json_skip_value(json_reader *reader, const uint8_t *p);

/// The letters of true, false or null.
const uint8_t *ice_json_skip_literal(json_reader *reader, const uint8_t *p, const char *literal);

#endif
