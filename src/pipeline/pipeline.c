#include "pipeline/pipeline.h"

#include "base/map.h"
#include "base/utf8.h"
#include "pipeline/pipeline_block.h"
#include "pipeline/pipeline_dead_letter.h"
#include "pipeline/pipeline_mapping.h"
#include <stdio.h>
#include <stdlib.h>

enum { SCHEMAS_MAX = 10000, WIRE_HEADER = 5 };

/// What is known of a schema id.
typedef struct schema_slot {
  ice_mapping *mapping;  ///< NULL: the registry answered that it does not know the id
  bool shared;           ///< the mapping is the pipeline's
  char cause[300];       ///< why not
  uint64_t asked;        ///< in which prepare the registry was last asked
} schema_slot;

struct ice_pipeline {
  ice_pipeline_options options;
  ice_map slots;  ///< schema id as 4 bytes → schema_slot
  uint64_t prepare_count;
  uint32_t last_id;
  schema_slot *last;
  ice_mapping *json;  ///< of the formats without a writer's schema: the same for every id
  ice_block *block;
  bool unfinished;  ///< the output was full
  size_t next_record;
};

static bool has_ids(ice_payload_format format) {
  return format == ICE_PAYLOAD_REGISTRY_AVRO || format == ICE_PAYLOAD_REGISTRY_JSON;
}

static bool is_json(ice_payload_format format) {
  return format == ICE_PAYLOAD_REGISTRY_JSON || format == ICE_PAYLOAD_JSON;
}

static void destroy_slot(schema_slot *slot) {
  if (slot) {
    ice_mapping_destroy(slot->shared ? NULL : slot->mapping);
    free(slot);
  }
}

void ice_pipeline_destroy(ice_pipeline *pipeline) {
  if (!pipeline) {
    return;
  }
  for (size_t i = 0; i < pipeline->slots.count; i++) {
    destroy_slot(pipeline->slots.entries[i].value);
  }
  ice_map_deinit(&pipeline->slots);
  ice_mapping_destroy(pipeline->json);
  ice_block_destroy(pipeline->block);
  free(pipeline);
}

static ice_status add_slot(ice_pipeline *pipeline, ice_str key, schema_slot **out, ice_error *err) {
  schema_slot *slot = calloc(1, sizeof *slot);
  if (!slot) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a schema");
  }
  ice_status status = ice_map_put(&pipeline->slots, key, slot, err);
  if (status != ICE_OK) {
    free(slot);
    slot = NULL;
  }
  *out = slot;
  return status;
}

// The mapping of a schema that the registry knows.
static ice_status fill_slot(ice_pipeline *pipeline, uint32_t id, ice_schema_language language, ice_str text,
                            schema_slot *slot, ice_error *err) {
  bool json = is_json(pipeline->options.format);
  if (language != (json ? ICE_SCHEMA_JSON : ICE_SCHEMA_AVRO)) {
    char cause[100];
    snprintf(cause, sizeof cause, "schema %u is no %s schema", id, json ? "JSON" : "Avro");
    return ice_mapping_create_unfit(id, cause, pipeline->options.spec, &slot->mapping, err);
  }
  if (json) {
    slot->mapping = pipeline->json;
    slot->shared = true;
    return ICE_OK;
  }
  ice_status status = ice_mapping_create_avro(id, text, pipeline->options.spec, &slot->mapping, err);
  if (status == ICE_OK) {
    slot->mapping->datum_at = WIRE_HEADER;
  }
  return status;
}

static ice_status ask_registry(ice_pipeline *pipeline, uint32_t id, schema_slot *slot, ice_error *err) {
  ice_bytes text;
  ice_bytes_init(&text, ICE_REGISTRY_SCHEMA_MAX);
  ice_error cause = {0};
  ice_schema_language language = ICE_SCHEMA_OTHER;
  ice_status status = ice_schema_registry_find(pipeline->options.registry, id, &language, &text, &cause);
  slot->asked = pipeline->prepare_count;
  if (status == ICE_NOT_FOUND) {
    snprintf(slot->cause, sizeof slot->cause, "schema id %u is unknown to the schema registry", id);
    status = ICE_OK;
  } else if (status == ICE_OK) {
    status = fill_slot(pipeline, id, language, ice_bytes_str(&text), slot, err);
  } else if (err) {
    *err = cause;
    ice_error_prepend(err, "schema id %u", id);
  }
  ice_bytes_deinit(&text);
  return status;
}

