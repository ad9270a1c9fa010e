#include "assembly/open_catalog.h"
#include "assembly/preset.h"
#include "assembly/sink_tables.h"
#include "cli/cli.h"
#include "ingest/position.h"
#include "ingest/small_files.h"
#include "json/json_text.h"
#include <stdlib.h>

// Commands that look at tables and their files: init, tables, inspect. ----------------------------------------------

static const char init_help[] =
    "Usage: icesink init [CONFIG] [--KEY=VALUE …]\n\nCreates the namespace and the tables of a pipeline, or checks "
    "that "
    "existing ones fit.\n";

static ice_status check_fits(ice_catalog *catalog, const ice_pipeline_spec *spec, const ice_sink_tables *tables,
                             ice_error *err) {
  for (uint32_t i = 0; i < tables->count; i++) {
    ice_table table = {0};
    ice_status status = ice_catalog_load_table(catalog, tables->idents[i], &table, err);
    const ice_schema *wanted = i + 1 == tables->count ? spec->dead_letter_schema : spec->schema;
    for (uint32_t f = 0; status == ICE_OK && f < wanted->root.field_count; f++) {
      const ice_field *field = &wanted->root.fields[f];
      const ice_field *found = ice_schema_find_name(ice_table_current_schema(table.metadata), field->name);
      if (!found ? field->required : found->type.kind != field->type.kind) {
        status = ice_error_set(err, ICE_INVALID_STATE, "table %.*s.%.*s does not fit: column %.*s is %s, not %s",
                               ICE_IDENT_ARG(tables->idents[i]), ICE_STR_ARG(field->name),
                               found ? ice_kind_name(found->type.kind) : "missing", ice_kind_name(field->type.kind));
      }
    }
    ice_table_deinit(&table);
    if (status != ICE_OK) {
      return status;
    }
  }
  return ICE_OK;
}

static int run_init(int count, char **arguments) {
  ice_arguments read;
  ice_settings settings = {0};
  ice_pipeline_spec spec = {0};
  ice_sink_tables tables;
  ice_catalog *catalog = NULL;
  uint32_t created = 0;
  ice_error err_storage = {0};
  ice_error *err = &err_storage;
  ice_status status = ICE_OK;
  ICE_TRY(ice_arguments_read(count, arguments, NULL, 0, &read, err));
  ICE_TRY(ice_cli_settings(&read, read.positional_count > 0 ? read.positional[0] : "icesink.yaml", &settings, err));
  ICE_TRY(ice_read_pipeline(&settings, &spec, err));
  ICE_TRY(ice_sink_tables_read(&settings, &spec, &tables, err));
  ICE_TRY(ice_open_catalog(&(ice_open_catalog_options){.settings = &settings, .create = true}, &catalog, err));
  ICE_TRY(ice_sink_tables_create(catalog, &spec, &tables, &created, err));
  ICE_TRY(check_fits(catalog, &spec, &tables, err));
  printf("%u tables created, %u were there and fit\n", created, tables.count - created);
done:
  ice_catalog_destroy(catalog);
  ice_pipeline_spec_deinit(&spec);
  ice_settings_deinit(&settings);
  return status == ICE_OK ? ICE_EXIT_DONE : ice_cli_fail("init", err);
}

const ice_command ice_command_init = {
    .name = "init", .summary = "create the namespace and tables of a pipeline", .help = init_help, .run = run_init};

// tables ------------------------------------------------------------------------------------------------------------

static const char tables_help[] =
    "Usage: icesink tables [--config FILE] [--json]\n\nLists the tables of the catalog with their rows and files.\n";

typedef struct listing {
  ice_catalog *catalog;
  ice_str namespace_name;
  bool json;
  uint32_t count;
} listing;

static ice_status print_table_line(void *context, ice_str name, ice_error *err) {
  listing *self = context;
  ice_table table = {0};
  ice_table_ident ident = {.namespace_name = self->namespace_name, .name = name};
  ice_status status = ice_catalog_load_table(self->catalog, ident, &table, err);
  if (status != ICE_OK) {
    return status;
  }
  const ice_snapshot *head = ice_table_current_snapshot(table.metadata);
  int64_t rows = head ? ice_snapshot_summary_i64(head, "total-records", 0) : 0;
  int64_t files = head ? ice_snapshot_summary_i64(head, "total-data-files", 0) : 0;
  if (self->json) {
    printf("%s{\"table\":\"%.*s.%.*s\",\"rows\":%lld,\"data_files\":%lld,\"snapshots\":%u}",
           self->count == 0 ? "" : ",", ICE_IDENT_ARG(ident), (long long)rows, (long long)files,
           table.metadata->snapshot_count);
  } else {
    char rows_text[32];
    char files_text[32];
    ice_cli_number(rows, rows_text);
    ice_cli_number(files, files_text);
    printf("%.*s.%.*s  %s rows, %s data files, %u snapshots\n", ICE_IDENT_ARG(ident), rows_text, files_text,
           table.metadata->snapshot_count);
  }
  self->count++;
  ice_table_deinit(&table);
  return ICE_OK;
}

