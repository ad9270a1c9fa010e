/// Objects by location (a URI): written once as a whole, read in ranges.
///
/// Writing takes two steps so that uploads overlap encoding: `submit` hands the object over, `poll` says whether it is
/// durable under its name. An object is never seen half written.
#ifndef ICE_STORE_STORE_H
#define ICE_STORE_STORE_H

#include "base/bytes.h"
#include "base/macros.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct ice_store ice_store;
typedef struct ice_upload ice_upload;

typedef struct ice_object_info {
  ice_str location;  ///< borrowed for the call
  int64_t size;
  int64_t modified_us;
} ice_object_info;

typedef ice_status (*ice_object_visit)(void *context, const ice_object_info *info, ice_error *err);

typedef struct ice_upload_interface {
  ice_status (*write)(ice_upload *upload, const void *data, size_t size, ice_error *err);
  ice_status (*submit)(ice_upload *upload, ice_error *err);
  ice_status (*poll)(ice_upload *upload, bool *done, ice_error *err);
  void (*destroy)(ice_upload *upload);
} ice_upload_interface;

struct ice_upload {
  const ice_upload_interface *interface;
};

typedef struct ice_store_interface {
  ice_status (*create)(ice_store *store, ice_str location, ice_upload **out, ice_error *err);
  ice_status (*read)(ice_store *store, ice_str location, int64_t offset, void *data, size_t size, ice_error *err);
  ice_status (*stat)(ice_store *store, ice_str location, int64_t *size, ice_error *err);
  ice_status (*remove)(ice_store *store, ice_str location, ice_error *err);
  ice_status (*list)(ice_store *store, ice_str prefix, ice_object_visit visit, void *context, ice_error *err);
  /// May be NULL: then nothing goes on between the calls.
  ice_status (*drive)(ice_store *store, int64_t timeout_ms, ice_error *err);
  void (*destroy)(ice_store *store);
} ice_store_interface;

struct ice_store {
  const ice_store_interface *interface;
};

/// Begin a new object.
///
/// Ownership: `*out` is the caller's to destroy; destroying it before poll said done drops what was written.
/// Errors: INVALID_ARGUMENT (a location outside what the store may touch, or with a `..` step), ALREADY_EXISTS (here
///   or at poll), IO. Threads: an upload belongs to one thread; a store may be used by several.
ICE_MUST_CHECK static inline ice_status ice_store_create(ice_store *store, ice_str location, ice_upload **out,
                                                         ice_error *err) {
  return store->interface->create(store, location, out, err);
}

/// Append to the object.
ICE_MUST_CHECK static inline ice_status ice_upload_write(ice_upload *upload, const void *data, size_t size,
                                                         ice_error *err) {
  return upload->interface->write(upload, data, size, err);
}

/// All is written; begin to make it durable under its name.
ICE_MUST_CHECK static inline ice_status ice_upload_submit(ice_upload *upload, ice_error *err) {
  return upload->interface->submit(upload, err);
}

/// Go on with what submit began; `*done` is true once the object is durable. Call again until then.
ICE_MUST_CHECK static inline ice_status ice_upload_poll(ice_upload *upload, bool *done, ice_error *err) {
  return upload->interface->poll(upload, done, err);
}

static inline void ice_upload_destroy(ice_upload *upload) {
  if (upload) {
    upload->interface->destroy(upload);
  }
}

/// Read exactly `size` bytes at `offset`. Errors: NOT_FOUND, IO; CORRUPT when the object is shorter.
ICE_MUST_CHECK static inline ice_status ice_store_read(ice_store *store, ice_str location, int64_t offset, void *data,
                                                       size_t size, ice_error *err) {
  return store->interface->read(store, location, offset, data, size, err);
}

/// The size of an object. Errors: NOT_FOUND, IO.
ICE_MUST_CHECK static inline ice_status ice_store_stat(ice_store *store, ice_str location, int64_t *size,
                                                       ice_error *err) {
  return store->interface->stat(store, location, size, err);
}

/// Delete an object. NOT_FOUND when it is not there.
ICE_MUST_CHECK static inline ice_status ice_store_remove(ice_store *store, ice_str location, ice_error *err) {
  return store->interface->remove(store, location, err);
}

/// Visit every object below `prefix`, which is taken as a directory with or without a '/' at its end.
ICE_MUST_CHECK static inline ice_status ice_store_list(ice_store *store, ice_str prefix, ice_object_visit visit,
                                                       void *context, ice_error *err) {
  return store->interface->list(store, prefix, visit, context, err);
}

/// Move on what submitted and growing uploads have under way, and wait up to `timeout_ms` for that. Who has something else to
/// do between its writes calls this now and then, so that they overlap. The uploads' errors are given by themselves.
ICE_MUST_CHECK static inline ice_status ice_store_drive(ice_store *store, int64_t timeout_ms, ice_error *err) {
  return store->interface->drive ? store->interface->drive(store, timeout_ms, err) : ICE_OK;
}

static inline void ice_store_destroy(ice_store *store) {
  if (store) {
    store->interface->destroy(store);
  }
}

/// Append a whole object to `out`, whose ceiling bounds it.
ICE_MUST_CHECK ice_status ice_store_read_all(ice_store *store, ice_str location, ice_bytes *out, ice_error *err);

/// Write a whole object and wait until it is durable.
ICE_MUST_CHECK ice_status ice_store_write_all(ice_store *store, ice_str location, const void *data, size_t size,
                                              ice_error *err);

#endif
