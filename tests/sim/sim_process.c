// A process' life: what `icesink run` does, with the world's catalog, store and source in place of the real ones.
#include "sim.h"

#include "config/yaml.h"
#include "pipeline/pipeline_config.h"
#include "store/store_local.h"
#include <stdio.h>

static const char record_schema[] =
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"items\",\"type\":{\"type\":\"array\",\"items\":"
    "{\"type\":\"record\",\"name\":\"I\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"},{\"name\":\"kind\",\"type\":"
    "\"string\"},{\"name\":\"value\",\"type\":\"double\"}]}}}]}";

static ice_pipeline_spec specs[SIM_PLANS];

static ice_status read_spec(uint32_t index, ice_error *err) {
  sim_plan plan = sim_plan_of(index);
  ice_bytes text;
  ice_arena arena;
  ice_yaml *tree;
  ice_bytes_init(&text, SIM_TEXT_MAX);
  ice_arena_init(&arena, 1 << 20);
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_format(&text, err,
                                  "explode: items\n"
                                  "columns:\n"
                                  "  id: {path: items.id, type: long, required: true}\n"
                                  "  kind: {path: items.kind, type: string, required: true}\n"
                                  "  value: {path: items.value, type: double, required: true}\n"
                                  "%s%s"
                                  "validate:\n"
                                  "  - {rule: between, column: value, max: %d}\n",
                                  plan.filter ? "filter:\n  - {name: noise, when: {kind: noise}}\n" : "",
                                  plan.route ? "route:\n  - {when: {kind: b}, table: db.routed}\n" : "",
                                  plan.strict ? 50 : 100));
  ICE_TRY(ice_yaml_parse(ice_bytes_str(&text), ICE_STR("sim.yaml"), &arena, &tree, err));
  ICE_TRY(ice_pipeline_spec_read(tree, ICE_STR("sim.yaml"), &specs[index], err));
done:
  ice_bytes_deinit(&text);
  ice_arena_deinit(&arena);
  return status;
}

bool sim_pipelines_open(void) {
  for (uint32_t i = 0; i < SIM_PLANS; i++) {
    ice_error err = {0};
    if (read_spec(i, &err) != ICE_OK) {
      fprintf(stderr, "icesink_sim: %s\n", err.message);
      return false;
    }
  }
  return true;
}

void sim_pipelines_close(void) {
  for (uint32_t i = 0; i < SIM_PLANS; i++) {
    ice_pipeline_spec_deinit(&specs[i]);
  }
}

const ice_pipeline_spec *sim_pipeline(uint32_t plan) { return &specs[plan]; }

// Tables --------------------------------------------------------------------------------------------------------------

static ice_status create_table(sim *world, uint32_t index, ice_error *err) {
  const ice_schema *schema = index == 1 ? specs[0].dead_letter_schema : specs[0].schema;
  ice_table table = {0};
  ice_arena arena;
  ice_arena_init(&arena, 1 << 20);
  ice_partition_field field;
  const ice_partition_spec partition = {.field_count = 1, .fields = &field};
  ice_table_create create = {.schema = schema};
  ice_status status = ICE_OK;
  if (world->scenario->fields[SIM_PARTITIONED]) {
    ice_str text = index == 1 ? ICE_STR("error_type") : ICE_STR("kind");
    ICE_TRY(ice_partition_field_parse(text, schema, &arena, &field, err));
    field.field_id = ICE_PARTITION_FIELD_ID_FIRST;
    create.spec = &partition;
  }
  ICE_TRY(ice_catalog_create_table(world->catalog, world->tables[index], &create, &table, err));
done:
  ice_table_deinit(&table);
  ice_arena_deinit(&arena);
  return status;
}

bool sim_table_create(sim *world, uint32_t index) {
  ice_error err = {0};
  if (create_table(world, index, &err) != ICE_OK) {
    sim_fail(world, "the world cannot be made: %s", err.message);
    return false;
  }
  return true;
}

bool sim_tables_create(sim *world) {
  for (uint32_t i = 0; i < world->table_count; i++) {
    if (!sim_table_create(world, i)) {
      return false;
    }
  }
  return true;
}

// Running -------------------------------------------------------------------------------------------------------------

