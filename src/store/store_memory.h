/// Objects in memory, for tests and the simulator.
#ifndef ICE_STORE_STORE_MEMORY_H
#define ICE_STORE_STORE_MEMORY_H

#include "store/store.h"

enum { ICE_STORE_MEMORY_OBJECTS_MAX = 1 << 20 };

/// Ownership: `*out` is the caller's (ice_store_destroy). Threads: one at a time.
ICE_MUST_CHECK ice_status ice_store_memory_open(ice_store **out, ice_error *err);

#endif
