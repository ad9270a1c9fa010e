#include "pipeline/pipeline_config.h"

#include "base/number.h"

typedef struct reader {
  ice_pipeline_spec *spec;
  ice_str file;
  ice_error *err;
} reader;

static ice_status fail_at(const reader *r, const ice_yaml *node, const char *what, ice_str name) {
  return ice_error_set(r->err, ICE_INVALID_ARGUMENT, "%.*s:%u: %s%s%.*s%s", ICE_STR_ARG(r->file), node->line, what,
                       name.size ? " \"" : "", ICE_STR_ARG(name), name.size ? "\"" : "");
}

static ice_status copy(const reader *r, ice_str text, ice_str *out) {
  return ice_arena_copy_str(&r->spec->schema->arena, text, out, r->err);
}

static void *allocate(const reader *r, uint32_t count, size_t size) {
  return ice_arena_alloc_array(&r->spec->schema->arena, count, size, r->err);
}

static ice_status check_keys(const reader *r, const ice_yaml *map, const char *const *keys, size_t count) {
  if (map->kind != ICE_YAML_MAP) {
    return fail_at(r, map, "a map of keys is expected", (ice_str){0});
  }
  for (const ice_yaml *entry = map->first; entry; entry = entry->next) {
    size_t i = 0;
    while (i < count && !ice_str_equal_c(entry->key, keys[i])) {
      i++;
    }
    if (i == count) {
      return fail_at(r, entry, "unknown key", entry->key);
    }
  }
  return ICE_OK;
}

static ice_status get_text(const reader *r, const ice_yaml *map, const char *key, bool required, ice_str *out) {
  const ice_yaml *node = ice_yaml_get(map, key);
  *out = (ice_str){0};
  if (!node || node->is_null) {
    return required ? fail_at(r, map, "this key is missing:", ice_str_of(key)) : ICE_OK;
  }
  return node->kind == ICE_YAML_SCALAR ? copy(r, node->text, out)
                                       : fail_at(r, node, "one text is expected for", ice_str_of(key));
}

static ice_status get_boolean(const reader *r, const ice_yaml *map, const char *key, bool *out) {
  const ice_yaml *node = ice_yaml_get(map, key);
  *out = false;
  if (!node) {
    return ICE_OK;
  }
  *out = ice_str_equal_c(node->text, "true");
  return *out || ice_str_equal_c(node->text, "false")
             ? ICE_OK
             : fail_at(r, node, "true or false is expected for", ice_str_of(key));
}

static ice_status get_number(const reader *r, const ice_yaml *map, const char *key, bool *has, double *out) {
  const ice_yaml *node = ice_yaml_get(map, key);
  *has = node != NULL;
  if (!node) {
    return ICE_OK;
  }
  return node->kind == ICE_YAML_SCALAR && ice_number_parse(node->text, out)
             ? ICE_OK
             : fail_at(r, node, "a number is expected for", ice_str_of(key));
}

static ice_status find_column(const reader *r, const ice_yaml *node, ice_str name, uint32_t *out) {
  int64_t index = ice_pipeline_spec_find(r->spec, name);
  *out = (uint32_t)index;
  return index >= 0 ? ICE_OK : fail_at(r, node, "there is no column", name);
}

// Columns -----------------------------------------------------------------------------------------------------------

static ice_status read_origin(const reader *r, const ice_yaml *entry, ice_column_spec *out) {
  static const struct {
    const char *name;
    ice_column_origin origin;
  } origins[] = {{"processing_time", ICE_ORIGIN_PROCESSING_TIME}, {"kafka_topic", ICE_ORIGIN_TOPIC},
                 {"kafka_partition", ICE_ORIGIN_PARTITION},       {"kafka_offset", ICE_ORIGIN_OFFSET},
                 {"kafka_timestamp", ICE_ORIGIN_TIMESTAMP},       {"kafka_key", ICE_ORIGIN_KEY}};
  ice_str value;
  ice_status status = get_text(r, entry, "path", false, &out->path);
  if (status == ICE_OK) {
    status = get_text(r, entry, "value", false, &value);
  }
  if (status != ICE_OK) {
    return status;
  }
  if ((out->path.size != 0) == (value.size != 0)) {
    return fail_at(r, entry, "either path or value says where this column comes from:", entry->key);
  }
  out->origin = ICE_ORIGIN_PATH;
  for (size_t i = 0; value.size != 0 && i < ICE_COUNT_OF(origins); i++) {
    if (ice_str_equal_c(value, origins[i].name)) {
      out->origin = origins[i].origin;
      return ICE_OK;
    }
  }
  return value.size == 0 ? ICE_OK : fail_at(r, entry, "unknown value", value);
}