static ice_status list_namespace(void *context, ice_str name, ice_error *err) {
  listing *self = context;
  self->namespace_name = name;
  return ice_catalog_list_tables(self->catalog, name, print_table_line, self, err);
}

static int run_tables(int count, char **arguments) {
  ice_arguments read;
  ice_settings settings = {0};
  listing self = {0};
  ice_error err_storage = {0};
  ice_error *err = &err_storage;
  ice_status status = ICE_OK;
  ICE_TRY(ice_arguments_read(count, arguments, NULL, 0, &read, err));
  ICE_TRY(ice_cli_table_settings(&read, &settings, err));
  ICE_TRY(ice_open_catalog(&(ice_open_catalog_options){.settings = &settings}, &self.catalog, err));
  self.json = read.json;
  fputs(self.json ? "[" : "", stdout);
  ICE_TRY(ice_catalog_list_namespaces(self.catalog, list_namespace, &self, err));
  fputs(self.json ? "]\n" : self.count == 0 ? "no tables\n" : "", stdout);
done:
  ice_catalog_destroy(self.catalog);
  ice_settings_deinit(&settings);
  return status == ICE_OK ? ICE_EXIT_DONE : ice_cli_fail("tables", err);
}

const ice_command ice_command_tables = {
    .name = "tables", .summary = "list the tables of the catalog", .help = tables_help, .run = run_tables};

// inspect -----------------------------------------------------------------------------------------------------------

static const char inspect_help[] =
    "Usage: icesink inspect TABLE [--config FILE] [--json]\n\nShows schema, partitions, snapshots, files, and the "
    "positions of sinks.\n";

enum { SNAPSHOTS_SHOWN = 10, METADATA_TEXT_MAX = 1 << 30 };

static ice_status print_schema(const ice_table_metadata *metadata, ice_bytes *text, ice_error *err) {
  const ice_schema *schema = ice_table_current_schema(metadata);
  const ice_partition_spec *spec = ice_table_default_spec(metadata);
  printf("schema\n");
  for (uint32_t i = 0; i < schema->root.field_count; i++) {
    const ice_field *field = &schema->root.fields[i];
    ice_bytes_clear(text);
    ice_status status = ice_type_format(&field->type, text, err);
    if (status != ICE_OK) {
      return status;
    }
    printf("  %3d  %-20.*s %.*s%s\n", field->id, ICE_STR_ARG(field->name), ICE_STR_ARG(ice_bytes_str(text)),
           field->required ? "" : ", optional");
  }
  printf("partitions\n");
  for (uint32_t i = 0; i < spec->field_count; i++) {
    const ice_field *source = ice_schema_find_id(schema, spec->fields[i].source_id);
    printf("  %.*s: %.*s of %.*s\n", ICE_STR_ARG(spec->fields[i].name), ICE_STR_ARG(spec->fields[i].transform_text),
           ICE_STR_ARG(source ? source->name : ICE_STR("?")));
  }
  return ICE_OK;
}

static void print_snapshots(const ice_table_metadata *metadata) {
  uint32_t from = metadata->snapshot_count > SNAPSHOTS_SHOWN ? metadata->snapshot_count - SNAPSHOTS_SHOWN : 0;
  printf("snapshots (%u, the last %u)\n", metadata->snapshot_count, metadata->snapshot_count - from);
  for (uint32_t i = from; i < metadata->snapshot_count; i++) {
    const ice_snapshot *snapshot = &metadata->snapshots[i];
    char added[32];
    ice_cli_number(ice_snapshot_summary_i64(snapshot, "added-records", 0), added);
    printf("  %lld  %.*s, %s rows in %lld files, sequence %lld\n", (long long)snapshot->snapshot_id,
           ICE_STR_ARG(ice_snapshot_summary(snapshot, "operation")), added,
           (long long)ice_snapshot_summary_i64(snapshot, "added-data-files", 0),
           (long long)snapshot->sequence_number);
  }
}

