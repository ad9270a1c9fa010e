#include "cli/cli_source.h"
#include "cli/embedded.h"
#include "cli/run_metrics.h"
#include "cli/run_report.h"
#include "ingest/ingest.h"
#include "observe/http_server.h"
#include "runtime/sink.h"
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static _Atomic bool stop;

static void on_signal(int number) {
  (void)number;
  stop = true;
}

static const char help[] =
    "Usage: icesink run [CONFIG] [--until-end] [--embedded] [--json] [--KEY=VALUE …]\n\n"
    "Runs the sink. Without CONFIG it reads ./icesink.yaml. Every option of docs/configuration.md is a flag, such "
    "as\n"
    "--commit.interval=10s.\n\n"
    "  --until-end    drain the topic to the end that it has now, commit, end\n"
    "  --embedded     no server: a generated topic and two tables under ./lake\n"
    "  --messages N   with --embedded: messages to generate (200000)\n"
    "  --json         the summary at the end as one JSON object\n\n"
    "Status: 0 done, 1 failed, 2 usage or configuration, 3 stopped by a policy.\n";

/// Everything that a run opens, in the order in which it is opened.
typedef struct run {
  ice_settings settings;
  ice_pipeline_spec spec;
  ice_cli_tables tables;
  ice_log *log;
  ice_metrics *metrics;
  ice_http_status status;
  ice_http_server *server;
  ice_run_metrics shown;
  ice_run_report *report;
  ice_observer observer;
  ice_budget budget;
  ice_catalog *catalog;
  ice_ingest *ingest;
  ice_source *source;
  ice_schema_registry *registry;
  const ice_schema **schemas;
  ice_bytes schema_text;
} run;

static void count_through(void *context, const char *name, ice_str label, int64_t delta) {
  run *self = context;
  ice_metrics_add(self->metrics, name, label, delta);
}

static void gauge_through(void *context, const char *name, ice_str label, double value) {
  run *self = context;
  ice_metrics_set(self->metrics, name, label, value);
}

static void sample_through(void *context, const char *name, double value) {
  ice_metrics_observe(((const run *)context)->metrics, name, value);
}

static void log_through(void *context, ice_log_level level, ice_str message, const ice_log_field *fields,
                        size_t field_count) {
  run *self = context;
  ice_log_event(self->log, level, message, fields, field_count);
}

static ice_status open_log(run *self, ice_error *err) {
  ice_log_level level = ICE_LOG_INFO;
  const ice_setting *wanted = ice_settings_get(&self->settings, ICE_OPTION_ID_LOG_LEVEL);
  (void)ice_log_level_parse(wanted->text, &level);
  // On a terminal the progress line tells what goes well.
  if (isatty(STDERR_FILENO) && ice_str_equal_c(wanted->origin, "default")) {
    level = ICE_LOG_WARN;
  }
  ice_str format = ice_settings_text(&self->settings, ICE_OPTION_ID_LOG_FORMAT);
  ice_status status = ice_metrics_create(&self->metrics, err);
  if (status != ICE_OK) {
    return status;
  }
  self->observer = (ice_observer){
      .context = self, .log = log_through, .count = count_through, .gauge = gauge_through, .sample = sample_through};
  return ice_log_create(ice_port_system(), STDERR_FILENO, level,
                        ice_str_equal_c(format, "json") ? ICE_LOG_JSON_LINES : ICE_LOG_TEXT_LINES, &self->log, err);
}

static ice_status open_decoding(run *self, ice_pipeline_options *out, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_cli_payload_format(&self->settings, &out->format, err));
  if (out->format == ICE_PAYLOAD_AVRO) {
    const char *schema = ice_settings_c_str(&self->settings, ICE_OPTION_ID_DECODE_SCHEMA);
    ICE_TRY(ice_port_read_file(ice_port_system(), schema, &self->schema_text, err));
    out->schema_text = ice_bytes_str(&self->schema_text);
  } else if (out->format != ICE_PAYLOAD_JSON) {
    ICE_TRY(ice_cli_open_registry(&self->settings, &stop, &self->registry, err));
    out->registry = self->registry;
  }
done:
  return status;
}

static ice_status open_source(run *self, ice_error *err) {
  if (ice_cli_source_is_kafka(&self->settings)) {
    // librdkafka holds this on its own account, so the rest has to do with less.
    ice_budget_add(&self->budget, ice_cli_kafka_memory(&self->settings));
  }
  return ice_cli_open_source(&self->settings, &self->observer, &self->source, err);
}

static bool is_set_to(const ice_settings *settings, ice_option_id id, const char *value) {
  return ice_str_equal_c(ice_settings_text(settings, id), value);
}

static ice_policies read_policies(const ice_settings *settings) {
  return (ice_policies){
      .on_rollback = is_set_to(settings, ICE_OPTION_ID_ON_ROLLBACK, "rewind")     ? ICE_ROLLBACK_REWIND
                     : is_set_to(settings, ICE_OPTION_ID_ON_ROLLBACK, "continue") ? ICE_ROLLBACK_CONTINUE
                                                                                  : ICE_ROLLBACK_STOP,
      .skip_gaps = is_set_to(settings, ICE_OPTION_ID_ON_GAP, "skip"),
      .reset_to_earliest = is_set_to(settings, ICE_OPTION_ID_ON_RESET, "earliest"),
      .restart_recreated = is_set_to(settings, ICE_OPTION_ID_ON_RECREATED, "restart"),
      .start_renamed = is_set_to(settings, ICE_OPTION_ID_ON_RENAMED, "start"),
  };
}