static bool origin_fits(ice_column_origin origin, ice_kind kind) {
  switch (origin) {
    case ICE_ORIGIN_PATH: return true;
    case ICE_ORIGIN_PROCESSING_TIME:
    case ICE_ORIGIN_TIMESTAMP: return kind == ICE_KIND_TIMESTAMP || kind == ICE_KIND_TIMESTAMPTZ;
    case ICE_ORIGIN_TOPIC: return kind == ICE_KIND_STRING;
    case ICE_ORIGIN_PARTITION: return kind == ICE_KIND_INT || kind == ICE_KIND_LONG;
    case ICE_ORIGIN_OFFSET: return kind == ICE_KIND_LONG;
    case ICE_ORIGIN_KEY: return kind == ICE_KIND_BINARY;
  }
  return false;
}

static ice_status assign_ids(ice_type *type, int32_t *last, int depth, ice_error *err) {
  if (depth > ICE_SCHEMA_DEPTH_MAX) {
    return ice_error_set(err, ICE_LIMIT, "types nest deeper than %d", (int)ICE_SCHEMA_DEPTH_MAX);
  }
  for (uint32_t i = 0; i < type->field_count; i++) {
    type->fields[i].id = ++*last;
  }
  for (uint32_t i = 0; i < type->field_count; i++) {
    ice_status status = assign_ids(&type->fields[i].type, last, depth + 1, err);
    if (status != ICE_OK) {
      return status;
    }
  }
  return ICE_OK;
}

static ice_status read_column(const reader *r, const ice_yaml *entry, uint32_t index) {
  static const char *const keys[] = {"path", "value", "type", "required", "doc"};
  ice_pipeline_spec *spec = r->spec;
  ice_field *field = &spec->schema->root.fields[index];
  ice_str type;
  ice_status status = ICE_OK;
  ICE_TRY(check_keys(r, entry, keys, ICE_COUNT_OF(keys)));
  ICE_TRY(copy(r, entry->key, &field->name));
  ICE_TRY(get_text(r, entry, "type", true, &type));
  ICE_TRY(get_boolean(r, entry, "required", &field->required));
  ICE_TRY(get_text(r, entry, "doc", false, &field->doc));
  ICE_TRY(read_origin(r, entry, &spec->columns[index]));
  status = ice_type_parse(spec->schema, type, &field->type, r->err);
  if (status != ICE_OK) {
    ice_error_prepend(r->err, "%.*s:%u", ICE_STR_ARG(r->file), entry->line);
    goto done;
  }
  if (!origin_fits(spec->columns[index].origin, field->type.kind)) {
    status = fail_at(r, entry, "this value does not fit the type of column", entry->key);
  }
done:
  return status;
}

static ice_status read_columns(const reader *r, const ice_yaml *map) {
  ice_pipeline_spec *spec = r->spec;
  ice_status status = ICE_OK;
  if (map->kind != ICE_YAML_MAP || map->count == 0 || map->count > ICE_PIPELINE_COLUMNS_MAX) {
    return fail_at(r, map, "columns must be a map of 1 to 2000 columns", (ice_str){0});
  }
  ICE_TRY(ice_type_set_fields(spec->schema, &spec->schema->root, map->count, r->err));
  spec->columns = allocate(r, map->count, sizeof *spec->columns);
  if (!spec->columns) {
    return ICE_NO_MEMORY;
  }
  uint32_t index = 0;
  for (const ice_yaml *entry = map->first; entry; entry = entry->next) {
    ICE_TRY(read_column(r, entry, index++));
  }
  spec->column_count = map->count;
  int32_t last = 0;
  ICE_TRY(assign_ids(&spec->schema->root, &last, 0, r->err));
  status = ice_schema_validate(spec->schema, r->err);
  if (status != ICE_OK) {
    ice_error_prepend(r->err, "%.*s:%u", ICE_STR_ARG(r->file), map->line);
  }
done:
  return status;
}

