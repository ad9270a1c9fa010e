#include "config/yaml.h"

#include "base/map.h"
#include <yaml.h>

typedef struct yaml_builder {
  yaml_parser_t parser;
  ice_arena *arena;
  ice_str name;
  ice_error *err;
  uint32_t node_count;
} yaml_builder;

static ice_status fail_at(const yaml_builder *b, const yaml_mark_t *mark, const char *text) {
  return ice_error_set(b->err, ICE_INVALID_ARGUMENT, "%.*s:%zu:%zu: %s", ICE_STR_ARG(b->name), mark->line + 1,
                       mark->column + 1, text);
}

static ice_status next_event(yaml_builder *b, yaml_event_t *event) {
  if (yaml_parser_parse(&b->parser, event)) {
    return ICE_OK;
  }
  if (b->parser.error == YAML_MEMORY_ERROR) {
    return ice_error_set(b->err, ICE_NO_MEMORY, "out of memory for %.*s", ICE_STR_ARG(b->name));
  }
  yaml_mark_t mark = b->parser.error == YAML_READER_ERROR ? b->parser.mark : b->parser.problem_mark;
  return fail_at(b, &mark, b->parser.problem ? b->parser.problem : "this is no YAML");
}

static ice_status new_node(yaml_builder *b, const yaml_event_t *event, ice_yaml_kind kind, ice_yaml **out) {
  if (++b->node_count > ICE_YAML_NODES_MAX) {
    return fail_at(b, &event->start_mark, "too many values");
  }
  ice_yaml *node = ice_arena_alloc(b->arena, sizeof *node, b->err);
  if (!node) {
    return b->err ? b->err->status : ICE_NO_MEMORY;
  }
  node->kind = kind;
  node->line = (uint32_t)event->start_mark.line + 1;
  node->column = (uint32_t)event->start_mark.column + 1;
  *out = node;
  return ICE_OK;
}

static ice_status build_value(yaml_builder *b, yaml_event_t *event, int depth, ice_yaml **out);

static ice_status build_scalar(yaml_builder *b, const yaml_event_t *event, ice_yaml **out) {
  ice_status status = new_node(b, event, ICE_YAML_SCALAR, out);
  if (status != ICE_OK) {
    return status;
  }
  ice_str text = ice_str_make((const char *)event->data.scalar.value, event->data.scalar.length);
  bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
  (*out)->is_null = plain && (text.size == 0 || ice_str_equal_c(text, "~") || ice_str_equal_c(text, "null"));
  return ice_arena_copy_str(b->arena, text, &(*out)->text, b->err);
}

static ice_status build_list(yaml_builder *b, const yaml_event_t *start, int depth, ice_yaml **out) {
  ice_status status = new_node(b, start, ICE_YAML_LIST, out);
  ice_yaml **link = status == ICE_OK ? &(*out)->first : NULL;
  while (status == ICE_OK) {
    yaml_event_t event;
    status = next_event(b, &event);
    if (status != ICE_OK) {
      break;
    }
    bool end = event.type == YAML_SEQUENCE_END_EVENT;
    if (!end) {
      status = build_value(b, &event, depth + 1, link);
    }
    yaml_event_delete(&event);
    if (end) {
      break;
    }
    if (status == ICE_OK) {
      link = &(*link)->next;
      (*out)->count++;
    }
  }
  return status;
}

// One key and its value; `*end` is true at the end of the map.
static ice_status build_entry(yaml_builder *b, ice_map *keys, int depth, ice_yaml **link, bool *end) {
  yaml_event_t key_event;
  yaml_event_t value_event;
  ice_str key;
  ice_status status = next_event(b, &key_event);
  if (status != ICE_OK) {
    return status;
  }
  *end = key_event.type == YAML_MAPPING_END_EVENT;
  if (*end) {
    goto key_done;
  }
  if (key_event.type != YAML_SCALAR_EVENT) {
    status = fail_at(b, &key_event.start_mark, "a key must be plain text");
    goto key_done;
  }
  key = ice_str_make((const char *)key_event.data.scalar.value, key_event.data.scalar.length);
  if (ice_map_get(keys, key)) {
    status = fail_at(b, &key_event.start_mark, "this key stands here twice");
    goto key_done;
  }
  status = ice_map_put(keys, key, b, b->err);
  if (status == ICE_OK) {
    status = ice_arena_copy_str(b->arena, key, &key, b->err);
  }
  if (status == ICE_OK) {
    status = next_event(b, &value_event);
  }
  if (status != ICE_OK) {
    goto key_done;
  }
  status = build_value(b, &value_event, depth + 1, link);
  if (status == ICE_OK) {
    (*link)->key = key;
  }
  yaml_event_delete(&value_event);
key_done:
  yaml_event_delete(&key_event);
  return status;
}

