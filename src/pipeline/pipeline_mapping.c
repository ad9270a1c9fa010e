#include "pipeline/pipeline_mapping.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROW_COUNT_MAX = 1 << 26 };

static void schema_error(ice_mapping *mapping, const ice_error *cause) {
  snprintf(mapping->schema_error, sizeof mapping->schema_error, "%s", cause->message);
}

static int64_t find_child(const ice_type *type, ice_str name) {
  for (uint32_t i = 0; i < type->field_count; i++) {
    if (ice_str_equal(type->fields[i].name, name)) {
      return i;
    }
  }
  return -1;
}

// Follows `path` from the top of the source. Going through the exploded array starts the steps anew at its element; any
// other array or map on the way is the end.
static const ice_type *follow(const ice_type *root, ice_str path, ice_str explode, ice_place *place) {
  *place = (ice_place){0};
  const ice_type *type = root;
  size_t from = 0;
  while (from <= path.size) {
    const char *dot = from < path.size ? memchr(path.data + from, '.', path.size - from) : NULL;
    size_t end = dot ? (size_t)(dot - path.data) : path.size;
    if (type->kind != ICE_KIND_STRUCT || place->step_count == ICE_PATH_STEPS_MAX) {
      return NULL;
    }
    int64_t child = find_child(type, ice_str_make(path.data + from, end - from));
    if (child < 0) {
      return NULL;
    }
    place->steps[place->step_count++] = (uint32_t)child;
    type = &type->fields[child].type;
    if (explode.size != 0 && end == explode.size && ice_str_starts_with(path, explode)) {
      if (type->kind != ICE_KIND_LIST) {
        return NULL;
      }
      type = &type->fields[0].type;
      place->in_element = true;
      place->step_count = 0;
    }
    from = end + 1;
  }
  place->found = true;
  return type;
}

static const ice_type *follow_array(const ice_type *root, ice_str path, ice_place *place) {
  const ice_type *type = follow(root, path, (ice_str){0}, place);
  return type && type->kind == ICE_KIND_LIST ? type : NULL;
}

// A column whose writer cannot give it: an error where a row would lack a required value, or lose one silently.
static ice_status map_column(ice_mapping *mapping, uint32_t index, ice_error *err) {
  const ice_pipeline_spec *spec = mapping->spec;
  const ice_field *field = &spec->schema->root.fields[index];
  ice_mapped_column *column = &mapping->columns[index];
  const ice_column_spec *column_spec = &spec->columns[index];
  if (column_spec->origin != ICE_ORIGIN_PATH) {
    return ICE_OK;
  }
  const ice_type *type = follow(&mapping->decoder->schema->root, column_spec->path, spec->explode, &column->place);
  if (!type) {
    if (field->required) {
      return ice_error_set(err, ICE_UNSUPPORTED, "schema %u has no field %.*s for the required column %.*s",
                           mapping->schema_id, ICE_STR_ARG(column_spec->path), ICE_STR_ARG(field->name));
    }
    return ICE_OK;
  }
  column->conversion = ice_conversion_find(type, &field->type);
  if (column->conversion == ICE_CONVERT_NONE) {
    return ice_error_set(err, ICE_UNSUPPORTED, "schema %u: field %.*s is %s, column %.*s is %s", mapping->schema_id,
                         ICE_STR_ARG(column_spec->path), ice_kind_name(type->kind), ICE_STR_ARG(field->name),
                         ice_kind_name(field->type.kind));
  }
  if (column->conversion == ICE_CONVERT_COPY) {
    return ICE_OK;
  }
  ice_status status = ice_column_init(&column->scratch, &field->type, err);
  column->has_scratch = status == ICE_OK;
  return status;
}

