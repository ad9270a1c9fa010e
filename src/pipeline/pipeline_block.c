#include "pipeline/pipeline_block.h"

#include "base/utf8.h"
#include "pipeline/pipeline_payload.h"
#include "pipeline/pipeline_rule.h"
#include <stdlib.h>

enum {
  PAYLOAD_TEXT_MAX = 1 << 26,
  SLICE_ROWS = 4096  ///< between two looks at the size of the output
};

static ice_status bind_table(const ice_pipeline_spec *spec, const ice_schema *schema, bool leave_out_lost,
                             int32_t *columns, ice_error *err) {
  for (uint32_t i = 0; i < schema->root.field_count; i++) {
    const ice_field *field = &schema->root.fields[i];
    int64_t found = ice_pipeline_spec_find(spec, field->name);
    columns[i] = (int32_t)found;
    if (found < 0) {
      if (field->required) {
        return ice_error_set(err, ICE_INVALID_ARGUMENT,
                             "the table requires column %.*s, which pipeline.columns lacks",
                             ICE_STR_ARG(field->name));
      }
      continue;
    }
    const ice_field *wanted = &spec->schema->root.fields[found];
    if (ice_conversion_find(&wanted->type, &field->type) != ICE_CONVERT_COPY) {
      return ice_error_set(err, ICE_INVALID_ARGUMENT, "column %.*s is %s in the table and %s in pipeline.columns",
                           ICE_STR_ARG(field->name), ice_kind_name(field->type.kind),
                           ice_kind_name(wanted->type.kind));
    }
    if (field->required && !wanted->required) {
      return ice_error_set(err, ICE_INVALID_ARGUMENT,
                           "column %.*s is required in the table; set required: true in pipeline.columns",
                           ICE_STR_ARG(field->name));
    }
  }
  for (uint32_t i = 0; i < spec->column_count && !leave_out_lost; i++) {
    ice_str name = spec->schema->root.fields[i].name;
    if (!ice_schema_find_name(schema, name)) {
      return ice_error_set(err, ICE_INVALID_ARGUMENT, "the table has no column %.*s, which pipeline.columns fills",
                           ICE_STR_ARG(name));
    }
  }
  return ICE_OK;
}

ice_status ice_block_create(const ice_pipeline_options *options, ice_block **out, ice_error *err) {
  *out = NULL;
  ice_status status = ICE_OK;
  const ice_pipeline_spec *spec = options->spec;
  ice_block *block = calloc(1, sizeof *block);
  if (!block) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a pipeline");
  }
  block->options = options;
  block->spec = spec;
  ice_bytes_init(&block->text, PAYLOAD_TEXT_MAX);
  ice_bytes_init(&block->payload, PAYLOAD_TEXT_MAX);
  block->views = calloc(spec->column_count + 1, sizeof *block->views);
  block->own_views = calloc(spec->dead_letter_column_count + 1, sizeof *block->own_views);
  block->table_columns = calloc(options->table_count + 1, sizeof *block->table_columns);
  block->rows = malloc(SLICE_ROWS * sizeof *block->rows);
  block->mapped = malloc(SLICE_ROWS * sizeof *block->mapped);
  if (!block->views || !block->own_views || !block->table_columns || !block->rows || !block->mapped) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a pipeline");
  }
  for (uint32_t i = 0; i < options->table_count; i++) {
    const ice_schema *schema = options->table_schemas[i];
    block->table_columns[i] = calloc(schema->root.field_count + 1, sizeof(int32_t));
    if (!block->table_columns[i]) {
      ICE_FAIL(ICE_NO_MEMORY, "out of memory for a pipeline");
    }
    ICE_TRY(bind_table(spec, schema, options->leave_out_lost, block->table_columns[i], err));
  }
  ICE_TRY(ice_dead_letter_writer_create(spec, options->sink, options->dead_letter_schema, &block->dead_letter_writer,
                                        err));
  *out = block;
  block = NULL;
done:
  ice_block_destroy(block);
  return status;
}

