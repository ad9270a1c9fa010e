#include "columnar/batch.h"

#include <stdlib.h>

ice_status ice_batch_init(ice_batch *batch, const ice_schema *schema, ice_error *err) {
  *batch = (ice_batch){0};
  uint32_t count = schema->root.field_count;
  ice_column *columns = calloc(count == 0 ? 1 : count, sizeof *columns);
  if (!columns) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a batch of %u columns", count);
  }
  batch->columns = columns;
  batch->schema = ice_schema_ref(schema);
  for (uint32_t i = 0; i < count; i++) {
    ice_status status = ice_column_init(&columns[i], &schema->root.fields[i].type, err);
    if (status != ICE_OK) {
      ice_batch_deinit(batch);
      return status;
    }
    batch->column_count = i + 1;
  }
  return ICE_OK;
}

void ice_batch_deinit(ice_batch *batch) {
  for (uint32_t i = 0; i < batch->column_count; i++) {
    ice_column_deinit(&batch->columns[i]);
  }
  free(batch->columns);
  ice_schema_unref(batch->schema);
  *batch = (ice_batch){0};
}

ice_status ice_batch_end_row(ice_batch *batch, ice_error *err) {
  for (uint32_t i = 0; i < batch->column_count; i++) {
    if (batch->columns[i].length != batch->row_count + 1) {
      ice_str name = batch->schema->root.fields[i].name;
      return ice_error_set(err, ICE_INTERNAL, "column \"%.*s\" has %lld values after row %lld", ICE_STR_ARG(name),
                           (long long)batch->columns[i].length, (long long)batch->row_count);
    }
  }
  batch->row_count++;
  return ICE_OK;
}

void ice_batch_truncate(ice_batch *batch, int64_t row_count) {
  for (uint32_t i = 0; i < batch->column_count; i++) {
    ice_column_truncate(&batch->columns[i], row_count);
  }
  batch->row_count = row_count;
}

size_t ice_batch_memory(const ice_batch *batch) {
  size_t total = 0;
  for (uint32_t i = 0; i < batch->column_count; i++) {
    total += ice_column_memory(&batch->columns[i]);
  }
  return total;
}

size_t ice_batch_size(const ice_batch *batch) {
  size_t total = 0;
  for (uint32_t i = 0; i < batch->column_count; i++) {
    total += ice_column_size(&batch->columns[i]);
  }
  return total;
}
