/// What format strings of Arrow's C data interface mean here.
#ifndef ICE_COLUMNAR_ARROW_FORMAT_PRIV_H
#define ICE_COLUMNAR_ARROW_FORMAT_PRIV_H

#include "columnar/schema.h"

/// How the values of an array lie in its buffers. Those from ICE_ARROW_LIST on have items; list views have sizes beside their offsets.
typedef enum ice_arrow_layout {
  ICE_ARROW_FIXED,
  ICE_ARROW_BITS,
  ICE_ARROW_TEXT,
  ICE_ARROW_LARGE_TEXT,
  ICE_ARROW_VIEWS,
  ICE_ARROW_STRUCT,
  ICE_ARROW_LIST,
  ICE_ARROW_LARGE_LIST,
  ICE_ARROW_LIST_VIEWS,
  ICE_ARROW_LARGE_LIST_VIEWS
} ice_arrow_layout;

typedef struct ice_arrow_format {
  const char *text;  ///< a time zone may stand behind those that end with a colon
  ice_kind kind;     ///< what it becomes
  ice_arrow_layout layout;
  uint8_t width;  ///< bytes of a value
  bool is_unsigned;
  bool converts;       ///< values are not those of the kind as they lie there
  int64_t multiplier;  ///< to the kind's unit
  int64_t divisor;
} ice_arrow_format;

/// NULL for formats with parameters (fixed binary, decimals) and for those that are not read.
const ice_arrow_format *ice_arrow_format_find(ice_str format);

/// FIXED where the format has parameters.
ice_arrow_layout ice_arrow_layout_of(ice_str format);

/// The whole number at `from` in the unit of its kind; false where it is out of range or not whole there.
bool ice_arrow_format_number(const ice_arrow_format *format, const uint8_t *from, int64_t *out);

#endif