void ice_block_destroy(ice_block *block) {
  if (!block) {
    return;
  }
  for (uint32_t i = 0; block->table_columns && i < block->options->table_count; i++) {
    free(block->table_columns[i]);
  }
  free(block->table_columns);
  ice_dead_letter_writer_destroy(block->dead_letter_writer);
  free(block->views);
  free(block->own_views);
  free(block->faults);
  free(block->rows);
  free(block->mapped);
  free(block->row_tables);
  ice_bytes_deinit(&block->text);
  ice_bytes_deinit(&block->payload);
  free(block);
}

void ice_block_begin(ice_block *block, const ice_chunk *chunk, const ice_source_partition *partitions,
                     ice_pipeline_output *output, int64_t now_us) {
  block->chunk = chunk;
  block->partitions = partitions;
  block->output = output;
  block->now_us = now_us;
}

size_t ice_block_memory(const ice_block *block) {
  return block->row_capacity * (sizeof *block->faults + sizeof *block->row_tables) +
         SLICE_ROWS * (sizeof *block->rows + sizeof *block->mapped) + block->text.capacity + block->payload.capacity;
}

// Dead letters ------------------------------------------------------------------------------------------------------

static void set_coordinates(const ice_block *block, const ice_record *record, ice_dead_letter *letter) {
  const ice_source_partition *partition = &block->partitions[record->partition];
  letter->topic = partition->topic;
  letter->partition = partition->partition;
  letter->offset = record->offset;
}

static ice_status append_letter(ice_block *block, const ice_dead_letter *letter, ice_error *err) {
  ice_pipeline_counts *counts = &block->output->counts;
  counts->dead_letters++;
  counts->dead_letters_by_type[letter->type]++;
  return ice_dead_letter_append(block->dead_letter_writer, letter, block->now_us, &block->output->dead_letters, err);
}

ice_status ice_block_add_bad_message(ice_block *block, uint32_t index, size_t text_at, ice_error_type type,
                                     const char *cause, ice_error *err) {
  const ice_record *record = &block->chunk->records[index];
  ice_dead_letter letter = {.type = type, .message = ice_str_of(cause), .element_index = -1};
  set_coordinates(block, record, &letter);
  if (record->value_size >= 0) {
    letter.raw_bytes = ice_record_value(block->chunk, record);
    // An empty value is a value: its view needs an address to be told from null.
    ice_str text = ice_str_make(letter.raw_bytes.data + text_at, letter.raw_bytes.size - text_at);
    if (ice_utf8_valid(text.data, text.size)) {
      letter.raw_payload = text;
    }
  }
  block->output->counts.elements++;
  return append_letter(block, &letter, err);
}

ice_status ice_block_add_tombstone(ice_block *block, uint32_t index, ice_error *err) {
  if (block->spec->tombstones == ICE_TOMBSTONES_FILTER) {
    block->output->counts.elements++;
    block->output->counts.filtered++;
    ice_observe_count(block->options->observer, "icesink_filtered_total", ICE_STR("tombstone"), 1);
    return ICE_OK;
  }
  return ice_block_add_bad_message(block, index, 0, ICE_DESERIALIZATION_ERROR,
                                   "the record has no value (a tombstone)", err);
}

static ice_error_type fault_type(const ice_fault *fault) {
  switch (fault->kind) {
    case ICE_FAULT_TEXT: return ICE_DESERIALIZATION_ERROR;
    case ICE_FAULT_CONVERT: return ICE_TRANSFORMATION_ERROR;
    default: return ICE_VALIDATION_ERROR;
  }
}

// `letters_before`: dead letters that the row's message has had already.
static ice_status add_bad_element(ice_block *block, ice_mapping *mapping, size_t row, size_t letters_before,
                                  ice_error *err) {
  uint32_t parent = mapping->parents[row];
  const ice_record *record = &block->chunk->records[mapping->source_records[parent]];
  const ice_fault_place place = {.mapping = mapping,
                                 .chunk = block->chunk,
                                 .views = block->views,
                                 .fault = &block->faults[row],
                                 .row = row,
                                 .letters_before = letters_before};
  ice_status status = ICE_OK;
  ice_bytes_clear(&block->text);
  ICE_TRY(ice_payload_describe(&place, &block->payload, &block->text, err));
  ice_bytes_clear(&block->payload);
  ICE_TRY(ice_payload_append(&place, &block->payload, err));
  ice_str message = ice_bytes_str(&block->text);
  message.size = ice_utf8_cut(message.data, message.size, ICE_ERROR_MESSAGE_MAX);
  ice_dead_letter letter = {.type = fault_type(&block->faults[row]),
                            .message = message,
                            .element_index = ice_mapping_element_index(mapping, row),
                            .raw_payload = ice_bytes_str(&block->payload),
                            .own = block->own_views,
                            .own_row = row};
  set_coordinates(block, record, &letter);
  if (letters_before == 0) {
    letter.raw_bytes = ice_record_value(block->chunk, record);
  }
  ICE_TRY(append_letter(block, &letter, err));
done:
  return status;
}

