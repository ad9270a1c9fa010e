/// Which paths of a source record are wanted: decoders build columns for these and skip the rest.
/// A path names fields, separated by dots; it goes through a list or an optional value without a step of its own.
///
/// Ownership: reference to an arena that the caller keeps. Threads: any, once built.
#ifndef ICE_COLUMNAR_PROJECTION_H
#define ICE_COLUMNAR_PROJECTION_H

#include "base/arena.h"
#include "base/str.h"

typedef struct ice_projection ice_projection;
struct ice_projection {
  ice_str name;
  /// True: this field is wanted with everything below it, whatever `children` says.
  bool whole;
  ice_projection *children;  ///< first child
  ice_projection *next;      ///< next sibling, in the order of first mention
};

/// Add `path` ("samples.startDate") to the tree under `root` (a zeroed node stands for the record).
/// Errors: INVALID_ARGUMENT (empty step), NO_MEMORY, LIMIT (depth).
ICE_MUST_CHECK ice_status ice_projection_add(ice_projection *root, ice_arena *arena, ice_str path, ice_error *err);

/// The child of this name, or NULL.
const ice_projection *ice_projection_find(const ice_projection *node, ice_str name);

#endif
