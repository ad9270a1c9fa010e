#include "assembly/sink_parts.h"

#include "assembly/open_catalog.h"
#include "assembly/open_decoding.h"
#include "ingest/evolve.h"
#include "source/pushed_source.h"
#include <stdio.h>
#include <stdlib.h>

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

ice_write_options ice_read_write_options(const ice_settings *settings) {
  return (ice_write_options){
      .codec = is_set_to(settings, ICE_OPTION_ID_WRITE_COMPRESSION, "zstd")   ? ICE_CODEC_ZSTD
               : is_set_to(settings, ICE_OPTION_ID_WRITE_COMPRESSION, "none") ? ICE_CODEC_NONE
                                                                              : ICE_CODEC_SNAPPY,
      .page_size = (size_t)ice_settings_number(settings, ICE_OPTION_ID_WRITE_PAGE_SIZE),
      .row_group_size = (uint64_t)ice_settings_number(settings, ICE_OPTION_ID_WRITE_ROW_GROUP_SIZE),
      .target_file_size = (uint64_t)ice_settings_number(settings, ICE_OPTION_ID_WRITE_TARGET_FILE_SIZE)};
}

static ice_status open_ingest(ice_sink_parts *self, ice_error *err) {
  const ice_settings *settings = self->settings;
  ice_ingest_options options = {
      .catalog = self->catalog,
      .port = ice_port_system(),
      .observer = self->observer,
      .budget = self->budget,
      .sink = ice_settings_text(settings, ICE_OPTION_ID_NAME),
      .tables = self->tables.idents,
      .table_count = self->tables.count,
      .lead = self->tables.lead,
      .start = is_set_to(settings, ICE_OPTION_ID_SOURCE_KAFKA_START, "latest")      ? ICE_START_LATEST
               : is_set_to(settings, ICE_OPTION_ID_SOURCE_KAFKA_START, "committed") ? ICE_START_COMMITTED
                                                                                    : ICE_START_EARLIEST,
      .policies = read_policies(settings),
      .write = ice_read_write_options(settings),
      .spill_directory = ice_settings_c_str(settings, ICE_OPTION_ID_WRITE_SPILL_DIRECTORY),
  };
  return ice_ingest_open(&options, &self->ingest, err);
}

// A table that is not there is told by whoever opens it next.
static ice_status evolve_tables(ice_sink_parts *self, ice_error *err) {
  const ice_settings *settings = self->settings;
  ice_evolve_policy policy = is_set_to(settings, ICE_OPTION_ID_EVOLVE, "widen") ? ICE_EVOLVE_WIDEN
                             : is_set_to(settings, ICE_OPTION_ID_EVOLVE, "add") ? ICE_EVOLVE_ADD
                                                                                : ICE_EVOLVE_NONE;
  for (uint32_t i = 0; i + 1 < self->tables.count; i++) {
    ice_evolved changes;
    ice_status status =
        ice_evolve_table(self->catalog, self->tables.idents[i], self->spec.schema, policy, &changes, err);
    if (status != ICE_OK && status != ICE_NOT_FOUND) {
      return status;
    }
    ice_error_clear(err);
    if (changes.added > 0 || changes.widened > 0) {
      const ice_log_field fields[] = {ICE_LOG_TEXT("table", self->tables.idents[i].name),
                                      ICE_LOG_NUMBER("added", changes.added),
                                      ICE_LOG_NUMBER("widened", changes.widened)};
      ice_observe_log(self->observer, ICE_LOG_INFO, ICE_STR("evolve: changed a table's schema"), fields,
                      ICE_COUNT_OF(fields));
    }
  }
  return ICE_OK;
}