// The slot of a schema id; an id that was unknown is asked for again once per chunk, because it may be registered late.
static ice_status find_slot(ice_pipeline *pipeline, uint32_t id, schema_slot **out, ice_error *err) {
  if (pipeline->last && pipeline->last_id == id && pipeline->last->mapping) {
    *out = pipeline->last;
    return ICE_OK;
  }
  char key_bytes[4];
  ice_store_u32be(key_bytes, id);
  ice_str key = ice_str_make(key_bytes, sizeof key_bytes);
  schema_slot *slot = ice_map_get(&pipeline->slots, key);
  ice_status status = ICE_OK;
  if (!slot) {
    ICE_TRY(add_slot(pipeline, key, &slot, err));
  }
  if (!slot->mapping && slot->asked != pipeline->prepare_count) {
    ICE_TRY(ask_registry(pipeline, id, slot, err));
  }
  pipeline->last = slot;
  pipeline->last_id = id;
  *out = slot;
done:
  return status;
}

static bool wire_schema_id(ice_str value, uint32_t *id) {
  if (value.size < WIRE_HEADER || value.data[0] != 0) {
    return false;
  }
  *id = ice_load_u32be(value.data + 1);
  return true;
}

ice_status ice_pipeline_prepare(ice_pipeline *pipeline, const ice_chunk *chunk, ice_error *err) {
  pipeline->prepare_count++;
  if (!has_ids(pipeline->options.format)) {
    return ICE_OK;
  }
  for (size_t i = 0; i < chunk->record_count; i++) {
    uint32_t id;
    schema_slot *slot;
    if (chunk->records[i].value_size >= 0 && wire_schema_id(ice_record_value(chunk, &chunk->records[i]), &id)) {
      ice_status status = find_slot(pipeline, id, &slot, err);
      if (status != ICE_OK) {
        return status;
      }
    }
  }
  return ICE_OK;
}

// The mapping of a record, or why it has none.
static ice_status find_mapping(ice_pipeline *pipeline, ice_str value, ice_mapping **out, const char **cause,
                               ice_error *err) {
  uint32_t id = 0;
  *out = NULL;
  if (has_ids(pipeline->options.format) && !wire_schema_id(value, &id)) {
    *cause = value.size < WIRE_HEADER ? "the value is shorter than the registry's wire format header of 5 bytes"
                                      : "the first byte is not the registry's magic byte 0";
    return ICE_OK;
  }
  schema_slot *slot;
  ice_status status = find_slot(pipeline, id, &slot, err);
  if (status == ICE_OK) {
    *out = slot->mapping;
    *cause = slot->cause;
  }
  return status;
}

// Where the text of a value begins that is bad as a whole.
static size_t text_at(const ice_pipeline *pipeline, ice_str value) {
  uint32_t id;
  return pipeline->options.format == ICE_PAYLOAD_REGISTRY_JSON && wire_schema_id(value, &id) ? WIRE_HEADER : 0;
}

static ice_status process_record(ice_pipeline *pipeline, uint32_t index, ice_error *err) {
  ice_block *block = pipeline->block;
  const ice_record *record = &block->chunk->records[index];
  ice_mapping *mapping;
  const char *cause = NULL;
  block->output->counts.records++;
  if (record->value_size < 0) {
    return ice_block_add_tombstone(block, index, err);
  }
  ice_str value = ice_record_value(block->chunk, record);
  ice_status status = find_mapping(pipeline, value, &mapping, &cause, err);
  if (status != ICE_OK) {
    return status;
  }
  if (!mapping) {
    return ice_block_add_bad_message(block, index, text_at(pipeline, value), ICE_DESERIALIZATION_ERROR, cause, err);
  }
  if (mapping->schema_error[0] != '\0') {
    return ice_block_add_bad_message(block, index, text_at(pipeline, value), ICE_SCHEMA_ERROR, mapping->schema_error,
                                     err);
  }
  return ice_block_add_message(block, mapping, index, err);
}

void ice_pipeline_forget(ice_pipeline *pipeline) {
  pipeline->unfinished = false;
  ice_block_forget(pipeline->block);
  for (size_t i = 0; i < pipeline->slots.count; i++) {
    schema_slot *slot = pipeline->slots.entries[i].value;
    if (slot->mapping) {
      ice_mapping_clear(slot->mapping);
    }
  }
}

ice_status ice_pipeline_process(ice_pipeline *pipeline, const ice_chunk *chunk,
                                const ice_source_partition *partitions, ice_pipeline_output *output, ice_error *err) {
  const ice_port *port = pipeline->options.port;
  ice_block *block = pipeline->block;
  ice_status status = ICE_OK;
  if (!pipeline->unfinished) {
    pipeline->next_record = 0;
    ice_block_begin(block, chunk, partitions, output, port->clock.now_us(port->clock.context));
  }
  ICE_TRY(ice_block_go_on(block, output, err));
  while (!ice_block_is_open(block) && pipeline->next_record < chunk->record_count) {
    ICE_TRY(process_record(pipeline, (uint32_t)pipeline->next_record++, err));
  }
  for (size_t i = 0; i < pipeline->slots.count && !ice_block_is_open(block); i++) {
    schema_slot *slot = pipeline->slots.entries[i].value;
    if (slot->mapping && slot->mapping->schema_error[0] == '\0') {
      ICE_TRY(ice_block_flush(block, slot->mapping, err));
    }
  }
  pipeline->unfinished = ice_block_is_open(block);
  output->unfinished = pipeline->unfinished;
done:
  if (status != ICE_OK) {
    // What was decoded belongs to this chunk; the next one must not find it.
    ice_pipeline_forget(pipeline);
  }
  return status;
}

