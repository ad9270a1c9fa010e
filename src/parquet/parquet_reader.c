#include "parquet/parquet_reader.h"

#include "base/checked.h"
#include "parquet/parquet_assembly.h"
#include "parquet/parquet_column_reader.h"
#include <stdlib.h>

enum { TAIL_SIZE = 8 };

struct ice_parquet_reader {
  ice_parquet_source source;
  ice_parquet_metadata metadata;
  ice_schema *projection;
  uint32_t column_count;  ///< of the projection
  uint32_t *first_leaf;   ///< per column of the projection: its first leaf; count of leaves below it
  uint32_t *leaf_count;
  ice_parquet_column_reader **leaves;  ///< by leaf of the file; NULL where it is not wanted
  uint32_t group_next;
  uint32_t group_end;
  int64_t group_rows_left;
  bool failed;
};

ice_parquet_reader_options ice_parquet_reader_options_default(void) {
  return (ice_parquet_reader_options){.footer_size_max = 64 << 20,
                                      .metadata_memory_max = 256 << 20,
                                      .page_size_max = 512 << 20,
                                      .slots_max = 64 << 20};
}

// Opening -----------------------------------------------------------------------------------------------------------

static ice_status read_footer(ice_parquet_reader *reader, ice_error *err) {
  ice_status status = ICE_OK;
  const ice_parquet_input *input = &reader->source.input;
  uint8_t tail[TAIL_SIZE];
  uint8_t *footer = NULL;
  if (input->size < TAIL_SIZE + ICE_PARQUET_MAGIC_SIZE) {
    ICE_FAIL(ICE_CORRUPT, "file of %llu bytes is no Parquet file", (unsigned long long)input->size);
  }
  ICE_TRY(input->read(input->context, input->size - TAIL_SIZE, tail, TAIL_SIZE, err));
  if (memcmp(tail + 4, "PARE", 4) == 0) {
    ICE_FAIL(ICE_UNSUPPORTED, "Parquet file with an encrypted footer");
  }
  if (memcmp(tail + 4, ICE_PARQUET_MAGIC, ICE_PARQUET_MAGIC_SIZE) != 0) {
    ICE_FAIL(ICE_CORRUPT, "file without the end of a Parquet file");
  }
  uint32_t size = ice_load_u32le(tail);
  if (size > input->size - TAIL_SIZE - ICE_PARQUET_MAGIC_SIZE) {
    ICE_FAIL(ICE_CORRUPT, "Parquet footer of %u bytes in a file of %llu", size, (unsigned long long)input->size);
  }
  if (size > reader->source.options.footer_size_max) {
    ICE_FAIL(ICE_LIMIT, "Parquet footer of %u bytes, more than %zu", size, reader->source.options.footer_size_max);
  }
  footer = malloc(size == 0 ? 1 : size);
  if (!footer) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a Parquet footer of %u bytes", size);
  }
  ICE_TRY(input->read(input->context, input->size - TAIL_SIZE - size, footer, size, err));
  ICE_TRY(ice_parquet_footer_read(footer, size, input->size - TAIL_SIZE - size,
                                  reader->source.options.metadata_memory_max, &reader->metadata, err));
done:
  free(footer);
  return status;
}

static void drop_leaves(ice_parquet_reader *reader) {
  for (uint32_t i = 0; reader->leaves && i < reader->metadata.layout->leaf_count; i++) {
    if (reader->leaves[i]) {
      ice_parquet_column_reader_deinit(reader->leaves[i]);
      free(reader->leaves[i]);
      reader->leaves[i] = NULL;
    }
  }
}

static void rewind_rows(ice_parquet_reader *reader, uint32_t from, uint32_t end) {
  reader->group_next = from;
  reader->group_end = end;
  reader->group_rows_left = 0;
}

// The leaves of top-level column `column` of the file.
static void find_leaves(const ice_parquet_layout *layout, uint32_t column, uint32_t *first, uint32_t *count) {
  *first = 0;
  *count = 0;
  for (uint32_t i = 0; i < layout->leaf_count; i++) {
    if (layout->leaves[i].steps[0].child == column) {
      *first = *count == 0 ? i : *first;
      (*count)++;
    }
  }
}

