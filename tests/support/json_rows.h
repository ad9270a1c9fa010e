/// A JSON decoder over columns of a test's making, and what it decodes written as JSON again.
#ifndef ICE_TESTS_JSON_ROWS_H
#define ICE_TESTS_JSON_ROWS_H

#include "json/json_decoder.h"
#include "json/json_text.h"
#include <stdlib.h>

typedef struct json_rows {
  ice_schema *schema;
  ice_json_decoder *decoder;
  ice_batch batch;
  ice_json_notes notes;
  ice_bytes text;
  ice_error err;
} json_rows;

/// `columns` is the spelling of a struct: "struct<a: int, b: list<string>>".
static inline ice_status json_rows_open(json_rows *self, const char *columns, const char *explode) {
  *self = (json_rows){0};
  ice_error *err = &self->err;
  ice_status status = ICE_OK;
  ice_json_notes_init(&self->notes);
  ice_bytes_init(&self->text, 1 << 26);
  ICE_TRY(ice_schema_create(&self->schema, err));
  ICE_TRY(ice_type_parse(self->schema, ice_str_of(columns), &self->schema->root, err));
  ICE_TRY(ice_json_decoder_create(self->schema, ice_str_of(explode), &self->decoder, err));
  ICE_TRY(ice_batch_init(&self->batch, self->schema, err));
done:
  return status;
}

static inline void json_rows_close(json_rows *self) {
  ice_batch_deinit(&self->batch);
  ice_json_decoder_destroy(self->decoder);
  ice_json_notes_deinit(&self->notes);
  ice_schema_unref(self->schema);
  ice_bytes_deinit(&self->text);
}

/// Decode from memory of exactly this size at an odd address, so that a sanitizer sees any byte read outside.
static inline ice_status json_rows_decode(json_rows *self, const void *data, size_t size) {
  char *copy = malloc(size + 1);
  if (!copy) {
    abort();
  }
  if (size > 0) {
    memcpy(copy + 1, data, size);
  }
  int64_t before = self->batch.row_count;
  ice_status status =
      ice_json_decode(self->decoder, ice_str_make(copy + 1, size), &self->batch, &self->notes, &self->err);
  if (status != ICE_OK) {
    ice_batch_truncate(&self->batch, before);
  }
  free(copy);
  return status;
}

/// Row `row` as a JSON object, borrowed until the next call.
static inline const char *json_rows_text(json_rows *self, int64_t row) {
  ice_bytes_clear(&self->text);
  ice_status status = ice_bytes_append_u8(&self->text, '{', NULL);
  for (uint32_t i = 0; status == ICE_OK && i < self->batch.column_count; i++) {
    ICE_TRY(i > 0 ? ice_bytes_append_u8(&self->text, ',', NULL) : ICE_OK);
    ICE_TRY(ice_json_append_string(&self->text, self->schema->root.fields[i].name, NULL));
    ICE_TRY(ice_bytes_append_u8(&self->text, ':', NULL));
    ICE_TRY(ice_json_append_value(&self->text, &self->batch.columns[i], row, NULL));
  }
  ICE_TRY(ice_bytes_append_u8(&self->text, '}', NULL));
done:
  if (status != ICE_OK) {
    abort();
  }
  return ice_bytes_c_str(&self->text, NULL);
}

#endif
