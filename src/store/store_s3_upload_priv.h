/// One object on its way up, as store_s3_upload.c and store_s3_multipart.c share it.
#ifndef ICE_STORE_STORE_S3_UPLOAD_PRIV_H
#define ICE_STORE_STORE_S3_UPLOAD_PRIV_H

#include "store/store_s3_priv.h"

enum { ICE_S3_PARTS_MAX = 10000 };

typedef struct ice_s3_upload ice_s3_upload;

typedef struct ice_s3_part {
  ice_s3_request request;
  ice_bytes data;
  uint32_t number;  ///< from 1
  ice_s3_upload *upload;
  struct ice_s3_part *next;
} ice_s3_part;

/// A multipart upload as the server knows it. It outlives an upload that is given up, until it is aborted.
typedef struct ice_s3_multipart {
  ice_s3_request request;  ///< creates it, then completes or aborts it
  char *location;
  ice_s3_place place;
  char *id;  ///< encoded for a query; NULL until the server gave one
  ice_s3_upload *owner;
} ice_s3_multipart;

typedef enum ice_s3_upload_state {
  ICE_S3_UPLOAD_WRITING,
  ICE_S3_UPLOAD_SENDING,
  ICE_S3_UPLOAD_SENT,
  ICE_S3_UPLOAD_BROKEN  ///< `failure` says why
} ice_s3_upload_state;

struct ice_s3_upload {
  ice_upload base;
  ice_s3_store *store;
  ice_s3_upload *next;  ///< of the store's
  ice_s3_upload *previous;
  char *location;
  ice_s3_place place;
  ice_s3_upload_state state;
  ice_error failure;
  /// What no request has yet: first what is in the spill file, then the buffer.
  ice_file spill;  ///< -1 while there is none
  size_t spilled;
  ice_bytes buffer;
  size_t held;  ///< of the store's count
  int64_t size;
  ice_s3_request put;           ///< the whole object, or the question whether it is there
  ice_s3_multipart *multipart;  ///< NULL while one PUT may do
  ice_s3_part *parts;           ///< on their way
  ice_bytes receipts;
  uint32_t part_count;
};

static inline ice_s3_receipt *ice_s3_upload_receipt(const ice_s3_upload *upload, uint32_t number) {
  return (ice_s3_receipt *)(void *)upload->receipts.data + (number - 1);
}

/// Count again what the upload holds.
void ice_s3_upload_account(ice_s3_upload *upload);
/// The upload failed: everything it holds goes.
void ice_s3_upload_fail(ice_s3_upload *upload, const ice_error *why);
void ice_s3_upload_fail_with(ice_s3_upload *upload, ice_status status, const char *what);
/// The object is durable.
void ice_s3_upload_finish(ice_s3_upload *upload);
/// An attempt whose answer was lost may have made the object; then what is there is ours.
void ice_s3_upload_ask_whether_ours(ice_s3_upload *upload);
/// What the server says it has must be what was sent.
bool ice_s3_upload_checksum_agrees(const ice_s3_request *request);

/// Hand the buffer, which has all that no request has, over as the next part.
ICE_MUST_CHECK ice_status ice_s3_multipart_flush(ice_s3_upload *upload, ice_error *err);
/// Complete the object when all its parts are there and no more come.
void ice_s3_multipart_complete_when_ready(ice_s3_upload *upload);
/// The object is complete: nothing is left to be aborted.
void ice_s3_multipart_forget(ice_s3_upload *upload);
/// Forget the parts; the server is told to as well.
void ice_s3_multipart_leave(ice_s3_upload *upload);

#endif
