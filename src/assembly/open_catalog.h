/// Opening the catalog that settings name, with the stores that its tables lie in.
#ifndef ICE_ASSEMBLY_OPEN_CATALOG_H
#define ICE_ASSEMBLY_OPEN_CATALOG_H

#include "base/budget.h"
#include "base/observer.h"
#include "catalog/catalog.h"
#include "config/settings.h"
#include <stdatomic.h>

typedef struct ice_open_catalog_options {
  const ice_settings *settings;
  bool create;                   ///< a missing SQLite file and warehouse are made
  const ice_observer *observer;  ///< may be NULL
  ice_budget *budget;            ///< upload buffers are counted here; may be NULL
  const _Atomic bool *stop;      ///< ends waiting for an answer; may be NULL
} ice_open_catalog_options;

/// Open the catalog.
///
/// Ownership: everything is borrowed for the call but observer, budget and stop, which the catalog keeps; `*out` is the caller's.
/// Errors: INVALID_ARGUMENT (settings), and what opening gives, in the wording that people search for ("Failed to register
/// Iceberg catalog").
ICE_MUST_CHECK ice_status ice_open_catalog(const ice_open_catalog_options *options, ice_catalog **out,
                                           ice_error *err);

#endif
