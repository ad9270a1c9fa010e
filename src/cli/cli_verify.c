#include "assembly/open_catalog.h"
#include "assembly/open_source.h"
#include "assembly/sink_parts.h"
#include "cli/cli.h"
#include "ingest/verify_source.h"
#include "json/json_text.h"

static const char help[] =
    "Usage: icesink verify TABLE [--sink NAME] [--source] [--config FILE] [--json]\n\n"
    "Proves from the tables alone that the sink's ranges tile without a gap or an overlap, that its counts add up, "
    "that\n"
    "no data file is listed twice, and that every listed file is there with its size.\n\n"
    "  --source   reads the topic of the configuration too and compares every record that the log still has with "
    "the\n"
    "             rows and dead letters it became; TABLE is the sink's lead\n\n"
    "Status: 0 proven, 4 a violation was found.\n";

enum { JSON_MAX = 1 << 26, STRAY_SHOWN_MAX = 100 };

typedef struct verification {
  ice_catalog *catalog;
  ice_table_ident ident;
  bool json;
  const char *only;
  bool from_source;
  ice_settings sink_settings;
  ice_sink_parts sink;  ///< with --source: what the topic is read with
  ice_stray stray;
  ice_bytes stray_files;  ///< their locations as JSON, the first of them
  bool compared;          ///< the sink at hand, with the topic
  ice_verify_source_result source;
  uint32_t sinks;
  int64_t violations;
  ice_bytes found;  ///< violations as JSON
} verification;

static void report(void *context, const char *violation) {
  verification *self = context;
  if (!self->json) {
    printf("VIOLATION: %s\n", violation);
    return;
  }
  // A report that does not fit is still counted, and the count decides the status.
  if (self->found.size > 0) {
    (void)!ice_bytes_append_u8(&self->found, ',', NULL);
  }
  (void)!ice_json_append_string(&self->found, ice_str_of(violation), NULL);
}

static void print_comparison(const verification *self) {
  const ice_verify_source_result *c = &self->source;
  char records[32];
  char rows[32];
  if (!self->compared) {
    return;
  }
  ice_cli_number(c->records, records);
  ice_cli_number(c->rows, rows);
  printf(
      "  source: %lld epochs compared: %s records of the topic became the %s rows and dead letters that are there\n",
      (long long)c->epochs, records, rows);
  if (c->epochs_gone > 0) {
    printf("  source: %lld epochs not compared: their records are no longer in the log\n", (long long)c->epochs_gone);
  }
  if (c->epochs_rewritten > 0) {
    printf("  source: %lld epochs not compared: their files were rewritten or expired\n",
           (long long)c->epochs_rewritten);
  }
}