static ice_status add_column(ice_parquet_reader *reader, uint32_t column, ice_error *err) {
  ice_status status = ICE_OK;
  const ice_parquet_layout *layout = reader->metadata.layout;
  uint32_t at = reader->column_count;
  find_leaves(layout, column, &reader->first_leaf[at], &reader->leaf_count[at]);
  for (uint32_t i = 0; i < reader->leaf_count[at]; i++) {
    uint32_t leaf = reader->first_leaf[at] + i;
    ice_parquet_column_reader *created = calloc(1, sizeof *created);
    if (!created) {
      ICE_FAIL(ICE_NO_MEMORY, "out of memory for a column of a Parquet file");
    }
    reader->leaves[leaf] = created;
    ICE_TRY(ice_parquet_column_reader_init(created, &layout->leaves[leaf], &reader->source, err));
  }
  reader->column_count++;
done:
  return status;
}

static ice_status read_all_columns(ice_parquet_reader *reader, ice_error *err) {
  ice_status status = ICE_OK;
  const ice_parquet_layout *layout = reader->metadata.layout;
  uint32_t columns = layout->schema->root.field_count;
  reader->first_leaf = calloc(columns, sizeof *reader->first_leaf);
  reader->leaf_count = calloc(columns, sizeof *reader->leaf_count);
  reader->leaves = calloc(layout->leaf_count, sizeof *reader->leaves);
  if (!reader->first_leaf || !reader->leaf_count || !reader->leaves) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for the columns of a Parquet file");
  }
  reader->projection = ice_schema_ref(layout->schema);
  for (uint32_t i = 0; i < columns; i++) {
    ICE_TRY(add_column(reader, i, err));
  }
done:
  return status;
}

ice_status ice_parquet_reader_open(ice_parquet_input input, const ice_parquet_reader_options *options,
                                   ice_parquet_reader **out, ice_error *err) {
  *out = NULL;
  ice_status status = ICE_OK;
  ice_parquet_reader *reader = calloc(1, sizeof *reader);
  if (!reader) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a Parquet reader");
  }
  reader->source.input = input;
  reader->source.options = options ? *options : ice_parquet_reader_options_default();
  ICE_TRY(ice_compressor_create(&reader->source.compressor, err));
  ICE_TRY(read_footer(reader, err));
  ICE_TRY(read_all_columns(reader, err));
  rewind_rows(reader, 0, reader->metadata.row_group_count);
  *out = reader;
  reader = NULL;
done:
  ice_parquet_reader_close(reader);
  return status;
}

void ice_parquet_reader_close(ice_parquet_reader *reader) {
  if (!reader) {
    return;
  }
  drop_leaves(reader);
  free(reader->leaves);
  free(reader->first_leaf);
  free(reader->leaf_count);
  ice_schema_unref(reader->projection);
  ice_parquet_footer_deinit(&reader->metadata);
  ice_compressor_destroy(reader->source.compressor);
  free(reader);
}

const ice_schema *ice_parquet_reader_schema(const ice_parquet_reader *reader) {
  return reader->metadata.layout->schema;
}

const ice_parquet_metadata *ice_parquet_reader_metadata(const ice_parquet_reader *reader) {
  return &reader->metadata;
}

const ice_schema *ice_parquet_reader_projection(const ice_parquet_reader *reader) { return reader->projection; }

// Choosing ----------------------------------------------------------------------------------------------------------

static ice_status projected_schema(const ice_schema *schema, const int32_t *field_ids, size_t count, ice_schema **out,
                                   ice_error *err) {
  ice_status status = ICE_OK;
  ice_schema *projection = NULL;
  ICE_TRY(ice_schema_create(&projection, err));
  projection->root.kind = ICE_KIND_STRUCT;
  ICE_TRY(ice_type_set_fields(projection, &projection->root, (uint32_t)count, err));
  for (size_t i = 0; i < count; i++) {
    const ice_field *found = NULL;
    for (uint32_t k = 0; k < schema->root.field_count && field_ids[i] != 0; k++) {
      found = schema->root.fields[k].id == field_ids[i] ? &schema->root.fields[k] : found;
    }
    if (!found) {
      ICE_FAIL(ICE_NOT_FOUND, "no column with field id %d in the Parquet file", (int)field_ids[i]);
    }
    ICE_TRY(ice_field_copy(projection, found, &projection->root.fields[i], err));
  }
  ICE_TRY(ice_schema_validate(projection, err));
done:
  if (status != ICE_OK) {
    ice_schema_unref(projection);
    projection = NULL;
  }
  *out = projection;
  return status;
}

