#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/budget.h"
#include "catalog/catalog_sqlite.h"
#include "cli/health_generator.h"
#include "config/yaml.h"
#include "ingest/ingest.h"
#include "ingest/table_scan.h"
#include "pipeline/pipeline_config.h"
#include "runtime/sink.h"
#include "small_sink.h"
#include "source/segment.h"
#include "store/store_local.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATH_SIZE = 512, PRESET_MAX = 1 << 20 };

static const ice_table_ident tables[] = {
    {ICE_STR_INIT("db"), ICE_STR_INIT("data")},
    {ICE_STR_INIT("db"), ICE_STR_INIT("errors")},
};

#define must(call)                                   \
  do {                                               \
    ice_error must_error = {0};                      \
    ice_error *err = &must_error;                    \
    if ((call) != ICE_OK) {                          \
      fail_msg("%s: %s", #call, must_error.message); \
    }                                                \
  } while (0)

static void write_topic(small_sink *sink, int32_t partitions) {
  const ice_port *port = ice_port_system();
  char path[PATH_SIZE];
  ice_health_generator generator = {.seed = 7, .bad_per_10000 = 3333};
  snprintf(path, sizeof path, "%s/kafka/schemas", sink->directory);
  must(port->files.make_directories(NULL, path, err));
  snprintf(path, sizeof path, "%s/kafka/schemas/1.avsc", sink->directory);
  must(ice_port_write_new_file(port, path, ice_health_schema(), strlen(ice_health_schema()), err));
  snprintf(path, sizeof path, "%s/kafka", sink->directory);
  for (int32_t p = 0; p < partitions; p++) {
    ice_segment_writer *writer;
    must(ice_segment_writer_open(port, path, ICE_STR("t"), p, &writer, err));
    for (int64_t i = p; i < sink->messages; i += partitions) {
      ice_record_batch_builder builder;
      ice_bytes message;
      ice_health_verdict verdict;
      ice_record_batch_builder_init(&builder);
      ice_bytes_init(&message, PRESET_MAX);
      must(ice_health_generate(&generator, p, ice_segment_writer_next(writer), &message, &verdict, err));
      must(ice_record_batch_builder_add(&builder, 1, (ice_str){0}, ice_bytes_str(&message), err));
      must(ice_segment_writer_append(writer, &builder, ICE_CODEC_NONE, err));
      sink->rows += verdict.rows;
      sink->dead_letters += verdict.error_type != NULL;
      ice_bytes_deinit(&message);
      ice_record_batch_builder_deinit(&builder);
    }
    ice_segment_writer_close(writer);
  }
}

void small_sink_create(small_sink *sink, int64_t messages, int32_t partitions) {
  *sink = (small_sink){.messages = messages};
  snprintf(sink->directory, sizeof sink->directory, "%s/icesink-test-XXXXXX",
           getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
  assert_non_null(mkdtemp(sink->directory));
  write_topic(sink, partitions);
}

void small_sink_remove(small_sink *sink) {
  char command[PATH_SIZE];
  snprintf(command, sizeof command, "rm -rf '%s'", sink->directory);
  assert_int_equal(system(command), 0);
}

static ice_status open_catalog(const small_sink *sink, const ice_port *port, ice_catalog **out, ice_error *err) {
  char uri[PATH_SIZE];
  char warehouse[PATH_SIZE];
  ice_store *store;
  snprintf(uri, sizeof uri, "%s/catalog.db", sink->directory);
  snprintf(warehouse, sizeof warehouse, "file://%s/warehouse", sink->directory);
  ice_str root = ice_str_of(warehouse);
  ice_catalog_sqlite_options options = {
      .uri = ice_str_of(uri), .name = ICE_STR("c"), .warehouse = root, .create = true};
  *out = NULL;
  ice_status status = ice_store_local_open(port, &root, 1, &store, err);
  return status == ICE_OK ? ice_catalog_sqlite_open(port, &options, store, out, err) : status;
}

static ice_status read_spec(ice_pipeline_spec *out, ice_error *err) {
  ice_bytes text;
  ice_arena arena;
  ice_yaml *tree;
  ice_bytes_init(&text, PRESET_MAX);
  ice_arena_init(&arena, PRESET_MAX * 16);
  *out = (ice_pipeline_spec){0};
  ice_status status = ICE_OK;
  ICE_TRY(ice_port_read_file(ice_port_system(), ICESINK_SOURCE_DIR "/presets/health.yaml", &text, err));
  ICE_TRY(ice_yaml_parse(ice_bytes_str(&text), ICE_STR("health.yaml"), &arena, &tree, err));
  ICE_TRY(ice_pipeline_spec_read(tree, ICE_STR("health.yaml"), out, err));
done:
  ice_bytes_deinit(&text);
  ice_arena_deinit(&arena);
  return status;
}

static ice_status create_tables(ice_catalog *catalog, const ice_pipeline_spec *spec, ice_error *err) {
  ice_status status = ice_catalog_create_namespace(catalog, tables[0].namespace_name, err);
  for (size_t i = 0; status == ICE_OK && i < ICE_COUNT_OF(tables); i++) {
    ice_table table = {0};
    ice_table_create create = {.schema = i == 0 ? spec->schema : spec->dead_letter_schema};
    status = ice_catalog_create_table(catalog, tables[i], &create, &table, err);
    status = status == ICE_ALREADY_EXISTS ? ICE_OK : status;
    ice_table_deinit(&table);
  }
  return status;
}

typedef struct opened {
  ice_pipeline_spec spec;
  ice_catalog *catalog;
  ice_ingest *ingest;
  ice_source *source;
  ice_schema_registry *registry;
  ice_budget budget;
} opened;

static ice_status open_all(const small_sink *sink, const ice_port *port, opened *o, ice_error *err) {
  char kafka[PATH_SIZE];
  char schemas[PATH_SIZE];
  snprintf(kafka, sizeof kafka, "%s/kafka", sink->directory);
  snprintf(schemas, sizeof schemas, "%s/kafka/schemas", sink->directory);
  ice_status status = ICE_OK;
  ICE_TRY(read_spec(&o->spec, err));
  ICE_TRY(open_catalog(sink, port, &o->catalog, err));
  ICE_TRY(create_tables(o->catalog, &o->spec, err));
  // The smallest budget and pages, so that spilling and many pages are part of every run.
  ice_budget_init(&o->budget, 1);
  ice_ingest_options ingest = {
      .catalog = o->catalog,
      .port = port,
      .budget = &o->budget,
      .sink = ICE_STR("s"),
      .tables = tables,
      .table_count = ICE_COUNT_OF(tables),
      .write = {.codec = ICE_CODEC_SNAPPY, .page_size = 64, .row_group_size = 1 << 20, .target_file_size = 1 << 20},
      .spill_directory = sink->directory};
  ICE_TRY(ice_ingest_open(&ingest, &o->ingest, err));
  ICE_TRY(ice_schema_directory_open(port, schemas, &o->registry, err));
  ice_segment_options segment = {.root = kafka, .topic = ICE_STR("t")};
  ICE_TRY(ice_segment_source_open(port, &segment, &o->source, err));
done:
  return status;
}

// A sink that waits for something to come back need not wait here: its clock goes on at once.
static _Atomic int64_t skipped_us;

static int64_t skipping_now(void *context) {
  (void)context;
  const ice_clock *clock = &ice_port_system()->clock;
  return clock->monotonic_us(clock->context) + skipped_us;
}

static void skip_wait(void *context, int64_t us) {
  (void)context;
  skipped_us += us > 0 ? us : 0;
}

ice_status small_sink_run(const small_sink *sink, const ice_port *given, ice_error *err) {
  opened o = {0};
  ice_port impatient = *given;
  const ice_port *port = &impatient;
  impatient.clock.monotonic_us = skipping_now;
  impatient.clock.wait_us = skip_wait;
  ice_sink_progress progress;
  _Atomic bool stop = false;
  ice_status status = ICE_OK;
  ICE_TRY(open_all(sink, port, &o, err));
  const ice_schema *schemas[] = {ice_ingest_schema(o.ingest, 0), ice_ingest_schema(o.ingest, 1)};
  ice_pipeline_options pipeline = {.spec = &o.spec,
                                   .sink = ICE_STR("s"),
                                   .format = ICE_PAYLOAD_REGISTRY_AVRO,
                                   .registry = o.registry,
                                   .port = port,
                                   .table_schemas = schemas,
                                   .table_count = 1,
                                   .dead_letter_schema = schemas[1]};
  ice_sink_options options = {.port = port,
                              .budget = &o.budget,
                              .ingest = o.ingest,
                              .source = o.source,
                              .pipeline = &pipeline,
                              .workers = 1,
                              .batch_size = 1,
                              .batch_timeout_ms = 1,
                              .commit_interval_ms = 1,
                              .commit_retries = 0,
                              .commit_retry_delay_ms = 1,
                              .commit_give_up_ms = 1,
                              .until_end = true,
                              .stop = &stop};
  ICE_TRY(ice_sink_run(&options, &progress, err));
done:
  ice_ingest_destroy(o.ingest);
  ice_source_destroy(o.source);
  ice_schema_registry_destroy(o.registry);
  ice_catalog_destroy(o.catalog);
  ice_pipeline_spec_deinit(&o.spec);
  return status;
}

static void report_violation(void *context, const char *violation) {
  const char *after = context;
  fail_msg("after %s: %s", after, violation);
}

static int64_t count_rows(ice_catalog *catalog, ice_table_ident ident, const char *column) {
  ice_table table = {0};
  ice_table_scan *scan;
  ice_batch batch;
  int64_t rows = 0;
  ice_str name = ice_str_of(column);
  must(ice_catalog_load_table(catalog, ident, &table, err));
  must(ice_table_scan_create(catalog, &table, &name, 1, NULL, &scan, err));
  must(ice_batch_init(&batch, ice_table_scan_schema(scan), err));
  do {
    must(ice_table_scan_next(scan, &batch, err));
    rows += batch.row_count;
  } while (batch.row_count > 0);
  ice_batch_deinit(&batch);
  ice_table_scan_destroy(scan);
  ice_table_deinit(&table);
  return rows;
}

void small_sink_finish_and_check(const small_sink *sink, const char *after) {
  ice_catalog *catalog;
  ice_verify_result result;
  union {
    const char *given;
    void *context;
  } text = {.given = after};
  ice_error err_storage = {0};
  if (small_sink_run(sink, ice_port_system(), &err_storage) != ICE_OK) {
    fail_msg("the run after %s: %s", after, err_storage.message);
  }
  must(open_catalog(sink, ice_port_system(), &catalog, err));
  ice_verify_options options = {
      .catalog = catalog, .port = ice_port_system(), .table = tables[0], .sink = ICE_STR("s")};
  must(ice_verify_sink(&options, report_violation, text.context, &result, err));
  assert_int_equal(result.violations, 0);
  assert_int_equal(result.totals.records, sink->messages);
  assert_int_equal(result.totals.rows, sink->rows);
  assert_int_equal(result.totals.dead_letters, sink->dead_letters);
  assert_int_equal(count_rows(catalog, tables[0], "sample_id"), sink->rows);
  assert_int_equal(count_rows(catalog, tables[1], "error_id"), sink->dead_letters);
  ice_catalog_destroy(catalog);
}