static void print_result(const verification *self, ice_str sink, const ice_verify_result *r) {
  if (self->json) {
    printf(
        "%s{\"sink\":\"%.*s\",\"epochs\":%lld,\"proven_from\":%lld,\"records\":%lld,\"gaps\":%lld,\"elements\":%lld,"
        "\"rows\":%lld,\"dead_letters\":%lld,\"filtered\":%lld,\"moves\":%lld,\"moved\":%lld,\"lost_epochs\":%lld,"
        "\"data_files\":%lld,\"rows_in_files\":%lld,",
        self->sinks > 1 ? "," : "", ICE_STR_ARG(sink), (long long)r->epochs, (long long)r->proven_from,
        (long long)r->totals.records, (long long)r->totals.gaps, (long long)r->totals.elements,
        (long long)r->totals.rows, (long long)r->totals.dead_letters, (long long)r->totals.filtered,
        (long long)r->moves, (long long)r->moved, (long long)r->lost_epochs, (long long)r->data_files,
        (long long)r->rows);
    if (self->compared) {
      printf(
          "\"source\":{\"epochs\":%lld,\"epochs_gone\":%lld,\"epochs_rewritten\":%lld,\"records\":%lld,\"rows\":%lld}"
          ",",
          (long long)self->source.epochs, (long long)self->source.epochs_gone,
          (long long)self->source.epochs_rewritten, (long long)self->source.records, (long long)self->source.rows);
    }
    printf("\"stray_files\":%lld,\"stray_bytes\":%lld,\"stray\":[%.*s],", (long long)self->stray.files,
           (long long)self->stray.bytes, ICE_STR_ARG(ice_bytes_str(&self->stray_files)));
    printf("\"stray_searched\":%s,", self->stray.refused[0] ? "false" : "true");
    printf("\"violations\":[%.*s]}", ICE_STR_ARG(ice_bytes_str(&self->found)));
    return;
  }
  char records[32];
  char rows[32];
  char dead[32];
  char files[32];
  ice_cli_number(r->totals.records, records);
  ice_cli_number(r->totals.rows, rows);
  ice_cli_number(r->totals.dead_letters, dead);
  ice_cli_number(r->data_files, files);
  printf("sink %.*s: %lld epochs over %lld partitions: %s records became %s rows, %s dead letters, %lld filtered\n",
         ICE_STR_ARG(sink), (long long)r->epochs, (long long)r->partitions, records, rows, dead,
         (long long)r->totals.filtered);
  if (r->violations > 0) {
    printf("  NOT PROVEN: %lld violations\n", (long long)r->violations);
    return;
  }
  if (r->proven_from == 1) {
    printf("  ranges: every epoch proven, from the first one on\n");
  } else if (r->proven_from > 1) {
    printf("  ranges: proven one by one from epoch %lld on; older snapshots are gone, the running totals add up\n",
           (long long)r->proven_from);
  } else {
    printf("  ranges: no snapshot of the sink is left to prove them; the running totals add up\n");
  }
  if (r->moves > 0 || r->lost_epochs > 0) {
    printf(
        "  policies: moved the position %lld times, by %lld offsets in all; accepted %lld epochs that the table "
        "lost\n",
        (long long)r->moves, (long long)r->moved, (long long)r->lost_epochs);
  }
  printf("  files: %s are listed once each and are there with their size\n", files);
  if (self->stray.files > 0) {
    char size[32];
    ice_cli_size((uint64_t)self->stray.bytes, size);
    printf(
        "  stray: %lld files, %s, that no snapshot lists, of epochs that were dropped or are under way; --json names "
        "them\n",
        (long long)self->stray.files, size);
  }
  if (self->stray.refused[0]) {
    printf("  stray: not searched for, the store does not list: %s\n", self->stray.refused);
  } else if (self->stray.hidden_history) {
    printf("  stray: manifest lists are not judged, for the table does not show all of its snapshots\n");
  }
  print_comparison(self);
  puts("  no violation");
}

static void note_stray(void *context, const ice_object_info *info) {
  verification *self = context;
  if (self->stray.files > STRAY_SHOWN_MAX) {
    return;
  }
  if (self->stray_files.size > 0) {
    (void)!ice_bytes_append_u8(&self->stray_files, ',', NULL);
  }
  (void)!ice_json_append_string(&self->stray_files, info->location, NULL);
}

static ice_status compare_source(verification *self, ice_error *err) {
  const ice_sink_parts *sink = &self->sink;
  ice_table_ident lead = sink->tables.idents[sink->tables.lead];
  if (!ice_str_equal(lead.name, self->ident.name) ||
      !ice_str_equal(lead.namespace_name, self->ident.namespace_name)) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "the lead of the configuration is %.*s.%.*s",
                         ICE_IDENT_ARG(lead));
  }
  const ice_verify_source_options options = {.catalog = sink->catalog,
                                             .port = ice_port_system(),
                                             .sink = ice_settings_text(sink->settings, ICE_OPTION_ID_NAME),
                                             .tables = sink->tables.idents,
                                             .table_count = sink->tables.count,
                                             .lead = sink->tables.lead,
                                             .source = sink->source,
                                             .pipeline = &sink->pipeline};
  return ice_verify_source(&options, report, self, &self->source, err);
}