ice_status ice_parquet_reader_project(ice_parquet_reader *reader, const int32_t *field_ids, size_t count,
                                      ice_error *err) {
  ice_status status = ICE_OK;
  const ice_schema *schema = reader->metadata.layout->schema;
  ice_schema *projection = NULL;
  if (count == 0 || count > schema->root.field_count) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "projection of %zu columns out of %u", count,
                         schema->root.field_count);
  }
  ICE_TRY(projected_schema(schema, field_ids, count, &projection, err));
  ice_schema_unref(reader->projection);
  reader->projection = projection;
  drop_leaves(reader);
  reader->column_count = 0;
  // Half a projection is of no use, so the reader fails with it.
  reader->failed = true;
  for (size_t i = 0; i < count; i++) {
    uint32_t column = 0;
    while (schema->root.fields[column].id != field_ids[i]) {
      column++;
    }
    ICE_TRY(add_column(reader, column, err));
  }
  reader->failed = false;
  rewind_rows(reader, 0, reader->metadata.row_group_count);
done:
  return status;
}

ice_status ice_parquet_reader_select(ice_parquet_reader *reader, uint32_t from, uint32_t count, ice_error *err) {
  uint32_t there = reader->metadata.row_group_count;
  if (from > there || count > there - from) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "row groups %u to %llu of %u", from,
                         (unsigned long long)from + count, there);
  }
  rewind_rows(reader, from, from + count);
  return ICE_OK;
}

// Reading -----------------------------------------------------------------------------------------------------------

static ice_status start_group(ice_parquet_reader *reader, ice_error *err) {
  ice_status status = ICE_OK;
  const ice_parquet_row_group_metadata *group = &reader->metadata.row_groups[reader->group_next++];
  reader->group_rows_left = group->row_count;
  for (uint32_t i = 0; i < reader->metadata.layout->leaf_count; i++) {
    if (reader->leaves[i]) {
      status = ice_parquet_column_reader_start(reader->leaves[i], &group->columns[i], err);
      if (status != ICE_OK) {
        char name[200];
        ice_parquet_leaf_name(&reader->metadata.layout->leaves[i], name, sizeof name);
        ice_error_prepend(err, "Parquet column \"%s\"", name);
        return status;
      }
    }
  }
  return ICE_OK;
}

static ice_status read_rows(ice_parquet_reader *reader, size_t row_count, ice_batch *batch, ice_error *err) {
  ice_status status = ICE_OK;
  for (uint32_t i = 0; i < reader->column_count; i++) {
    ice_parquet_column_reader **leaves = reader->leaves + reader->first_leaf[i];
    for (uint32_t k = 0; k < reader->leaf_count[i]; k++) {
      ICE_TRY(ice_parquet_column_reader_read(leaves[k], row_count, err));
    }
    ICE_TRY(ice_parquet_assemble(&batch->columns[i], leaves, reader->leaf_count[i], row_count, err));
  }
  batch->row_count += (int64_t)row_count;
done:
  return status;
}

ice_status ice_parquet_reader_read(ice_parquet_reader *reader, size_t row_max, ice_batch *batch, size_t *row_count,
                                   ice_error *err) {
  ice_status status = ICE_OK;
  *row_count = 0;
  if (reader->failed) {
    return ice_error_set(err, ICE_INVALID_STATE, "reading on after a failure");
  }
  if (batch->schema != reader->projection && !ice_type_equal(&batch->schema->root, &reader->projection->root)) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "batch of another schema than what is read");
  }
  int64_t before = batch->row_count;
  while (reader->group_rows_left == 0 && reader->group_next < reader->group_end) {
    ICE_TRY(start_group(reader, err));
  }
  uint64_t left = (uint64_t)reader->group_rows_left;
  size_t count = left < row_max ? (size_t)left : row_max;
  if (count > 0) {
    ICE_TRY(read_rows(reader, count, batch, err));
    reader->group_rows_left -= (int64_t)count;
    *row_count = count;
  }
done:
  if (status != ICE_OK) {
    reader->failed = true;
    ice_batch_truncate(batch, before);
  }
  return status;
}
