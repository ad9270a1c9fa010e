// CPU nanoseconds per sample of each stage alone, over a generated health stream in memory, so that their sum can be held
// against the whole run (bench/run.sh). Page encoding and compression are bench_parquet's.
#include "avro/avro_decoder.h"
#include "base/utf8.h"
#include "cli/health_generator.h"
#include "config/yaml.h"
#include "pipeline/pipeline.h"
#include "pipeline/pipeline_config.h"
#include "pipeline/pipeline_decoder.h"
#include "source/record_batch.h"
#include "source/schema_registry.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

// As many messages as the segment source hands over at once.
enum { MESSAGES = 704, BATCH = 64, ROUNDS = 300, LOG_MAX = 1 << 28 };

typedef struct stages {
  bool json;
  ice_bytes log;
  ice_chunk chunk;
  int64_t samples;
  ice_compressor *compressor;
} stages;

static double cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void must(ice_status status, const ice_error *err) {
  if (status != ICE_OK) {
    fprintf(stderr, "%s\n", err->message);
    exit(1);
  }
}

static void make_log(stages *s) {
  ice_error err = {0};
  ice_health_generator generator = {.seed = 1, .bad_per_10000 = 200, .json = s->json};
  ice_record_batch_builder builder;
  ice_bytes message;
  ice_bytes_init(&s->log, LOG_MAX);
  ice_bytes_init(&message, 1 << 20);
  ice_record_batch_builder_init(&builder);
  for (int64_t i = 0; i < MESSAGES; i++) {
    ice_health_verdict verdict;
    ice_bytes_clear(&message);
    must(ice_health_generate(&generator, 0, i, &message, &verdict, &err), &err);
    must(ice_record_batch_builder_add(&builder, i, (ice_str){0}, ice_bytes_str(&message), &err), &err);
    s->samples += verdict.elements;
    if ((i + 1) % BATCH == 0 || i + 1 == MESSAGES) {
      must(ice_record_batch_builder_finish(&builder, s->compressor, ICE_CODEC_NONE, i / BATCH * BATCH, &s->log, &err),
           &err);
    }
  }
  ice_record_batch_builder_deinit(&builder);
  ice_bytes_deinit(&message);
}

// CRC check and record walk, as the segment source does it.
static void read_log(stages *s) {
  ice_error err = {0};
  ice_chunk_clear(&s->chunk);
  must(ice_bytes_append(&s->chunk.data, s->log.data, s->log.size, &err), &err);
  int64_t next = 0;
  for (size_t at = 0; at < s->log.size;) {
    ice_record_batch batch;
    must(ice_record_batch_parse(s->chunk.data.data + at, s->log.size - at, &batch, &err), &err);
    if (!ice_record_batch_check(&batch, s->chunk.data.data + at)) {
      fprintf(stderr, "CRC\n");
      exit(1);
    }
    must(ice_record_batch_read(&batch, s->compressor, at, 0, next, &s->chunk, &err), &err);
    next = batch.base_offset + batch.last_offset_delta + 1;
    at += batch.size;
  }
}

static void report(const char *stage, const stages *s, double seconds) {
  printf("| %-40s | %6.0f |\n", stage, seconds * 1e9 / ROUNDS / (double)s->samples);
}

static void bench_read(stages *s) {
  double begin = cpu_seconds();
  for (int round = 0; round < ROUNDS; round++) {
    read_log(s);
  }
  report("record batches: copy, CRC-32C, records", s, cpu_seconds() - begin);
}

static void bench_decode(stages *s) {
  ice_error err = {0};
  ice_avro_schema *schema;
  ice_avro_decoder *decoder;
  ice_batch batch;
  must(ice_avro_schema_parse(ice_str_of(ice_health_schema()), &schema, &err), &err);
  must(ice_avro_decoder_create(schema, NULL, NULL, &decoder, &err), &err);
  must(ice_batch_init(&batch, ice_avro_decoder_schema(decoder), &err), &err);
  double begin = cpu_seconds();
  for (int round = 0; round < ROUNDS; round++) {
    for (size_t i = 0; i < s->chunk.record_count; i++) {
      ice_str value = ice_record_value(&s->chunk, &s->chunk.records[i]);
      size_t consumed;
      if (batch.row_count == 512) {
        ice_batch_clear(&batch);
      }
      if (ice_avro_decode(decoder, value.data + 5, value.size - 5, &batch, &consumed, &err) != ICE_OK) {
        ice_batch_truncate(&batch, batch.row_count);
      }
    }
  }
  report("Avro decode to columns", s, cpu_seconds() - begin);
  ice_batch_deinit(&batch);
  ice_avro_decoder_destroy(decoder);
  ice_avro_schema_destroy(schema);
}

