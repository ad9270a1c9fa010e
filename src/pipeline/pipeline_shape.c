#include "pipeline/pipeline_shape.h"

#include "pipeline/pipeline_convert.h"

enum { SHAPE_BYTES_MAX = 1 << 24 };

/// A step of the wanted paths.
typedef struct step {
  ice_str name;
  const ice_type *type;  ///< NULL: only what is below is wanted
  bool exploded;
  uint32_t child_count;
  struct step *children;
  struct step *next;
} step;

typedef struct shaper {
  ice_arena arena;
  ice_schema *schema;
  ice_error *err;
} shaper;

static const ice_type text_type = {.kind = ICE_KIND_STRING};

static ice_status arena_status(const shaper *s) { return s->err ? s->err->status : ICE_NO_MEMORY; }

static ice_status child_of(shaper *s, step *parent, ice_str name, step **out) {
  step **link = &parent->children;
  while (*link && !ice_str_equal((*link)->name, name)) {
    link = &(*link)->next;
  }
  if (!*link) {
    *link = ice_arena_alloc(&s->arena, sizeof **link, s->err);
    if (!*link) {
      return arena_status(s);
    }
    (*link)->name = name;
    parent->child_count++;
  }
  *out = *link;
  return ICE_OK;
}

// The step at the end of `path`, made where it is missing. Paths were checked when the spec was read.
static ice_status walk(shaper *s, step *root, ice_str path, step **out) {
  size_t from = 0;
  step *at = root;
  for (size_t i = 0; i <= path.size; i++) {
    if (i < path.size && path.data[i] != '.') {
      continue;
    }
    if (i == from) {
      return ice_error_set(s->err, ICE_INVALID_ARGUMENT, "path \"%.*s\" has an empty step", ICE_STR_ARG(path));
    }
    ice_status status = child_of(s, at, ice_str_make(path.data + from, i - from), &at);
    if (status != ICE_OK) {
      return status;
    }
    from = i + 1;
  }
  *out = at;
  return ICE_OK;
}

static bool converts_from_text(const ice_type *type) {
  // Text becomes binary byte by byte where it is converted, and by base64 where JSON is decoded: not the same.
  return type->kind == ICE_KIND_STRING ||
         (type->kind != ICE_KIND_BINARY && ice_conversion_find(&text_type, type) == ICE_CONVERT_TEXT);
}

static ice_status want(shaper *s, step *root, ice_str path, const ice_type *type) {
  step *at;
  ice_status status = walk(s, root, path, &at);
  if (status != ICE_OK) {
    return status;
  }
  if (!at->type) {
    at->type = type;
  } else if (!ice_type_same_shape(at->type, type)) {
    if (!converts_from_text(at->type) || !converts_from_text(type)) {
      return ice_error_set(s->err, ICE_INVALID_ARGUMENT,
                           "columns want the path %.*s as %s and as %s; text cannot become both", ICE_STR_ARG(path),
                           ice_kind_name(at->type->kind), ice_kind_name(type->kind));
    }
    at->type = &text_type;
  }
  return ICE_OK;
}

static ice_status collect(shaper *s, const ice_pipeline_spec *spec, step *root) {
  ice_status status = ICE_OK;
  step *at;
  for (uint32_t i = 0; i < spec->column_count; i++) {
    if (spec->columns[i].origin == ICE_ORIGIN_PATH) {
      ICE_TRY(want(s, root, spec->columns[i].path, &spec->schema->root.fields[i].type));
    }
  }
  for (uint32_t i = 0; i < spec->dead_letter_column_count; i++) {
    ICE_TRY(walk(s, root, spec->dead_letter_columns[i].path, &at));
    if (!at->type && !at->children) {
      at->type = &text_type;
    }
  }
  if (spec->explode.size != 0) {
    ICE_TRY(walk(s, root, spec->explode, &at));
    at->exploded = true;
    if (!at->type && !at->children) {
      at->type = &text_type;
    }
  }
done:
  return status;
}

static ice_status build_type(shaper *s, const step *from, ice_str path, int depth, ice_type *out);

static ice_status build_fields(shaper *s, const step *from, ice_str path, int depth, ice_type *out) {
  if (depth > ICE_SCHEMA_DEPTH_MAX) {
    return ice_error_set(s->err, ICE_LIMIT, "paths of more than %d steps", (int)ICE_SCHEMA_DEPTH_MAX);
  }
  ice_status status = ice_type_set_fields(s->schema, out, from->child_count, s->err);
  uint32_t index = 0;
  for (const step *child = from->children; status == ICE_OK && child; child = child->next, index++) {
    status = ice_arena_copy_str(&s->schema->arena, child->name, &out->fields[index].name, s->err);
    if (status == ICE_OK) {
      status = build_type(s, child, path.size == 0 ? child->name : path, depth + 1, &out->fields[index].type);
    }
  }
  return status;
}

// A record that is wanted whole gives its fields to the paths through it; anything else that is wanted as a value has none.
static ice_status check_parts(const shaper *s, const step *from, const ice_type *type, ice_str path) {
  for (const step *child = from->children; child; child = child->next) {
    const ice_field *found = NULL;
    for (uint32_t i = 0; type->kind == ICE_KIND_STRUCT && i < type->field_count; i++) {
      found = ice_str_equal(type->fields[i].name, child->name) ? &type->fields[i] : found;
    }
    if (!found) {
      return ice_error_set(s->err, ICE_INVALID_ARGUMENT,
                           "below the path %.*s, %.*s is wanted as %s, which has no field %.*s", ICE_STR_ARG(path),
                           ICE_STR_ARG(from->name), ice_kind_name(type->kind), ICE_STR_ARG(child->name));
    }
    ice_status status = check_parts(s, child, &found->type, path);
    if (status != ICE_OK) {
      return status;
    }
  }
  return ICE_OK;
}

static ice_status build_type(shaper *s, const step *from, ice_str path, int depth, ice_type *out) {
  ice_type *value = out;
  ice_status status = ICE_OK;
  if (from->exploded) {
    out->kind = ICE_KIND_LIST;
    ICE_TRY(ice_type_set_fields(s->schema, out, 1, s->err));
    out->fields[0].name = ICE_STR("element");
    value = &out->fields[0].type;
  }
  if (!from->type) {
    value->kind = ICE_KIND_STRUCT;
    return build_fields(s, from, path, depth, value);
  }
  ICE_TRY(check_parts(s, from, from->type, path));
  const ice_field wanted = {.name = ICE_STR("value"), .type = *from->type};
  ice_field copy;
  ICE_TRY(ice_field_copy(s->schema, &wanted, &copy, s->err));
  *value = copy.type;
done:
  return status;
}

ice_status ice_shape_build(const ice_pipeline_spec *spec, ice_schema **out, ice_error *err) {
  *out = NULL;
  shaper s = {.err = err};
  step root = {0};
  ice_status status = ICE_OK;
  ice_arena_init(&s.arena, SHAPE_BYTES_MAX);
  ICE_TRY(ice_schema_create(&s.schema, err));
  ICE_TRY(collect(&s, spec, &root));
  s.schema->root.kind = ICE_KIND_STRUCT;
  ICE_TRY(build_fields(&s, &root, (ice_str){0}, 1, &s.schema->root));
  *out = s.schema;
  s.schema = NULL;
done:
  ice_schema_unref(s.schema);
  ice_arena_deinit(&s.arena);
  return status;
}