static void observe_log(void *context, ice_log_level level, ice_str message, const ice_log_field *fields,
                        size_t field_count) {
  sim_process *process = context;
  (void)level;
  for (size_t i = 0; i < field_count; i++) {
    if (strcmp(fields[i].name, "error") == 0) {
      sim_trace(process->world, "log: %.*s: %.*s", ICE_STR_ARG(message), ICE_STR_ARG(fields[i].text));
      return;
    }
  }
  sim_trace(process->world, "log: %.*s", ICE_STR_ARG(message));
}

/// What a running process holds.
typedef struct life {
  ice_observer observer;
  ice_budget budget;
  ice_table_ident tables[SIM_TABLES];
  uint32_t table_count;
  const ice_schema *schemas[SIM_TABLES];
  ice_ingest *ingest;
  ice_sink_progress progress;
} life;

static ice_status live(sim_process *process, life *self, ice_error *err) {
  const sim *world = process->world;
  const int64_t *fields = world->scenario->fields;
  const ice_pipeline_spec *spec = sim_pipeline(process->plan);
  self->observer = (ice_observer){.context = process, .log = world->verbose ? observe_log : NULL};
  ice_budget_init(&self->budget, fields[SIM_SPILL] ? 1 : 1 << 30);
  self->tables[self->table_count++] = world->tables[0];
  if (spec->route_count > 0) {
    self->tables[self->table_count++] = world->tables[2];
  }
  self->tables[self->table_count++] = world->tables[1];
  const ice_ingest_options ingest = {
      .catalog = &process->catalog.base,
      .port = &process->port,
      .observer = &self->observer,
      .budget = &self->budget,
      .sink = ICE_STR("s"),
      .tables = self->tables,
      .table_count = self->table_count,
      .lead = world->lead == 0 ? 0 : self->table_count - 1,
      .start = fields[SIM_START_LATEST] ? ICE_START_LATEST : ICE_START_EARLIEST,
      .policies.on_rollback = (ice_rollback_policy)fields[SIM_ON_ROLLBACK],
      .write = {.codec = ICE_CODEC_NONE, .page_size = 1024, .row_group_size = 1 << 20, .target_file_size = 1 << 20},
      .spill_directory = "spill"};
  ice_status status = ICE_OK;
  ICE_TRY(ice_ingest_open(&ingest, &self->ingest, err));
  for (uint32_t i = 0; i < self->table_count; i++) {
    self->schemas[i] = ice_ingest_schema(self->ingest, i);
  }
  ICE_TRY(sim_source_open(process, &process->source, err));
  const ice_pipeline_options pipeline = {.spec = spec,
                                         .sink = ICE_STR("s"),
                                         .format = ICE_PAYLOAD_AVRO,
                                         .schema_text = ICE_STR(record_schema),
                                         .port = &process->port,
                                         .table_schemas = self->schemas,
                                         .table_count = self->table_count - 1,
                                         .dead_letter_schema = self->schemas[self->table_count - 1],
                                         // So little that many jobs come in parts.
                                         .output_size_max = 200};
  const ice_sink_options options = {.port = &process->port,
                                    .observer = &self->observer,
                                    .budget = &self->budget,
                                    .ingest = self->ingest,
                                    .source = process->source,
                                    .pipeline = &pipeline,
                                    .workers = 0,
                                    .batch_size = process->batch_size,
                                    .batch_timeout_ms = 1000,
                                    .commit_interval_ms = process->interval_ms,
                                    .commit_retries = 3,
                                    .commit_retry_delay_ms = 100,
                                    .commit_give_up_ms = 60000,
                                    .until_end = process->until_end,
                                    .stop = &process->stop};
  ICE_TRY(ice_sink_run(&options, &self->progress, err));
done:
  return status;
}

void sim_process_main(sim_process *process) {
  life self = {.ingest = NULL};
  ice_str root = ICE_STR("file:///w");
  process->status = ICE_OK;
  if (process->world->scenario->fields[SIM_DISK]) {
    process->status = ice_store_local_open(&process->port, &root, 1, &process->local, &process->error);
  }
  sim_catalog_init(process);
  if (process->status == ICE_OK) {
    process->status = live(process, &self, &process->error);
  }
  ice_ingest_destroy(self.ingest);
  ice_source_destroy(process->source);
  process->source = NULL;
  ice_store_destroy(process->local);
  process->local = NULL;
}
