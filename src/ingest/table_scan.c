#include "ingest/table_scan.h"

#include "parquet/parquet_reader.h"
#include <stdlib.h>

enum { SCAN_BYTES_MAX = 1 << 30, SCAN_BATCH_ROWS = 1000, COLUMNS_MAX = ICE_SCHEMA_FIELDS_MAX };

struct ice_table_scan {
  ice_catalog *catalog;
  const ice_table_scan_filter *filter;  ///< while the files are planned
  ice_schema *schema;
  ice_arena arena;
  ice_data_file *files;
  uint32_t file_count;
  uint32_t file_capacity;
  uint32_t next_file;
  ice_str path;  ///< of the open file
  ice_parquet_reader *reader;
  ice_batch rows;         ///< as the file has them
  int32_t *file_columns;  ///< per column of the scan: its place in `rows`, or -1
};

static ice_status build_schema(ice_table_scan *scan, const ice_schema *table, const ice_str *columns, uint32_t count,
                               ice_error *err) {
  uint32_t total = count == 0 ? table->root.field_count : count;
  ice_status status = ICE_OK;
  ICE_TRY(ice_schema_create(&scan->schema, err));
  ICE_TRY(ice_type_set_fields(scan->schema, &scan->schema->root, total, err));
  for (uint32_t i = 0; i < total; i++) {
    const ice_field *field = count == 0 ? &table->root.fields[i] : ice_schema_find_name(table, columns[i]);
    if (!field) {
      ICE_FAIL(ICE_INVALID_ARGUMENT, "the table has no column %.*s", ICE_STR_ARG(columns[i]));
    }
    ICE_TRY(ice_field_copy(scan->schema, field, &scan->schema->root.fields[i], err));
  }
done:
  return status;
}

static ice_status add_file(ice_table_scan *scan, const ice_manifest_entry *entry, ice_error *err) {
  if (entry->status == ICE_ENTRY_DELETED || (scan->filter && !scan->filter->wants(scan->filter->context, entry))) {
    return ICE_OK;
  }
  if (entry->file.content != ICE_CONTENT_DATA) {
    return ice_error_set(err, ICE_UNSUPPORTED, "the table has delete files, which scan does not apply: %.*s",
                         ICE_STR_ARG(entry->file.path));
  }
  if (scan->file_count == scan->file_capacity) {
    uint32_t capacity = scan->file_capacity == 0 ? 64 : scan->file_capacity * 2;
    ice_data_file *files = realloc(scan->files, capacity * sizeof *files);
    if (!files) {
      return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %u data files", capacity);
    }
    scan->files = files;
    scan->file_capacity = capacity;
  }
  scan->files[scan->file_count++] = entry->file;
  return ICE_OK;
}

static ice_status read_manifest(ice_table_scan *scan, const ice_manifest_file *manifest, ice_error *err) {
  ice_manifest_reader *reader = NULL;
  ice_bytes text;
  ice_bytes_init(&text, SCAN_BYTES_MAX);
  bool found = true;
  ice_status status = ICE_OK;
  ICE_TRY(ice_store_read_all(scan->catalog->store, manifest->path, &text, err));
  ICE_TRY(ice_manifest_reader_create(ice_bytes_str(&text), manifest, NULL, &reader, err));
  while (found) {
    ice_manifest_entry entry;
    ICE_TRY(ice_manifest_reader_next(reader, &scan->arena, &entry, &found, err));
    if (found) {
      ICE_TRY(add_file(scan, &entry, err));
    }
  }
done:
  if (status != ICE_OK) {
    ice_error_prepend(err, "%.*s", ICE_STR_ARG(manifest->path));
  }
  ice_manifest_reader_destroy(reader);
  ice_bytes_deinit(&text);
  return status;
}

static ice_status plan_files(ice_table_scan *scan, const ice_table *table, ice_error *err) {
  const ice_snapshot *head = ice_table_ref_snapshot(table->metadata, ICE_REF_MAIN);
  ice_manifest_file *manifests = NULL;
  uint32_t count = 0;
  ice_bytes text;
  ice_bytes_init(&text, SCAN_BYTES_MAX);
  ice_status status = ICE_OK;
  if (head) {
    ICE_TRY(ice_store_read_all(scan->catalog->store, head->manifest_list, &text, err));
    ICE_TRY(ice_manifest_list_read(ice_bytes_str(&text), &scan->arena, &manifests, &count, err));
  }
  for (uint32_t i = 0; i < count; i++) {
    ICE_TRY(read_manifest(scan, &manifests[i], err));
  }
done:
  ice_bytes_deinit(&text);
  return status;
}

ice_status ice_table_scan_create(ice_catalog *catalog, const ice_table *table, const ice_str *columns,
                                 uint32_t column_count, const ice_table_scan_filter *filter, ice_table_scan **out,
                                 ice_error *err) {
  *out = NULL;
  ice_status status = ICE_OK;
  ice_table_scan *scan = calloc(1, sizeof *scan);
  if (!scan) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a scan");
  }
  scan->catalog = catalog;
  scan->filter = filter;
  ice_arena_init(&scan->arena, SCAN_BYTES_MAX);
  ICE_TRY(build_schema(scan, ice_table_current_schema(table->metadata), columns, column_count, err));
  scan->file_columns = calloc(scan->schema->root.field_count + 1, sizeof *scan->file_columns);
  if (!scan->file_columns) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a scan");
  }
  ICE_TRY(plan_files(scan, table, err));
  scan->filter = NULL;
  *out = scan;
  scan = NULL;
