#include "ingest/data_file.h"

#include "base/utf8.h"
#include <stdlib.h>

enum {
  /// A maximum of which only a prefix is known is cut further, then raised, so that it is a bound again.
  RAISED_CHARACTERS = 64,
  BOUND_BYTES_MAX = 4096
};

static ice_status write_to_upload(void *context, const void *data, size_t size, ice_error *err) {
  const ice_open_file *file = context;
  return ice_upload_write(file->upload, data, size, err);
}

ice_status ice_open_file_init(ice_open_file *file, ice_store *store, ice_str location, const ice_schema *schema,
                              const ice_parquet_writer_options *options, ice_parquet_scratch *scratch,
                              ice_error *err) {
  *file = (ice_open_file){0};
  ice_parquet_output output = {.context = file, .write = write_to_upload};
  ice_status status = ICE_OK;
  file->location = strndup(location.data, location.size);
  if (!file->location) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a location");
  }
  ICE_TRY(ice_store_create(store, location, &file->upload, err));
  ICE_TRY(ice_parquet_writer_create(schema, options, output, scratch, &file->writer, err));
done:
  if (status != ICE_OK) {
    ice_open_file_deinit(file);
  }
  return status;
}

void ice_open_file_deinit(ice_open_file *file) {
  ice_parquet_writer_destroy(file->writer);
  ice_upload_destroy(file->upload);
  free(file->location);
  *file = (ice_open_file){0};
}

static ice_status raise_maximum(const ice_parquet_file_column *column, ice_arena *arena, ice_leaf_metrics *out,
                                ice_error *err) {
  ice_bytes raised;
  ice_bytes_init(&raised, BOUND_BYTES_MAX);
  bool found = false;
  ice_status status = ICE_OK;
  if (column->kind == ICE_KIND_STRING) {
    // The prefix was cut between bytes; what is left of its last character goes.
    size_t size = column->max.size;
    while (size > 0 && column->max.size - size < 4 && !ice_utf8_valid(column->max.data, size)) {
      size--;
    }
    ICE_TRY(ice_truncate_upper_text(ice_str_make(column->max.data, size), RAISED_CHARACTERS, &raised, &found, err));
  } else {
    ICE_TRY(ice_truncate_upper_binary(column->max, RAISED_CHARACTERS, &raised, &found, err));
  }
  out->has_bounds = found;
  ICE_TRY(ice_arena_copy_str(arena, ice_bytes_str(&raised), &out->max, err));
done:
  ice_bytes_deinit(&raised);
  return status;
}

static ice_status leaf_metrics(const ice_parquet_file_column *column, ice_arena *arena, ice_leaf_metrics *out,
                               ice_error *err) {
  *out = (ice_leaf_metrics){.field_id = column->field_id,
                            .column_size = column->size,
                            .value_count = column->value_count,
                            .null_count = column->null_count,
                            .nan_count = column->has_nan_count ? column->nan_count : -1,
                            .has_bounds = column->has_bounds,
                            .min = column->min,
                            .max = column->max,
                            .min_truncated = column->min_truncated,
                            .max_truncated = column->max_truncated};
  return column->has_bounds && column->max_truncated ? raise_maximum(column, arena, out, err) : ICE_OK;
}

ice_status ice_open_file_finish(ice_open_file *file, const ice_schema *schema, const ice_metrics_config *metrics,
                                ice_arena *arena, ice_data_file *out, ice_error *err) {
  *out = (ice_data_file){
      .content = ICE_CONTENT_DATA, .format = ICE_STR("PARQUET"), .content_offset = -1, .content_size = -1};
  ice_parquet_file written = {0};
  ice_status status = ICE_OK;
  ICE_TRY(ice_parquet_writer_finish(file->writer, &written, err));
  ice_parquet_writer_destroy(file->writer);
  file->writer = NULL;
  ICE_TRY(ice_upload_submit(file->upload, err));
  ice_leaf_metrics *leaves = ice_arena_alloc_array(arena, written.column_count, sizeof *leaves, err);
  int64_t *splits = ice_arena_alloc_array(arena, written.split_offset_count, sizeof *splits, err);
  if (!leaves || !splits) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for the metrics of a data file");
  }
  for (uint32_t i = 0; i < written.column_count; i++) {
    ICE_TRY(leaf_metrics(&written.columns[i], arena, &leaves[i], err));
  }
  if (written.split_offset_count > 0) {
    memcpy(splits, written.split_offsets, written.split_offset_count * sizeof *splits);
  }
  ICE_TRY(ice_file_metrics_build(schema, metrics, leaves, written.column_count, arena, &out->metrics, err));
  ICE_TRY(ice_arena_copy_str(arena, ice_str_of(file->location), &out->path, err));
  out->record_count = written.row_count;
  out->file_size = written.file_size;
  out->split_offsets = splits;
  out->split_offset_count = written.split_offset_count;
done:
  ice_parquet_file_deinit(&written);
  return status;
}