static ice_status read_texts(const reader *r, const ice_yaml *list, ice_str **out, uint32_t *count) {
  *count = 0;
  if (!list) {
    return ICE_OK;
  }
  if (list->kind != ICE_YAML_LIST) {
    return fail_at(r, list, "a list of texts is expected for", list->key);
  }
  *out = allocate(r, list->count, sizeof **out);
  if (!*out) {
    return ICE_NO_MEMORY;
  }
  for (const ice_yaml *item = list->first; item; item = item->next) {
    if (item->kind != ICE_YAML_SCALAR) {
      return fail_at(r, item, "a text is expected", (ice_str){0});
    }
    ice_status status = copy(r, item->text, &(*out)[(*count)++]);
    if (status != ICE_OK) {
      return status;
    }
  }
  return ICE_OK;
}

// Rules -------------------------------------------------------------------------------------------------------------

static ice_status read_when(const reader *r, const ice_yaml *owner, bool required, ice_when *out) {
  const ice_yaml *map = ice_yaml_get(owner, "when");
  *out = (ice_when){0};
  if (!map) {
    return required ? fail_at(r, owner, "this key is missing:", ICE_STR("when")) : ICE_OK;
  }
  if (map->kind != ICE_YAML_MAP || map->count == 0 || map->count > ICE_PIPELINE_CONDITIONS_MAX) {
    return fail_at(r, map, "when must be a map of 1 to 16 columns and texts", (ice_str){0});
  }
  ice_condition *conditions = allocate(r, map->count, sizeof *conditions);
  if (!conditions) {
    return ICE_NO_MEMORY;
  }
  for (const ice_yaml *entry = map->first; entry; entry = entry->next) {
    ice_condition *condition = &conditions[out->count++];
    ice_status status = find_column(r, entry, entry->key, &condition->column);
    if (status == ICE_OK && (entry->kind != ICE_YAML_SCALAR ||
                             r->spec->schema->root.fields[condition->column].type.kind != ICE_KIND_STRING ||
                             r->spec->columns[condition->column].origin != ICE_ORIGIN_PATH)) {
      status = fail_at(r, entry, "when compares text columns that come from a path; this is none:", entry->key);
    }
    if (status == ICE_OK) {
      status = copy(r, entry->text, &condition->equals);
    }
    if (status != ICE_OK) {
      return status;
    }
  }
  out->conditions = conditions;
  return ICE_OK;
}

static bool is_ordered(ice_kind kind) {
  return kind == ICE_KIND_INT || kind == ICE_KIND_LONG || kind == ICE_KIND_FLOAT || kind == ICE_KIND_DOUBLE ||
         kind == ICE_KIND_DATE || kind == ICE_KIND_TIME || kind == ICE_KIND_TIMESTAMP || kind == ICE_KIND_TIMESTAMPTZ;
}

static bool rule_fits(ice_rule_kind rule, ice_kind kind) {
  switch (rule) {
    case ICE_RULE_BETWEEN:
      return kind == ICE_KIND_INT || kind == ICE_KIND_LONG || kind == ICE_KIND_FLOAT || kind == ICE_KIND_DOUBLE;
    case ICE_RULE_FINITE: return kind == ICE_KIND_FLOAT || kind == ICE_KIND_DOUBLE;
    case ICE_RULE_NOT_BEFORE: return is_ordered(kind);
    case ICE_RULE_NOT_EMPTY:
    case ICE_RULE_ONE_OF: return kind == ICE_KIND_STRING;
  }
  return false;
}

static ice_status read_rule_kind(const reader *r, const ice_yaml *node, ice_rule_kind *out) {
  static const char *const names[] = {"between", "finite", "not_empty", "not_before", "one_of"};
  ice_str name;
  ice_status status = get_text(r, node, "rule", true, &name);
  for (size_t i = 0; status == ICE_OK && i < ICE_COUNT_OF(names); i++) {
    if (ice_str_equal_c(name, names[i])) {
      *out = (ice_rule_kind)i;
      return ICE_OK;
    }
  }
  return status != ICE_OK
             ? status
             : fail_at(r, node, "the rules are between, finite, not_empty, not_before, one_of; this is none:", name);
}