// Over the messages' own text: what is not ASCII ends a check early, so the bytes are made ASCII first.
static void bench_text(stages *s) {
  ice_bytes text;
  ice_error err = {0};
  ice_bytes_init(&text, LOG_MAX);
  must(ice_bytes_append(&text, s->log.data, s->log.size, &err), &err);
  for (size_t i = 0; i < text.size; i++) {
    text.data[i] &= 0x7F;
  }
  size_t valid = 0;
  double begin = cpu_seconds();
  for (int round = 0; round < ROUNDS; round++) {
    valid += ice_utf8_ascii(text.data, text.size - (size_t)round);
  }
  double seconds = cpu_seconds() - begin;
  report(valid == ROUNDS ? "text check of all bytes" : "text check failed", s, seconds);
  ice_bytes_deinit(&text);
}

typedef struct one_schema {
  ice_schema_registry base;
} one_schema;

static ice_status find_schema(ice_schema_registry *registry, uint32_t id, ice_schema_language *language,
                              ice_bytes *text, ice_error *err) {
  *language = ICE_SCHEMA_AVRO;
  (void)registry;
  return id == ICE_HEALTH_SCHEMA_ID ? ice_bytes_append_str(text, ice_str_of(ice_health_schema()), err)
                                    : ice_error_set(err, ICE_NOT_FOUND, "schema id %u", id);
}

static void bench_decode_json(stages *s, const ice_pipeline_spec *spec) {
  ice_error err = {0};
  ice_decoder *decoder;
  ice_batch batch;
  ice_error_type type;
  must(ice_decoder_open_json(spec, &decoder, &err), &err);
  must(ice_batch_init(&batch, decoder->schema, &err), &err);
  double begin = cpu_seconds();
  for (int round = 0; round < ROUNDS; round++) {
    for (size_t i = 0; i < s->chunk.record_count; i++) {
      if (batch.row_count == 512) {
        ice_batch_clear(&batch);
        ice_json_notes_clear(decoder->notes);
      }
      int64_t before = batch.row_count;
      ice_str value = ice_record_value(&s->chunk, &s->chunk.records[i]);
      if (ice_decoder_decode(decoder, value, &batch, &type, &err) != ICE_OK) {
        ice_batch_truncate(&batch, before);
      }
    }
  }
  report("JSON decode to columns, times included", s, cpu_seconds() - begin);
  ice_batch_deinit(&batch);
  ice_decoder_destroy(decoder);
}

// Nine members and 165 bytes a message, as in the flat run of bench/run.sh.
static void bench_decode_flat(void) {
  enum { COUNT = 512, TEXT_MAX = 256 };
  static char texts[COUNT][TEXT_MAX];
  size_t sizes[COUNT];
  ice_error err = {0};
  ice_schema *schema;
  ice_json_decoder *decoder;
  ice_json_notes notes;
  ice_batch batch;
  for (int i = 0; i < COUNT; i++) {
    sizes[i] = (size_t)snprintf(
        texts[i], TEXT_MAX,
        "{\"sensor\":\"s-%05d\",\"site\":\"hall-%d\",\"seq\":%d,\"at\":\"2025-06-01T12:%02d:%02d.%03dZ\","
        "\"temperature\":%d.%02d,\"humidity\":%d.%d,\"pressure\":%d.%02d,\"battery\":%d,\"ok\":%s}",
        i * 9, i % 40, 1000000000 + i, i % 60, i * 7 % 60, i, 15 + i % 20, i % 100, i % 100, i % 10, 980 + i % 60,
        i * 3 % 100, i % 100, i % 10 ? "true" : "false");
  }
  must(ice_schema_create(&schema, &err), &err);
  must(ice_type_parse(schema,
                      ICE_STR("struct<sensor: string, site: string, seq: long, at: timestamp, temperature: double, "
                              "humidity: double, pressure: double, battery: int, ok: boolean>"),
                      &schema->root, &err),
       &err);
  must(ice_json_decoder_create(schema, (ice_str){0}, &decoder, &err), &err);
  must(ice_batch_init(&batch, schema, &err), &err);
  ice_json_notes_init(&notes);
  double begin = cpu_seconds();
  for (int round = 0; round < ROUNDS * 4; round++) {
    ice_batch_clear(&batch);
    for (int i = 0; i < COUNT; i++) {
      must(ice_json_decode(decoder, ice_str_make(texts[i], sizes[i]), &batch, &notes, &err), &err);
    }
  }
  printf("| %-40s | %6.0f |\n", "JSON decode of a flat record of 165 bytes",
         (cpu_seconds() - begin) * 1e9 / (ROUNDS * 4 * COUNT));
  ice_batch_deinit(&batch);
  ice_json_notes_deinit(&notes);
  ice_json_decoder_destroy(decoder);
  ice_schema_unref(schema);
}

