// Reading over JSON text, and the text of strings.
#include "json/json_scan_priv.h"

#include "base/utf8.h"
#include "json/json_decoder.h"
#include "json/json_number_priv.h"

const uint8_t *ice_json_bad(json_reader *reader, const uint8_t *at, const char *what) {
  reader->status = ice_error_set(reader->err, ICE_CORRUPT, "JSON: %s at byte %zu of %zu", what,
                                 (size_t)(at - reader->start), (size_t)(reader->end - reader->start));
  return NULL;
}

bool ice_json_enter(json_reader *reader, const uint8_t *at) {
  if (++reader->depth > ICE_JSON_DEPTH_MAX) {
    ice_json_bad(reader, at, "values nest too deep");
    return false;
  }
  return true;
}

static const uint8_t *string_problem(json_reader *reader, const uint8_t *p) {
  return ice_json_bad(reader, p, p == reader->end ? "a string is cut off" : "a control character in a string");
}

static int hex_digit(uint8_t c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

// The four digits of \uXXXX at `p`, or -1.
static int32_t read_hex(const json_reader *reader, const uint8_t *p) {
  if (reader->end - p < 4) {
    return -1;
  }
  int32_t value = 0;
  for (int i = 0; i < 4; i++) {
    int digit = hex_digit(p[i]);
    if (digit < 0) {
      return -1;
    }
    value = value * 16 + digit;
  }
  return value;
}

// `p` is behind the backslash. The code point that the escape stands for goes to `*code`.
static const uint8_t *read_escape(json_reader *reader, const uint8_t *p, uint32_t *code) {
  static const char letters[] = "\"\\/bfnrt";
  static const char meanings[] = "\"\\/\b\f\n\r\t";
  if (p == reader->end) {
    return ice_json_bad(reader, p, "a string is cut off");
  }
  if (*p != 'u') {
    const char *letter = *p == '\0' ? NULL : strchr(letters, *p);
    if (!letter) {
      return ice_json_bad(reader, p, "an unknown escape");
    }
    *code = (uint8_t)meanings[letter - letters];
    return p + 1;
  }
  int32_t unit = read_hex(reader, p + 1);
  if (unit < 0) {
    return ice_json_bad(reader, p, "an escape without its four hexadecimal digits");
  }
  p += 5;
  *code = (uint32_t)unit;
  if (unit >= 0xD800 && unit < 0xDC00 && reader->end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
    int32_t low = read_hex(reader, p + 2);
    if (low >= 0xDC00 && low < 0xE000) {
      *code = 0x10000 + (((uint32_t)unit - 0xD800) << 10) + ((uint32_t)low - 0xDC00);
      p += 6;
    }
  }
  return p;
}

const uint8_t *ice_json_skip_string(json_reader *reader, const uint8_t *p) {
  uint32_t code;
  while (p) {
    p = json_find_special(p, reader->end);
    if (p == reader->end || *p < 0x20) {
      return string_problem(reader, p);
    }
    if (*p == '"') {
      return p + 1;
    }
    p = read_escape(reader, p + 1, &code);
  }
  return NULL;
}

const uint8_t *ice_json_unescape(json_reader *reader, const uint8_t *p, ice_bytes *out) {
  while (p) {
    const uint8_t *from = p;
    p = json_find_special(p, reader->end);
    if (p == reader->end || *p < 0x20) {
      return string_problem(reader, p);
    }
    reader->status = ice_bytes_append(out, from, (size_t)(p - from), reader->err);
    if (reader->status != ICE_OK || *p == '"') {
      return reader->status == ICE_OK ? p + 1 : NULL;
    }
    uint32_t code = 0;
    p = read_escape(reader, p + 1, &code);
    if (p) {
      uint8_t text[4];
      reader->status = ice_bytes_append(out, text, ice_utf8_encode(code, text), reader->err);
      if (reader->status != ICE_OK) {
        return NULL;
      }
    }
  }
  return NULL;
}

const uint8_t *ice_json_skip_literal(json_reader *reader, const uint8_t *p, const char *literal) {
  size_t size = strlen(literal);
  if ((size_t)(reader->end - p) < size || memcmp(p, literal, size) != 0) {
    return ice_json_bad(reader, p, "a value is expected");
  }
  return p + size;
}

static const uint8_t *skip_array(json_reader *reader, const uint8_t *p) {
  p = json_skip_space(reader, p);
  if (p < reader->end && *p == ']') {
    return p + 1;
  }
  for (;;) {
    p = ice_json_skip_value(reader, p);
    if (!p) {
      return NULL;
    }
    p = json_skip_space(reader, p);
    if (p < reader->end && *p == ',') {
      p = json_skip_space(reader, p + 1);
      continue;
    }
    return p < reader->end && *p == ']' ? p + 1 : ice_json_bad(reader, p, "a comma or ] is expected");
  }
}

static const uint8_t *skip_object(json_reader *reader, const uint8_t *p) {
  p = json_skip_space(reader, p);
  if (p < reader->end && *p == '}') {
    return p + 1;
  }
  for (;;) {
    if (p == reader->end || *p != '"') {
      return ice_json_bad(reader, p, "a name in quotes is expected");
    }
    p = ice_json_skip_string(reader, p + 1);
    p = p ? json_skip_space(reader, p) : NULL;
    if (p && (p == reader->end || *p != ':')) {
      return ice_json_bad(reader, p, "a colon is expected");
    }
    p = p ? ice_json_skip_value(reader, json_skip_space(reader, p + 1)) : NULL;
    if (!p) {
      return NULL;
    }
    p = json_skip_space(reader, p);
    if (p < reader->end && *p == ',') {
      p = json_skip_space(reader, p + 1);
      continue;
    }
    return p < reader->end && *p == '}' ? p + 1 : ice_json_bad(reader, p, "a comma or } is expected");
  }
}

// Recursion ends at ICE_JSON_DEPTH_MAX.
const uint8_t *ice_json_skip_value(json_reader *reader, const uint8_t *p) {
  json_number number;
  if (p == reader->end) {
    return ice_json_bad(reader, p, "a value is expected");
  }
  switch (*p) {
    case '"': return ice_json_skip_string(reader, p + 1);
    case 't': return ice_json_skip_literal(reader, p, "true");
    case 'f': return ice_json_skip_literal(reader, p, "false");
    case 'n': return ice_json_skip_literal(reader, p, "null");
    case '{':
    case '[': {
      if (!ice_json_enter(reader, p)) {
        return NULL;
      }
      const uint8_t *after = *p == '{' ? skip_object(reader, p + 1) : skip_array(reader, p + 1);
      reader->depth--;
      return after;
    }
    default: return ice_json_scan_number(reader, p, &number);
  }
}