// Rows --------------------------------------------------------------------------------------------------------------

static ice_status reserve_rows(ice_block *block, size_t count, ice_error *err) {
  if (count <= block->row_capacity) {
    return ICE_OK;
  }
  size_t capacity = count + count / 2;
  free(block->faults);
  free(block->row_tables);
  block->row_capacity = 0;
  block->faults = malloc(capacity * sizeof *block->faults);
  block->row_tables = malloc(capacity * sizeof *block->row_tables);
  if (!block->faults || !block->row_tables) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %zu rows", capacity);
  }
  block->row_capacity = capacity;
  return ICE_OK;
}

static void check_missing(const ice_view *view, size_t row_count, uint32_t index, ice_fault *faults) {
  bool is_text = view->column && view->column->kind == ICE_KIND_STRING;
  if (view->column && !is_text && view->column->null_count == 0) {
    return;
  }
  for (size_t row = 0; row < row_count; row++) {
    if (ice_view_is_null(view, row) ||
        (is_text && ice_column_text(view->column, ice_view_index(view, row)).size == 0)) {
      ice_fault_set(&faults[row], ICE_FAULT_MISSING, index);
    }
  }
}

// UTF-8 first, over all columns: what is no text cannot be judged by anything that follows.
static ice_status check_columns(ice_block *block, ice_mapping *mapping, ice_error *err) {
  const ice_pipeline_spec *spec = block->spec;
  size_t count = mapping->row_count;
  for (uint32_t i = 0; i < spec->column_count; i++) {
    block->views[i] = ice_mapping_view(mapping, &mapping->columns[i].place);
    ice_text_check(&block->views[i], count, i, block->faults);
    ice_mapping_mark_misfits(mapping, block->chunk, i, ICE_FAULT_TEXT, block->faults);
  }
  for (uint32_t i = 0; i < spec->column_count; i++) {
    ice_mapped_column *column = &mapping->columns[i];
    const ice_field *field = &spec->schema->root.fields[i];
    if (spec->columns[i].origin != ICE_ORIGIN_PATH) {
      continue;
    }
    ice_mapping_mark_misfits(mapping, block->chunk, i, ICE_FAULT_CONVERT, block->faults);
    if (field->required) {
      check_missing(&block->views[i], count, i, block->faults);
    }
    ice_nested_required_check(&field->type, &block->views[i], count, i, block->faults);
    if (block->views[i].column && column->conversion != ICE_CONVERT_COPY) {
      ice_column_truncate(&column->scratch, 0);
      ice_status status =
          ice_conversion_apply(column->conversion, &block->views[i], count, i, &column->scratch, block->faults, err);
      if (status != ICE_OK) {
        return status;
      }
      block->views[i] = (ice_view){.column = &column->scratch};
    }
  }
  return ICE_OK;
}

static void apply_filters(ice_block *block, size_t count) {
  for (uint32_t i = 0; i < block->spec->filter_count; i++) {
    int64_t dropped = 0;
    for (size_t row = 0; row < count; row++) {
      if (block->faults[row].kind == ICE_FAULT_NONE &&
          ice_when_matches(&block->spec->filters[i].when, block->views, row)) {
        ice_fault_set(&block->faults[row], ICE_FAULT_FILTERED, i);
        dropped++;
      }
    }
    block->output->counts.filtered += dropped;
    if (dropped > 0) {
      ice_observe_count(block->options->observer, "icesink_filtered_total", block->spec->filters[i].name, dropped);
    }
  }
}

