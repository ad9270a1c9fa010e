/// One column of one type, for tests of single parts of the Parquet writer.
#ifndef ICE_TESTS_PARQUET_ONE_COLUMN_H
#define ICE_TESTS_PARQUET_ONE_COLUMN_H

#include "parquet/parquet_column_chunk.h"
#include "parquet_rows.h"

typedef struct one_column {
  ice_schema *schema;
  ice_parquet_layout *layout;
  ice_parquet_scratch *scratch;
  ice_batch batch;
  ice_column *column;
} one_column;

static inline ice_status one_column_open(one_column *one, const char *type, bool required, ice_error *err) {
  ice_status status = ICE_OK;
  *one = (one_column){0};
  ICE_TRY(ice_schema_create(&one->schema, err));
  one->schema->root.kind = ICE_KIND_STRUCT;
  ICE_TRY(ice_type_set_fields(one->schema, &one->schema->root, 1, err));
  ice_field *field = &one->schema->root.fields[0];
  *field = (ice_field){.name = ICE_STR("f"), .id = 1, .required = required};
  ICE_TRY(ice_type_parse(one->schema, ice_str_of(type), &field->type, err));
  ICE_TRY(ice_parquet_layout_create(one->schema, &one->layout, err));
  ICE_TRY(ice_parquet_scratch_create(&one->scratch, err));
  ICE_TRY(ice_batch_init(&one->batch, one->schema, err));
  one->column = &one->batch.columns[0];
done:
  return status;
}

static inline void one_column_close(one_column *one) {
  ice_batch_deinit(&one->batch);
  ice_parquet_scratch_destroy(one->scratch);
  ice_parquet_layout_unref(one->layout);
  ice_schema_unref(one->schema);
}

/// Append the batch's column to the chunk and empty the batch.
static inline ice_status one_column_append(one_column *one, ice_parquet_chunk *chunk, ice_error *err) {
  ice_parquet_rows rows = {.count = (size_t)one->column->length};
  ice_parquet_scratch_forget(one->scratch);
  ice_status status = ice_parquet_chunk_append(chunk, one->scratch, &one->batch, rows, err);
  ice_column_truncate(one->column, 0);
  return status;
}

#endif