static ice_status open_tables(ice_sink_parts *self, bool create, ice_error *err) {
  uint32_t created;
  ice_status status = ICE_OK;
  ICE_TRY(ice_read_pipeline(self->settings, &self->spec, err));
  ICE_TRY(ice_sink_tables_read(self->settings, &self->spec, &self->tables, err));
  const ice_open_catalog_options catalog = {.settings = self->settings,
                                            .create = create,
                                            .observer = self->observer,
                                            .budget = self->budget,
                                            .stop = self->stop};
  self->catalog = self->shared_catalog;
  if (!self->catalog) {
    ICE_TRY(ice_open_catalog(&catalog, &self->catalog, err));
  }
  if (create) {
    ICE_TRY(ice_sink_tables_create(self->catalog, &self->spec, &self->tables, &created, err));
  }
  if (!self->looks_on) {
    ICE_TRY(evolve_tables(self, err));
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

static void look_at_schemas(ice_sink_parts *self) {
  uint32_t data_count = self->tables.count - 1;
  for (uint32_t i = 0; i < self->tables.count; i++) {
    self->schemas[i] = ice_ingest_schema(self->ingest, i);
  }
  for (uint32_t i = 0; i < data_count; i++) {
    ice_pipeline_spec_widen(&self->spec, self->schemas[i]);
  }
  self->pipeline.dead_letter_schema = self->schemas[data_count];
}

// Says which columns are not written any more, for the lack of them.
static void tell_lost_columns(const ice_sink_parts *self, uint32_t table) {
  for (uint32_t i = 0; i < self->spec.column_count; i++) {
    ice_str name = self->spec.schema->root.fields[i].name;
    if (!ice_schema_find_name(self->schemas[table], name)) {
      const ice_log_field fields[] = {ICE_LOG_TEXT("table", self->tables.idents[table].name),
                                      ICE_LOG_TEXT("column", name)};
      ice_observe_log(self->observer, ICE_LOG_WARN,
                      ICE_STR("A column was dropped from a table; its values are not written any more"), fields,
                      ICE_COUNT_OF(fields));
    }
  }
}

ice_status ice_sink_parts_rebind(void *sink, ice_error *err) {
  (void)err;
  ice_sink_parts *self = sink;
  look_at_schemas(self);
  // Only while the sink runs: a start that finds a table without a column may have the wrong table.
  self->pipeline.leave_out_lost = true;
  for (uint32_t i = 0; i + 1 < self->tables.count; i++) {
    tell_lost_columns(self, i);
  }
  return ICE_OK;
}

static ice_status bind_pipeline(ice_sink_parts *self, ice_error *err) {
  ice_pipeline_options *out = &self->pipeline;
  self->schemas = calloc(self->tables.count, sizeof(const ice_schema *));
  if (!self->schemas) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %u tables", self->tables.count);
  }
  look_at_schemas(self);
  out->spec = &self->spec;
  out->sink = ice_settings_text(self->settings, ICE_OPTION_ID_NAME);
  out->port = ice_port_system();
  out->observer = self->observer;
  out->table_schemas = self->schemas;
  out->table_count = self->tables.count - 1;
  return ICE_OK;
}

ice_status ice_sink_parts_open(ice_sink_parts *sink, bool create, ice_error *err) {
  ice_status status = ICE_OK;
  ice_bytes_init(&sink->schema_text, ICE_REGISTRY_SCHEMA_MAX);
  ICE_TRY(ice_settings_require(sink->settings, ICE_OPTION_ID_NAME, err));
  if (!sink->budget) {
    ice_budget_init(&sink->own_budget, ice_settings_number(sink->settings, ICE_OPTION_ID_MEMORY));
    sink->budget = &sink->own_budget;
  }
  ICE_TRY(open_tables(sink, create, err));
  ICE_TRY(ice_open_decoding(sink->settings, sink->stop, &sink->schema_text, &sink->registry, &sink->pipeline, err));
  if (sink->open_source) {
    ICE_TRY(sink->open_source(sink->settings, sink->observer, sink->budget, !sink->looks_on, &sink->source, err));
  } else {
    ICE_TRY(ice_pushed_source_open(&sink->source, err));
  }
  ICE_TRY(bind_pipeline(sink, err));
done:
  return status;
}

void ice_sink_parts_close(ice_sink_parts *sink) {
  ice_ingest_destroy(sink->ingest);
  ice_source_destroy(sink->source);
  ice_schema_registry_destroy(sink->registry);
  if (sink->catalog != sink->shared_catalog) {
    ice_catalog_destroy(sink->catalog);
  }
  ice_pipeline_spec_deinit(&sink->spec);
  ice_bytes_deinit(&sink->schema_text);
  free(sink->schemas);
}
