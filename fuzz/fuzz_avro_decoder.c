// Data of a few schemas that have every operation of the decoder. The first byte chooses the schema.
#include "avro/avro_decoder.h"
#include "fuzz_replay.h"
#include <stdlib.h>

typedef struct fuzz_schema {
  const char *writer;
  const char *reader;
  const char *path;
} fuzz_schema;

static const fuzz_schema schemas[] = {
    {"{\"type\":\"record\",\"name\":\"P\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"},{\"name\":\"samples\","
     "\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"S\",\"fields\":[{\"name\":\"v\","
     "\"type\":"
     "\"double\"},{\"name\":\"b\",\"type\":[\"null\",\"string\"]},{\"name\":\"m\",\"type\":{\"type\":\"map\","
     "\"values\":"
     "\"string\"}},{\"name\":\"ok\",\"type\":\"boolean\"}]}}}]}",
     NULL, NULL},
    {"{\"type\":\"record\",\"name\":\"L\",\"fields\":[{\"name\":\"next\",\"type\":[\"null\",\"L\"]},{\"name\":\"u\","
     "\"type\":[\"int\",\"string\",{\"type\":\"array\",\"items\":\"bytes\"}]},{\"name\":\"v\",\"type\":\"int\"}]}",
     NULL, "v"},
    {"{\"type\":\"record\",\"name\":\"T\",\"fields\":[{\"name\":\"t\",\"type\":{\"type\":\"long\",\"logicalType\":"
     "\"timestamp-millis\"}},{\"name\":\"d\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":"
     "38}},"
     "{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}},{\"name\":\"e\",\"type\":{\"type\":"
     "\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}},{\"name\":\"p\",\"type\":{\"type\":\"array\","
     "\"logicalType\":"
     "\"map\",\"items\":{\"type\":\"record\",\"name\":\"k1_v2\",\"fields\":[{\"name\":\"key\",\"type\":\"int\"},"
     "{\"name\":\"value\",\"type\":[\"null\",\"float\"]}]}}},{\"name\":\"z\",\"type\":{\"type\":\"array\",\"items\":"
     "{\"type\":\"record\",\"name\":\"Z\",\"fields\":[]}}}]}",
     NULL, NULL},
    {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":[\"int\",\"null\",\"float\"]},"
     "{\"name\":\"gone\",\"type\":{\"type\":\"map\",\"values\":[\"null\",\"long\"]}},{\"name\":\"e\",\"type\":{"
     "\"type\":"
     "\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}}]}",
     "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":[\"null\",\"double\"]},{\"name\":"
     "\"e\","
     "\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"B\"]}},{\"name\":\"n\",\"type\":{\"type\":\"array\","
     "\"items\":\"string\"},\"default\":[\"x\",\"y\"]}]}",
     NULL}};

enum { SCHEMA_COUNT = sizeof schemas / sizeof schemas[0] };

static ice_avro_decoder *open_decoder(const fuzz_schema *schema) {
  ice_avro_schema *writer = NULL;
  ice_avro_schema *reader = NULL;
  ice_avro_decoder *decoder = NULL;
  ice_projection root = {0};
  ice_arena arena;
  ice_error err;
  ice_arena_init(&arena, 1 << 16);
  ice_status status = ice_avro_schema_parse(ice_str_of(schema->writer), &writer, &err);
  if (status == ICE_OK && schema->reader) {
    status = ice_avro_schema_parse(ice_str_of(schema->reader), &reader, &err);
  }
  if (status == ICE_OK && schema->path) {
    status = ice_projection_add(&root, &arena, ice_str_of(schema->path), &err);
  }
  if (status == ICE_OK) {
    status = ice_avro_decoder_create(writer, reader, schema->path ? &root : NULL, &decoder, &err);
  }
  if (status != ICE_OK) {
    abort();
  }
  ice_avro_schema_destroy(writer);
  ice_avro_schema_destroy(reader);
  ice_arena_deinit(&arena);
  return decoder;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) {
    return 0;
  }
  ice_avro_decoder *decoder = open_decoder(&schemas[data[0] % SCHEMA_COUNT]);
  ice_batch batch;
  ice_error err;
  size_t at = 1;
  if (ice_batch_init(&batch, ice_avro_decoder_schema(decoder), &err) == ICE_OK) {
    for (int64_t rows = 0; at < size; rows++) {
      size_t consumed = 0;
      ice_status status = ice_avro_decode(decoder, data + at, size - at, &batch, &consumed, &err);
      if (status != ICE_OK) {
        if (status != ICE_CORRUPT || consumed != 0) {
          abort();
        }
        ice_batch_truncate(&batch, rows);
        break;
      }
      if (batch.row_count != rows + 1 || consumed > size - at) {
        abort();
      }
      at += consumed;
    }
    ice_batch_deinit(&batch);
  }
  ice_avro_decoder_destroy(decoder);
  return 0;
}
