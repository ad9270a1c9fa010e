#include "cli/cli.h"

#include "config/yaml.h"
#include "pipeline/pipeline_config.h"
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

enum { PRESET_BYTES_MAX = 1 << 20 };

// Arguments ---------------------------------------------------------------------------------------------------------

static ice_status take_value(int count, char **arguments, int *at, const char *name, const char **out,
                             ice_error *err) {
  const char *equals = strchr(arguments[*at], '=');
  if (equals) {
    *out = equals + 1;
    return ICE_OK;
  }
  if (*at + 1 >= count) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "%s needs a value", name);
  }
  *out = arguments[++*at];
  return ICE_OK;
}

static bool is_named(const char *argument, const char *name) {
  size_t size = strlen(name);
  return strncmp(argument, name, size) == 0 && (argument[size] == '\0' || argument[size] == '=');
}

// Option flags are kept as "key=value"; "--key value" is joined in the command line's own memory by the caller's rule that
// a flag with a dot or without "=" takes the next argument.
static ice_status take_flag(int count, char **arguments, int *at, ice_arguments *out, ice_error *err) {
  const char *text = arguments[*at] + 2;
  if (strchr(text, '=')) {
    out->flags[out->flag_count++] = ice_str_of(text);
    return ICE_OK;
  }
  if (ice_option_find(ice_str_of(text)) == ICE_OPTION_ID_COUNT) {
    const char *near = ice_option_suggest(ice_str_of(text));
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "unknown flag --%s%s%s%s", text, near ? " (did you mean --" : "",
                         near ? near : "", near ? "?)" : "");
  }
  return *at + 1 < count ? ice_error_set(err, ICE_INVALID_ARGUMENT, "write --%s=%s", text, arguments[*at + 1])
                         : ice_error_set(err, ICE_INVALID_ARGUMENT, "--%s needs a value: --%s=…", text, text);
}

static ice_status take_own(int count, char **arguments, int *at, const ice_argument *own, size_t own_count,
                           bool *taken, ice_error *err) {
  *taken = false;
  for (size_t i = 0; i < own_count; i++) {
    if (!is_named(arguments[*at], own[i].name)) {
      continue;
    }
    *taken = true;
    if (own[i].present) {
      *own[i].present = true;
    }
    return own[i].value ? take_value(count, arguments, at, own[i].name, own[i].value, err) : ICE_OK;
  }
  return ICE_OK;
}

ice_status ice_arguments_read(int count, char **arguments, const ice_argument *own, size_t own_count,
                              ice_arguments *out, ice_error *err) {
  *out = (ice_arguments){0};
  if (count > ICE_ARGUMENTS_MAX) {
    return ice_error_set(err, ICE_LIMIT, "more than %d arguments", (int)ICE_ARGUMENTS_MAX);
  }
  for (int i = 0; i < count; i++) {
    bool taken;
    ice_status status = take_own(count, arguments, &i, own, own_count, &taken, err);
    if (status == ICE_OK && !taken) {
      if (is_named(arguments[i], "--config")) {
        status = take_value(count, arguments, &i, "--config", &out->config, err);
      } else if (strcmp(arguments[i], "--json") == 0) {
        out->json = true;
      } else if (strncmp(arguments[i], "--", 2) == 0) {
        status = take_flag(count, arguments, &i, out, err);
      } else {
        out->positional[out->positional_count++] = arguments[i];
      }
    }
    if (status != ICE_OK) {
      return status;
    }
  }
  return ICE_OK;
}

// Settings ----------------------------------------------------------------------------------------------------------

static bool file_exists(const char *path) { return access(path, R_OK) == 0; }

ice_status ice_cli_settings(const ice_arguments *arguments, const char *file, ice_settings *out, ice_error *err) {
  ice_settings_sources sources = {.file = arguments->config ? arguments->config : file,
                                  .dotenv = ".env.local",
                                  .environment = environ,
                                  .flags = arguments->flags,
                                  .flag_count = arguments->flag_count};
  return ice_settings_load(ice_port_system(), &sources, out, err);
}

