/// Objects in S3 and in what speaks its protocol: `s3://`, `s3a://` and `s3n://` locations.
///
/// Small objects are one PUT; larger ones go up in parts while they are written. All requests of a store share one set of
/// connections; nothing makes a thread: they move on inside write, submit and poll.
#ifndef ICE_STORE_STORE_S3_H
#define ICE_STORE_STORE_S3_H

#include "base/budget.h"
#include "base/observer.h"
#include "http/http_aws_credentials.h"
#include "store/store.h"

enum { ICE_S3_GRANTS_MAX = 1024, ICE_S3_PART_SIZE_MIN = 5 << 20 };

/// The size of `s3://`, `s3a://` or `s3n://` at the beginning of a location, which all name the same place; 0: it is not in S3.
///
/// Pure function; threads: any.
size_t ice_store_s3_scheme(ice_str location);

typedef struct ice_store_s3_options {
  const ice_port *port;
  const ice_observer *observer;  ///< may be NULL
  ice_budget *budget;            ///< upload buffers are counted here; may be NULL
  ice_str endpoint;              ///< "http(s)://host[:port]"; empty: https://s3.<region>.amazonaws.com
  ice_str region;                ///< empty: us-east-1
  bool path_style;               ///< "<endpoint>/<bucket>/<key>"; otherwise "<bucket>.<endpoint>/<key>"
  /// Over https no payload is signed; without https it is, unless this is set: then its CRC-32C alone tells a changed body.
  bool unsigned_payload;
  ice_http_options http;
  /// What the store may touch: locations of buckets or prefixes, as s3://bucket/prefix. The scheme's spelling does not matter.
  const ice_str *roots;
  size_t root_count;
  size_t part_size;         ///< 0: 8 MiB; at least ICE_S3_PART_SIZE_MIN
  size_t upload_bytes_max;  ///< ceiling of what uploads hold together; 0: 32 MiB. A write waits beyond it.
  /// Where the beginnings of parts wait that are too small to be sent, when there is no room for them; NULL: they stay in memory.
  const char *spill_directory;
  uint32_t requests_max;  ///< requests under way at once; 0: 16
  uint32_t retries;       ///< after the first attempt; 0: 5
} ice_store_s3_options;

/// Open a store. Nothing is sent before the first object is asked for.
///
/// Ownership: takes `provider` (NULL: anonymous requests) on success and on failure; texts are copied, `port`, `observer`,
/// `budget` and `http.stop` are borrowed. `*out` is the caller's. Errors: INVALID_ARGUMENT (endpoint, roots), NO_MEMORY.
/// Threads: a store and its uploads belong to one thread at a time.
ICE_MUST_CHECK ice_status ice_store_s3_open(const ice_store_s3_options *options, ice_aws_provider *provider,
                                            ice_store **out, ice_error *err);

/// Signs a request that somebody else has the key of: a catalog's signing endpoint. Headers and URL may both be changed.
typedef struct ice_s3_signer ice_s3_signer;
typedef struct ice_s3_signer_interface {
  ice_status (*sign)(ice_s3_signer *signer, ice_http_method method, ice_str region, ice_str *url,
                     ice_http_header *headers, size_t *header_count, size_t header_max, ice_arena *arena,
                     ice_error *err);
  void (*destroy)(ice_s3_signer *signer);
} ice_s3_signer_interface;
struct ice_s3_signer {
  const ice_s3_signer_interface *interface;
};

/// How objects below a prefix are reached, where that differs from the store's own options: what a catalog gives out with a
/// table. Empty texts and -1 stand for the store's own.
typedef struct ice_s3_grant {
  ice_str prefix;              ///< s3://bucket/prefix; the longest one that fits an object's location wins
  ice_aws_provider *provider;  ///< NULL: `signer`, or the store's own
  ice_s3_signer *signer;
  ice_str endpoint;
  ice_str region;
  int path_style;  ///< -1, 0, 1
} ice_s3_grant;

/// Add a grant, or put it in place of the one with the same prefix. It gives no permission: what the store may touch is set by
/// its roots alone.
///
/// Ownership: takes provider and signer on success and on failure; texts are copied. Errors: INVALID_ARGUMENT, LIMIT,
/// NO_MEMORY.
ICE_MUST_CHECK ice_status ice_store_s3_grant(ice_store *store, const ice_s3_grant *grant, ice_error *err);

#endif