static void print_files(const ice_table_metadata *metadata) {
  const ice_snapshot *head = ice_table_current_snapshot(metadata);
  ice_file_totals totals = ice_file_totals_of(head);
  char count[32];
  char size[32];
  char mean[32];
  ice_cli_number(totals.files, count);
  ice_cli_size((uint64_t)totals.bytes, size);
  ice_cli_size(totals.files > 0 ? (uint64_t)(totals.bytes / totals.files) : 0, mean);
  printf("files\n  %s data files, %s, %s on average\n", count, size, mean);
  if (ice_files_are_small(totals)) {
    printf(
        "  Too many small files in Iceberg table: %s files of %s on average, %lld partitions in the last commit. "
        "%s\n",
        count, mean, (long long)ice_snapshot_summary_i64(head, "changed-partition-count", 0), ICE_SMALL_FILES_ADVICE);
  }
}

static ice_status print_positions(const ice_table_metadata *metadata, ice_error *err) {
  for (uint32_t i = 0; i < metadata->property_count; i++) {
    ice_str key = metadata->properties[i].key;
    if (!ice_str_starts_with(key, ICE_PROPERTY_POSITION)) {
      continue;
    }
    ice_position position;
    ice_status status = ice_position_parse(metadata->properties[i].value, &position, err);
    if (status != ICE_OK) {
      ice_error_prepend(err, "%.*s", ICE_STR_ARG(key));
      return status;
    }
    size_t prefix = ICE_PROPERTY_POSITION.size;
    printf("sink %.*s: epoch %lld, %lld records, %lld rows, %lld dead letters, %lld filtered\n",
           ICE_STR_ARG(ice_str_make(key.data + prefix, key.size - prefix)), (long long)position.epoch,
           (long long)position.totals.records, (long long)position.totals.rows,
           (long long)position.totals.dead_letters, (long long)position.totals.filtered);
    for (uint32_t p = 0; p < position.entry_count; p++) {
      printf("  %.*s, partition %d: %lld to %lld\n", ICE_STR_ARG(position.entries[p].topic),
             position.entries[p].partition, (long long)position.entries[p].start,
             (long long)position.entries[p].offset);
    }
    ice_position_deinit(&position);
  }
  return ICE_OK;
}

static int run_inspect(int count, char **arguments) {
  ice_arguments read;
  ice_settings settings = {0};
  ice_catalog *catalog = NULL;
  ice_table table = {0};
  ice_table_ident ident;
  ice_bytes text;
  ice_bytes_init(&text, METADATA_TEXT_MAX);
  ice_error err_storage = {0};
  ice_error *err = &err_storage;
  ice_status status = ICE_OK;
  ICE_TRY(ice_arguments_read(count, arguments, NULL, 0, &read, err));
  if (read.positional_count != 1) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "name one table: icesink inspect database.table");
  }
  ICE_TRY(ice_table_ident_parse(ice_str_of(read.positional[0]), &ident, err));
  ICE_TRY(ice_cli_table_settings(&read, &settings, err));
  ICE_TRY(ice_open_catalog(&(ice_open_catalog_options){.settings = &settings}, &catalog, err));
  ICE_TRY(ice_catalog_load_table(catalog, ident, &table, err));
  if (read.json) {
    ICE_TRY(ice_table_metadata_append_json(table.metadata, &text, err));
    printf("%.*s\n", ICE_STR_ARG(ice_bytes_str(&text)));
    goto done;
  }
  printf("%s  (format %d, uuid %.*s)\n%.*s\n", read.positional[0], table.metadata->format_version,
         ICE_STR_ARG(table.metadata->uuid), ICE_STR_ARG(table.metadata->location));
  ICE_TRY(print_schema(table.metadata, &text, err));
  print_snapshots(table.metadata);
  print_files(table.metadata);
  ICE_TRY(print_positions(table.metadata, err));
done:
  ice_bytes_deinit(&text);
  ice_table_deinit(&table);
  ice_catalog_destroy(catalog);
  ice_settings_deinit(&settings);
  return status == ICE_OK ? ICE_EXIT_DONE : ice_cli_fail("inspect", err);
}

const ice_command ice_command_inspect = {.name = "inspect",
                                         .summary = "show a table's schema, partitions, snapshots, files, positions",
                                         .help = inspect_help,
                                         .run = run_inspect};
