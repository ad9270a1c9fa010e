#include "base/checked.h"
#include "columnar/arrow_format_priv.h"

#define NUMBER(format, k, bytes, is_not_signed) \
  {.text = (format),                            \
   .kind = (k),                                 \
   .width = (bytes),                            \
   .is_unsigned = (is_not_signed),              \
   .converts = true,                            \
   .multiplier = 1,                             \
   .divisor = 1}
#define UNIT(format, k, bytes, times, by) \
  {.text = (format), .kind = (k), .width = (bytes), .converts = true, .multiplier = (times), .divisor = (by)}
#define AS_IT_IS(format, k, bytes) {.text = (format), .kind = (k), .width = (bytes), .multiplier = 1, .divisor = 1}
#define LAID_OUT(format, k, how) {.text = (format), .kind = (k), .layout = (how)}

static const ice_arrow_format formats[] = {
    LAID_OUT("b", ICE_KIND_BOOLEAN, ICE_ARROW_BITS),
    NUMBER("c", ICE_KIND_INT, 1, false),
    NUMBER("C", ICE_KIND_INT, 1, true),
    NUMBER("s", ICE_KIND_INT, 2, false),
    NUMBER("S", ICE_KIND_INT, 2, true),
    AS_IT_IS("i", ICE_KIND_INT, 4),
    NUMBER("I", ICE_KIND_LONG, 4, true),
    AS_IT_IS("l", ICE_KIND_LONG, 8),
    NUMBER("L", ICE_KIND_LONG, 8, true),
    AS_IT_IS("f", ICE_KIND_FLOAT, 4),
    AS_IT_IS("g", ICE_KIND_DOUBLE, 8),
    AS_IT_IS("tdD", ICE_KIND_DATE, 4),
    UNIT("tdm", ICE_KIND_DATE, 8, 1, 86400000),
    UNIT("tts", ICE_KIND_TIME, 4, 1000000, 1),
    UNIT("ttm", ICE_KIND_TIME, 4, 1000, 1),
    AS_IT_IS("ttu", ICE_KIND_TIME, 8),
    UNIT("ttn", ICE_KIND_TIME, 8, 1, 1000),
    UNIT("tss:", ICE_KIND_TIMESTAMP, 8, 1000000, 1),
    UNIT("tsm:", ICE_KIND_TIMESTAMP, 8, 1000, 1),
    AS_IT_IS("tsu:", ICE_KIND_TIMESTAMP, 8),
    UNIT("tsn:", ICE_KIND_TIMESTAMP, 8, 1, 1000),
    LAID_OUT("u", ICE_KIND_STRING, ICE_ARROW_TEXT),
    LAID_OUT("U", ICE_KIND_STRING, ICE_ARROW_LARGE_TEXT),
    LAID_OUT("vu", ICE_KIND_STRING, ICE_ARROW_VIEWS),
    LAID_OUT("z", ICE_KIND_BINARY, ICE_ARROW_TEXT),
    LAID_OUT("Z", ICE_KIND_BINARY, ICE_ARROW_LARGE_TEXT),
    LAID_OUT("vz", ICE_KIND_BINARY, ICE_ARROW_VIEWS),
    LAID_OUT("+s", ICE_KIND_STRUCT, ICE_ARROW_STRUCT),
    LAID_OUT("+l", ICE_KIND_LIST, ICE_ARROW_LIST),
    LAID_OUT("+L", ICE_KIND_LIST, ICE_ARROW_LARGE_LIST),
    LAID_OUT("+vl", ICE_KIND_LIST, ICE_ARROW_LIST_VIEWS),
    LAID_OUT("+vL", ICE_KIND_LIST, ICE_ARROW_LARGE_LIST_VIEWS),
    LAID_OUT("+m", ICE_KIND_MAP, ICE_ARROW_LIST),
};

const ice_arrow_format *ice_arrow_format_find(ice_str format) {
  for (size_t i = 0; i < ICE_COUNT_OF(formats); i++) {
    ice_str text = ice_str_of(formats[i].text);
    bool open = text.data[text.size - 1] == ':';
    if (open ? ice_str_starts_with(format, text) : ice_str_equal(format, text)) {
      return &formats[i];
    }
  }
  return NULL;
}

ice_arrow_layout ice_arrow_layout_of(ice_str format) {
  const ice_arrow_format *known = ice_arrow_format_find(format);
  return known ? known->layout : ICE_ARROW_FIXED;
}

bool ice_arrow_format_number(const ice_arrow_format *format, const uint8_t *from, int64_t *out) {
  uint64_t bits = 0;
  // Both the format's values and this program's are little-endian.
  memcpy(&bits, from, format->width);
  unsigned shift = 64 - 8 * (unsigned)format->width;
  int64_t value = format->is_unsigned ? (int64_t)bits : (int64_t)(bits << shift) >> shift;
  if ((format->is_unsigned && value < 0) || value % format->divisor != 0) {
    return false;
  }
  return ice_mul_i64(value / format->divisor, format->multiplier, out);
}
