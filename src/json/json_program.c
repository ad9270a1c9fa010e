#include "json/json_program_priv.h"

#include "base/checked.h"

typedef struct compiler {
  ice_arena *arena;
  ice_error *err;
} compiler;

// Multiply and mix eight bytes at a time; what names collide is decided by the configuration, not by the input.
static uint32_t hash_name(ice_str name) {
  uint64_t hash = name.size * UINT64_C(0x9E3779B97F4A7C15);
  size_t i = 0;
  for (; i + 8 <= name.size; i += 8) {
    hash = (hash ^ ice_load_u64le(name.data + i)) * UINT64_C(0xD6E8FEB86659FD93);
    hash ^= hash >> 32;
  }
  uint64_t tail = 0;
  for (size_t shift = 0; i < name.size; i++, shift += 8) {
    tail |= (uint64_t)(uint8_t)name.data[i] << shift;
  }
  hash = (hash ^ tail) * UINT64_C(0xD6E8FEB86659FD93);
  return (uint32_t)(hash ^ (hash >> 32));
}

uint32_t ice_json_member_find(const json_node *node, ice_str name) {
  for (uint32_t slot = hash_name(name) & node->slot_mask;; slot = (slot + 1) & node->slot_mask) {
    uint32_t index = node->slots[slot];
    if (index == 0) {
      return node->member_count;
    }
    if (ice_str_equal(node->members[index - 1].name, name)) {
      return index - 1;
    }
  }
}

static ice_status arena_status(const compiler *c) { return c->err ? c->err->status : ICE_NO_MEMORY; }

static ice_status compile_type(const compiler *c, const ice_type *type, json_node *out);

static bool is_plain(ice_str name) {
  for (size_t i = 0; i < name.size; i++) {
    if (name.data[i] == '"' || name.data[i] == '\\' || (uint8_t)name.data[i] < 0x20) {
      return false;
    }
  }
  return true;
}

static ice_status compile_member(const compiler *c, const ice_field *field, uint32_t index, json_node *parent) {
  json_member *member = &parent->members[index];
  member->name = field->name;
  member->next = index + 1;
  // Of a name that is never plain in the text, no bytes match.
  member->head = 1;
  if (is_plain(field->name)) {
    char *quoted = ice_arena_alloc(c->arena, field->name.size + 1 + sizeof member->head, c->err);
    if (!quoted) {
      return arena_status(c);
    }
    memcpy(quoted, field->name.data, field->name.size);
    quoted[field->name.size] = '"';
    member->quoted = ice_str_make(quoted, field->name.size + 1);
    // The arena's memory is zeroed.
    member->head = ice_load_u64le(quoted);
    member->head_mask =
        member->quoted.size < sizeof member->head ? ((uint64_t)1 << (8 * member->quoted.size)) - 1 : ~(uint64_t)0;
  }
  uint32_t slot = hash_name(field->name) & parent->slot_mask;
  while (parent->slots[slot] != 0) {
    slot = (slot + 1) & parent->slot_mask;
  }
  parent->slots[slot] = index + 1;
  return compile_type(c, &field->type, &member->node);
}

static ice_status compile_struct(const compiler *c, const ice_type *type, json_node *out) {
  uint32_t slot_count = 4;
  while (slot_count < type->field_count * 4) {
    slot_count *= 2;
  }
  out->member_count = type->field_count;
  out->slot_mask = slot_count - 1;
  out->members = ice_arena_alloc_array(c->arena, type->field_count, sizeof *out->members, c->err);
  out->slots = out->members ? ice_arena_alloc_array(c->arena, slot_count, sizeof *out->slots, c->err) : NULL;
  if (!out->slots) {
    return arena_status(c);
  }
  for (uint32_t i = 0; i < type->field_count; i++) {
    ice_status status = compile_member(c, &type->fields[i], i, out);
    if (status != ICE_OK) {
      return status;
    }
  }
  return ICE_OK;
}

// The schema was validated, so its depth is limited.
static ice_status compile_type(const compiler *c, const ice_type *type, json_node *out) {
  out->type = type;
  out->kind = type->kind;
  if (type->kind == ICE_KIND_STRUCT) {
    return compile_struct(c, type, out);
  }
  if (type->kind != ICE_KIND_LIST && type->kind != ICE_KIND_MAP) {
    return ICE_OK;
  }
  if (type->kind == ICE_KIND_MAP && type->fields[0].type.kind != ICE_KIND_STRING) {
    return ice_error_set(c->err, ICE_INVALID_ARGUMENT,
                         "the names in a JSON object are text; a map with keys of type %s "
                         "cannot be read from one",
                         ice_kind_name(type->fields[0].type.kind));
  }
  out->item = ice_arena_alloc(c->arena, sizeof *out->item, c->err);
  return out->item ? compile_type(c, &type->fields[type->field_count - 1].type, out->item) : arena_status(c);
}

static ice_status mark_exploded(const compiler *c, json_node *root, ice_str path) {
  json_node *node = root;
  size_t from = 0;
  while (node && from <= path.size) {
    const char *dot = from < path.size ? memchr(path.data + from, '.', path.size - from) : NULL;
    size_t end = dot ? (size_t)(dot - path.data) : path.size;
    uint32_t index = node->kind == ICE_KIND_STRUCT
                         ? ice_json_member_find(node, ice_str_make(path.data + from, end - from))
                         : node->member_count;
    node = index < node->member_count ? &node->members[index].node : NULL;
    from = end + 1;
  }
  if (!node || node->kind != ICE_KIND_LIST) {
    return ice_error_set(c->err, ICE_INVALID_ARGUMENT, "the schema has no list %.*s", ICE_STR_ARG(path));
  }
  node->exploded = true;
  return ICE_OK;
}

ice_status ice_json_program_compile(const ice_schema *schema, ice_str explode, ice_arena *arena, json_node *root,
                                    ice_error *err) {
  const compiler c = {.arena = arena, .err = err};
  *root = (json_node){0};
  ice_status status = compile_type(&c, &schema->root, root);
  return status == ICE_OK && explode.size != 0 ? mark_exploded(&c, root, explode) : status;
}
