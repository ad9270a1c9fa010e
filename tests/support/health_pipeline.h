/// The shipped health preset over messages of a test's making: a pipeline, a registry that answers what it is told, and an
/// encoder whose every field may be spoilt.
#ifndef ICE_TESTS_HEALTH_PIPELINE_H
#define ICE_TESTS_HEALTH_PIPELINE_H

#include "avro/avro_encode.h"
#include "config/yaml.h"
#include "pipeline/pipeline.h"
#include "pipeline/pipeline_config.h"
#include <stdlib.h>

static const char health_schema[] =
    "{\"type\":\"record\",\"name\":\"HealthDataPayload\",\"fields\":["
    "{\"name\":\"deviceId\",\"type\":\"string\"},{\"name\":\"userId\",\"type\":\"string\"},"
    "{\"name\":\"samples\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"Sample\","
    "\"fields\":["
    "{\"name\":\"id\",\"type\":\"string\"},{\"name\":\"type\",\"type\":\"string\"},"
    "{\"name\":\"value\",\"type\":\"double\"},{\"name\":\"unit\",\"type\":\"string\"},"
    "{\"name\":\"startDate\",\"type\":\"string\"},{\"name\":\"endDate\",\"type\":\"string\"},"
    "{\"name\":\"sourceBundle\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"metadata\",\"type\":{\"type\":\"map\",\"values\":\"string\"}},"
    "{\"name\":\"isSynced\",\"type\":\"boolean\"},{\"name\":\"createdAt\",\"type\":\"string\"}]}}},"
    "{\"name\":\"timestamp\",\"type\":\"string\"},{\"name\":\"appVersion\",\"type\":\"string\"}]}";

enum { HEALTH_CLOCK_US = 1700000000 };

/// A registry of one schema, id 1, that may be told to fail.
typedef struct health_registry {
  ice_schema_registry base;
  const char *schema;
  ice_schema_language language;
  ice_status status;  ///< not OK: what every question gets, retryable
  int asked;
} health_registry;

typedef struct health_pipeline {
  ice_arena arena;
  ice_pipeline_spec spec;
  health_registry registry;
  ice_port port;
  ice_pipeline *pipeline;
  ice_pipeline_output output;
  ice_chunk chunk;
  ice_source_partition partition;
} health_pipeline;

static inline ice_status health_find(ice_schema_registry *registry, uint32_t id, ice_schema_language *language,
                                     ice_bytes *text, ice_error *err) {
  health_registry *self = (health_registry *)(void *)registry;
  self->asked++;
  *language = self->language;
  if (self->status != ICE_OK) {
    ice_error_set(err, self->status, "the registry is down");
    if (err) {
      err->flags = ICE_ERROR_RETRYABLE;
    }
    return self->status;
  }
  return id == 1 ? ice_bytes_append_str(text, ice_str_of(self->schema), err)
                 : ice_error_set(err, ICE_NOT_FOUND, "no schema %u", id);
}

static inline int64_t health_now(void *context) {
  (void)context;
  return (int64_t)HEALTH_CLOCK_US * 1000000;
}

static inline ice_str health_preset(ice_bytes *text) {
  ice_bytes_init(text, 1 << 20);
  if (ice_port_read_file(ice_port_system(), ICESINK_SOURCE_DIR "/presets/health.yaml", text, NULL) != ICE_OK) {
    abort();
  }
  return ice_bytes_str(text);
}

/// A pipeline of the YAML text (NULL: the preset), with `tables` data tables of the spec's schema, and the dead-letter
/// table `dead_letters` (NULL: the spec's own layout).
static inline ice_status health_open_as(health_pipeline *self, ice_payload_format format, const char *yaml,
                                        const char *schema, uint32_t tables, const ice_schema *dead_letters,
                                        ice_error *err) {
  static const ice_schema_registry_interface interface = {.find = health_find};
  *self = (health_pipeline){.registry = {.base.interface = &interface, .schema = schema ? schema : health_schema},
                            .port = *ice_port_system(),
                            .partition = {.topic = ICE_STR("topic"), .partition = 4, .next = 0}};
  ice_bytes preset = {0};
  ice_yaml *tree = NULL;
  const ice_schema *schemas[ICE_PIPELINE_ROUTES_MAX];
  self->port.clock.now_us = health_now;
  ice_chunk_init(&self->chunk);
  ice_arena_init(&self->arena, 1 << 24);
  ice_status status = ICE_OK;
  ICE_TRY(
      ice_yaml_parse(yaml ? ice_str_of(yaml) : health_preset(&preset), ICE_STR("p.yaml"), &self->arena, &tree, err));
  ICE_TRY(ice_pipeline_spec_read(tree, ICE_STR("p.yaml"), &self->spec, err));
  for (uint32_t i = 0; i < tables; i++) {
    schemas[i] = self->spec.schema;
  }
  ice_pipeline_options options = {.spec = &self->spec,
                                  .sink = ICE_STR("sink"),
                                  .format = format,
                                  .registry = &self->registry.base,
                                  .port = &self->port,
                                  .table_schemas = schemas,
                                  .table_count = tables,
                                  .dead_letter_schema = dead_letters ? dead_letters : self->spec.dead_letter_schema};
  // The pipeline borrows the list of schemas.
  const ice_schema **kept = ice_arena_alloc_array(&self->arena, tables, sizeof(ice_schema *), err);
  if (!kept) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory");
  }
  memcpy(kept, schemas, tables * sizeof(ice_schema *));
  options.table_schemas = kept;
  ICE_TRY(ice_pipeline_create(&options, &self->pipeline, err));
  ICE_TRY(ice_pipeline_output_init(self->pipeline, &self->output, err));