static ice_status append_constant(const ice_block *block, const ice_mapping *mapping, ice_column_origin origin,
                                  size_t row, ice_column *column, ice_error *err) {
  const ice_record *record = &block->chunk->records[mapping->source_records[mapping->parents[row]]];
  const ice_source_partition *partition = &block->partitions[record->partition];
  ice_str key = ice_record_key(block->chunk, record);
  int64_t number = block->now_us;
  switch (origin) {
    case ICE_ORIGIN_TOPIC: return ice_column_append_text(column, partition->topic, err);
    case ICE_ORIGIN_KEY:
      return record->key_size < 0 ? ice_column_append_null(column, err) : ice_column_append_text(column, key, err);
    case ICE_ORIGIN_PARTITION: number = partition->partition; break;
    case ICE_ORIGIN_OFFSET: number = record->offset; break;
    case ICE_ORIGIN_TIMESTAMP: number = record->timestamp_ms * 1000; break;
    case ICE_ORIGIN_PROCESSING_TIME:
    case ICE_ORIGIN_PATH: break;
  }
  return column->width == 4 ? ice_column_append_i32(column, (int32_t)number, err)
                            : ice_column_append_i64(column, number, err);
}

static ice_status append_column(ice_block *block, const ice_mapping *mapping, int32_t index, size_t count,
                                ice_column *column, ice_error *err) {
  ice_status status = ICE_OK;
  const ice_view *view = index < 0 ? NULL : &block->views[index];
  ice_column_origin origin = index < 0 ? ICE_ORIGIN_PATH : block->spec->columns[index].origin;
  if (origin != ICE_ORIGIN_PATH) {
    for (size_t i = 0; status == ICE_OK && i < count; i++) {
      status = append_constant(block, mapping, origin, block->rows[i], column, err);
    }
    return status;
  }
  if (!view || !view->column) {
    for (size_t i = 0; status == ICE_OK && i < count; i++) {
      status = ice_column_append_null(column, err);
    }
    return status;
  }
  const uint32_t *rows = block->rows;
  if (view->map) {
    for (size_t i = 0; i < count; i++) {
      block->mapped[i] = view->map[block->rows[i]];
    }
    rows = block->mapped;
  }
  return ice_column_append_rows(column, view->column, rows, count, err);
}

static ice_status append_rows(ice_block *block, const ice_mapping *mapping, uint32_t table, size_t count,
                              ice_error *err) {
  ice_batch *batch = &block->output->tables[table];
  ice_status status = ICE_OK;
  if (count == 0) {
    goto done;
  }
  for (uint32_t i = 0; i < batch->column_count; i++) {
    ICE_TRY(append_column(block, mapping, block->table_columns[table][i], count, &batch->columns[i], err));
  }
  batch->row_count += (int64_t)count;
  block->output->counts.rows += (int64_t)count;
done:
  return status;
}

static void route_rows(ice_block *block, size_t count) {
  if (count > 0) {
    memset(block->row_tables, 0, count);
  }
  for (size_t row = 0; row < count; row++) {
    for (uint32_t i = 0; i < block->spec->route_count; i++) {
      if (ice_when_matches(&block->spec->routes[i].when, block->views, row)) {
        block->row_tables[row] = (uint8_t)block->spec->routes[i].table;
        break;
      }
    }
  }
}

static ice_status write_good_rows(ice_block *block, const ice_mapping *mapping, size_t from, size_t to,
                                  ice_error *err) {
  bool routed = block->spec->route_count > 0;
  for (uint32_t table = 0; table < (routed ? block->options->table_count : 1); table++) {
    size_t count = 0;
    for (size_t row = from; row < to; row++) {
      block->rows[count] = (uint32_t)row;
      count += block->faults[row].kind == ICE_FAULT_NONE && (!routed || block->row_tables[row] == table);
    }
    ice_status status = append_rows(block, mapping, table, count, err);
    if (status != ICE_OK) {
      return status;
    }
  }
  return ICE_OK;
}

static bool output_is_full(const ice_block *block) {
  size_t size_max = block->options->output_size_max;
  const ice_pipeline_output *output = block->output;
  size_t size = size_max == 0 ? 0 : ice_batch_size(&output->dead_letters);
  for (uint32_t i = 0; size_max > 0 && i < output->table_count; i++) {
    size += ice_batch_size(&output->tables[i]);
  }
  return size_max > 0 && size >= size_max;
}