static ice_status open_ingest(run *self, ice_error *err) {
  const ice_settings *settings = &self->settings;
  ice_str codec = ice_settings_text(settings, ICE_OPTION_ID_WRITE_COMPRESSION);
  ice_ingest_options options = {
      .catalog = self->catalog,
      .port = ice_port_system(),
      .observer = &self->observer,
      .budget = &self->budget,
      .sink = ice_settings_text(settings, ICE_OPTION_ID_NAME),
      .tables = self->tables.idents,
      .table_count = self->tables.count,
      .lead = self->tables.lead,
      .start = ice_str_equal_c(ice_settings_text(settings, ICE_OPTION_ID_SOURCE_KAFKA_START), "latest")
                   ? ICE_START_LATEST
                   : ICE_START_EARLIEST,
      .policies = read_policies(settings),
      .write = {.codec = ice_str_equal_c(codec, "zstd")   ? ICE_CODEC_ZSTD
                         : ice_str_equal_c(codec, "none") ? ICE_CODEC_NONE
                                                          : ICE_CODEC_SNAPPY,
                .page_size = (size_t)ice_settings_number(settings, ICE_OPTION_ID_WRITE_PAGE_SIZE),
                .row_group_size = (uint64_t)ice_settings_number(settings, ICE_OPTION_ID_WRITE_ROW_GROUP_SIZE),
                .target_file_size = (uint64_t)ice_settings_number(settings, ICE_OPTION_ID_WRITE_TARGET_FILE_SIZE)},
      .spill_directory = ice_settings_c_str(settings, ICE_OPTION_ID_WRITE_SPILL_DIRECTORY),
  };
  return ice_ingest_open(&options, &self->ingest, err);
}

static ice_status open_tables(run *self, ice_error *err) {
  bool create = ice_settings_number(&self->settings, ICE_OPTION_ID_TABLES_CREATE) != 0;
  uint32_t created;
  ice_status status = ICE_OK;
  ICE_TRY(ice_cli_read_pipeline(&self->settings, &self->spec, err));
  ICE_TRY(ice_cli_tables_read(&self->settings, &self->spec, &self->tables, err));
  ICE_TRY(ice_cli_open_catalog(&self->settings, create, &self->catalog, err));
  if (create) {
    ICE_TRY(ice_cli_create_tables(self->catalog, &self->spec, &self->tables, &created, err));
  }
  status = open_ingest(self, err);
  if (status == ICE_NOT_FOUND) {
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used,
             "; create it with `icesink init`, or set tables.create: true");
  }
done:
  return status;
}

static ice_status bind_pipeline(run *self, ice_pipeline_options *out, ice_error *err) {
  uint32_t data_count = self->tables.count - 1;
  self->schemas = calloc(self->tables.count, sizeof(const ice_schema *));
  if (!self->schemas) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %u tables", self->tables.count);
  }
  for (uint32_t i = 0; i < self->tables.count; i++) {
    self->schemas[i] = ice_ingest_schema(self->ingest, i);
  }
  out->spec = &self->spec;
  out->sink = ice_settings_text(&self->settings, ICE_OPTION_ID_NAME);
  out->port = ice_port_system();
  out->observer = &self->observer;
  out->table_schemas = self->schemas;
  out->table_count = data_count;
  out->dead_letter_schema = self->schemas[data_count];
  return ICE_OK;
}

static uint32_t worker_count(const ice_settings *settings) {
  int64_t chosen = ice_settings_number(settings, ICE_OPTION_ID_WORKERS);
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  // One thread writes; the others decode.
  int64_t fitting = cores > 4 ? 3 : cores > 1 ? cores - 1 : 1;
  return (uint32_t)(chosen > 0 ? chosen : fitting);
}

// An address that somebody chose must work; the default one gives way to a sink that has it already.
static ice_status open_server(run *self, ice_error *err) {
  const ice_setting *address = ice_settings_get(&self->settings, ICE_OPTION_ID_HTTP);
  if (ice_str_equal_c(address->text, "off")) {
    return ICE_OK;
  }
  self->status.metrics = self->metrics;
  ice_status status = ice_http_server_start(address->text, &self->status, &self->server, err);
  if (status == ICE_IO && ice_str_equal_c(address->origin, "default")) {
    ice_log_field field = ICE_LOG_TEXT("error", ice_str_of(err->message));
    ice_observe_log(&self->observer, ICE_LOG_WARN, ICE_STR("No status server"), &field, 1);
    ice_error_clear(err);
    return ICE_OK;
  }
  if (status == ICE_OK) {
    ice_log_field field = ICE_LOG_NUMBER("port", ice_http_server_port(self->server));
    ice_observe_log(&self->observer, ICE_LOG_INFO, ICE_STR("Status server listens"), &field, 1);
  }
  return status;
}

