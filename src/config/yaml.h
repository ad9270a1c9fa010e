/// YAML text as a small tree that remembers where everything stood, for messages that name line and column.
/// One document; no anchors, aliases or tags; keys are plain and unique.
#ifndef ICE_CONFIG_YAML_H
#define ICE_CONFIG_YAML_H

#include "base/arena.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

enum { ICE_YAML_DEPTH_MAX = 32, ICE_YAML_NODES_MAX = 100000, ICE_YAML_BYTES_MAX = 4 << 20 };

typedef enum ice_yaml_kind { ICE_YAML_SCALAR, ICE_YAML_LIST, ICE_YAML_MAP } ice_yaml_kind;

typedef struct ice_yaml ice_yaml;
struct ice_yaml {
  ice_yaml_kind kind;
  ice_str key;   ///< of an entry of a map
  ice_str text;  ///< scalar
  bool is_null;  ///< a plain scalar that is empty, `~` or `null`
  uint32_t line;
  uint32_t column;
  uint32_t count;
  ice_yaml *first;
  ice_yaml *next;
};

/// Parse `text`; `name` is the file's name in messages. Empty text gives an empty map.
///
/// Ownership: the tree is from `arena`. Errors: INVALID_ARGUMENT ("name:line:column: …"), LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_yaml_parse(ice_str text, ice_str name, ice_arena *arena, ice_yaml **out,
                                         ice_error *err);

/// The entry of a map, or NULL (also for a NULL node).
const ice_yaml *ice_yaml_get(const ice_yaml *map, const char *key);

#endif