ice_status ice_cli_table_settings(const ice_arguments *arguments, ice_settings *out, ice_error *err) {
  ice_status status = ICE_OK;
  bool by_environment = getenv("ICEBERG_CATALOG_URI") != NULL;
  const char *file = !by_environment && file_exists("icesink.yaml") ? "icesink.yaml" : NULL;
  ICE_TRY(ice_cli_settings(arguments, file, out, err));
  if (!out->values[ICE_OPTION_ID_CATALOG_URI].set && file_exists("lake/catalog.db")) {
    ice_settings_deinit(out);
    static const ice_str embedded[] = {ICE_STR_INIT("catalog.uri=lake/catalog.db"),
                                       ICE_STR_INIT("catalog.warehouse=lake/warehouse"),
                                       ICE_STR_INIT("catalog.name=health_catalog")};
    ice_settings_sources sources = {.flags = embedded, .flag_count = ICE_COUNT_OF(embedded)};
    ICE_TRY(ice_settings_load(ice_port_system(), &sources, out, err));
  }
  ICE_TRY(ice_settings_require(out, ICE_OPTION_ID_CATALOG_URI, err));
done:
  return status;
}

// Pipelines ---------------------------------------------------------------------------------------------------------

void ice_cli_program_directory(char *out, size_t size) {
  ssize_t length = readlink("/proc/self/exe", out, size - 1);
  out[length < 0 ? 0 : length] = '\0';
  char *slash = strrchr(out, '/');
  if (slash) {
    *slash = '\0';
  }
}

ice_status ice_cli_read_preset(ice_str name, ice_bytes *text, ice_bytes *path, ice_error *err) {
  char directory[PATH_MAX];
  ice_cli_program_directory(directory, sizeof directory);
  if (name.size == 0 || memchr(name.data, '/', name.size)) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "\"%.*s\" is no name of a preset", ICE_STR_ARG(name));
  }
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_format(path, err, "%s/../share/icesink/presets/%.*s.yaml", directory, ICE_STR_ARG(name)));
  const char *file = ice_bytes_c_str(path, err);
  if (!file) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a path");
  }
  status = ice_port_read_file(ice_port_system(), file, text, err);
  if (status == ICE_NOT_FOUND) {
    ice_error_prepend(err, "there is no preset %.*s", ICE_STR_ARG(name));
  }
done:
  return status;
}

static ice_status read_preset_spec(ice_str name, ice_pipeline_spec *out, ice_error *err) {
  ice_arena arena;
  ice_bytes text;
  ice_bytes path;
  ice_yaml *tree;
  ice_arena_init(&arena, PRESET_BYTES_MAX * 16);
  ice_bytes_init(&text, PRESET_BYTES_MAX);
  ice_bytes_init(&path, PATH_MAX * 2);
  ice_status status = ICE_OK;
  ICE_TRY(ice_cli_read_preset(name, &text, &path, err));
  ICE_TRY(ice_yaml_parse(ice_bytes_str(&text), ice_bytes_str(&path), &arena, &tree, err));
  ICE_TRY(ice_pipeline_spec_read(tree, ice_bytes_str(&path), out, err));
done:
  ice_bytes_deinit(&text);
  ice_bytes_deinit(&path);
  ice_arena_deinit(&arena);
  return status;
}

ice_status ice_cli_read_pipeline(const ice_settings *settings, ice_pipeline_spec *out, ice_error *err) {
  *out = (ice_pipeline_spec){0};
  const ice_yaml *tree = ice_settings_get(settings, ICE_OPTION_ID_PIPELINE)->tree;
  ice_str preset = ice_settings_text(settings, ICE_OPTION_ID_PRESET);
  if (tree && ice_yaml_get(tree, "preset")) {
    if (tree->count != 1) {
      return ice_error_set(err, ICE_INVALID_ARGUMENT,
                           "%.*s:%u: preset stands alone; `icesink config show NAME` prints one to copy and change",
                           ICE_STR_ARG(settings->file), tree->line);
    }
    preset = ice_yaml_get(tree, "preset")->text;
  } else if (tree) {
    return ice_pipeline_spec_read(tree, settings->file, out, err);
  }
  return preset.size > 0
             ? read_preset_spec(preset, out, err)
             : ice_error_set(err, ICE_INVALID_ARGUMENT, "pipeline is not set; try pipeline: {preset: health}");
}

