#include "cli/cli.h"

#include <stdlib.h>
#include <unistd.h>

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
