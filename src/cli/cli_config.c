#include "assembly/preset.h"
#include "cli/cli.h"

#include <stdlib.h>

static const char help[] =
    "Usage: icesink config show PRESET     print a shipped pipeline\n"
    "       icesink config new             print a first configuration\n"
    "       icesink config check [CONFIG]  print every setting and where it came from\n"
    "       icesink config options         print the manual of all options (docs/configuration.md)\n";

static const char first_configuration[] =
    "# A first configuration; docs/configuration.md lists every option.\n"
    "name: health                       # the sink: owns its position, never change it\n"
    "source:\n"
    "  kafka: {brokers: \"127.0.0.1:9092\", topics: [health-data-raw], group: flink-iceberg-consumer, start: "
    "earliest}\n"
    "  decode: {format: avro, registry: \"http://127.0.0.1:8081\"}\n"
    "pipeline: {preset: health}         # or explode / columns / validate / route spelled out\n"
    "tables:\n"
    "  data: health_db.health_data_raw\n"
    "  dead_letters: health_db.health_data_errors\n"
    "catalog: {type: sqlite, name: health_catalog, uri: ./lake/catalog.db, warehouse: ./lake/warehouse}\n"
    "write: {batch_size: 1000, batch_timeout: 10s, target_file_size: 256MB, compression: snappy}\n"
    "commit: {interval: 60s, retries: 3, retry_delay: 100ms}\n"
    "memory: 128MB\n";

enum { TEXT_MAX = 1 << 20 };

static ice_status show_preset(const char *name, ice_error *err) {
  ice_str text;
  ice_status status = ice_preset_find(ice_str_of(name), &text, err);
  if (status == ICE_OK) {
    fwrite(text.data, 1, text.size, stdout);
  }
  return status;
}

static void print_setting(const ice_option *option, const ice_setting *value) {
  printf("%-32s ", option->key);
  if (!value->set) {
    printf("(not set)\n");
    return;
  }
  if (option->type == ICE_OPTION_SECRET) {
    printf("******");
  } else if (option->type == ICE_OPTION_TREE) {
    printf("(line %u)", value->tree->line);
  } else if (option->type == ICE_OPTION_LIST) {
    for (uint32_t i = 0; i < value->item_count; i++) {
      printf("%s%.*s", i == 0 ? "" : ", ", ICE_STR_ARG(value->items[i]));
    }
  } else {
    printf("%.*s", ICE_STR_ARG(value->text));
  }
  printf("  (%.*s)\n", ICE_STR_ARG(value->origin));
}

static ice_status check_settings(const ice_arguments *arguments, ice_error *err) {
  ice_settings settings = {0};
  ice_pipeline_spec spec = {0};
  const char *file = arguments->positional_count > 1 ? arguments->positional[1] : "icesink.yaml";
  ice_status status = ICE_OK;
  ICE_TRY(ice_cli_settings(arguments, file, &settings, err));
  ICE_TRY(ice_read_pipeline(&settings, &spec, err));
  for (size_t i = 0; i < ICE_OPTION_ID_COUNT; i++) {
    print_setting(ice_option_get((ice_option_id)i), &settings.values[i]);
  }
done:
  ice_pipeline_spec_deinit(&spec);
  ice_settings_deinit(&settings);
  return status;
}

static const char *type_name(const ice_option *option) {
  static const char *const names[] = {"text",          "secret", "path",     "list", "whole number",
                                      "true or false", "choice", "duration", "size", "section"};
  return names[option->type];
}

static void print_manual(void) {
  printf(
      "# Configuration\n\nEvery option is a key of the YAML file, a flag (`--key=value`), and, where the table names "
      "one, an environment\nvariable (also read from `.env.local`). Flags count over the environment, the "
      "environment over `.env.local`, that over\nYAML, YAML over the defaults. Sizes are powers of 1024; durations "
      "are written 500ms, 10s, 15m, 1h. This page is made by\n`icesink config options`.\n\n"
      "| key | type | default | environment | meaning |\n|---|---|---|---|---|\n");
  for (size_t i = 0; i < ICE_OPTION_ID_COUNT; i++) {
    const ice_option *option = ice_option_get((ice_option_id)i);
    printf("| `%s` | %s", option->key, type_name(option));
    for (const char *c = option->choices ? option->choices : ""; *c; c++) {
      printf("%s", c == option->choices ? ": " : "");
      printf(*c == '|' ? ", " : "%c", *c);
    }
    printf(" | %s%s%s | %s%s%s | %s |\n", option->fallback ? "`" : "", option->fallback ? option->fallback : "",
           option->fallback ? "`" : "", option->environment ? "`" : "",
           option->environment ? option->environment : "", option->environment ? "`" : "", option->help);
  }
}

static int run_config(int count, char **arguments) {
  ice_arguments read;
  ice_error err = {0};
  ice_status status = ice_arguments_read(count, arguments, NULL, 0, &read, &err);
  if (status != ICE_OK || read.positional_count == 0) {
    if (status == ICE_OK) {
      ice_error_set(&err, ICE_INVALID_ARGUMENT, "say show, new, check or options");
    }
    return ice_cli_usage(&ice_command_config, &err);
  }
  const char *action = read.positional[0];
  if (strcmp(action, "show") == 0 && read.positional_count == 2) {
    status = show_preset(read.positional[1], &err);
  } else if (strcmp(action, "new") == 0) {
    fputs(first_configuration, stdout);
  } else if (strcmp(action, "check") == 0) {
    status = check_settings(&read, &err);
  } else if (strcmp(action, "options") == 0) {
    print_manual();
  } else {
    ice_error_set(&err, ICE_INVALID_ARGUMENT, "the arguments do not fit");
    return ice_cli_usage(&ice_command_config, &err);
  }
  return status == ICE_OK ? ICE_EXIT_DONE : ice_cli_fail("config", &err);
}

const ice_command ice_command_config = {.name = "config",
                                        .summary = "print presets, a first configuration, settings, all options",
                                        .help = help,
                                        .run = run_config};
