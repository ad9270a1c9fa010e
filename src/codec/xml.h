/// XML as web services answer with it, read strictly: elements and text alone. Attributes, comments and the declaration are passed
/// over; a document type, CDATA, processing instructions, entities of its own making and whatever does not nest are CORRUPT, so
/// that no text grows while it is read.
#ifndef ICE_CODEC_XML_H
#define ICE_CODEC_XML_H

#include "base/macros.h"
#include "base/str.h"

enum {
  ICE_XML_DEPTH_MAX = 16,
  ICE_XML_TEXT_MAX = 64 * 1024  ///< of all open elements together
};

/// An element that has ended. Names come without their prefixes; everything is borrowed for the call.
typedef struct ice_xml_element {
  ice_str name;
  ice_str parent;  ///< empty for the root
  size_t depth;    ///< 0 for the root
  ice_str text;    ///< its own, without that of its children; entities replaced
} ice_xml_element;

typedef ice_status (*ice_xml_visit)(void *context, const ice_xml_element *element, ice_error *err);

/// Visit every element when it ends: children before their parents, the root last. Errors: CORRUPT, LIMIT, NO_MEMORY, and what
/// `visit` returns. Threads: any.
ICE_MUST_CHECK ice_status ice_xml_read(ice_str text, ice_xml_visit visit, void *context, ice_error *err);

#endif
