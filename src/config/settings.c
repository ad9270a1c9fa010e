#include "config/settings.h"

#include "base/checked.h"
#include <stdio.h>
#include <stdlib.h>

enum { SETTINGS_BYTES_MAX = 64 << 20, SECRET_BYTES_MAX = 1 << 16, KEY_TEXT_MAX = 256 };

// Values ------------------------------------------------------------------------------------------------------------

typedef struct unit {
  const char *name;
  int64_t factor;
} unit;

static bool parse_with_unit(ice_str text, const char *bare_unit, const unit *units, size_t unit_count, int64_t *out) {
  int64_t value = 0;
  size_t i = 0;
  for (; i < text.size && text.data[i] >= '0' && text.data[i] <= '9'; i++) {
    if (!ice_mul_i64(value, 10, &value) || !ice_add_i64(value, text.data[i] - '0', &value)) {
      return false;
    }
  }
  ice_str name = ice_str_make(text.data + i, text.size - i);
  while (name.size > 0 && name.data[0] == ' ') {
    name = ice_str_make(name.data + 1, name.size - 1);
  }
  if (i == 0) {
    return false;
  }
  if (name.size == 0 && (bare_unit || value == 0)) {
    name = bare_unit ? ice_str_of(bare_unit) : ice_str_of(units[0].name);
  }
  for (size_t u = 0; u < unit_count; u++) {
    if (ice_str_equal_c(name, units[u].name)) {
      return ice_mul_i64(value, units[u].factor, out);
    }
  }
  return false;
}

bool ice_duration_parse(ice_str text, const char *bare_unit, int64_t *out_ms) {
  static const unit units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
  return parse_with_unit(text, bare_unit, units, ICE_COUNT_OF(units), out_ms);
}

