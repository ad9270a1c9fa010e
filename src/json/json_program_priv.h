// What a schema compiles into: a tree that the decoder walks along the text.
#ifndef ICE_JSON_JSON_PROGRAM_PRIV_H
#define ICE_JSON_JSON_PROGRAM_PRIV_H

#include "columnar/schema.h"

typedef struct json_member json_member;

typedef struct json_node json_node;
struct json_node {
  const ice_type *type;
  ice_kind kind;
  bool exploded;         ///< the list whose elements are rows
  json_node *item;       ///< of a list: the element; of a map: the value
  json_member *members;  ///< of a struct, in the order of its columns
  uint32_t member_count;
  /// The member that came first in the last object of this kind. Producers write their members in one order, so what
  /// came last time is tried before anything is searched for.
  uint32_t first;
  uint32_t *slots;  ///< open addressing: index + 1 of a member, 0: free
  uint32_t slot_mask;
};

struct json_member {
  ice_str name;
  /// The name and the closing quote, for comparing at once with what stands behind an opening quote. Empty where JSON
  /// writes the name with escapes.
  ice_str quoted;
  uint64_t head;  ///< the first 8 bytes of `quoted`, zeros behind its end
  uint64_t head_mask;
  uint32_t next;  ///< the member that came behind this one last time
  json_node node;
};

/// Ownership: the nodes live in `arena`; the types are borrowed.
ICE_MUST_CHECK ice_status ice_json_program_compile(const ice_schema *schema, ice_str explode, ice_arena *arena,
                                                   json_node *root, ice_error *err);

/// The index of a member by its name, or `member_count`.
uint32_t ice_json_member_find(const json_node *node, ice_str name);

#endif