static ice_status complete_name(ice_settings *settings, ice_str name, ice_table_ident *out, ice_error *err) {
  ice_str database = ice_settings_text(settings, ICE_OPTION_ID_TABLES_DATABASE);
  if (memchr(name.data, '.', name.size) || database.size == 0) {
    return ice_table_ident_parse(name, out, err);
  }
  *out = (ice_table_ident){.namespace_name = database, .name = name};
  return ICE_OK;
}

ice_status ice_cli_tables_read(ice_settings *settings, const ice_pipeline_spec *spec, ice_cli_tables *out,
                               ice_error *err) {
  *out = (ice_cli_tables){0};
  ice_status status = ICE_OK;
  ICE_TRY(ice_settings_require(settings, ICE_OPTION_ID_TABLES_DATA, err));
  ICE_TRY(ice_settings_require(settings, ICE_OPTION_ID_TABLES_DEAD_LETTERS, err));
  uint32_t data_count = 1;
  for (uint32_t i = 0; i < spec->route_count; i++) {
    data_count = spec->routes[i].table >= data_count ? spec->routes[i].table + 1 : data_count;
  }
  out->count = data_count + 1;
  out->idents = ice_arena_alloc_array(&settings->arena, out->count, sizeof *out->idents, err);
  if (!out->idents) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for %u tables", out->count);
  }
  ICE_TRY(complete_name(settings, ice_settings_text(settings, ICE_OPTION_ID_TABLES_DATA), &out->idents[0], err));
  for (uint32_t i = 0; i < spec->route_count; i++) {
    ICE_TRY(complete_name(settings, spec->routes[i].name, &out->idents[spec->routes[i].table], err));
  }
  ICE_TRY(complete_name(settings, ice_settings_text(settings, ICE_OPTION_ID_TABLES_DEAD_LETTERS),
                        &out->idents[data_count], err));
  for (uint32_t i = 0; i < out->count; i++) {
    for (uint32_t j = 0; j < i; j++) {
      if (ice_str_equal(out->idents[i].name, out->idents[j].name) &&
          ice_str_equal(out->idents[i].namespace_name, out->idents[j].namespace_name)) {
        ICE_FAIL(ICE_INVALID_ARGUMENT, "table %.*s.%.*s is named twice", ICE_IDENT_ARG(out->idents[i]));
      }
    }
  }
  ice_str lead = ice_settings_text(settings, ICE_OPTION_ID_TABLES_LEAD);
  if (lead.size > 0) {
    ice_table_ident ident;
    ICE_TRY(complete_name(settings, lead, &ident, err));
    while (out->lead < out->count && !(ice_str_equal(ident.name, out->idents[out->lead].name) &&
                                       ice_str_equal(ident.namespace_name, out->idents[out->lead].namespace_name))) {
      out->lead++;
    }
    if (out->lead == out->count) {
      ICE_FAIL(ICE_INVALID_ARGUMENT, "tables.lead is %.*s, which is none of the pipeline's tables",
               ICE_STR_ARG(lead));
    }
  }
done:
  return status;
}

static ice_status build_spec(const ice_schema *schema, const ice_str *texts, uint32_t count, ice_arena *arena,
                             ice_partition_spec *out, ice_error *err) {
  *out = (ice_partition_spec){.field_count = count};
  out->fields = ice_arena_alloc_array(arena, count, sizeof *out->fields, err);
  if (!out->fields) {
    return ICE_NO_MEMORY;
  }
  for (uint32_t i = 0; i < count; i++) {
    ice_status status = ice_partition_field_parse(texts[i], schema, arena, &out->fields[i], err);
    if (status != ICE_OK) {
      return status;
    }
    out->fields[i].field_id = ICE_PARTITION_FIELD_ID_FIRST + (int32_t)i;
  }
  return ICE_OK;
}