// The dead letters of the rows before `to`, or as many as the output has room for.
static ice_status write_dead_letters(ice_block *block, ice_mapping *mapping, size_t to, ice_error *err) {
  bool full = false;
  while (block->next_letter < to && !full) {
    size_t row = block->next_letter++;
    if (block->faults[row].kind == ICE_FAULT_NONE || block->faults[row].kind == ICE_FAULT_FILTERED) {
      continue;
    }
    block->letters = mapping->parents[row] == block->letters_parent ? block->letters + 1 : 0;
    block->letters_parent = mapping->parents[row];
    ice_status status = add_bad_element(block, mapping, row, block->letters, err);
    if (status != ICE_OK) {
      return status;
    }
    full = output_is_full(block);
  }
  return ICE_OK;
}

static ice_status judge(ice_block *block, ice_mapping *mapping, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_mapping_explode(mapping, &block->empty, err));
  ICE_TRY(reserve_rows(block, mapping->row_count, err));
  if (mapping->row_count > 0) {
    memset(block->faults, 0, mapping->row_count * sizeof *block->faults);
  }
  ICE_TRY(check_columns(block, mapping, err));
  for (uint32_t i = 0; i < block->spec->dead_letter_column_count; i++) {
    block->own_views[i] = ice_mapping_view(mapping, &mapping->dead_letter_columns[i]);
  }
  apply_filters(block, mapping->row_count);
  for (uint32_t i = 0; i < block->spec->rule_count; i++) {
    ice_rule_apply(&block->spec->rules[i], i, block->views, mapping->row_count, block->faults);
  }
  if (block->spec->route_count > 0) {
    route_rows(block, mapping->row_count);
  }
  block->written = 0;
  block->next_letter = 0;
  block->letters_parent = -1;
  block->letters = 0;
done:
  return status;
}

static void finish(ice_block *block, ice_mapping *mapping) {
  block->output->counts.elements += (int64_t)mapping->row_count + block->empty;
  block->output->counts.filtered += block->empty;
  if (block->empty > 0) {
    ice_observe_count(block->options->observer, "icesink_filtered_total", ICE_STR("empty"), block->empty);
  }
  ice_mapping_clear(mapping);
  block->open = NULL;
}

ice_status ice_block_go_on(ice_block *block, ice_pipeline_output *output, ice_error *err) {
  ice_status status = ICE_OK;
  ice_mapping *mapping = block->open;
  block->output = output;
  if (!mapping) {
    goto done;
  }
  do {
    if (block->next_letter == block->written) {
      size_t from = block->written;
      size_t left = mapping->row_count - from;
      block->written += left < SLICE_ROWS ? left : SLICE_ROWS;
      ICE_TRY(write_good_rows(block, mapping, from, block->written, err));
    }
    ICE_TRY(write_dead_letters(block, mapping, block->written, err));
  } while (block->next_letter < mapping->row_count && !output_is_full(block));
  if (block->next_letter == mapping->row_count) {
    finish(block, mapping);
  }
done:
  return status;
}

ice_status ice_block_flush(ice_block *block, ice_mapping *mapping, ice_error *err) {
  ice_status status = ICE_OK;
  if (mapping->source.row_count == 0) {
    goto done;
  }
  ICE_TRY(judge(block, mapping, err));
  block->open = mapping;
  ICE_TRY(ice_block_go_on(block, block->output, err));
done:
  return status;
}

ice_status ice_block_add_message(ice_block *block, ice_mapping *mapping, uint32_t index, ice_error *err) {
  ice_error cause = {0};
  ice_error_type type;
  int64_t before = mapping->source.row_count;
  mapping->source_records[before] = index;
  ice_str datum = ice_mapping_datum(mapping, block->chunk, (uint32_t)before);
  ice_status status = ice_decoder_decode(mapping->decoder, datum, &mapping->source, &type, &cause);
  if (status == ICE_CORRUPT) {
    ice_batch_truncate(&mapping->source, before);
    size_t text_at = mapping->decoder->notes ? mapping->datum_at : 0;
    return ice_block_add_bad_message(block, index, text_at, type, cause.message, err);
  }
  if (status != ICE_OK) {
    if (err) {
      *err = cause;
    }
    return status;
  }
  mapping->block_bytes += datum.size;
  return ice_mapping_is_full(mapping) ? ice_block_flush(block, mapping, err) : ICE_OK;
}