static ice_status read_rule(const reader *r, const ice_yaml *node, ice_rule_spec *out) {
  static const char *const keys[] = {"rule", "column", "other", "when", "min", "max", "values"};
  const ice_type *root = &r->spec->schema->root;
  ice_str column;
  ice_str other;
  ice_str *values = NULL;
  ice_status status = ICE_OK;
  ICE_TRY(check_keys(r, node, keys, ICE_COUNT_OF(keys)));
  ICE_TRY(read_rule_kind(r, node, &out->kind));
  ICE_TRY(get_text(r, node, "column", true, &column));
  ICE_TRY(find_column(r, node, column, &out->column));
  ICE_TRY(read_when(r, node, false, &out->when));
  ICE_TRY(get_number(r, node, "min", &out->has_min, &out->min));
  ICE_TRY(get_number(r, node, "max", &out->has_max, &out->max));
  ICE_TRY(read_texts(r, ice_yaml_get(node, "values"), &values, &out->value_count));
  out->values = values;
  ice_kind kind = root->fields[out->column].type.kind;
  if (!rule_fits(out->kind, kind) || r->spec->columns[out->column].origin != ICE_ORIGIN_PATH) {
    status = fail_at(r, node, "this rule does not fit the column", column);
    goto done;
  }
  if (out->kind == ICE_RULE_NOT_BEFORE) {
    ICE_TRY(get_text(r, node, "other", true, &other));
    ICE_TRY(find_column(r, node, other, &out->other));
    if (root->fields[out->other].type.kind != kind || r->spec->columns[out->other].origin != ICE_ORIGIN_PATH) {
      status = fail_at(r, node, "not_before compares columns of one type; this one has another:", other);
      goto done;
    }
  }
  if ((out->kind == ICE_RULE_BETWEEN && !out->has_min && !out->has_max) ||
      (out->kind == ICE_RULE_ONE_OF && out->value_count == 0)) {
    status = fail_at(r, node, "this rule needs min or max, or values; column", column);
  }
done:
  return status;
}

static ice_status check_list(const reader *r, const ice_yaml *list, uint32_t max, uint32_t *count) {
  *count = list ? list->count : 0;
  return !list || (list->kind == ICE_YAML_LIST && list->count <= max)
             ? ICE_OK
             : fail_at(r, list, "a list is expected for", list->key);
}

static ice_status read_rules(const reader *r, const ice_yaml *list) {
  ice_pipeline_spec *spec = r->spec;
  ice_status status = check_list(r, list, ICE_PIPELINE_RULES_MAX, &spec->rule_count);
  if (status != ICE_OK || spec->rule_count == 0) {
    return status;
  }
  spec->rules = allocate(r, spec->rule_count, sizeof *spec->rules);
  if (!spec->rules) {
    return ICE_NO_MEMORY;
  }
  uint32_t index = 0;
  for (const ice_yaml *item = list->first; status == ICE_OK && item; item = item->next) {
    status = read_rule(r, item, &spec->rules[index++]);
  }
  return status;
}

static ice_status read_filters(const reader *r, const ice_yaml *list) {
  static const char *const keys[] = {"name", "when"};
  ice_pipeline_spec *spec = r->spec;
  ice_status status = check_list(r, list, ICE_PIPELINE_RULES_MAX, &spec->filter_count);
  if (status != ICE_OK || spec->filter_count == 0) {
    return status;
  }
  spec->filters = allocate(r, spec->filter_count, sizeof *spec->filters);
  if (!spec->filters) {
    return ICE_NO_MEMORY;
  }
  uint32_t index = 0;
  for (const ice_yaml *item = list->first; item; item = item->next) {
    ice_filter_spec *filter = &spec->filters[index++];
    ICE_TRY(check_keys(r, item, keys, ICE_COUNT_OF(keys)));
    ICE_TRY(get_text(r, item, "name", true, &filter->name));
    ICE_TRY(read_when(r, item, true, &filter->when));
  }
done:
  return status;
}

static ice_status read_routes(const reader *r, const ice_yaml *list) {
  static const char *const keys[] = {"when", "table"};
  ice_pipeline_spec *spec = r->spec;
  ice_status status = check_list(r, list, ICE_PIPELINE_ROUTES_MAX, &spec->route_count);
  if (status != ICE_OK || spec->route_count == 0) {
    return status;
  }
  spec->routes = allocate(r, spec->route_count, sizeof *spec->routes);
  if (!spec->routes) {
    return ICE_NO_MEMORY;
  }
  uint32_t index = 0;
  uint32_t tables = 1;
  for (const ice_yaml *item = list->first; item; item = item->next) {
    ice_route_spec *route = &spec->routes[index];
    ICE_TRY(check_keys(r, item, keys, ICE_COUNT_OF(keys)));
    ICE_TRY(read_when(r, item, true, &route->when));
    ICE_TRY(get_text(r, item, "table", true, &route->name));
    // Two routes to one table share its index.
    route->table = tables;
    for (uint32_t i = 0; i < index; i++) {
      if (ice_str_equal(spec->routes[i].name, route->name)) {
        route->table = spec->routes[i].table;
      }
    }
    tables += route->table == tables;
    index++;
  }
done:
  return status;
}