done:
  ice_table_scan_destroy(scan);
  return status;
}

static void close_file(ice_table_scan *scan) {
  ice_parquet_reader_close(scan->reader);
  scan->reader = NULL;
  ice_batch_deinit(&scan->rows);
}

void ice_table_scan_destroy(ice_table_scan *scan) {
  if (!scan) {
    return;
  }
  close_file(scan);
  ice_schema_unref(scan->schema);
  ice_arena_deinit(&scan->arena);
  free(scan->files);
  free(scan->file_columns);
  free(scan);
}

const ice_schema *ice_table_scan_schema(const ice_table_scan *scan) { return scan->schema; }

ice_str ice_table_scan_path(const ice_table_scan *scan) { return scan->path; }

static ice_status read_input(void *context, uint64_t offset, void *data, size_t size, ice_error *err) {
  const ice_table_scan *scan = context;
  return ice_store_read(scan->catalog->store, scan->path, (int64_t)offset, data, size, err);
}

// Projects the file to the scan's columns that it has, by field id.
static ice_status project(ice_table_scan *scan, ice_error *err) {
  const ice_schema *file = ice_parquet_reader_schema(scan->reader);
  uint32_t total = scan->schema->root.field_count;
  int32_t *ids = calloc(total + 1, sizeof *ids);
  uint32_t count = 0;
  if (!ids) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a scan");
  }
  for (uint32_t i = 0; i < total; i++) {
    scan->file_columns[i] = -1;
    for (uint32_t j = 0; j < file->root.field_count; j++) {
      if (file->root.fields[j].id == scan->schema->root.fields[i].id) {
        scan->file_columns[i] = (int32_t)count;
        ids[count++] = file->root.fields[j].id;
        break;
      }
    }
  }
  ice_status status = count == 0 ? ice_error_set(err, ICE_UNSUPPORTED, "the file has none of the wanted columns")
                                 : ice_parquet_reader_project(scan->reader, ids, count, err);
  free(ids);
  return status;
}

static ice_status open_next(ice_table_scan *scan, ice_error *err) {
  const ice_data_file *file = &scan->files[scan->next_file++];
  scan->path = file->path;
  ice_parquet_input input = {.context = scan, .size = (uint64_t)file->file_size, .read = read_input};
  ice_status status = ICE_OK;
  ICE_TRY(ice_parquet_reader_open(input, NULL, &scan->reader, err));
  ICE_TRY(project(scan, err));
  ICE_TRY(ice_batch_init(&scan->rows, ice_parquet_reader_projection(scan->reader), err));
done:
  if (status != ICE_OK) {
    ice_error_prepend(err, "%.*s", ICE_STR_ARG(file->path));
  }
  return status;
}

static ice_status take_rows(ice_table_scan *scan, ice_batch *batch, size_t count, ice_error *err) {
  for (uint32_t i = 0; i < batch->column_count; i++) {
    ice_status status = ICE_OK;
    if (scan->file_columns[i] >= 0) {
      const ice_column *source = &scan->rows.columns[scan->file_columns[i]];
      if (source->kind != batch->columns[i].kind || source->width != batch->columns[i].width) {
        return ice_error_set(err, ICE_UNSUPPORTED, "%.*s: column %.*s is %s there, %s in the table",
                             ICE_STR_ARG(scan->path), ICE_STR_ARG(scan->schema->root.fields[i].name),
                             ice_kind_name(source->kind), ice_kind_name(batch->columns[i].kind));
      }
      status = ice_column_append_range(&batch->columns[i], source, 0, (int64_t)count, err);
    }
    for (size_t row = 0; status == ICE_OK && scan->file_columns[i] < 0 && row < count; row++) {
      status = ice_column_append_null(&batch->columns[i], err);
    }
    if (status != ICE_OK) {
      return status;
    }
  }
  batch->row_count += (int64_t)count;
  return ICE_OK;
}

ice_status ice_table_scan_next(ice_table_scan *scan, ice_batch *batch, ice_error *err) {
  ice_batch_clear(batch);
  while (batch->row_count == 0) {
    size_t count = 0;
    if (!scan->reader) {
      if (scan->next_file == scan->file_count) {
        return ICE_OK;
      }
      ice_status status = open_next(scan, err);
      if (status != ICE_OK) {
        return status;
      }
    }
    ice_batch_clear(&scan->rows);
    ice_status status = ice_parquet_reader_read(scan->reader, SCAN_BATCH_ROWS, &scan->rows, &count, err);
    if (status != ICE_OK) {
      ice_error_prepend(err, "%.*s", ICE_STR_ARG(scan->path));
      return status;
    }
    if (count == 0) {
      close_file(scan);
      continue;
    }
    status = take_rows(scan, batch, count, err);
    if (status != ICE_OK) {
      return status;
    }
  }
  return ICE_OK;
}
