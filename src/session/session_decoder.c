#include "assembly/open_source.h"
#include "assembly/preset.h"
#include "base/map.h"
#include "columnar/arrow.h"
#include "pipeline/pipeline.h"
#include "session/session_priv.h"

#include <icesink/decoder.h>
#include <stdio.h>
#include <stdlib.h>

enum { TOPICS_BYTES_MAX = 16 << 20, PARTITIONS_MAX = 1 << 20, KEY_MAX = 512 };

struct ice_decoder {
  ice_session *session;
  ice_pipeline_spec spec;
  ice_sink_tables tables;
  ice_bytes schema_text;
  ice_schema_registry *registry;
  ice_pipeline *pipeline;
  ice_pipeline_output output;
  ice_chunk chunk;
  /// Topic partitions that records came from, so far; `places` finds them.
  ice_source_partition *partitions;
  uint32_t partition_count;
  uint32_t partition_capacity;
  ice_map places;
  ice_arena arena;
};

// Opening -----------------------------------------------------------------------------------------------------------

static ice_status open_decoding(ice_decoder *decoder, ice_pipeline_options *out, ice_error *err) {
  return ice_open_decoding(&decoder->session->settings, &decoder->session->stop, &decoder->schema_text,
                           &decoder->registry, out, err);
}

static ice_status open_pipeline(ice_decoder *decoder, ice_error *err) {
  const ice_settings *settings = &decoder->session->settings;
  const ice_schema *schemas[ICE_PIPELINE_ROUTES_MAX + 1];
  ice_status status = ICE_OK;
  for (uint32_t i = 0; i + 1 < decoder->tables.count; i++) {
    schemas[i] = decoder->spec.schema;
  }
  ice_pipeline_options options = {.spec = &decoder->spec,
                                  .sink = ice_settings_text(settings, ICE_OPTION_ID_NAME),
                                  .port = ice_port_system(),
                                  .observer = &decoder->session->observer,
                                  .table_schemas = schemas,
                                  .table_count = decoder->tables.count - 1,
                                  .dead_letter_schema = decoder->spec.dead_letter_schema};
  ICE_TRY(open_decoding(decoder, &options, err));
  ICE_TRY(ice_pipeline_create(&options, &decoder->pipeline, err));
  ICE_TRY(ice_pipeline_output_init(decoder->pipeline, &decoder->output, err));
done:
  return status;
}

ice_status ice_decoder_open(ice_session *session, ice_decoder **out, ice_error *err) {
  *out = NULL;
  ice_decoder *decoder = calloc(1, sizeof *decoder);
  if (!decoder) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a decoder");
  }
  decoder->session = session;
  ice_bytes_init(&decoder->schema_text, ICE_REGISTRY_SCHEMA_MAX);
  ice_arena_init(&decoder->arena, TOPICS_BYTES_MAX);
  ice_map_init(&decoder->places, PARTITIONS_MAX);
  ice_chunk_init(&decoder->chunk);
  ice_status status = ICE_OK;
  ICE_TRY(ice_settings_require(&session->settings, ICE_OPTION_ID_NAME, err));
  ICE_TRY(ice_read_pipeline(&session->settings, &decoder->spec, err));
  ICE_TRY(ice_sink_tables_read(&session->settings, &decoder->spec, &decoder->tables, err));
  ICE_TRY(open_pipeline(decoder, err));
  *out = decoder;
  decoder = NULL;
done:
  ice_decoder_close(decoder);
  return status;
}

void ice_decoder_close(ice_decoder *decoder) {
  if (!decoder) {
    return;
  }
  ice_pipeline_output_deinit(&decoder->output);
  ice_pipeline_destroy(decoder->pipeline);
  ice_schema_registry_destroy(decoder->registry);
  ice_pipeline_spec_deinit(&decoder->spec);
  ice_bytes_deinit(&decoder->schema_text);
  ice_chunk_deinit(&decoder->chunk);
  ice_map_deinit(&decoder->places);
  ice_arena_deinit(&decoder->arena);
  free(decoder->partitions);
  free(decoder);
}

// Tables ------------------------------------------------------------------------------------------------------------

uint32_t ice_decoder_table_count(const ice_decoder *decoder) { return decoder->tables.count; }

static ice_batch *rows_of(ice_decoder *decoder, uint32_t index) {
  return index < decoder->output.table_count ? &decoder->output.tables[index] : &decoder->output.dead_letters;
}

static const ice_schema *columns_of(const ice_decoder *decoder, uint32_t index) {
  return index < decoder->output.table_count ? decoder->output.tables[index].schema
                                             : decoder->output.dead_letters.schema;
}

static ice_status check_index(const ice_decoder *decoder, uint32_t index, ice_error *err) {
  return index < decoder->tables.count
             ? ICE_OK
             : ice_error_set(err, ICE_INVALID_ARGUMENT, "table %u of %u", index, decoder->tables.count);
}

ice_status ice_decoder_table(const ice_decoder *decoder, uint32_t index, ice_text *name, struct ArrowSchema *schema,
                             ice_error *err) {
  ice_bytes text;
  ice_bytes_init(&text, KEY_MAX * 4);
  ice_status status = ICE_OK;
  ICE_TRY(check_index(decoder, index, err));
  if (schema) {
    ICE_TRY(ice_arrow_export_schema(columns_of(decoder, index), schema, err));
  }
  if (name) {
    ICE_TRY(ice_bytes_append_format(&text, err, "%.*s.%.*s", ICE_IDENT_ARG(decoder->tables.idents[index])));
    ICE_TRY(ice_session_text(&text, name, err));
  }
done:
  ice_bytes_deinit(&text);
  return status;
}