static ice_status bind(ice_mapping *mapping, ice_error *err) {
  const ice_pipeline_spec *spec = mapping->spec;
  ice_status status = ICE_OK;
  const ice_type *top = &mapping->decoder->schema->root;
  if (spec->explode.size != 0 && !follow_array(top, spec->explode, &mapping->explode)) {
    ICE_FAIL(ICE_UNSUPPORTED, "schema %u has no array %.*s", mapping->schema_id, ICE_STR_ARG(spec->explode));
  }
  for (uint32_t i = 0; i < spec->column_count; i++) {
    ICE_TRY(map_column(mapping, i, err));
  }
  for (uint32_t i = 0; i < spec->dead_letter_column_count; i++) {
    const ice_type *type =
        follow(top, spec->dead_letter_columns[i].path, spec->explode, &mapping->dead_letter_columns[i]);
    mapping->dead_letter_columns[i].found = type && type->kind == ICE_KIND_STRING;
  }
  ICE_TRY(ice_batch_init(&mapping->source, mapping->decoder->schema, err));
done:
  return status;
}

static ice_status create(uint32_t schema_id, const ice_pipeline_spec *spec, ice_mapping **out, ice_error *err) {
  *out = NULL;
  ice_status status = ICE_OK;
  ice_mapping *mapping = calloc(1, sizeof *mapping);
  if (!mapping) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a decoder");
  }
  mapping->schema_id = schema_id;
  mapping->spec = spec;
  mapping->columns = calloc(spec->column_count + 1, sizeof *mapping->columns);
  mapping->dead_letter_columns = calloc(spec->dead_letter_column_count + 1, sizeof *mapping->dead_letter_columns);
  mapping->source_records = calloc(ICE_MAPPING_BLOCK_MESSAGES, sizeof *mapping->source_records);
  if (!mapping->columns || !mapping->dead_letter_columns || !mapping->source_records) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a decoder");
  }
  *out = mapping;
  mapping = NULL;
done:
  ice_mapping_destroy(mapping);
  return status;
}

// Binds the decoder that was opened with `status`; a schema that cannot serve is the mapping's, a lack of memory the
// caller's.
static ice_status finish(ice_mapping **out, ice_status status, ice_error *cause, ice_error *err) {
  if (status == ICE_OK) {
    status = bind(*out, cause);
  }
  if (status == ICE_NO_MEMORY) {
    if (err) {
      *err = *cause;
    }
    ice_mapping_destroy(*out);
    *out = NULL;
    return status;
  }
  if (status != ICE_OK) {
    schema_error(*out, cause);
  }
  return ICE_OK;
}

ice_status ice_mapping_create_avro(uint32_t schema_id, ice_str schema_text, const ice_pipeline_spec *spec,
                                   ice_mapping **out, ice_error *err) {
  ice_error cause = {0};
  ice_status status = create(schema_id, spec, out, err);
  return status == ICE_OK
             ? finish(out, ice_decoder_open_avro(schema_text, spec, &(*out)->decoder, &cause), &cause, err)
             : status;
}

ice_status ice_mapping_create_json(const ice_pipeline_spec *spec, ice_mapping **out, ice_error *err) {
  ice_error cause = {0};
  ice_status status = create(0, spec, out, err);
  return status == ICE_OK ? finish(out, ice_decoder_open_json(spec, &(*out)->decoder, &cause), &cause, err) : status;
}

ice_status ice_mapping_create_unfit(uint32_t schema_id, const char *schema_error_text, const ice_pipeline_spec *spec,
                                    ice_mapping **out, ice_error *err) {
  ice_status status = create(schema_id, spec, out, err);
  if (status == ICE_OK) {
    snprintf((*out)->schema_error, sizeof(*out)->schema_error, "%s", schema_error_text);
  }
  return status;
}

void ice_mapping_destroy(ice_mapping *mapping) {
  if (!mapping) {
    return;
  }
  for (uint32_t i = 0; mapping->columns && i < mapping->spec->column_count; i++) {
    if (mapping->columns[i].has_scratch) {
      ice_column_deinit(&mapping->columns[i].scratch);
    }
  }
  ice_batch_deinit(&mapping->source);
  ice_decoder_destroy(mapping->decoder);
  free(mapping->columns);
  free(mapping->dead_letter_columns);
  free(mapping->source_records);
  free(mapping->parents);
  free(mapping);
}

static const ice_column *descend(const ice_column *columns, const ice_place *place) {
  const ice_column *column = NULL;
  for (uint32_t i = 0; i < place->step_count; i++) {
    column = i == 0 ? &columns[place->steps[0]] : &column->children[place->steps[i]];
  }
  return column;
}