bool ice_size_parse(ice_str text, const char *bare_unit, int64_t *out_bytes) {
  static const unit units[] = {{"B", 1},         {"KB", 1 << 10},  {"MB", 1 << 20}, {"GB", 1 << 30},
                               {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
  return parse_with_unit(text, bare_unit, units, ICE_COUNT_OF(units), out_bytes);
}

static bool parse_boolean(ice_str text, int64_t *out) {
  bool yes = ice_str_equal_c(text, "true") || ice_str_equal_c(text, "yes") || ice_str_equal_c(text, "1");
  bool no = ice_str_equal_c(text, "false") || ice_str_equal_c(text, "no") || ice_str_equal_c(text, "0");
  *out = yes;
  return yes || no;
}

static bool is_choice(const char *choices, ice_str text) {
  while (*choices) {
    const char *bar = strchr(choices, '|');
    size_t size = bar ? (size_t)(bar - choices) : strlen(choices);
    if (ice_str_equal(text, ice_str_make(choices, size))) {
      return true;
    }
    choices += size + (bar != NULL);
  }
  return false;
}

// Where a value comes from, while it is being set.
typedef struct source {
  const ice_port *port;
  ice_settings *settings;
  ice_str origin;
  ice_str directory;  ///< relative paths count from here
  bool is_environment;
  bool is_literal;  ///< ${NAME} stands for itself
  char *const *environment;
  ice_error *err;
} source;

static ice_status fail_value(const source *from, const ice_option *option, const char *expected, ice_str text) {
  return ice_error_set(from->err, ICE_INVALID_ARGUMENT, "%.*s: %s must be %s, not \"%.*s\"",
                       ICE_STR_ARG(from->origin), option->key, expected, ICE_STR_ARG(text));
}

// What the choices mean stands behind them.
static ice_status fail_choice(const source *from, const ice_option *option, ice_str text) {
  return ice_error_set(from->err, ICE_INVALID_ARGUMENT, "%.*s: %s must be %s, not \"%.*s\". %s",
                       ICE_STR_ARG(from->origin), option->key, option->choices, ICE_STR_ARG(text), option->help);
}

static ice_status resolve_path(const source *from, ice_str path, ice_str *out) {
  if (path.size == 0 || path.data[0] == '/' || from->directory.size == 0 || memchr(path.data, ':', path.size)) {
    return ice_arena_copy_str(&from->settings->arena, path, out, from->err);
  }
  ice_bytes text;
  ice_bytes_init(&text, 1 << 16);
  ice_error *err = from->err;
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_format(&text, err, "%.*s/%.*s", ICE_STR_ARG(from->directory), ICE_STR_ARG(path)));
  ICE_TRY(ice_arena_copy_str(&from->settings->arena, ice_bytes_str(&text), out, err));
done:
  ice_bytes_deinit(&text);
  return status;
}

static ice_status read_secret(const source *from, ice_str path, ice_str *out) {
  ice_error *err = from->err;
  ice_bytes text;
  ice_bytes_init(&text, SECRET_BYTES_MAX);
  ice_str name;
  ice_status status = ICE_OK;
  ICE_TRY(resolve_path(from, path, &name));
  ICE_TRY(ice_port_read_file(from->port, name.data, &text, err));
  while (text.size > 0 && (text.data[text.size - 1] == '\n' || text.data[text.size - 1] == '\r')) {
    text.size--;
  }
  ICE_TRY(ice_arena_copy_str(&from->settings->arena, ice_bytes_str(&text), out, err));
done:
  ice_bytes_deinit(&text);
  return status;
}

static ice_status split_list(const source *from, ice_str text, ice_setting *value) {
  uint32_t count = 1;
  for (size_t i = 0; i < text.size; i++) {
    count += text.data[i] == ',';
  }
  value->items = ice_arena_alloc_array(&from->settings->arena, count, sizeof *value->items, from->err);
  if (!value->items) {
    return ICE_NO_MEMORY;
  }
  size_t begin = 0;
  for (size_t i = 0; i <= text.size; i++) {
    if (i < text.size && text.data[i] != ',') {
      continue;
    }
    ice_str item = ice_str_make(text.data + begin, i - begin);
    while (item.size > 0 && item.data[0] == ' ') {
      item = ice_str_make(item.data + 1, item.size - 1);
    }
    while (item.size > 0 && item.data[item.size - 1] == ' ') {
      item.size--;
    }
    if (item.size > 0) {
      value->items[value->item_count++] = item;
    }
    begin = i + 1;
  }
  return ICE_OK;
}

static ice_status check_range(const source *from, const ice_option *option, int64_t number, ice_str text) {
  char expected[96];
  if (number >= option->min && (option->max == 0 || number <= option->max)) {
    return ICE_OK;
  }
  snprintf(expected, sizeof expected, "between %lld and %lld", (long long)option->min, (long long)option->max);
  return fail_value(from, option, expected, text);
}

static ice_status set_typed(const source *from, const ice_option *option, ice_setting *value) {
  const char *bare_unit = from->is_environment ? option->environment_unit : NULL;
  switch (option->type) {
    case ICE_OPTION_INTEGER: {
      char copy[32];
      char *end;
      snprintf(copy, sizeof copy, "%.*s", ICE_STR_ARG(value->text));
      value->number = strtoll(copy, &end, 10);
      return end == copy || *end != '\0' || value->text.size >= sizeof copy
                 ? fail_value(from, option, "a whole number", value->text)
                 : check_range(from, option, value->number, value->text);
    }
    case ICE_OPTION_DURATION:
      return ice_duration_parse(value->text, bare_unit, &value->number)
                 ? check_range(from, option, value->number, value->text)
                 : fail_value(from, option, "a duration such as 500ms, 10s or 15m", value->text);
    case ICE_OPTION_SIZE:
      return ice_size_parse(value->text, bare_unit, &value->number)
                 ? check_range(from, option, value->number, value->text)
                 : fail_value(from, option, "a size such as 64KB or 256MB", value->text);
    case ICE_OPTION_BOOLEAN:
      return parse_boolean(value->text, &value->number) ? ICE_OK
                                                        : fail_value(from, option, "true or false", value->text);
    case ICE_OPTION_CHOICE:
      return is_choice(option->choices, value->text) ? ICE_OK : fail_choice(from, option, value->text);
    case ICE_OPTION_SECRET:
      return ice_str_starts_with(value->text, ICE_STR("file:"))
                 ? read_secret(from, ice_str_make(value->text.data + 5, value->text.size - 5), &value->text)
                 : ICE_OK;
    case ICE_OPTION_PATH: return resolve_path(from, value->text, &value->text);
    case ICE_OPTION_LIST: return value->items ? ICE_OK : split_list(from, value->text, value);
    case ICE_OPTION_TEXT:
    case ICE_OPTION_TREE: break;
  }
  return ICE_OK;
}

static ice_str lookup(char *const *environment, ice_str name) {
  for (; environment && *environment; environment++) {
    ice_str entry = ice_str_of(*environment);
    if (entry.size > name.size && ice_str_starts_with(entry, name) && entry.data[name.size] == '=') {
      return ice_str_make(entry.data + name.size + 1, entry.size - name.size - 1);
    }
  }
  return (ice_str){0};
}

// Replaces ${NAME} by the environment's value; a name that is not set is an error, so that no secret becomes empty text.
static ice_status interpolate(const source *from, ice_str text, ice_str *out) {
  ice_error *err = from->err;
  ice_bytes result;
  ice_bytes_init(&result, SECRET_BYTES_MAX);
  ice_status status = ICE_OK;
  size_t i = 0;
  while (i < text.size) {
    const char *end = text.size - i >= 3 && text.data[i] == '$' && text.data[i + 1] == '{'
                          ? memchr(text.data + i, '}', text.size - i)
                          : NULL;
    if (!end) {
      ICE_TRY(ice_bytes_append_u8(&result, (uint8_t)text.data[i++], err));
      continue;
    }
    ice_str name = ice_str_make(text.data + i + 2, (size_t)(end - text.data) - i - 2);
    ice_str value = lookup(from->environment, name);
    if (!value.data) {
      ICE_FAIL(ICE_INVALID_ARGUMENT, "%.*s: ${%.*s} is not set in the environment", ICE_STR_ARG(from->origin),
               ICE_STR_ARG(name));
    }
    ICE_TRY(ice_bytes_append_str(&result, value, err));
    i = (size_t)(end - text.data) + 1;
  }
  ICE_TRY(ice_arena_copy_str(&from->settings->arena, ice_bytes_str(&result), out, err));
done:
  ice_bytes_deinit(&result);
  return status;
}

static ice_status set_text(const source *from, ice_option_id id, ice_str text) {
  ice_setting value = {.set = true, .origin = from->origin};
  ice_status status = from->is_literal ? ice_arena_copy_str(&from->settings->arena, text, &value.text, from->err)
                                       : interpolate(from, text, &value.text);
  if (status == ICE_OK) {
    status = set_typed(from, ice_option_get(id), &value);
  }
  if (status == ICE_OK) {
    from->settings->values[id] = value;
  }
  return status;
}

// Sources -----------------------------------------------------------------------------------------------------------

static ice_status set_defaults(source *from) {
  from->origin = ICE_STR("default");
  ice_status status = ICE_OK;
  for (size_t i = 0; status == ICE_OK && i < ICE_OPTION_ID_COUNT; i++) {
    const ice_option *option = ice_option_get((ice_option_id)i);
    if (option->fallback) {
      status = set_text(from, (ice_option_id)i, ice_str_of(option->fallback));
    }
  }
  return status;
}

static ice_status yaml_origin(source *from, const ice_yaml *node) {
  char text[KEY_TEXT_MAX * 2];
  int size = snprintf(text, sizeof text, "%.*s:%u", ICE_STR_ARG(from->settings->file), node->line);
  size_t used = size < 0 ? 0 : (size_t)size >= sizeof text ? sizeof text - 1 : (size_t)size;
  return ice_arena_copy_str(&from->settings->arena, ice_str_make(text, used), &from->origin, from->err);
}

static ice_status set_yaml_list(source *from, ice_option_id id, const ice_yaml *node) {
  ice_setting value = {.set = true, .origin = from->origin};
  value.items = ice_arena_alloc_array(&from->settings->arena, node->count, sizeof *value.items, from->err);
  if (!value.items) {
    return ICE_NO_MEMORY;
  }
  for (const ice_yaml *item = node->first; item; item = item->next) {
    if (item->kind != ICE_YAML_SCALAR) {
      return fail_value(from, ice_option_get(id), "a list of texts", ICE_STR("a nested value"));
    }
    ice_status status = interpolate(from, item->text, &value.items[value.item_count++]);
    if (status != ICE_OK) {
      return status;
    }
  }
  from->settings->values[id] = value;
  return ICE_OK;
}

static bool is_section(ice_str prefix) {
  for (size_t i = 0; i < ICE_OPTION_ID_COUNT; i++) {
    ice_str key = ice_str_of(ice_option_get((ice_option_id)i)->key);
    if (ice_str_starts_with(key, prefix) && key.size > prefix.size && key.data[prefix.size] == '.') {
      return true;
    }
  }
  return false;
}

static ice_status set_yaml(source *from, const ice_yaml *map, ice_str prefix, int depth);

static ice_status set_yaml_entry(source *from, const ice_yaml *entry, ice_str key, int depth) {
  ice_status status = yaml_origin(from, entry);
  if (status != ICE_OK) {
    return status;
  }
  ice_option_id id = ice_option_find(key);
  if (id == ICE_OPTION_ID_COUNT) {
    if (is_section(key) && entry->kind == ICE_YAML_MAP) {
      return set_yaml(from, entry, key, depth + 1);
    }
    const char *near = ice_option_suggest(key);
    return ice_error_set(from->err, ICE_INVALID_ARGUMENT, "%.*s: unknown key %.*s%s%s%s", ICE_STR_ARG(from->origin),
                         ICE_STR_ARG(key), near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
  }
  const ice_option *option = ice_option_get(id);
  if (option->type == ICE_OPTION_TREE) {
    from->settings->values[id] = (ice_setting){.set = true, .tree = entry, .origin = from->origin};
    return ICE_OK;
  }
  if (option->type == ICE_OPTION_LIST && entry->kind == ICE_YAML_LIST) {
    return set_yaml_list(from, id, entry);
  }
  if (entry->kind != ICE_YAML_SCALAR) {
    return fail_value(from, option, "one value", ICE_STR("a list or map"));
  }
  return entry->is_null ? ICE_OK : set_text(from, id, entry->text);
}

static ice_status set_yaml(source *from, const ice_yaml *map, ice_str prefix, int depth) {
  if (map->kind != ICE_YAML_MAP || depth > ICE_YAML_DEPTH_MAX) {
    return ice_error_set(from->err, ICE_INVALID_ARGUMENT, "%.*s: the file must be a map of keys",
                         ICE_STR_ARG(from->settings->file));
  }
  for (const ice_yaml *entry = map->first; entry; entry = entry->next) {
    char key[KEY_TEXT_MAX];
    int size =
        snprintf(key, sizeof key, "%.*s%s%.*s", ICE_STR_ARG(prefix), prefix.size ? "." : "", ICE_STR_ARG(entry->key));
    size_t used = size < 0 ? 0 : (size_t)size >= sizeof key ? sizeof key - 1 : (size_t)size;
    ice_status status = set_yaml_entry(from, entry, ice_str_make(key, used), depth);
    if (status != ICE_OK) {
      return status;
    }
  }
  return ICE_OK;
}

static ice_status load_yaml(source *from, const char *file) {
  ice_settings *settings = from->settings;
  ice_error *err = from->err;
  ice_bytes text;
  ice_bytes_init(&text, ICE_YAML_BYTES_MAX);
  ice_yaml *root;
  ice_str kept;
  ice_status status = ICE_OK;
  ICE_TRY(ice_arena_copy_str(&settings->arena, ice_str_of(file), &settings->file, err));
  const char *slash = strrchr(settings->file.data, '/');
  settings->directory =
      slash ? ice_str_make(settings->file.data, (size_t)(slash - settings->file.data)) : (ice_str){0};
  from->directory = settings->directory;
  ICE_TRY(ice_port_read_file(from->port, file, &text, err));
  ICE_TRY(ice_arena_copy_str(&settings->arena, ice_bytes_str(&text), &kept, err));
  ICE_TRY(ice_yaml_parse(kept, settings->file, &settings->arena, &root, err));
  ICE_TRY(set_yaml(from, root, (ice_str){0}, 0));
done:
  ice_bytes_deinit(&text);
  return status;
}

// The option that an environment variable names.
static ice_option_id find_variable(ice_str name) {
  for (size_t i = 0; i < ICE_OPTION_ID_COUNT; i++) {
    const char *names = ice_option_get((ice_option_id)i)->environment;
    while (names && *names) {
      const char *space = strchr(names, ' ');
      size_t size = space ? (size_t)(space - names) : strlen(names);
      if (ice_str_equal(name, ice_str_make(names, size))) {
        return (ice_option_id)i;
      }
      names += size + (space != NULL);
    }
  }
  return ICE_OPTION_ID_COUNT;
}

// An empty variable counts as not set: shells and container files often leave them so.
static ice_status set_variable(source *from, ice_str name, ice_str value) {
  ice_option_id id = find_variable(name);
  return id == ICE_OPTION_ID_COUNT || value.size == 0 ? ICE_OK : set_text(from, id, value);
}

static ice_str trim(ice_str text) {
  while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
    text = ice_str_make(text.data + 1, text.size - 1);
  }
  while (text.size > 0 && strchr(" \t\r", text.data[text.size - 1])) {
    text.size--;
  }
  return text;
}

// dotenv: NAME=value, `export` allowed, quotes stripped, `#` after white space begins a comment.
static bool parse_dotenv_line(ice_str line, ice_str *name, ice_str *value) {
  line = trim(line);
  if (ice_str_starts_with(line, ICE_STR("export "))) {
    line = trim(ice_str_make(line.data + 7, line.size - 7));
  }
  const char *equals = line.size > 0 && line.data[0] != '#' ? memchr(line.data, '=', line.size) : NULL;
  if (!equals) {
    return false;
  }
  *name = trim(ice_str_make(line.data, (size_t)(equals - line.data)));
  ice_str rest = trim(ice_str_make(equals + 1, line.size - (size_t)(equals - line.data) - 1));
  if (rest.size > 0 && (rest.data[0] == '"' || rest.data[0] == '\'')) {
    const char *end = memchr(rest.data + 1, rest.data[0], rest.size - 1);
    *value = end ? ice_str_make(rest.data + 1, (size_t)(end - rest.data) - 1) : rest;
    return true;
  }
  for (size_t i = 0; i < rest.size; i++) {
    if (rest.data[i] == '#' && (i == 0 || rest.data[i - 1] == ' ' || rest.data[i - 1] == '\t')) {
      rest = trim(ice_str_make(rest.data, i));
      break;
    }
  }
  *value = rest;
  return true;
}

static ice_status load_dotenv(source *from, const char *file) {
  ice_error *err = from->err;
  ice_bytes text;
  ice_bytes_init(&text, ICE_YAML_BYTES_MAX);
  ice_status status = ice_port_read_file(from->port, file, &text, err);
  if (status == ICE_NOT_FOUND) {
    ice_error_clear(err);
    status = ICE_OK;
  }
  uint32_t line_number = 0;
  for (size_t at = 0; status == ICE_OK && at < text.size;) {
    const uint8_t *end = memchr(text.data + at, '\n', text.size - at);
    size_t size = end ? (size_t)(end - text.data) - at : text.size - at;
    ice_str name;
    ice_str value;
    char origin[KEY_TEXT_MAX];
    line_number++;
    if (parse_dotenv_line(ice_str_make((const char *)text.data + at, size), &name, &value)) {
      int length = snprintf(origin, sizeof origin, "%s:%u", file, line_number);
      size_t used = length < 0 ? 0 : (size_t)length >= sizeof origin ? sizeof origin - 1 : (size_t)length;
      status = ice_arena_copy_str(&from->settings->arena, ice_str_make(origin, used), &from->origin, err);
      if (status == ICE_OK) {
        status = set_variable(from, name, value);
      }
    }
    at += size + 1;
  }
  ice_bytes_deinit(&text);
  return status;
}

// Options are walked, not variables, so that the first of an option's names wins whatever the order of the environment.
static ice_status load_environment(source *from) {
  ice_status status = ICE_OK;
  for (size_t i = 0; status == ICE_OK && i < ICE_OPTION_ID_COUNT; i++) {
    const char *names = ice_option_get((ice_option_id)i)->environment;
    while (status == ICE_OK && names && *names) {
      const char *space = strchr(names, ' ');
      ice_str name = ice_str_make(names, space ? (size_t)(space - names) : strlen(names));
      ice_str value = lookup(from->environment, name);
      if (value.size > 0) {
        from->origin = name;
        status = set_text(from, (ice_option_id)i, value);
        break;
      }
      names += name.size + (space != NULL);
    }
  }
  return status;
}

static ice_status load_flags(source *from, const ice_str *flags, size_t count) {
  ice_status status = ICE_OK;
  for (size_t i = 0; status == ICE_OK && i < count; i++) {
    const char *equals = memchr(flags[i].data, '=', flags[i].size);
    size_t size = equals ? (size_t)(equals - flags[i].data) : flags[i].size;
    ice_str key = ice_str_make(flags[i].data, size);
    ice_option_id id = ice_option_find(key);
    from->origin = ICE_STR("flag");
    if (id == ICE_OPTION_ID_COUNT || ice_option_get(id)->type == ICE_OPTION_TREE || !equals) {
      const char *near = ice_option_suggest(key);
      return ice_error_set(from->err, ICE_INVALID_ARGUMENT, "unknown flag --%.*s%s%s%s", ICE_STR_ARG(key),
                           near ? " (did you mean --" : "", near ? near : "", near ? "?)" : "");
    }
    status = set_text(from, id, ice_str_make(equals + 1, flags[i].size - size - 1));
  }
  return status;
}

ice_status ice_settings_load(const ice_port *port, const ice_settings_sources *sources, ice_settings *out,
                             ice_error *err) {
  *out = (ice_settings){0};
  ice_arena_init(&out->arena, SETTINGS_BYTES_MAX);
  source from = {.port = port, .settings = out, .environment = sources->environment, .err = err};
  ice_status status = ICE_OK;
  ICE_TRY(set_defaults(&from));
  if (sources->file) {
    ICE_TRY(load_yaml(&from, sources->file));
  }
  from.directory = (ice_str){0};
  from.is_environment = true;
  from.is_literal = true;
  if (sources->dotenv) {
    ICE_TRY(load_dotenv(&from, sources->dotenv));
  }
  if (sources->environment) {
    ICE_TRY(load_environment(&from));
  }
  from.is_environment = false;
  from.is_literal = sources->literal_flags;
  ICE_TRY(load_flags(&from, sources->flags, sources->flag_count));
done:
  return status;
}

void ice_settings_deinit(ice_settings *settings) {
  ice_arena_deinit(&settings->arena);
  *settings = (ice_settings){0};
}

ice_status ice_settings_require(const ice_settings *settings, ice_option_id id, ice_error *err) {
  if (settings->values[id].set) {
    return ICE_OK;
  }
  const ice_option *option = ice_option_get(id);
  return ice_error_set(err, ICE_INVALID_ARGUMENT, "%s is not set%s%s%s", option->key,
                       option->environment ? " (environment: " : "", option->environment ? option->environment : "",
                       option->environment ? ")" : "");
}
