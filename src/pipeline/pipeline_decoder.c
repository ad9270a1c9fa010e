#include "pipeline/pipeline_decoder.h"

#include "avro/avro_decoder.h"
#include "pipeline/pipeline_shape.h"
#include <stdlib.h>

enum { PROJECTION_BYTES_MAX = 1 << 20 };

// Avro --------------------------------------------------------------------------------------------------------------

typedef struct avro_decoder {
  ice_decoder base;
  ice_avro_decoder *avro;
} avro_decoder;

static ice_status decode_avro(ice_decoder *decoder, ice_str datum, ice_batch *batch, ice_error_type *type,
                              ice_error *err) {
  const avro_decoder *self = (const avro_decoder *)(const void *)decoder;
  size_t consumed = 0;
  ice_status status = ice_avro_decode(self->avro, datum.data, datum.size, batch, &consumed, err);
  *type = ICE_DESERIALIZATION_ERROR;
  if (status == ICE_OK && consumed != datum.size) {
    status = ice_error_set(err, ICE_CORRUPT, "%zu bytes follow the end of the datum", datum.size - consumed);
  }
  return status;
}

static void destroy_avro(ice_decoder *decoder) {
  avro_decoder *self = (avro_decoder *)(void *)decoder;
  ice_avro_decoder_destroy(self->avro);
  free(self);
}

static ice_status build_projection(const ice_pipeline_spec *spec, ice_projection *root, ice_arena *arena,
                                   ice_error *err) {
  ice_status status = ICE_OK;
  for (uint32_t i = 0; i < spec->column_count; i++) {
    if (spec->columns[i].origin == ICE_ORIGIN_PATH) {
      ICE_TRY(ice_projection_add(root, arena, spec->columns[i].path, err));
    }
  }
  for (uint32_t i = 0; i < spec->dead_letter_column_count; i++) {
    ICE_TRY(ice_projection_add(root, arena, spec->dead_letter_columns[i].path, err));
  }
done:
  return status;
}

ice_status ice_decoder_open_avro(ice_str schema_text, const ice_pipeline_spec *spec, ice_decoder **out,
                                 ice_error *err) {
  static const ice_decoder_interface interface = {.decode = decode_avro, .destroy = destroy_avro};
  *out = NULL;
  ice_status status = ICE_OK;
  ice_avro_schema *writer = NULL;
  ice_projection root = {0};
  ice_arena arena;
  ice_arena_init(&arena, PROJECTION_BYTES_MAX);
  avro_decoder *self = calloc(1, sizeof *self);
  if (!self) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a decoder");
  }
  self->base.interface = &interface;
  ICE_TRY(build_projection(spec, &root, &arena, err));
  ICE_TRY(ice_avro_schema_parse(schema_text, &writer, err));
  ICE_TRY(ice_avro_decoder_create(writer, NULL, &root, &self->avro, err));
  self->base.schema = ice_avro_decoder_schema(self->avro);
  *out = &self->base;
  self = NULL;
done:
  if (self) {
    destroy_avro(&self->base);
  }
  ice_avro_schema_destroy(writer);
  ice_arena_deinit(&arena);
  return status;
}

// JSON --------------------------------------------------------------------------------------------------------------

typedef struct json_decoder {
  ice_decoder base;
  ice_json_decoder *json;
  ice_json_notes notes;
  ice_str explode;
} json_decoder;

static ice_status decode_json(ice_decoder *decoder, ice_str datum, ice_batch *batch, ice_error_type *type,
                              ice_error *err) {
  json_decoder *self = (json_decoder *)(void *)decoder;
  ice_status status = ice_json_decode(self->json, datum, batch, &self->notes, err);
  *type = ICE_DESERIALIZATION_ERROR;
  if (status == ICE_NOT_FOUND) {
    *type = ICE_VALIDATION_ERROR;
    status = ice_error_set(err, ICE_CORRUPT, "Missing required field: %.*s", ICE_STR_ARG(self->explode));
  } else if (status == ICE_INVALID_ARGUMENT) {
    *type = ICE_TRANSFORMATION_ERROR;
    ice_error_prepend(err, "Cannot convert %.*s to list", ICE_STR_ARG(self->explode));
    status = ICE_CORRUPT;
  } else if (status == ICE_CORRUPT && datum.size > 0 && datum.data[0] == '\0') {
    status = ice_error_set(err, ICE_CORRUPT,
                           "the text begins with a zero byte, as a schema registry's framing does: "
                           "source.decode.format json_schema reads that");
  }
  return status;
}

static void destroy_json(ice_decoder *decoder) {
  json_decoder *self = (json_decoder *)(void *)decoder;
  ice_json_decoder_destroy(self->json);
  ice_json_notes_deinit(&self->notes);
  free(self);
}

ice_status ice_decoder_open_json(const ice_pipeline_spec *spec, ice_decoder **out, ice_error *err) {
  static const ice_decoder_interface interface = {.decode = decode_json, .destroy = destroy_json};
  *out = NULL;
  ice_status status = ICE_OK;
  ice_schema *shape = NULL;
  json_decoder *self = calloc(1, sizeof *self);
  if (!self) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a decoder");
  }
  self->base = (ice_decoder){.interface = &interface, .notes = &self->notes};
  self->explode = spec->explode;
  ice_json_notes_init(&self->notes);
  ICE_TRY(ice_shape_build(spec, &shape, err));
  ICE_TRY(ice_json_decoder_create(shape, spec->explode, &self->json, err));
  self->base.schema = ice_json_decoder_schema(self->json);
  *out = &self->base;
  self = NULL;
done:
  if (self) {
    destroy_json(&self->base);
  }
  ice_schema_unref(shape);
  return status;
}
