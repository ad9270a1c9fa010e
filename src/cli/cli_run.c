#include "assembly/open_source.h"
#include "assembly/sink_parts.h"
#include "cli/embedded.h"
#include "cli/run_metrics.h"
#include "cli/run_report.h"
#include "observe/http_server.h"
#include "runtime/sink.h"
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

// An output is full at this share of the budget.
enum { OUTPUT_SHARE = 16 };

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
  ice_sink_parts sink;
  ice_log *log;
  ice_metrics *metrics;
  ice_http_status status;
  ice_http_server *server;
  ice_run_metrics shown;
  ice_run_report *report;
  ice_observer observer;
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
  ice_sink_parts_close(&self->sink);
  ice_settings_deinit(&self->settings);
  ice_log_destroy(self->log);
  ice_metrics_destroy(self->metrics);
}

static ice_status run_sink(run *self, bool until_end, ice_embedded *embedded, ice_run_report *report,
                           ice_error *err) {
  const ice_settings *settings = &self->settings;
  ice_status status = ICE_OK;
  ICE_TRY(open_server(self, err));
  self->sink.settings = &self->settings;
  self->sink.observer = &self->observer;
  self->sink.stop = &stop;
  self->sink.open_source = ice_open_source;
  ICE_TRY(ice_sink_parts_open(&self->sink, ice_settings_number(settings, ICE_OPTION_ID_TABLES_CREATE) != 0, err));
  // Jobs under way have an output each.
  self->sink.pipeline.output_size_max = (size_t)ice_settings_number(settings, ICE_OPTION_ID_MEMORY) / OUTPUT_SHARE;
  ice_sink_options options = {
      .port = ice_port_system(),
      .observer = &self->observer,
      .budget = self->sink.budget,
      .ingest = self->sink.ingest,
      .source = self->sink.source,
      .pipeline = &self->sink.pipeline,
      .workers = worker_count(settings),
      .batch_size = (uint32_t)ice_settings_number(settings, ICE_OPTION_ID_WRITE_BATCH_SIZE),
      .batch_timeout_ms = ice_settings_number(settings, ICE_OPTION_ID_WRITE_BATCH_TIMEOUT),
      .commit_interval_ms = ice_settings_number(settings, ICE_OPTION_ID_COMMIT_INTERVAL),
      .commit_retries = (uint32_t)ice_settings_number(settings, ICE_OPTION_ID_COMMIT_RETRIES),
      .commit_retry_delay_ms = ice_settings_number(settings, ICE_OPTION_ID_COMMIT_RETRY_DELAY),
      .commit_give_up_ms = ice_settings_number(settings, ICE_OPTION_ID_COMMIT_GIVE_UP),
      .discovery_interval_ms = ice_source_discovery_interval(settings),
      .until_end = until_end,
      .growing = embedded ? ice_embedded_growing : NULL,
      .growing_context = embedded,
      .stop = &stop,
      .progress = show_progress,
      .progress_context = self,
      .rebind = ice_sink_parts_rebind,
      .rebind_context = &self->sink,
  };
  ice_run_report_begin(report, &self->observer, self->sink.budget);
  self->report = report;
  self->shown = (ice_run_metrics){.metrics = self->metrics, .budget = self->sink.budget, .source = self->sink.source};
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
  if (ice_arguments_read(count, arguments, own, ICE_COUNT_OF(own), &read, &err) != ICE_OK) {
    return ice_cli_usage(&ice_command_run, &err);
  }
  signal(SIGINT, on_signal);
  signal(SIGTERM, on_signal);
  const char *file = read.positional_count > 0 ? read.positional[0] : is_embedded ? NULL : "icesink.yaml";
  ice_status status = is_embedded ? ice_embedded_settings(&read, &self.settings, &err)
                                  : ice_cli_settings(&read, file, &self.settings, &err);
  if (status == ICE_OK) {
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
    ice_run_report_end(&report, self.sink.catalog, &self.sink.tables, stop, is_embedded, read.json);
  }
  int exit_status = status == ICE_OK ? ICE_EXIT_DONE : ice_cli_fail("run", &err);
  close_run(&self);
  return exit_status;
}

const ice_command ice_command_run = {
    .name = "run", .summary = "write a topic into its tables", .help = help, .run = run_run};
