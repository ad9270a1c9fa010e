/// A catalog in memory, for tests and the simulator: tables live as long as it does, data files and manifests are in the
/// store that it is given. Commits of several tables are decided as one, or refused, by choice.
///
/// It has a seam: a hook sees every commit before it is decided and chooses its fate, so that each story of a lost, late,
/// torn or unknown commit can be told (docs/protocol.md).
#ifndef ICE_CATALOG_CATALOG_MEMORY_H
#define ICE_CATALOG_CATALOG_MEMORY_H

#include "catalog/catalog.h"

enum { ICE_MEMORY_TABLES_MAX = 10000, ICE_MEMORY_HELD_MAX = 1000 };

typedef struct ice_catalog_memory_options {
  /// Commits of several tables are one decision; false: they are UNSUPPORTED.
  bool atomic;
  /// ice_catalog's member of that name.
  bool remote;
  /// Where new tables go, for example "memory://warehouse"; texts are copied.
  ice_str warehouse;
} ice_catalog_memory_options;

/// What becomes of a commit.
typedef enum ice_memory_fate {
  ICE_MEMORY_APPLY,          ///< as asked, and the answer tells it
  ICE_MEMORY_CONFLICT,       ///< refused for certain: CONFLICT
  ICE_MEMORY_REFUSE,         ///< refused for certain: IO
  ICE_MEMORY_LOSE,           ///< the request never arrives: COMMIT_UNKNOWN
  ICE_MEMORY_APPLY_UNKNOWN,  ///< decided as asked, the answer never arrives: COMMIT_UNKNOWN
  ICE_MEMORY_HOLD,           ///< COMMIT_UNKNOWN now; ice_catalog_memory_release lets it arrive late
  ICE_MEMORY_REPEAT,         ///< decided as asked, and then once more: answered as the second time
  ICE_MEMORY_TEAR_FIRST,  ///< all requirements are met, only the first table's part is kept, answered as if all were
  ICE_MEMORY_TEAR_REST    ///< the same, and the first table's part alone is lost
} ice_memory_fate;

/// Both functions may be NULL; the commits are borrowed for the call. A hook may use the catalog itself (to commit in
/// between, as a foreign writer would): no hook is called for that.
typedef struct ice_memory_hook {
  void *context;
  /// `number` counts the commits asked for since the catalog was opened, from 1.
  ice_memory_fate (*before)(void *context, const ice_table_commit *commits, size_t count, int64_t number);
  /// `status` is what is about to be answered.
  void (*after)(void *context, const ice_table_commit *commits, size_t count, int64_t number, ice_status status);
} ice_memory_hook;

/// Open an empty catalog.
///
/// Ownership: takes `store` on success and on failure; `port` is borrowed. `*out` is the caller's. Errors: NO_MEMORY.
/// Threads: one at a time.
ICE_MUST_CHECK ice_status ice_catalog_memory_open(const ice_port *port, const ice_catalog_memory_options *options,
                                                  ice_store *store, ice_catalog **out, ice_error *err);

/// Call `hook` (copied) around every commit from now on; NULL: none.
void ice_catalog_memory_set_hook(ice_catalog *catalog, const ice_memory_hook *hook);

/// Give a table another name, as another program would. Errors: NOT_FOUND, ALREADY_EXISTS, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_catalog_memory_rename(ice_catalog *catalog, ice_table_ident from, ice_table_ident to,
                                                    ice_error *err);

/// Number of requests that are held.
size_t ice_catalog_memory_held(const ice_catalog *catalog);

/// Let the oldest held request arrive now. Gives what its sender would have been answered; INVALID_STATE where none is held.
ICE_MUST_CHECK ice_status ice_catalog_memory_release(ice_catalog *catalog, ice_error *err);
/// The same with another one, counted from the oldest (0).
ICE_MUST_CHECK ice_status ice_catalog_memory_release_at(ice_catalog *catalog, size_t index, ice_error *err);

#endif
