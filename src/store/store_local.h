/// Objects as files of the local file system: `file:///path`, `file:/path` or a plain absolute path.
#ifndef ICE_STORE_STORE_LOCAL_H
#define ICE_STORE_STORE_LOCAL_H

#include "port/port.h"
#include "store/store.h"

/// Open a store that touches only files under the given roots (absolute paths or file URIs).
///
/// New objects are written beside their name, synced, then linked to it, and every directory that got a new name is
/// synced before poll says done.
/// Ownership: `*out` is the caller's (ice_store_destroy); the roots are copied, `port` is borrowed.
/// Errors: INVALID_ARGUMENT (a root that is no absolute path), NO_MEMORY.
ICE_MUST_CHECK ice_status ice_store_local_open(const ice_port *port, const ice_str *roots, size_t root_count,
                                               ice_store **out, ice_error *err);

/// The path of a location: `file:` and the slashes behind it are taken off, percent escapes are not touched.
/// Errors: INVALID_ARGUMENT for another scheme, a relative path, an empty or `..` step, a zero byte.
ICE_MUST_CHECK ice_status ice_location_path(ice_str location, ice_bytes *out, ice_error *err);

#endif
