#include "columnar/projection.h"

#include "columnar/schema.h"

static ice_status add_child(ice_projection *node, ice_arena *arena, ice_str name, ice_projection **out,
                            ice_error *err) {
  ice_projection **link = &node->children;
  while (*link) {
    if (ice_str_equal((*link)->name, name)) {
      *out = *link;
      return ICE_OK;
    }
    link = &(*link)->next;
  }
  ice_projection *child = ice_arena_alloc(arena, sizeof *child, err);
  if (!child) {
    return err ? err->status : ICE_NO_MEMORY;
  }
  ice_status status = ice_arena_copy_str(arena, name, &child->name, err);
  if (status == ICE_OK) {
    *link = child;
    *out = child;
  }
  return status;
}

ice_status ice_projection_add(ice_projection *root, ice_arena *arena, ice_str path, ice_error *err) {
  ice_projection *node = root;
  size_t from = 0;
  int depth = 0;
  for (size_t i = 0; i <= path.size; i++) {
    if (i < path.size && path.data[i] != '.') {
      continue;
    }
    if (i == from) {
      return ice_error_set(err, ICE_INVALID_ARGUMENT, "path \"%.*s\" has an empty step", ICE_STR_ARG(path));
    }
    if (++depth > ICE_SCHEMA_DEPTH_MAX) {
      return ice_error_set(err, ICE_LIMIT, "path with more than %d steps", (int)ICE_SCHEMA_DEPTH_MAX);
    }
    ice_status status = add_child(node, arena, ice_str_make(path.data + from, i - from), &node, err);
    if (status != ICE_OK) {
      return status;
    }
    from = i + 1;
  }
  node->whole = true;
  return ICE_OK;
}

const ice_projection *ice_projection_find(const ice_projection *node, ice_str name) {
  for (const ice_projection *child = node->children; child; child = child->next) {
    if (ice_str_equal(child->name, name)) {
      return child;
    }
  }
  return NULL;
}
