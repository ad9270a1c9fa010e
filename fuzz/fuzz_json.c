// Text against a few schemas that have every kind of column; the first byte chooses the schema. What is accepted must be
// what jansson accepts, but for what the decoder decides otherwise on purpose (see `differs_on_purpose`).
#include "base/utf8.h"
#include "fuzz_replay.h"
#include "json_rows.h"
#include <jansson.h>

typedef struct fuzz_schema {
  const char *columns;
  const char *explode;
} fuzz_schema;

static const fuzz_schema schemas[] = {
    {"struct<a: long, s: string, d: double, b: boolean>", ""},
    {"struct<id: string, l: list<struct<x: int, m: map<string,float>, t: timestamp>>>", "l"},
    {"struct<r: struct<d: date, t: time, u: uuid, b: binary, f: fixed[2], c: decimal(9,2)>, ll: list<list<string>>>",
     ""},
    {"struct<unwanted: int>", ""}};

enum { SCHEMA_COUNT = sizeof schemas / sizeof schemas[0] };

// jansson refuses what is no UTF-8, lone surrogates, zero bytes in names, and integers and reals out of its types' ranges;
// icesink leaves these to the element. icesink refuses deeper nesting, and a zero byte behind a number, which jansson reads
// over.
static bool differs_on_purpose(bool accepted, const uint8_t *data, size_t size, const json_error_t *problem,
                               const ice_error *err) {
  if (!accepted) {
    return strstr(err->message, "nest too deep") || memchr(data, 0, size);
  }
  return !ice_utf8_valid(data, size) || strstr(problem->text, "too big") || strstr(problem->text, "overflow") ||
         strstr(problem->text, "invalid Unicode") || strstr(problem->text, "NUL byte in object key");
}

static void compare(bool accepted, const uint8_t *data, size_t size, const ice_error *err) {
  json_error_t problem = {0};
  json_t *document = json_loadb((const char *)data, size, JSON_ALLOW_NUL, &problem);
  bool agrees = accepted == (document && json_is_object(document));
  if (!agrees && !differs_on_purpose(accepted, data, size, &problem, err)) {
    fprintf(stderr, "icesink: %s, jansson: %s\n", accepted ? "accepted" : err->message,
            document ? "accepted" : problem.text);
    abort();
  }
  json_decref(document);
}

// Whatever the message was, the batch and the notes belong together.
static void check_notes(const json_rows *rows, bool explodes) {
  size_t row_count = (size_t)rows->batch.row_count;
  if (rows->notes.arrays.size != (explodes ? row_count : 0) * sizeof(ice_json_span)) {
    abort();
  }
  for (size_t i = 0; i < ice_json_fault_count(&rows->notes); i++) {
    const ice_json_fault *fault = ice_json_fault_at(&rows->notes, i);
    if (fault->index >= fault->column->length || fault->row >= row_count || fault->span.from >= fault->span.to) {
      abort();
    }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static json_rows rows[SCHEMA_COUNT];
  if (size == 0) {
    return 0;
  }
  const fuzz_schema *schema = &schemas[data[0] % SCHEMA_COUNT];
  json_rows *at = &rows[data[0] % SCHEMA_COUNT];
  if (!at->decoder && json_rows_open(at, schema->columns, schema->explode) != ICE_OK) {
    abort();
  }
  // Twice: the second time in the order of members that the first one taught.
  for (int round = 0; round < 2; round++) {
    int64_t before = at->batch.row_count;
    ice_status status = json_rows_decode(at, data + 1, size - 1);
    bool sound = status == ICE_OK || status == ICE_NOT_FOUND || status == ICE_INVALID_ARGUMENT;
    if ((!sound && status != ICE_CORRUPT) || at->batch.row_count != before + (status == ICE_OK)) {
      abort();
    }
    compare(sound, data + 1, size - 1, &at->err);
    if (status == ICE_OK && !json_rows_text(at, before)) {
      abort();
    }
    check_notes(at, schema->explode[0] != '\0');
  }
  ice_batch_clear(&at->batch);
  ice_json_notes_clear(&at->notes);
  return 0;
}