// The sink as `run` would open it, but that it looks on.
static ice_status open_sink(verification *self, const ice_arguments *read, ice_error *err) {
  ice_status status = ICE_OK;
  self->sink.looks_on = true;
  self->sink.open_source = ice_open_source;
  self->sink.settings = &self->sink_settings;
  ICE_TRY(ice_cli_settings(read, read->config ? read->config : "icesink.yaml", &self->sink_settings, err));
  ICE_TRY(ice_sink_parts_open(&self->sink, false, err));
  ICE_TRY(ice_source_refresh(self->sink.source, err));
done:
  return status;
}

static ice_status verify_one(void *context, ice_str sink, ice_error *err) {
  verification *self = context;
  if (self->only && !ice_str_equal_c(sink, self->only)) {
    return ICE_OK;
  }
  ice_verify_options options = {
      .catalog = self->catalog, .port = ice_port_system(), .table = self->ident, .sink = sink};
  ice_verify_result result;
  ice_bytes_clear(&self->found);
  ice_status status = ICE_OK;
  ICE_TRY(ice_verify_sink(&options, report, self, &result, err));
  ice_bytes_clear(&self->stray_files);
  ICE_TRY(ice_verify_stray(&options, note_stray, self, &self->stray, err));
  self->compared =
      self->from_source && ice_str_equal(sink, ice_settings_text(&self->sink_settings, ICE_OPTION_ID_NAME));
  if (self->compared) {
    ICE_TRY(compare_source(self, err));
    result.violations += self->source.violations;
  }
  self->sinks++;
  self->violations += result.violations;
  print_result(self, sink, &result);
done:
  return status;
}

static int run_verify(int count, char **arguments) {
  verification self = {0};
  ice_bytes_init(&self.found, JSON_MAX);
  ice_bytes_init(&self.stray_files, JSON_MAX);
  const ice_argument own[] = {{"--sink", &self.only, NULL}, {"--source", NULL, &self.from_source}};
  ice_arguments read;
  ice_settings settings = {0};
  ice_table table = {0};
  ice_error err_storage = {0};
  ice_error *err = &err_storage;
  ice_status status = ICE_OK;
  ICE_TRY(ice_arguments_read(count, arguments, own, ICE_COUNT_OF(own), &read, err));
  if (read.positional_count != 1) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "name one table: icesink verify database.table");
  }
  self.json = read.json;
  ICE_TRY(ice_table_ident_parse(ice_str_of(read.positional[0]), &self.ident, err));
  ICE_TRY(ice_cli_table_settings(&read, &settings, err));
  ICE_TRY(ice_open_catalog(&(ice_open_catalog_options){.settings = &settings}, &self.catalog, err));
  ICE_TRY(ice_catalog_load_table(self.catalog, self.ident, &table, err));
  if (self.from_source) {
    ICE_TRY(open_sink(&self, &read, err));
  }
  fputs(self.json ? "[" : "", stdout);
  ICE_TRY(ice_verify_sinks(table.metadata, verify_one, &self, err));
  fputs(self.json ? "]\n" : "", stdout);
  if (self.sinks == 0) {
    ICE_FAIL(ICE_NOT_FOUND, "table %.*s.%.*s has no position of %s", ICE_IDENT_ARG(self.ident),
             self.only ? self.only : "any sink");
  }
done:
  ice_table_deinit(&table);
  ice_catalog_destroy(self.catalog);
  ice_settings_deinit(&settings);
  ice_sink_parts_close(&self.sink);
  ice_settings_deinit(&self.sink_settings);
  ice_bytes_deinit(&self.found);
  ice_bytes_deinit(&self.stray_files);
  if (status != ICE_OK) {
    return ice_cli_fail("verify", err);
  }
  return self.violations == 0 ? ICE_EXIT_DONE : ICE_EXIT_VIOLATION;
}

const ice_command ice_command_verify = {
    .name = "verify", .summary = "prove that nothing is lost or there twice", .help = help, .run = run_verify};