static void show_progress(void *context, const ice_sink_progress *progress) {
  run *self = context;
  ice_run_report_progress(self->report, progress);
  ice_run_metrics_update(&self->shown, progress);
  self->status.ready = !progress->deciding_failed;
}

static void close_run(run *self) {
  ice_http_server_destroy(self->server);
  ice_ingest_destroy(self->ingest);
  ice_source_destroy(self->source);
  ice_schema_registry_destroy(self->registry);
  ice_catalog_destroy(self->catalog);
  ice_pipeline_spec_deinit(&self->spec);
  ice_log_destroy(self->log);
  ice_metrics_destroy(self->metrics);
  ice_bytes_deinit(&self->schema_text);
  ice_settings_deinit(&self->settings);
  free(self->schemas);
}

static ice_status run_sink(run *self, bool until_end, ice_embedded *embedded, ice_run_report *report,
                           ice_error *err) {
  ice_pipeline_options pipeline = {0};
  const ice_settings *settings = &self->settings;
  ice_status status = ICE_OK;
  ICE_TRY(ice_settings_require(settings, ICE_OPTION_ID_NAME, err));
  ICE_TRY(open_server(self, err));
  ICE_TRY(open_tables(self, err));
  ICE_TRY(open_decoding(self, &pipeline, err));
  ICE_TRY(open_source(self, err));
  ICE_TRY(bind_pipeline(self, &pipeline, err));
  ice_sink_options options = {
      .port = ice_port_system(),
      .observer = &self->observer,
      .budget = &self->budget,
      .ingest = self->ingest,
      .source = self->source,
      .pipeline = &pipeline,
      .workers = worker_count(settings),
      .batch_size = (uint32_t)ice_settings_number(settings, ICE_OPTION_ID_WRITE_BATCH_SIZE),
      .batch_timeout_ms = ice_settings_number(settings, ICE_OPTION_ID_WRITE_BATCH_TIMEOUT),
      .commit_interval_ms = ice_settings_number(settings, ICE_OPTION_ID_COMMIT_INTERVAL),
      .commit_retries = (uint32_t)ice_settings_number(settings, ICE_OPTION_ID_COMMIT_RETRIES),
      .commit_retry_delay_ms = ice_settings_number(settings, ICE_OPTION_ID_COMMIT_RETRY_DELAY),
      .commit_give_up_ms = ice_settings_number(settings, ICE_OPTION_ID_COMMIT_GIVE_UP),
      .discovery_interval_ms = ice_cli_discovery_interval(settings),
      .until_end = until_end,
      .growing = embedded ? ice_embedded_growing : NULL,
      .growing_context = embedded,
      .stop = &stop,
      .progress = show_progress,
      .progress_context = self,
  };
  ice_run_report_begin(report, &self->observer, &self->budget);
  self->report = report;
  self->shown = (ice_run_metrics){.metrics = self->metrics, .budget = &self->budget, .source = self->source};
  status = ice_sink_run(&options, &report->last, err);
done:
  return status;
}

static int run_run(int count, char **arguments) {
  bool until_end = false;
  bool is_embedded = false;
  const char *messages = "200000";
  const ice_argument own[] = {
      {"--until-end", NULL, &until_end}, {"--embedded", NULL, &is_embedded}, {"--messages", &messages, NULL}};
  ice_arguments read;
  ice_error err = {0};
  run self = {0};
  ice_embedded embedded = {0};
  ice_run_report report = {0};
  ice_bytes_init(&self.schema_text, ICE_REGISTRY_SCHEMA_MAX);
  if (ice_arguments_read(count, arguments, own, ICE_COUNT_OF(own), &read, &err) != ICE_OK) {
    return ice_cli_usage(&ice_command_run, &err);
  }
  signal(SIGINT, on_signal);
  signal(SIGTERM, on_signal);
  const char *file = read.positional_count > 0 ? read.positional[0] : is_embedded ? NULL : "icesink.yaml";
  ice_status status = is_embedded ? ice_embedded_settings(&read, &self.settings, &err)
                                  : ice_cli_settings(&read, file, &self.settings, &err);
  if (status == ICE_OK) {
    ice_budget_init(&self.budget, ice_settings_number(&self.settings, ICE_OPTION_ID_MEMORY));
    status = open_log(&self, &err);
  }
  if (status == ICE_OK && is_embedded) {
    status = ice_embedded_start(&embedded, strtoll(messages, NULL, 10), &err);
  }
  if (status == ICE_OK) {
    status = run_sink(&self, until_end, is_embedded ? &embedded : NULL, &report, &err);
  }
  ice_embedded_stop(&embedded);
  if (status == ICE_OK) {
    ice_run_report_end(&report, self.catalog, &self.tables, stop, is_embedded, read.json);
  }
  int exit_status = status == ICE_OK ? ICE_EXIT_DONE : ice_cli_fail("run", &err);
  close_run(&self);
  return exit_status;
}

const ice_command ice_command_run = {
    .name = "run", .summary = "write a topic into its tables", .help = help, .run = run_run};
