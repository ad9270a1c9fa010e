/// What S3 answers in XML. Errors of all calls: CORRUPT, LIMIT, NO_MEMORY. Ownership: texts are from the arena.
#ifndef ICE_STORE_STORE_S3_ANSWER_H
#define ICE_STORE_STORE_S3_ANSWER_H

#include "base/arena.h"
#include "base/macros.h"
#include <stdbool.h>
#include <stdint.h>

enum { ICE_S3_LIST_OBJECTS_MAX = 10000 };  // in one answer; S3 gives at most 1,000

/// What an <Error> says.
typedef struct ice_s3_problem {
  ice_str code;
  ice_str message;
  ice_str region;
  ice_str header;  ///< that the server does not implement
} ice_s3_problem;

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

ICE_MUST_CHECK ice_status ice_s3_page_read(ice_str text, ice_arena *arena, ice_s3_page *out, ice_error *err);

/// The upload id of an <InitiateMultipartUploadResult>.
ICE_MUST_CHECK ice_status ice_s3_upload_id_read(ice_str text, ice_arena *arena, ice_str *out, ice_error *err);

/// A <CompleteMultipartUploadResult>.
typedef struct ice_s3_completed {
  ice_str etag;
  ice_str checksum_crc32c;  ///< empty where there is none
} ice_s3_completed;

/// CORRUPT also for an <Error>, with which the server may answer 200.
ICE_MUST_CHECK ice_status ice_s3_completed_read(ice_str text, ice_arena *arena, ice_s3_completed *out,
                                                ice_error *err);

#endif