// Dead letters ------------------------------------------------------------------------------------------------------

static ice_status read_dead_letter_columns(const reader *r, const ice_yaml *map) {
  static const char *const keys[] = {"path"};
  ice_pipeline_spec *spec = r->spec;
  if (!map) {
    return ICE_OK;
  }
  if (map->kind != ICE_YAML_MAP || map->count > ICE_PIPELINE_COLUMNS_MAX) {
    return fail_at(r, map, "a map of columns is expected for", map->key);
  }
  spec->dead_letter_columns = allocate(r, map->count, sizeof *spec->dead_letter_columns);
  if (!spec->dead_letter_columns) {
    return ICE_NO_MEMORY;
  }
  ice_status status = ICE_OK;
  for (const ice_yaml *entry = map->first; entry; entry = entry->next) {
    ice_dead_letter_column *column = &spec->dead_letter_columns[spec->dead_letter_column_count++];
    ICE_TRY(check_keys(r, entry, keys, ICE_COUNT_OF(keys)));
    ICE_TRY(copy(r, entry->key, &column->name));
    ICE_TRY(get_text(r, entry, "path", true, &column->path));
  }
done:
  return status;
}

static ice_status read_dead_letters(const reader *r, const ice_yaml *map) {
  static const char *const keys[] = {"columns", "partition"};
  ice_pipeline_spec *spec = r->spec;
  ice_status status = ICE_OK;
  if (!map) {
    goto done;
  }
  ICE_TRY(check_keys(r, map, keys, ICE_COUNT_OF(keys)));
  ICE_TRY(read_dead_letter_columns(r, ice_yaml_get(map, "columns")));
  ICE_TRY(read_texts(r, ice_yaml_get(map, "partition"), &spec->dead_letter_partition,
                     &spec->dead_letter_partition_count));
done:
  return status;
}

static ice_status read_tombstones(const reader *r, const ice_yaml *tree) {
  ice_str text;
  ice_status status = get_text(r, tree, "tombstones", false, &text);
  if (status == ICE_OK && text.size != 0) {
    r->spec->tombstones = ice_str_equal_c(text, "filter") ? ICE_TOMBSTONES_FILTER : ICE_TOMBSTONES_DEAD_LETTER;
    if (r->spec->tombstones == ICE_TOMBSTONES_DEAD_LETTER && !ice_str_equal_c(text, "dead_letter")) {
      status = fail_at(r, ice_yaml_get(tree, "tombstones"), "tombstones is dead_letter or filter, not", text);
    }
  }
  return status;
}

ice_status ice_pipeline_spec_read(const ice_yaml *tree, ice_str file, ice_pipeline_spec *out, ice_error *err) {
  static const char *const keys[] = {"explode",  "columns", "partition",  "filter",
                                     "validate", "route",   "tombstones", "dead_letters"};
  *out = (ice_pipeline_spec){0};
  reader r = {.spec = out, .file = file, .err = err};
  ice_status status = ICE_OK;
  ICE_TRY(ice_schema_create(&out->schema, err));
  ICE_TRY(check_keys(&r, tree, keys, ICE_COUNT_OF(keys)));
  const ice_yaml *columns = ice_yaml_get(tree, "columns");
  if (!columns) {
    status = fail_at(&r, tree, "this key is missing:", ICE_STR("columns"));
    goto done;
  }
  ICE_TRY(get_text(&r, tree, "explode", false, &out->explode));
  ICE_TRY(read_columns(&r, columns));
  ICE_TRY(read_texts(&r, ice_yaml_get(tree, "partition"), &out->partition, &out->partition_count));
  ICE_TRY(read_filters(&r, ice_yaml_get(tree, "filter")));
  ICE_TRY(read_rules(&r, ice_yaml_get(tree, "validate")));
  ICE_TRY(read_routes(&r, ice_yaml_get(tree, "route")));
  ICE_TRY(read_tombstones(&r, tree));
  ICE_TRY(read_dead_letters(&r, ice_yaml_get(tree, "dead_letters")));
  ICE_TRY(ice_dead_letter_schema_build(out, err));
done:
  return status;
}
