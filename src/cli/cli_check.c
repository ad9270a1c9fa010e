#include "cli/cli_catalog.h"
#include "cli/cli_source.h"
#include "json/json_text.h"
#include "pipeline/pipeline_decoder.h"
#include "source/schema_registry_http.h"

enum { JSON_MAX = 1 << 16 };

static const char help[] =
    "Usage: icesink check [CONFIG] [--json] [--KEY=VALUE …]\n\n"
    "Looks at everything a run needs, with calls that change as little as possible: one line each, with the fix.\n";

/// What the steps hand on to each other.
typedef struct doctor {
  ice_settings settings;
  ice_pipeline_spec spec;
  ice_cli_tables tables;
  ice_catalog *catalog;
} doctor;

static ice_status check_catalog(doctor *self, ice_error *err) {
  return ice_cli_open_catalog(&(ice_cli_catalog_options){.settings = &self->settings}, &self->catalog, err);
}

static ice_status check_tables(doctor *self, ice_error *err) {
  ice_status status = ice_cli_tables_read(&self->settings, &self->spec, &self->tables, err);
  for (uint32_t i = 0; status == ICE_OK && i < self->tables.count; i++) {
    ice_table table = {0};
    status = ice_catalog_load_table(self->catalog, self->tables.idents[i], &table, err);
    ice_table_deinit(&table);
  }
  return status;
}

static ice_status check_store(doctor *self, ice_error *err) {
  ice_bytes location;
  ice_table table = {0};
  char probe[64];
  ice_bytes_init(&location, 1 << 14);
  const ice_port *port = ice_port_system();
  snprintf(probe, sizeof probe, "/data/.icesink-check-%lld", (long long)port->clock.now_us(port->clock.context));
  ice_status status = ICE_OK;
  ICE_TRY(ice_catalog_load_table(self->catalog, self->tables.idents[0], &table, err));
  ICE_TRY(ice_bytes_append_str(&location, table.metadata->location, err));
  ICE_TRY(ice_bytes_append_str(&location, ice_str_of(probe), err));
  ICE_TRY(ice_store_write_all(self->catalog->store, ice_bytes_str(&location), "check", 5, err));
  char back[5];
  ICE_TRY(ice_store_read(self->catalog->store, ice_bytes_str(&location), 0, back, sizeof back, err));
  if (memcmp(back, "check", sizeof back) != 0) {
    ICE_FAIL(ICE_CORRUPT, "the store gave back other bytes than were written");
  }
  ICE_TRY(ice_store_remove(self->catalog->store, ice_bytes_str(&location), err));
done:
  ice_table_deinit(&table);
  ice_bytes_deinit(&location);
  return status;
}

static ice_status check_source(doctor *self, ice_error *err) {
  ice_source *source = NULL;
  ice_status status = ice_cli_open_source(&self->settings, NULL, false, &source, err);
  if (status == ICE_OK) {
    status = ice_source_refresh(source, err);
  }
  ice_source_destroy(source);
  return status;
}

// A schema file in place of a registry is read where decoding is set up; plain JSON has neither.
static ice_status check_registry(doctor *self, ice_error *err) {
  ice_str place = ice_settings_text(&self->settings, ICE_OPTION_ID_DECODE_REGISTRY);
  ice_schema_registry *registry = NULL;
  ice_payload_format format;
  ice_status status = ICE_OK;
  ICE_TRY(ice_cli_payload_format(&self->settings, &format, err));
  if (format != ICE_PAYLOAD_REGISTRY_AVRO && format != ICE_PAYLOAD_REGISTRY_JSON) {
    goto done;
  }
  ICE_TRY(ice_cli_open_registry(&self->settings, NULL, &registry, err));
  if (!ice_str_starts_with(place, ICE_STR("file:"))) {
    ICE_TRY(ice_schema_registry_http_probe(registry, err));
  }
done:
  ice_schema_registry_destroy(registry);
  return status;
}

// What Avro can fill is known by the schema of each message; what JSON can, by the columns' types.
static ice_status check_pipeline(doctor *self, ice_error *err) {
  ice_decoder *decoder = NULL;
  ice_status status = ice_cli_read_pipeline(&self->settings, &self->spec, err);
  if (status == ICE_OK && !ice_str_equal_c(ice_settings_text(&self->settings, ICE_OPTION_ID_DECODE_FORMAT), "avro")) {
    status = ice_decoder_open_json(&self->spec, &decoder, err);
  }
  ice_decoder_destroy(decoder);
  return status;
}

// One line a step, or one object a step: {"step", "ok", "error", "fix"}.
static void print_step(bool json, bool first, const char *step, ice_status status, const ice_error *err,
                       const char *fix) {
  if (!json) {
    if (status == ICE_OK) {
      printf("ok      %s\n", step);
    } else {
      printf("FAILED  %s: %s\n        %s\n", step, err->message, fix);
    }
    return;
  }
  ice_bytes text;
  ice_bytes_init(&text, JSON_MAX);
  // What does not fit is left out of the report; the exit status still tells that the step failed.
  (void)!ice_json_append_string(&text, ice_str_of(status == ICE_OK ? "" : err->message), NULL);
  printf("%s{\"step\":\"%s\",\"ok\":%s,\"error\":%.*s,\"fix\":\"%s\"}", first ? "" : ",", step,
         status == ICE_OK ? "true" : "false", ICE_STR_ARG(ice_bytes_str(&text)), status == ICE_OK ? "" : fix);
  ice_bytes_deinit(&text);
}

static int run_check(int count, char **arguments) {
  static const struct {
    const char *name;
    ice_status (*check)(doctor *self, ice_error *err);
    const char *fix;
  } steps[] = {
      {"pipeline", check_pipeline,
       "correct the pipeline section; `icesink config show health` prints one that works"},
      {"source", check_source, "look at source.kafka.brokers and source.kafka.topics, or at source.segment.*"},
      {"registry", check_registry, "look at source.decode.registry, with its path, and at its credentials"},
      {"catalog", check_catalog, "look at catalog.uri, or make a new catalog with `icesink init`"},
      {"tables", check_tables, "create them with `icesink init`"},
      {"store", check_store, "look at the permissions and the free space of catalog.warehouse"},
  };
  ice_arguments read;
  ice_error err = {0};
  doctor self = {0};
  if (ice_arguments_read(count, arguments, NULL, 0, &read, &err) != ICE_OK) {
    return ice_cli_usage(&ice_command_check, &err);
  }
  const char *file = read.positional_count > 0 ? read.positional[0] : "icesink.yaml";
  ice_status status = ice_cli_settings(&read, file, &self.settings, &err);
  fputs(read.json ? "[" : "", stdout);
  print_step(read.json, true, "configuration", status, &err, "correct the line that is named");
  for (size_t i = 0; status == ICE_OK && i < ICE_COUNT_OF(steps); i++) {
    status = steps[i].check(&self, &err);
    print_step(read.json, false, steps[i].name, status, &err, steps[i].fix);
  }
  fputs(read.json ? "]\n" : "", stdout);
  ice_catalog_destroy(self.catalog);
  ice_pipeline_spec_deinit(&self.spec);
  ice_settings_deinit(&self.settings);
  return status == ICE_OK ? ICE_EXIT_DONE : ICE_EXIT_FAILED;
}

const ice_command ice_command_check = {
    .name = "check", .summary = "look at everything a run needs", .help = help, .run = run_check};