// Records -----------------------------------------------------------------------------------------------------------

static ice_status add_partition(ice_decoder *decoder, const ice_kafka_record *record, ice_str key, ice_error *err) {
  if (decoder->partition_count == decoder->partition_capacity) {
    uint32_t capacity = decoder->partition_capacity == 0 ? 16 : decoder->partition_capacity * 2;
    ice_source_partition *grown = realloc(decoder->partitions, capacity * sizeof *grown);
    if (!grown) {
      return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %u topic partitions", capacity);
    }
    decoder->partitions = grown;
    decoder->partition_capacity = capacity;
  }
  ice_source_partition *added = &decoder->partitions[decoder->partition_count];
  *added = (ice_source_partition){.partition = record->partition};
  ice_status status = ICE_OK;
  ICE_TRY(ice_arena_copy_str(&decoder->arena, ice_str_of(record->topic), &added->topic, err));
  // The value is the place, counted from 1.
  ICE_TRY(ice_map_put(&decoder->places, key, (void *)(uintptr_t)(decoder->partition_count + 1), err));
  decoder->partition_count++;
done:
  return status;
}

static ice_status find_partition(ice_decoder *decoder, const ice_kafka_record *record, uint32_t *out, ice_error *err) {
  // Most records are of the partition of the one before.
  if (*out < decoder->partition_count && decoder->partitions[*out].partition == record->partition &&
      ice_str_equal_c(decoder->partitions[*out].topic, record->topic)) {
    return ICE_OK;
  }
  char key[KEY_MAX];
  int size = snprintf(key, sizeof key, "%s/%d", record->topic, record->partition);
  if (size < 0 || (size_t)size >= sizeof key) {
    return ice_error_set(err, ICE_LIMIT, "the topic's name is longer than Kafka allows");
  }
  ice_str name = ice_str_make(key, (size_t)size);
  if (!ice_map_get(&decoder->places, name)) {
    ice_status status = add_partition(decoder, record, name, err);
    if (status != ICE_OK) {
      return status;
    }
  }
  *out = (uint32_t)((uintptr_t)ice_map_get(&decoder->places, name) - 1);
  return ICE_OK;
}

static ice_status add_bytes(ice_chunk *chunk, const uint8_t *data, size_t data_size, uint32_t *at, int32_t *size,
                            ice_error *err) {
  *at = (uint32_t)chunk->data.size;
  *size = -1;
  if (!data) {
    return ICE_OK;
  }
  if (data_size > ICE_CHUNK_BYTES_MAX) {
    return ice_error_set(err, ICE_LIMIT, "a record of %zu bytes", data_size);
  }
  *size = (int32_t)data_size;
  return ice_bytes_append(&chunk->data, data, data_size, err);
}

static ice_status fill_chunk(ice_decoder *decoder, const ice_kafka_record *records, size_t count, ice_error *err) {
  uint32_t partition = UINT32_MAX;
  ice_status status = ICE_OK;
  ice_chunk_clear(&decoder->chunk);
  for (size_t i = 0; i < count; i++) {
    const ice_kafka_record *from = &records[i];
    ice_record record = {.offset = from->offset, .timestamp_ms = from->timestamp_ms};
    ICE_TRY(find_partition(decoder, from, &partition, err));
    record.partition = partition;
    ICE_TRY(add_bytes(&decoder->chunk, from->key, from->key_size, &record.key_at, &record.key_size, err));
    ICE_TRY(add_bytes(&decoder->chunk, from->value, from->value_size, &record.value_at, &record.value_size, err));
    ICE_TRY(ice_chunk_add_record(&decoder->chunk, &record, err));
  }
done:
  return status;
}

ice_status ice_decoder_add(ice_decoder *decoder, const ice_kafka_record *records, size_t count, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(fill_chunk(decoder, records, count, err));
  ICE_TRY(ice_pipeline_prepare(decoder->pipeline, &decoder->chunk, err));
  status = ice_pipeline_process(decoder->pipeline, &decoder->chunk, decoder->partitions, &decoder->output, err);
  // The output is unfinished then, and what was in it before cannot be told from what was added.
  if (status != ICE_OK && err) {
    err->flags |= ICE_ERROR_FATAL;
  }
done:
  return status;
}

ice_status ice_decoder_take(ice_decoder *decoder, uint32_t index, struct ArrowArray *out, ice_error *err) {
  out->release = NULL;
  ice_status status = check_index(decoder, index, err);
  if (status != ICE_OK) {
    return status;
  }
  ice_batch *rows = rows_of(decoder, index);
  ice_schema *schema = ice_schema_ref(rows->schema);
  ICE_TRY(ice_arrow_export_batch(rows, out, err));
  ICE_TRY(ice_batch_init(rows, schema, err));
done:
  ice_schema_unref(schema);
  return status;
}

ice_decoder_counts ice_decoder_get_counts(const ice_decoder *decoder) {
  const ice_pipeline_counts *counts = &decoder->output.counts;
  return (ice_decoder_counts){.records = counts->records,
                              .elements = counts->elements,
                              .rows = counts->rows,
                              .dead_letters = counts->dead_letters,
                              .filtered = counts->filtered};
}