static void bench_pipeline(stages *s, const ice_pipeline_spec *spec) {
  static const ice_schema_registry_interface interface = {.find = find_schema};
  ice_error err = {0};
  ice_pipeline *pipeline;
  ice_pipeline_output output;
  one_schema registry = {.base.interface = &interface};
  const ice_schema *table = spec->schema;
  ice_pipeline_options options = {.spec = spec,
                                  .sink = ICE_STR("bench"),
                                  .format = s->json ? ICE_PAYLOAD_JSON : ICE_PAYLOAD_REGISTRY_AVRO,
                                  .registry = &registry.base,
                                  .port = ice_port_system(),
                                  .table_schemas = &table,
                                  .table_count = 1,
                                  .dead_letter_schema = spec->dead_letter_schema};
  ice_source_partition partition = {.topic = ICE_STR("t")};
  must(ice_pipeline_create(&options, &pipeline, &err), &err);
  must(ice_pipeline_output_init(pipeline, &output, &err), &err);
  double begin = cpu_seconds();
  for (int round = 0; round < ROUNDS; round++) {
    ice_pipeline_output_clear(&output);
    must(ice_pipeline_prepare(pipeline, &s->chunk, &err), &err);
    must(ice_pipeline_process(pipeline, &s->chunk, &partition, &output, &err), &err);
  }
  report(s->json ? "pipeline over JSON" : "pipeline: decode, judge, convert, gather", s, cpu_seconds() - begin);
  ice_pipeline_output_deinit(&output);
  ice_pipeline_destroy(pipeline);
}

static void read_spec(const char *preset, ice_pipeline_spec *spec) {
  ice_error err = {0};
  ice_bytes text;
  ice_arena arena;
  ice_yaml *tree;
  ice_bytes_init(&text, 1 << 20);
  ice_arena_init(&arena, 1 << 24);
  must(ice_port_read_file(ice_port_system(), preset, &text, &err), &err);
  must(ice_yaml_parse(ice_bytes_str(&text), ICE_STR("preset"), &arena, &tree, &err), &err);
  must(ice_pipeline_spec_read(tree, ICE_STR("preset"), spec, &err), &err);
  ice_arena_deinit(&arena);
  ice_bytes_deinit(&text);
}

static void open_stages(stages *s, bool json) {
  ice_error err = {0};
  *s = (stages){.json = json};
  ice_chunk_init(&s->chunk);
  must(ice_compressor_create(&s->compressor, &err), &err);
  make_log(s);
  read_log(s);
}

static void close_stages(stages *s) {
  ice_chunk_deinit(&s->chunk);
  ice_bytes_deinit(&s->log);
  ice_compressor_destroy(s->compressor);
}

int main(int argc, char **argv) {
  stages s;
  ice_pipeline_spec spec;
  if (argc != 2) {
    fprintf(stderr, "Usage: bench_stages presets/health.yaml\n");
    return 2;
  }
  read_spec(argv[1], &spec);
  printf("| %-40s | ns a sample |\n|---|---|\n", "stage");
  open_stages(&s, false);
  bench_read(&s);
  bench_decode(&s);
  bench_text(&s);
  bench_pipeline(&s, &spec);
  close_stages(&s);
  open_stages(&s, true);
  bench_decode_json(&s, &spec);
  bench_decode_flat();
  bench_pipeline(&s, &spec);
  close_stages(&s);
  ice_pipeline_spec_deinit(&spec);
  return 0;
}
