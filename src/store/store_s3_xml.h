/// The XML that S3 answers with, read strictly: elements and text alone. Attributes, comments and the declaration are passed over;
/// a document type, CDATA, processing instructions, entities of its own making and whatever does not nest are CORRUPT, so that no
/// answer grows while it is read.
#ifndef ICE_STORE_STORE_S3_XML_H
#define ICE_STORE_STORE_S3_XML_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/macros.h"
#include <stdint.h>

enum {
  ICE_S3_XML_DEPTH_MAX = 16,
  ICE_S3_XML_TEXT_MAX = 64 * 1024,  ///< of all open elements together
  ICE_S3_LIST_OBJECTS_MAX = 10000   ///< in one answer; S3 gives at most 1,000
};

/// An element that has ended. Names come without their prefixes; everything is borrowed for the call.
typedef struct ice_s3_xml_element {
  ice_str name;
  ice_str parent;  ///< empty for the root
  size_t depth;    ///< 0 for the root
  ice_str text;    ///< its own, without that of its children; entities replaced
} ice_s3_xml_element;

typedef ice_status (*ice_s3_xml_visit)(void *context, const ice_s3_xml_element *element, ice_error *err);

/// Visit every element when it ends: children before their parents, the root last. Errors: CORRUPT, LIMIT, NO_MEMORY, and what
/// `visit` returns.
ICE_MUST_CHECK ice_status ice_s3_xml_read(ice_str text, ice_s3_xml_visit visit, void *context, ice_error *err);

/// What an <Error> says; texts are from the arena.
typedef struct ice_s3_problem {
  ice_str code;
  ice_str message;
  ice_str region;
  ice_str header;  ///< that the server does not implement
} ice_s3_problem;

/// Errors: CORRUPT (no <Error>), LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_s3_problem_read(ice_str text, ice_arena *arena, ice_s3_problem *out, ice_error *err);

typedef struct ice_s3_listed {
  ice_str key;  ///< percent escapes are taken off
  int64_t size;
  int64_t modified_us;
} ice_s3_listed;

/// One answer of ListObjectsV2.
typedef struct ice_s3_page {
  ice_s3_listed *objects;
  size_t count;
  bool truncated;
  ice_str token;  ///< to go on with
} ice_s3_page;

/// Errors: CORRUPT, LIMIT, NO_MEMORY. Ownership: all from the arena.
ICE_MUST_CHECK ice_status ice_s3_page_read(ice_str text, ice_arena *arena, ice_s3_page *out, ice_error *err);

/// The upload id of an <InitiateMultipartUploadResult>. Errors: CORRUPT, LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_s3_upload_id_read(ice_str text, ice_arena *arena, ice_str *out, ice_error *err);

/// A <CompleteMultipartUploadResult>.
typedef struct ice_s3_completed {
  ice_str etag;
  ice_str checksum_crc32c;  ///< empty where there is none
} ice_s3_completed;

/// Errors: CORRUPT (an <Error> too, with which the server may answer 200), LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_s3_completed_read(ice_str text, ice_arena *arena, ice_s3_completed *out,
                                                ice_error *err);

#endif
