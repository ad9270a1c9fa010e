#include "pipeline/pipeline_dead_letter.h"

#include "base/utf8.h"
#include "codec/uuid.h"
#include <stdlib.h>

typedef enum role {
  ROLE_ERROR_ID,
  ROLE_ERROR_TYPE,
  ROLE_ERROR_MESSAGE,
  ROLE_ERROR_TIMESTAMP,
  ROLE_RAW_PAYLOAD,
  ROLE_KAFKA_TOPIC,
  ROLE_KAFKA_PARTITION,
  ROLE_KAFKA_OFFSET,
  ROLE_ELEMENT_INDEX,
  ROLE_RAW_BYTES,
  ROLE_OWN,
  ROLE_NULL
} role;

typedef struct binding {
  role role;
  uint32_t own;
} binding;

struct ice_dead_letter_writer {
  const ice_pipeline_spec *spec;
  ice_str sink;
  const ice_schema *schema;
  binding *bindings;
};

typedef struct role_name {
  ice_str name;
  role role;
  ice_kind kind;
} role_name;

static const role_name roles[] = {
    {ICE_STR_INIT("error_id"), ROLE_ERROR_ID, ICE_KIND_STRING},
    {ICE_STR_INIT("error_type"), ROLE_ERROR_TYPE, ICE_KIND_STRING},
    {ICE_STR_INIT("error_message"), ROLE_ERROR_MESSAGE, ICE_KIND_STRING},
    {ICE_STR_INIT("error_timestamp"), ROLE_ERROR_TIMESTAMP, ICE_KIND_TIMESTAMP},
    {ICE_STR_INIT("raw_payload"), ROLE_RAW_PAYLOAD, ICE_KIND_STRING},
    {ICE_STR_INIT("kafka_topic"), ROLE_KAFKA_TOPIC, ICE_KIND_STRING},
    {ICE_STR_INIT("kafka_partition"), ROLE_KAFKA_PARTITION, ICE_KIND_LONG},
    {ICE_STR_INIT("kafka_offset"), ROLE_KAFKA_OFFSET, ICE_KIND_LONG},
    {ICE_STR_INIT("element_index"), ROLE_ELEMENT_INDEX, ICE_KIND_INT},
    {ICE_STR_INIT("raw_bytes"), ROLE_RAW_BYTES, ICE_KIND_BINARY},
};

static bool kinds_agree(ice_kind wanted, ice_kind actual) {
  return wanted == actual || (wanted == ICE_KIND_TIMESTAMP && actual == ICE_KIND_TIMESTAMPTZ) ||
         (wanted == ICE_KIND_LONG && actual == ICE_KIND_INT);
}

static ice_status bind_field(const ice_pipeline_spec *spec, const ice_field *field, binding *out, ice_error *err) {
  ice_kind wanted = ICE_KIND_STRING;
  *out = (binding){.role = ROLE_NULL};
  for (size_t i = 0; i < ICE_COUNT_OF(roles); i++) {
    if (ice_str_equal(roles[i].name, field->name)) {
      out->role = roles[i].role;
      wanted = roles[i].kind;
    }
  }
  for (uint32_t i = 0; i < spec->dead_letter_column_count; i++) {
    if (ice_str_equal(spec->dead_letter_columns[i].name, field->name)) {
      *out = (binding){.role = ROLE_OWN, .own = i};
    }
  }
  if (out->role == ROLE_NULL) {
    return field->required ? ice_error_set(err, ICE_INVALID_ARGUMENT,
                                           "the dead-letter table requires column %.*s, which no dead letter fills",
                                           ICE_STR_ARG(field->name))
                           : ICE_OK;
  }
  if (!kinds_agree(wanted, field->type.kind)) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "column %.*s of the dead-letter table is %s, it must be %s",
                         ICE_STR_ARG(field->name), ice_kind_name(field->type.kind), ice_kind_name(wanted));
  }
  return ICE_OK;
}

ice_status ice_dead_letter_writer_create(const ice_pipeline_spec *spec, ice_str sink, const ice_schema *schema,
                                         ice_dead_letter_writer **out, ice_error *err) {
  *out = NULL;
  ice_status status = ICE_OK;
  ice_dead_letter_writer *writer = calloc(1, sizeof *writer);
  binding *bindings = calloc(schema->root.field_count + 1, sizeof *bindings);
  if (!writer || !bindings) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for the dead-letter table");
  }
  *writer = (ice_dead_letter_writer){.spec = spec, .sink = sink, .schema = schema};
  for (uint32_t i = 0; i < schema->root.field_count; i++) {
    ICE_TRY(bind_field(spec, &schema->root.fields[i], &bindings[i], err));
  }
  writer->bindings = bindings;
  bindings = NULL;
  *out = writer;
  writer = NULL;
