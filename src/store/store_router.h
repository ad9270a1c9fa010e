/// A store of several: each location goes to the store of its scheme.
#ifndef ICE_STORE_STORE_ROUTER_H
#define ICE_STORE_STORE_ROUTER_H

#include "store/store.h"

/// `file:` locations and plain paths go to `local`, `s3:`, `s3a:` and `s3n:` ones to `s3`; either may be NULL.
///
/// Ownership: takes both on success and on failure; `*out` is the caller's. Errors: NO_MEMORY; of its calls: UNSUPPORTED for a
/// location whose store is missing. Threads: as the stores behind it.
ICE_MUST_CHECK ice_status ice_store_router_open(ice_store *local, ice_store *s3, ice_store **out, ice_error *err);

#endif