// Where values carry no id, all of them have the id 0.
static ice_status add_only_slot(ice_pipeline *pipeline, ice_error *err) {
  const ice_pipeline_options *options = &pipeline->options;
  const char key_bytes[4] = {0};
  schema_slot *slot;
  ice_status status = ICE_OK;
  ICE_TRY(add_slot(pipeline, ice_str_make(key_bytes, sizeof key_bytes), &slot, err));
  if (pipeline->json) {
    slot->mapping = pipeline->json;
    slot->shared = true;
    goto done;
  }
  ICE_TRY(ice_mapping_create_avro(0, options->schema_text, options->spec, &slot->mapping, err));
  if (slot->mapping->schema_error[0] != '\0') {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "source.decode.schema: %s", slot->mapping->schema_error);
  }
done:
  return status;
}

ice_status ice_pipeline_create(const ice_pipeline_options *options, ice_pipeline **out, ice_error *err) {
  *out = NULL;
  ice_status status = ICE_OK;
  ice_pipeline *pipeline = calloc(1, sizeof *pipeline);
  if (!pipeline) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a pipeline");
  }
  pipeline->options = *options;
  ice_map_init(&pipeline->slots, SCHEMAS_MAX);
  ICE_TRY(ice_block_create(&pipeline->options, &pipeline->block, err));
  if (is_json(options->format)) {
    ICE_TRY(ice_mapping_create_json(options->spec, &pipeline->json, err));
    pipeline->json->datum_at = has_ids(options->format) ? WIRE_HEADER : 0;
    if (pipeline->json->schema_error[0] != '\0') {
      ICE_FAIL(ICE_INVALID_ARGUMENT, "pipeline: %s", pipeline->json->schema_error);
    }
  }
  if (!has_ids(options->format)) {
    ICE_TRY(add_only_slot(pipeline, err));
  }
  *out = pipeline;
  pipeline = NULL;
done:
  ice_pipeline_destroy(pipeline);
  return status;
}

ice_status ice_pipeline_output_init(const ice_pipeline *pipeline, ice_pipeline_output *out, ice_error *err) {
  *out = (ice_pipeline_output){0};
  const ice_pipeline_options *options = &pipeline->options;
  ice_status status = ICE_OK;
  out->tables = calloc(options->table_count, sizeof *out->tables);
  if (!out->tables) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for %u batches", options->table_count);
  }
  for (uint32_t i = 0; i < options->table_count; i++) {
    ICE_TRY(ice_batch_init(&out->tables[i], options->table_schemas[i], err));
    out->table_count = i + 1;
  }
  ICE_TRY(ice_batch_init(&out->dead_letters, options->dead_letter_schema, err));
done:
  if (status != ICE_OK) {
    ice_pipeline_output_deinit(out);
  }
  return status;
}

void ice_pipeline_output_deinit(ice_pipeline_output *output) {
  for (uint32_t i = 0; i < output->table_count; i++) {
    ice_batch_deinit(&output->tables[i]);
  }
  free(output->tables);
  ice_batch_deinit(&output->dead_letters);
  *output = (ice_pipeline_output){0};
}

void ice_pipeline_output_clear(ice_pipeline_output *output) {
  for (uint32_t i = 0; i < output->table_count; i++) {
    ice_batch_clear(&output->tables[i]);
  }
  ice_batch_clear(&output->dead_letters);
  output->counts = (ice_pipeline_counts){0};
  output->unfinished = false;
}

int64_t ice_pipeline_output_rows(const ice_pipeline_output *output) {
  int64_t rows = output->dead_letters.row_count;
  for (uint32_t i = 0; i < output->table_count; i++) {
    rows += output->tables[i].row_count;
  }
  return rows;
}

size_t ice_pipeline_output_memory(const ice_pipeline_output *output) {
  size_t total = ice_batch_memory(&output->dead_letters);
  for (uint32_t i = 0; i < output->table_count; i++) {
    total += ice_batch_memory(&output->tables[i]);
  }
  return total;
}

size_t ice_pipeline_memory(const ice_pipeline *pipeline) {
  size_t total = ice_block_memory(pipeline->block);
  total += pipeline->json ? ice_mapping_memory(pipeline->json) : 0;
  for (size_t i = 0; i < pipeline->slots.count; i++) {
    const schema_slot *slot = pipeline->slots.entries[i].value;
    total += slot->mapping && !slot->shared ? ice_mapping_memory(slot->mapping) : 0;
  }
  return total;
}