done:
  ice_bytes_deinit(&preset);
  return status;
}

static inline ice_status health_open(health_pipeline *self, const char *yaml, const char *schema, uint32_t tables,
                                     const ice_schema *dead_letters, ice_error *err) {
  return health_open_as(self, ICE_PAYLOAD_REGISTRY_AVRO, yaml, schema, tables, dead_letters, err);
}

static inline void health_close(health_pipeline *self) {
  ice_pipeline_output_deinit(&self->output);
  ice_pipeline_destroy(self->pipeline);
  ice_pipeline_spec_deinit(&self->spec);
  ice_chunk_deinit(&self->chunk);
  ice_arena_deinit(&self->arena);
}

/// Add a record to the chunk; `data` NULL is a tombstone.
static inline void health_add(health_pipeline *self, const void *data, size_t size) {
  ice_record record = {.offset = 100 + (int64_t)self->chunk.record_count,
                       .timestamp_ms = 5000,
                       .key_size = -1,
                       .value_at = (uint32_t)self->chunk.data.size,
                       .value_size = data ? (int32_t)size : -1};
  if (ice_bytes_append(&self->chunk.data, data, data ? size : 0, NULL) != ICE_OK ||
      ice_chunk_add_record(&self->chunk, &record, NULL) != ICE_OK) {
    abort();
  }
}

/// Run the chunk; output and chunk begin anew.
static inline ice_status health_run(health_pipeline *self, ice_error *err) {
  ice_pipeline_output_clear(&self->output);
  ice_status status = ice_pipeline_prepare(self->pipeline, &self->chunk, err);
  if (status == ICE_OK) {
    status = ice_pipeline_process(self->pipeline, &self->chunk, &self->partition, &self->output, err);
    ice_chunk_clear(&self->chunk);
  }
  return status;
}

typedef struct health_sample {
  const char *id, *type;
  double value;
  const char *unit, *start, *end;
  const char *bundle;  ///< NULL: null
  const char *created;
} health_sample;

static const health_sample health_good = {
    "s1",  "heartRate",           72, "count/min", "2024-01-01T10:00:00Z", "2024-01-01T10:01:00Z",
    "app", "2024-01-01T10:02:00Z"};

typedef struct health_message {
  const char *device, *user, *timestamp, *version;
  const health_sample *samples;
  size_t sample_count;
} health_message;

static inline void health_put(ice_bytes *out, const char *text) {
  if (ice_avro_put_bytes(out, ice_str_of(text), NULL) != ICE_OK) {
    abort();
  }
}

/// Encode in the registry's wire format, schema id 1.
static inline void health_encode(const health_message *m, ice_bytes *out) {
  static const uint8_t head[] = {0, 0, 0, 0, 1};
  ice_bytes_init(out, 1 << 20);
  int failed = ice_bytes_append(out, head, sizeof head, NULL) != ICE_OK;
  health_put(out, m->device);
  health_put(out, m->user);
  if (m->sample_count > 0) {
    failed |= ice_avro_put_long(out, (int64_t)m->sample_count, NULL) != ICE_OK;
  }
  for (size_t i = 0; i < m->sample_count; i++) {
    const health_sample *s = &m->samples[i];
    health_put(out, s->id);
    health_put(out, s->type);
    failed |= ice_avro_put_double(out, s->value, NULL) != ICE_OK;
    health_put(out, s->unit);
    health_put(out, s->start);
    health_put(out, s->end);
    failed |= ice_avro_put_long(out, s->bundle != NULL, NULL) != ICE_OK;
    if (s->bundle) {
      health_put(out, s->bundle);
    }
    failed |= ice_avro_put_long(out, 1, NULL) != ICE_OK;
    health_put(out, "k");
    health_put(out, "v");
    failed |= ice_avro_put_long(out, 0, NULL) != ICE_OK;
    failed |= ice_avro_put_boolean(out, true, NULL) != ICE_OK;
    health_put(out, s->created);
  }
  failed |= ice_avro_put_long(out, 0, NULL) != ICE_OK;
  health_put(out, m->timestamp);
  health_put(out, m->version);
  if (failed) {
    abort();
  }
}

static inline void health_send(health_pipeline *self, const health_sample *samples, size_t count) {
  ice_bytes data;
  const health_message message = {"device", "user", "2024-01-01T10:03:00Z", "1.2", samples, count};
  health_encode(&message, &data);
  health_add(self, data.data, data.size);
  ice_bytes_deinit(&data);
}

#endif