static ice_status build_map(yaml_builder *b, const yaml_event_t *start, int depth, ice_yaml **out) {
  ice_map keys;
  ice_map_init(&keys, ICE_YAML_NODES_MAX);
  ice_status status = new_node(b, start, ICE_YAML_MAP, out);
  ice_yaml **link = status == ICE_OK ? &(*out)->first : NULL;
  bool end = false;
  while (status == ICE_OK && !end) {
    status = build_entry(b, &keys, depth, link, &end);
    if (status == ICE_OK && !end) {
      link = &(*link)->next;
      (*out)->count++;
    }
  }
  ice_map_deinit(&keys);
  return status;
}

static ice_status build_value(yaml_builder *b, yaml_event_t *event, int depth, ice_yaml **out) {
  if (depth > ICE_YAML_DEPTH_MAX) {
    return fail_at(b, &event->start_mark, "values nest too deep");
  }
  bool tagged = (event->type == YAML_SCALAR_EVENT && (event->data.scalar.anchor || event->data.scalar.tag)) ||
                (event->type == YAML_SEQUENCE_START_EVENT &&
                 (event->data.sequence_start.anchor || event->data.sequence_start.tag)) ||
                (event->type == YAML_MAPPING_START_EVENT &&
                 (event->data.mapping_start.anchor || event->data.mapping_start.tag));
  if (tagged || event->type == YAML_ALIAS_EVENT) {
    return fail_at(b, &event->start_mark, "anchors, aliases and tags are not supported");
  }
  if (event->type == YAML_SCALAR_EVENT) {
    return build_scalar(b, event, out);
  }
  if (event->type == YAML_SEQUENCE_START_EVENT) {
    return build_list(b, event, depth, out);
  }
  return event->type == YAML_MAPPING_START_EVENT ? build_map(b, event, depth, out)
                                                 : fail_at(b, &event->start_mark, "a value is missing");
}

// The stream's events around its one document are checked here; everything between is build_value's.
static ice_status build_document(yaml_builder *b, ice_yaml **out) {
  ice_status status = ICE_OK;
  bool ended = false;
  while (status == ICE_OK && !ended) {
    yaml_event_t event;
    status = next_event(b, &event);
    if (status != ICE_OK) {
      break;
    }
    if (event.type == YAML_STREAM_END_EVENT) {
      ended = true;
    } else if (event.type == YAML_DOCUMENT_START_EVENT && *out) {
      status = fail_at(b, &event.start_mark, "a second document begins");
    } else if (event.type != YAML_STREAM_START_EVENT && event.type != YAML_DOCUMENT_START_EVENT &&
               event.type != YAML_DOCUMENT_END_EVENT) {
      status = build_value(b, &event, 0, out);
    }
    yaml_event_delete(&event);
  }
  return status;
}

ice_status ice_yaml_parse(ice_str text, ice_str name, ice_arena *arena, ice_yaml **out, ice_error *err) {
  *out = NULL;
  if (text.size > ICE_YAML_BYTES_MAX) {
    return ice_error_set(err, ICE_LIMIT, "%.*s has %zu bytes, at most %d are allowed", ICE_STR_ARG(name), text.size,
                         (int)ICE_YAML_BYTES_MAX);
  }
  yaml_builder b = {.arena = arena, .name = name, .err = err};
  if (!yaml_parser_initialize(&b.parser)) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %.*s", ICE_STR_ARG(name));
  }
  yaml_parser_set_input_string(&b.parser, (const unsigned char *)(text.data ? text.data : ""), text.size);
  ice_status status = build_document(&b, out);
  yaml_parser_delete(&b.parser);
  if (status == ICE_OK && (!*out || (*out)->is_null)) {
    ice_yaml *empty = ice_arena_alloc(arena, sizeof *empty, err);
    if (!empty) {
      return ICE_NO_MEMORY;
    }
    empty->kind = ICE_YAML_MAP;
    *out = empty;
  }
  return status;
}

const ice_yaml *ice_yaml_get(const ice_yaml *map, const char *key) {
  if (!map || map->kind != ICE_YAML_MAP) {
    return NULL;
  }
  for (const ice_yaml *entry = map->first; entry; entry = entry->next) {
    if (ice_str_equal_c(entry->key, key)) {
      return entry;
    }
  }
  return NULL;
}
