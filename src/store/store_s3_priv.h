/// What the parts of the S3 store share: places, the store itself, and requests that go on by themselves.
#ifndef ICE_STORE_STORE_S3_PRIV_H
#define ICE_STORE_STORE_S3_PRIV_H

#include "http/http_multi.h"
#include "store/store_s3.h"
#include "store/store_s3_answer.h"

enum {
  ICE_S3_KEY_MAX = 1024,
  ICE_S3_LOCATION_MAX = 2048,
  ICE_S3_REQUEST_HEADERS_MAX = 8,
  ICE_S3_ANSWER_MAX = 64 * 1024,  ///< of an answer that is neither an object nor a list
  ICE_S3_CODE_SIZE = 64,
  ICE_S3_DRIVE_MS = 100,
  ICE_S3_CHECKSUM_SIZE = 8
};

/// Where an object is: views of its location.
typedef struct ice_s3_place {
  ice_str location;
  ice_str bucket;
  ice_str key;
} ice_s3_place;

/// Take a location apart. `is_prefix` allows an empty key, and a '/' at the end. Errors: INVALID_ARGUMENT (another scheme; a
/// bucket or key that could reach something else).
ICE_MUST_CHECK ice_status ice_s3_place_read(ice_str location, bool is_prefix, ice_s3_place *out, ice_error *err);

/// True for `place` itself and what is below it.
bool ice_s3_place_holds(const ice_s3_place *prefix, const ice_s3_place *place);

/// The same for a location that stays: the text is the store's own.
typedef struct ice_s3_root {
  char *text;
  ice_s3_place place;
} ice_s3_root;

typedef struct ice_s3_grant_entry {
  ice_s3_root prefix;
  ice_aws_provider *provider;
  ice_s3_signer *signer;
  char *endpoint;  ///< NULL: the store's own, as below
  char *region;
  int path_style;
} ice_s3_grant_entry;

typedef struct ice_s3_request ice_s3_request;

typedef struct ice_s3_store {
  ice_store base;
  const ice_port *port;
  const ice_observer *observer;
  ice_budget *budget;
  const _Atomic bool *stop;
  ice_http_multi *http;
  ice_aws_provider *provider;
  char *endpoint;
  char *region;
  bool path_style;
  bool unsigned_payload;
  ice_s3_root *roots;
  size_t root_count;
  ice_s3_grant_entry *grants;
  size_t grant_count;
  size_t part_size;
  size_t upload_bytes_max;
  char *spill_directory;
  uint32_t requests_max;
  uint32_t retries;
  /// What was learnt of the server.
  int64_t skew_us;       ///< its clock minus ours
  bool no_condition;     ///< it does not implement If-None-Match
  bool no_checksum;      ///< it does not implement x-amz-checksum-crc32c
  uint32_t window;       ///< how many requests at once it stands
  uint32_t answered;     ///< well, since the window last changed
  int64_t slowed_at_us;  ///< when the window last became smaller
  /// Requests that are not done, in the order in which they came.
  ice_s3_request *first;
  ice_s3_request *last;
  uint32_t under_way;
  struct ice_s3_upload *uploads;  ///< all that have not been destroyed
  size_t held;                    ///< bytes in the buffers of all uploads
  int64_t driven_at_us;
  /// The last object that was asked about, so that reading all of it can be checked against what the server said of it.
  char stat_location[ICE_S3_LOCATION_MAX];
  int64_t stat_size;
  char stat_crc32c[16];
} ice_s3_store;

typedef enum ice_s3_request_state {
  ICE_S3_REQUEST_NEW,
  ICE_S3_REQUEST_WAITING,  ///< for its turn, or for its next attempt
  ICE_S3_REQUEST_SENT,
  ICE_S3_REQUEST_DONE
} ice_s3_request_state;

typedef void (*ice_s3_done)(ice_s3_request *request);