static ice_status create_table(ice_catalog *catalog, const ice_pipeline_spec *spec, ice_table_ident ident,
                               bool dead_letters, bool *created, ice_error *err) {
  enum { SPEC_BYTES_MAX = 1 << 20 };
  ice_arena arena;
  ice_arena_init(&arena, SPEC_BYTES_MAX);
  ice_table table = {0};
  ice_partition_spec partition_spec;
  const ice_schema *schema = dead_letters ? spec->dead_letter_schema : spec->schema;
  ice_table_create create = {.schema = schema, .spec = &partition_spec};
  ice_status status = ICE_OK;
  *created = false;
  status = ice_catalog_load_table(catalog, ident, &table, err);
  if (status != ICE_NOT_FOUND) {
    goto done;
  }
  ice_error_clear(err);
  ICE_TRY(build_spec(schema, dead_letters ? spec->dead_letter_partition : spec->partition,
                     dead_letters ? spec->dead_letter_partition_count : spec->partition_count, &arena,
                     &partition_spec, err));
  ICE_TRY(ice_catalog_create_namespace(catalog, ident.namespace_name, err));
  status = ice_catalog_create_table(catalog, ident, &create, &table, err);
  *created = status == ICE_OK;
  if (status == ICE_ALREADY_EXISTS) {
    // Another process was faster, which is as good.
    ice_error_clear(err);
    status = ICE_OK;
  }
done:
  ice_table_deinit(&table);
  ice_arena_deinit(&arena);
  return status;
}

ice_status ice_cli_create_tables(ice_catalog *catalog, const ice_pipeline_spec *spec, const ice_cli_tables *tables,
                                 uint32_t *created, ice_error *err) {
  *created = 0;
  for (uint32_t i = 0; i < tables->count; i++) {
    bool made;
    ice_status status = create_table(catalog, spec, tables->idents[i], i + 1 == tables->count, &made, err);
    if (status != ICE_OK) {
      return status;
    }
    *created += made;
  }
  return ICE_OK;
}

// Messages ----------------------------------------------------------------------------------------------------------

int ice_cli_fail(const char *command, const ice_error *err) {
  fprintf(stderr, "icesink %s: %s\n", command, err->message);
  if (err->flags & ICE_ERROR_POLICY) {
    return ICE_EXIT_POLICY;
  }
  return err->status == ICE_INVALID_ARGUMENT ? ICE_EXIT_USAGE : ICE_EXIT_FAILED;
}

int ice_cli_usage(const ice_command *command, const ice_error *err) {
  fprintf(stderr, "icesink %s: %s\n\n%s", command->name, err->message, command->help);
  return ICE_EXIT_USAGE;
}

void ice_cli_number(int64_t value, char out[32]) {
  char digits[24];
  int size = snprintf(digits, sizeof digits, "%lld", (long long)value);
  size_t at = 0;
  for (int i = 0; i < size; i++) {
    if (i > 0 && digits[i - 1] != '-' && (size - i) % 3 == 0) {
      out[at++] = ',';
    }
    out[at++] = digits[i];
  }
  out[at] = '\0';
}

void ice_cli_size(uint64_t bytes, char out[32]) {
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = (double)bytes;
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < ICE_COUNT_OF(units)) {
    value /= 1024;
    unit++;
  }
  snprintf(out, 32, value < 10 && unit > 0 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

void ice_cli_rate(double per_second, char out[32]) {
  if (per_second >= 1e6) {
    snprintf(out, 32, "%.1f M", per_second / 1e6);
  } else if (per_second >= 1e3) {
    snprintf(out, 32, "%.0f k", per_second / 1e3);
  } else {
    snprintf(out, 32, "%.0f", per_second);
  }
}