static const ice_column *exploded_array(const ice_mapping *mapping) {
  return descend(mapping->source.columns, &mapping->explode);
}

ice_view ice_mapping_view(const ice_mapping *mapping, const ice_place *place) {
  if (!place->found) {
    return (ice_view){0};
  }
  bool exploded = mapping->spec->explode.size != 0;
  if (!place->in_element) {
    return (ice_view){.column = descend(mapping->source.columns, place), .map = exploded ? mapping->parents : NULL};
  }
  const ice_column *element = &exploded_array(mapping)->children[0];
  return (ice_view){.column = place->step_count == 0 ? element : descend(element->children, place)};
}

static ice_status reserve_rows(ice_mapping *mapping, size_t count, ice_error *err) {
  if (count <= mapping->row_capacity) {
    return ICE_OK;
  }
  if (count > ROW_COUNT_MAX) {
    return ice_error_set(err, ICE_LIMIT, "%zu elements in one block of records", count);
  }
  uint32_t *parents = realloc(mapping->parents, count * sizeof *parents);
  if (!parents) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %zu rows", count);
  }
  mapping->parents = parents;
  mapping->row_capacity = count;
  return ICE_OK;
}

ice_status ice_mapping_explode(ice_mapping *mapping, int64_t *empty, ice_error *err) {
  size_t message_count = (size_t)mapping->source.row_count;
  *empty = 0;
  if (mapping->spec->explode.size == 0) {
    ice_status status = reserve_rows(mapping, message_count, err);
    for (size_t i = 0; status == ICE_OK && i < message_count; i++) {
      mapping->parents[i] = (uint32_t)i;
    }
    mapping->row_count = message_count;
    return status;
  }
  const ice_column *array = exploded_array(mapping);
  ice_status status = reserve_rows(mapping, (size_t)array->children[0].length, err);
  if (status != ICE_OK) {
    return status;
  }
  size_t row = 0;
  for (size_t i = 0; i < message_count; i++) {
    int32_t from = ice_column_offset(array, (int64_t)i);
    int32_t to = ice_column_offset(array, (int64_t)i + 1);
    *empty += from == to;
    for (int32_t element = from; element < to; element++) {
      mapping->parents[row++] = (uint32_t)i;
    }
  }
  mapping->row_count = row;
  return ICE_OK;
}

int64_t ice_mapping_element_index(const ice_mapping *mapping, size_t row) {
  if (mapping->spec->explode.size == 0) {
    return -1;
  }
  return (int64_t)row - ice_column_offset(exploded_array(mapping), mapping->parents[row]);
}

bool ice_mapping_is_full(const ice_mapping *mapping) {
  const ice_json_notes *notes = mapping->decoder->notes;
  return mapping->source.row_count == ICE_MAPPING_BLOCK_MESSAGES || mapping->block_bytes >= ICE_MAPPING_BLOCK_BYTES ||
         (notes && ice_json_fault_count(notes) >= ICE_MAPPING_BLOCK_FAULTS);
}

void ice_mapping_clear(ice_mapping *mapping) {
  mapping->block_bytes = 0;
  // A mapping that cannot serve has no columns and no decoder.
  if (mapping->schema_error[0] != '\0') {
    return;
  }
  ice_batch_clear(&mapping->source);
  if (mapping->decoder->notes) {
    ice_json_notes_clear(mapping->decoder->notes);
  }
}

ice_str ice_mapping_datum(const ice_mapping *mapping, const ice_chunk *chunk, uint32_t row) {
  ice_str value = ice_record_value(chunk, &chunk->records[mapping->source_records[row]]);
  return ice_str_make(value.data + mapping->datum_at, value.size - mapping->datum_at);
}

size_t ice_mapping_memory(const ice_mapping *mapping) {
  size_t total = ice_batch_memory(&mapping->source) + mapping->row_capacity * sizeof(uint32_t);
  if (mapping->decoder && mapping->decoder->notes) {
    total += ice_json_notes_memory(mapping->decoder->notes);
  }
  for (uint32_t i = 0; i < mapping->spec->column_count; i++) {
    if (mapping->columns[i].has_scratch) {
      total += ice_column_memory(&mapping->columns[i].scratch);
    }
  }
  return total;
}