/// One call of the API with all its attempts. Ownership: the caller's storage, which stays where it is until the request is done.
struct ice_s3_request {
  /// Set by the caller between init and submit; borrowed until it is done.
  const char *what;  ///< the API's name, for messages
  ice_http_method method;
  const ice_s3_place *place;
  const ice_s3_place *granted;  ///< whose grant serves; as made: the place's
  ice_str query;                ///< encoded, without '?'
  ice_str body;
  bool if_absent;       ///< If-None-Match: *, where the server knows it
  bool error_in_200;    ///< the answer to look at even when its status is good
  bool names_checksum;  ///< parts with `crc32c` follow
  bool has_checksum;    ///< `crc32c` goes along, where the server knows it
  uint32_t crc32c;
  ice_s3_done done;  ///< called from a drive once the outcome is there; may be NULL, and may deinit the request
  void *context;
  ice_http_header headers[ICE_S3_REQUEST_HEADERS_MAX];
  size_t header_count;
  /// The outcome.
  ice_s3_request_state state;
  ice_status status;
  ice_error err;
  ice_http_response response;
  char code[ICE_S3_CODE_SIZE];  ///< the server's name of the fault
  bool maybe_applied;           ///< an attempt of which no answer is known may have been carried out
  /// On the way.
  ice_s3_store *store;
  bool listed;  ///< among the store's
  ice_s3_request *next;
  ice_s3_request *previous;
  ice_http_exchange *exchange;
  ice_arena texts;
  uint32_t attempts;
  uint32_t keys;      ///< a digest of the keys that signed the last attempt
  bool renew;         ///< the next attempt needs other ones
  uint32_t renewals;  ///< how often keys were refused
  bool skew_corrected;
  bool has_body_sha256;
  char body_sha256[ICE_SHA256_HEX_SIZE];
  int64_t not_before_us;
};

void ice_s3_request_init(ice_s3_request *request, ice_s3_store *store, const char *what, ice_http_method method,
                         const ice_s3_place *place, size_t answer_max);
/// Gives up a request that is not done; its `done` is not called.
void ice_s3_request_deinit(ice_s3_request *request);

/// A printf-formatted text that lives as long as the request. Errors: NO_MEMORY, LIMIT.
ICE_MUST_CHECK ice_status ice_s3_request_format(ice_s3_request *request, ice_str *out, ice_error *err,
                                                const char *format, ...) ICE_PRINTF(4, 5);
void ice_s3_request_add_header(ice_s3_request *request, ice_str name, ice_str value);

/// Put it in line; it moves on whenever the store is driven.
void ice_s3_request_submit(ice_s3_request *request);

/// Submit, and drive the store until it is done.
ICE_MUST_CHECK ice_status ice_s3_request_wait(ice_s3_request *request, ice_error *err);

/// Who gives the keys for it; NULL where it is not signed here.
ice_aws_provider *ice_s3_request_provider(const ice_s3_request *request);

/// Ends an attempt whose exchange has ended: done, or in line again. In store_s3_retry.c.
void ice_s3_request_settle(ice_s3_request *request, ice_status transport);

/// Moves all requests on, waiting up to `timeout_ms` for that.
ICE_MUST_CHECK ice_status ice_s3_drive(ice_s3_store *store, int64_t timeout_ms, ice_error *err);

/// Begin an object at a place that has been checked. In store_s3_upload.c.
ICE_MUST_CHECK ice_status ice_s3_upload_create(ice_s3_store *store, const ice_s3_place *place, ice_upload **out,
                                               ice_error *err);

/// A CRC-32C as x-amz-checksum-crc32c has it: base64 of its four bytes, the highest first.
void ice_s3_checksum_text(uint32_t crc32c, char out[ICE_S3_CHECKSUM_SIZE + 1]);

/// What the server gave for a part.
enum { ICE_S3_ETAG_MAX = 128, ICE_S3_MD5_SIZE = 16 };
typedef struct ice_s3_receipt {
  char etag[ICE_S3_ETAG_MAX + 1];
  uint32_t crc32c;
} ice_s3_receipt;

/// What an object looks like from outside.
typedef struct ice_s3_likeness {
  char checksum[ICE_S3_CHECKSUM_SIZE + 16];  ///< as x-amz-checksum-crc32c: of its bytes, or of its parts' ("…-N")
  char etag[2 * ICE_S3_MD5_SIZE +
            16];  ///< without quotes: an MD5 of its bytes or of its parts'; empty where that is unknown
} ice_s3_likeness;

ice_s3_likeness ice_s3_likeness_of_bytes(const void *data, size_t size);
ice_s3_likeness ice_s3_likeness_of_parts(const ice_s3_receipt *receipts, uint32_t count);

/// True when the answer to a HeadObject is of an object of that size with the same checksum, or the same ETag.
bool ice_s3_likeness_fits(const ice_s3_likeness *ours, int64_t size, const ice_http_response *response);

#endif