done:
  free(writer);
  free(bindings);
  return status;
}

void ice_dead_letter_writer_destroy(ice_dead_letter_writer *writer) {
  if (writer) {
    free(writer->bindings);
    free(writer);
  }
}

// The same fault has the same id on every reading: a name-based UUID of its coordinates.
static ice_status error_id(const ice_dead_letter_writer *writer, const ice_dead_letter *letter,
                           char out[ICE_UUID_TEXT_SIZE + 1], ice_error *err) {
  // A random UUID, drawn once, as the name space of icesink's dead letters.
  static const ice_uuid space = {
      {0x6b, 0x1f, 0x0a, 0x52, 0x8d, 0x3c, 0x4e, 0x7a, 0x9b, 0x15, 0x2c, 0xe4, 0x70, 0xd8, 0xa3, 0x96}};
  enum { NAME_MAX_SIZE = 4096 };
  ice_bytes name;
  ice_bytes_init(&name, NAME_MAX_SIZE);
  ice_uuid uuid;
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_format(&name, err, "%.*s/%.*s/%d/%lld/%lld/%s", ICE_STR_ARG(writer->sink),
                                  ICE_STR_ARG(letter->topic), letter->partition, (long long)letter->offset,
                                  (long long)letter->element_index, ice_error_type_name(letter->type)));
  ICE_TRY(ice_uuid_v5(&space, ice_bytes_str(&name), &uuid, err));
  ice_uuid_format(&uuid, out);
done:
  ice_bytes_deinit(&name);
  return status;
}

static ice_status append_optional_text(ice_column *column, ice_str text, ice_error *err) {
  return text.data ? ice_column_append_text(column, text, err) : ice_column_append_null(column, err);
}

static ice_status append_number(ice_column *column, int64_t value, ice_error *err) {
  return column->width == 8 ? ice_column_append_i64(column, value, err)
                            : ice_column_append_i32(column, (int32_t)value, err);
}

static ice_status append_own(const ice_dead_letter *letter, uint32_t own, ice_column *column, ice_error *err) {
  if (!letter->own || ice_view_is_null(&letter->own[own], letter->own_row)) {
    return ice_column_append_null(column, err);
  }
  const ice_view *view = &letter->own[own];
  ice_str text = ice_column_text(view->column, ice_view_index(view, letter->own_row));
  return ice_utf8_valid(text.data, text.size) ? ice_column_append_text(column, text, err)
                                              : ice_column_append_null(column, err);
}

static ice_status append_role(const ice_dead_letter *letter, const binding *bound, ice_str id, int64_t now_us,
                              ice_column *column, ice_error *err) {
  ice_str payload = letter->raw_payload;
  switch (bound->role) {
    case ROLE_ERROR_ID: return ice_column_append_text(column, id, err);
    case ROLE_ERROR_TYPE: return ice_column_append_text(column, ice_str_of(ice_error_type_name(letter->type)), err);
    case ROLE_ERROR_MESSAGE: return ice_column_append_text(column, letter->message, err);
    case ROLE_ERROR_TIMESTAMP: return ice_column_append_i64(column, now_us, err);
    case ROLE_RAW_PAYLOAD:
      payload.size = ice_utf8_cut(payload.data, payload.size, ICE_RAW_PAYLOAD_MAX);
      return append_optional_text(column, payload, err);
    case ROLE_KAFKA_TOPIC: return ice_column_append_text(column, letter->topic, err);
    case ROLE_KAFKA_PARTITION: return append_number(column, letter->partition, err);
    case ROLE_KAFKA_OFFSET: return append_number(column, letter->offset, err);
    case ROLE_ELEMENT_INDEX:
      return letter->element_index < 0 ? ice_column_append_null(column, err)
                                       : append_number(column, letter->element_index, err);
    case ROLE_RAW_BYTES: return append_optional_text(column, letter->raw_bytes, err);
    case ROLE_OWN: return append_own(letter, bound->own, column, err);
    case ROLE_NULL: break;
  }
  return ice_column_append_null(column, err);
}

ice_status ice_dead_letter_append(ice_dead_letter_writer *writer, const ice_dead_letter *letter, int64_t now_us,
                                  ice_batch *batch, ice_error *err) {
  char id[ICE_UUID_TEXT_SIZE + 1];
  ice_status status = ICE_OK;
  ICE_TRY(error_id(writer, letter, id, err));
  for (uint32_t i = 0; i < batch->column_count; i++) {
    ICE_TRY(append_role(letter, &writer->bindings[i], ice_str_of(id), now_us, &batch->columns[i], err));
  }
  ICE_TRY(ice_batch_end_row(batch, err));
done:
  return status;
}
