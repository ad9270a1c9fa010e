#include "iceberg/iceberg_manifest_list.h"

#include "avro/avro_encode.h"
#include "iceberg/iceberg_avro_priv.h"
#include <stdio.h>

enum { MANIFESTS_MAX = 1 << 20, SUMMARIES_MAX = 1000 };

// Names, ids and order as the reference implementation writes them: readers find fields by either.
static const char list_schema[] =
    "{\"type\":\"record\",\"name\":\"manifest_file\",\"fields\":["
    "{\"name\":\"manifest_path\",\"type\":\"string\",\"field-id\":500},"
    "{\"name\":\"manifest_length\",\"type\":\"long\",\"field-id\":501},"
    "{\"name\":\"partition_spec_id\",\"type\":\"int\",\"field-id\":502},"
    "{\"name\":\"content\",\"type\":\"int\",\"field-id\":517},"
    "{\"name\":\"sequence_number\",\"type\":\"long\",\"field-id\":515},"
    "{\"name\":\"min_sequence_number\",\"type\":\"long\",\"field-id\":516},"
    "{\"name\":\"added_snapshot_id\",\"type\":\"long\",\"field-id\":503},"
    "{\"name\":\"added_files_count\",\"type\":\"int\",\"field-id\":504},"
    "{\"name\":\"existing_files_count\",\"type\":\"int\",\"field-id\":505},"
    "{\"name\":\"deleted_files_count\",\"type\":\"int\",\"field-id\":506},"
    "{\"name\":\"added_rows_count\",\"type\":\"long\",\"field-id\":512},"
    "{\"name\":\"existing_rows_count\",\"type\":\"long\",\"field-id\":513},"
    "{\"name\":\"deleted_rows_count\",\"type\":\"long\",\"field-id\":514},"
    "{\"name\":\"partitions\",\"type\":[\"null\",{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":"
    "\"r508\","
    "\"fields\":[{\"name\":\"contains_null\",\"type\":\"boolean\",\"field-id\":509},"
    "{\"name\":\"contains_nan\",\"type\":[\"null\",\"boolean\"],\"default\":null,\"field-id\":518},"
    "{\"name\":\"lower_bound\",\"type\":[\"null\",\"bytes\"],\"default\":null,\"field-id\":510},"
    "{\"name\":\"upper_bound\",\"type\":[\"null\",\"bytes\"],\"default\":null,\"field-id\":511}]},"
    "\"element-id\":508}],\"default\":null,\"field-id\":507},"
    "{\"name\":\"key_metadata\",\"type\":[\"null\",\"bytes\"],\"default\":null,\"field-id\":519}]}";

static ice_status put_optional_bytes(ice_bytes *out, bool present, ice_str value, ice_error *err) {
  ice_status status = ice_avro_put_long(out, present ? 1 : 0, err);
  return status == ICE_OK && present ? ice_avro_put_bytes(out, value, err) : status;
}

static ice_status put_summaries(ice_bytes *out, const ice_manifest_file *file, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_avro_put_long(out, 1, err));
  if (file->partition_count != 0) {
    ICE_TRY(ice_avro_put_long(out, file->partition_count, err));
  }
  for (uint32_t i = 0; i < file->partition_count; i++) {
    const ice_partition_summary *summary = &file->partitions[i];
    ICE_TRY(ice_avro_put_boolean(out, summary->contains_null, err));
    ICE_TRY(ice_avro_put_long(out, summary->has_contains_nan ? 1 : 0, err));
    if (summary->has_contains_nan) {
      ICE_TRY(ice_avro_put_boolean(out, summary->contains_nan, err));
    }
    ICE_TRY(put_optional_bytes(out, summary->has_lower, summary->lower, err));
    ICE_TRY(put_optional_bytes(out, summary->has_upper, summary->upper, err));
  }
  ICE_TRY(ice_avro_put_long(out, 0, err));
done:
  return status;
}

static ice_status check_manifest(const ice_manifest_file *file, ice_error *err) {
  if (file->path.size == 0 || file->length <= 0) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "manifest \"%.*s\" of %lld bytes", ICE_STR_ARG(file->path),
                         (long long)file->length);
  }
  if (file->added_files < 0 || file->existing_files < 0 || file->deleted_files < 0 || file->added_rows < 0 ||
      file->existing_rows < 0 || file->deleted_rows < 0) {
    return ice_error_set(err, ICE_UNSUPPORTED, "manifest \"%.*s\" has no counts, which format v2 requires",
                         ICE_STR_ARG(file->path));
  }
  return ICE_OK;
}

static ice_status encode_manifest(const ice_manifest_list_header *header, const ice_manifest_file *file,
                                  ice_bytes *out, ice_error *err) {
  ice_status status = ICE_OK;
  bool fresh = file->sequence_number == ICE_SEQUENCE_UNASSIGNED;
  int64_t sequence = fresh ? header->sequence_number : file->sequence_number;
  int64_t lowest = file->min_sequence_number == ICE_SEQUENCE_UNASSIGNED ? sequence : file->min_sequence_number;
  ICE_TRY(check_manifest(file, err));
  ICE_TRY(ice_avro_put_bytes(out, file->path, err));
  ICE_TRY(ice_avro_put_long(out, file->length, err));
  ICE_TRY(ice_avro_put_int(out, file->spec_id, err));
  ICE_TRY(ice_avro_put_int(out, (int32_t)file->content, err));
  ICE_TRY(ice_avro_put_long(out, sequence, err));
  ICE_TRY(ice_avro_put_long(out, lowest, err));
  ICE_TRY(ice_avro_put_long(out, file->added_snapshot_id, err));
  ICE_TRY(ice_avro_put_int(out, file->added_files, err));
  ICE_TRY(ice_avro_put_int(out, file->existing_files, err));
  ICE_TRY(ice_avro_put_int(out, file->deleted_files, err));
  ICE_TRY(ice_avro_put_long(out, file->added_rows, err));
  ICE_TRY(ice_avro_put_long(out, file->existing_rows, err));
  ICE_TRY(ice_avro_put_long(out, file->deleted_rows, err));
  ICE_TRY(put_summaries(out, file, err));
  ICE_TRY(put_optional_bytes(out, file->key_metadata.data != NULL, file->key_metadata, err));
done:
  return status;
}

ice_status ice_manifest_list_write(const ice_manifest_list_header *header, const ice_manifest_file *manifests,
                                   uint32_t count, ice_bytes *out, ice_error *err) {
  ice_status status = ICE_OK;
  ice_avro_writer *writer = NULL;
  ice_bytes datum;
  ice_bytes_init(&datum, ICE_AVRO_BLOCK_SIZE_MAX);
  char snapshot[24];
  char parent[24] = "null";
  char sequence[24];
  snprintf(snapshot, sizeof snapshot, "%lld", (long long)header->snapshot_id);
  snprintf(sequence, sizeof sequence, "%lld", (long long)header->sequence_number);
  if (header->has_parent) {
    snprintf(parent, sizeof parent, "%lld", (long long)header->parent_snapshot_id);
  }
  const ice_avro_meta meta[] = {{ICE_STR("snapshot-id"), ice_str_of(snapshot)},
                                {ICE_STR("parent-snapshot-id"), ice_str_of(parent)},
                                {ICE_STR("sequence-number"), ice_str_of(sequence)},
                                {ICE_STR("format-version"), ICE_STR("2")}};
  ice_avro_writer_options options = {
      .schema = ICE_STR(list_schema), .codec = ICE_CODEC_DEFLATE, .meta = meta, .meta_count = ICE_COUNT_OF(meta)};
  memcpy(options.sync, header->sync, sizeof options.sync);
  ICE_TRY(ice_avro_writer_create(&options, out, &writer, err));
  for (uint32_t i = 0; i < count; i++) {
    ice_bytes_clear(&datum);
    ICE_TRY(encode_manifest(header, &manifests[i], &datum, err));
    ICE_TRY(ice_avro_writer_append(writer, ice_bytes_str(&datum), err));
  }
  ICE_TRY(ice_avro_writer_finish(writer, err));
done:
  ice_avro_writer_destroy(writer);
  ice_bytes_deinit(&datum);
  return status;
}

enum list_field {
  LIST_PATH,
  LIST_LENGTH,
  LIST_SPEC_ID,
  LIST_CONTENT,
  LIST_SEQUENCE,
  LIST_MIN_SEQUENCE,
  LIST_SNAPSHOT,
  LIST_ADDED_FILES,
  LIST_EXISTING_FILES,
  LIST_DELETED_FILES,
  LIST_ADDED_ROWS,
  LIST_EXISTING_ROWS,
  LIST_DELETED_ROWS,
  LIST_PARTITIONS,
  LIST_KEY_METADATA,
  LIST_FIRST_ROW_ID,
  LIST_FIELD_COUNT
};

static const wanted_field list_fields[LIST_FIELD_COUNT] = {
    [LIST_PATH] = {.id = 500, .name = "manifest_path"},
    [LIST_LENGTH] = {.id = 501, .name = "manifest_length"},
    [LIST_SPEC_ID] = {.id = 502, .name = "partition_spec_id"},
    [LIST_CONTENT] = {.id = 517, .name = "content"},
    [LIST_SEQUENCE] = {.id = 515, .name = "sequence_number"},
    [LIST_MIN_SEQUENCE] = {.id = 516, .name = "min_sequence_number"},
    [LIST_SNAPSHOT] = {.id = 503, .name = "added_snapshot_id"},
    [LIST_ADDED_FILES] = {.id = 504, .name = "added_files_count", .legacy = "added_data_files_count"},
    [LIST_EXISTING_FILES] = {.id = 505, .name = "existing_files_count", .legacy = "existing_data_files_count"},
    [LIST_DELETED_FILES] = {.id = 506, .name = "deleted_files_count", .legacy = "deleted_data_files_count"},
    [LIST_ADDED_ROWS] = {.id = 512, .name = "added_rows_count"},
    [LIST_EXISTING_ROWS] = {.id = 513, .name = "existing_rows_count"},
    [LIST_DELETED_ROWS] = {.id = 514, .name = "deleted_rows_count"},
    [LIST_PARTITIONS] = {.id = 507, .name = "partitions"},
    [LIST_KEY_METADATA] = {.id = 519, .name = "key_metadata"},
    [LIST_FIRST_ROW_ID] = {.id = 520, .name = "first_row_id"}};

static const wanted_field summary_fields[] = {{.id = 509, .name = "contains_null"},
                                              {.id = 518, .name = "contains_nan"},
                                              {.id = 510, .name = "lower_bound"},
                                              {.id = 511, .name = "upper_bound"}};

static ice_status read_bound(const ice_column *column, int64_t row, ice_arena *arena, bool *has, ice_str *out,
                             ice_error *err) {
  ice_str text;
  ice_status status = ice_avro_get_text(column, row, "a bound of a partition summary", &text, has, err);
  return status == ICE_OK && *has ? ice_arena_copy_str(arena, text, out, err) : status;
}

static ice_status read_summaries(const ice_column *column, ice_arena *arena, ice_manifest_file *out, ice_error *err) {
  ice_status status = ICE_OK;
  if (!column || ice_column_is_null(column, 0)) {
    return ICE_OK;
  }
  if (column->kind != ICE_KIND_LIST || column->children[0].kind != ICE_KIND_STRUCT) {
    ICE_FAIL(ICE_CORRUPT, "partition summaries are of type %s", ice_kind_name(column->kind));
  }
  const ice_column *item = &column->children[0];
  const ice_column *fields[ICE_COUNT_OF(summary_fields)];
  for (size_t i = 0; i < ICE_COUNT_OF(fields); i++) {
    fields[i] = ice_avro_find_column(item->type, item->children, &summary_fields[i]);
  }
  bool typed =
      fields[0] && fields[0]->kind == ICE_KIND_BOOLEAN && (!fields[1] || fields[1]->kind == ICE_KIND_BOOLEAN);
  int64_t count = item->length;
  if (!typed || count > SUMMARIES_MAX) {
    ICE_FAIL(ICE_CORRUPT, "%lld partition summaries without \"contains_null\"", (long long)count);
  }
  ice_partition_summary *list = ice_arena_alloc_array(arena, (size_t)count, sizeof *list, err);
  if (!list) {
    return err ? err->status : ICE_NO_MEMORY;
  }
  for (int64_t i = 0; i < count; i++) {
    list[i].contains_null = ice_column_boolean(fields[0], i);
    list[i].has_contains_nan = fields[1] && !ice_column_is_null(fields[1], i);
    list[i].contains_nan = list[i].has_contains_nan && ice_column_boolean(fields[1], i);
    ICE_TRY(read_bound(fields[2], i, arena, &list[i].has_lower, &list[i].lower, err));
    ICE_TRY(read_bound(fields[3], i, arena, &list[i].has_upper, &list[i].upper, err));
  }
  out->partitions = list;
  out->partition_count = (uint32_t)count;
done:
  return status;
}

// An integer that may be absent; out of [low, high] it is damage.
static ice_status read_number(const ice_column *const *columns, enum list_field field, int64_t low, int64_t high,
                              int64_t fallback, int64_t *out, ice_error *err) {
  bool present;
  *out = fallback;
  ice_status status = ice_avro_get_i64(columns[field], 0, list_fields[field].name, out, &present, err);
  if (status == ICE_OK && present && (*out < low || *out > high)) {
    return ice_error_set(err, ICE_CORRUPT, "%s is %lld", list_fields[field].name, (long long)*out);
  }
  return status;
}

static ice_status read_count(const ice_column *const *columns, enum list_field field, int32_t *out, ice_error *err) {
  int64_t value;
  ice_status status = read_number(columns, field, 0, INT32_MAX, -1, &value, err);
  *out = (int32_t)value;
  return status;
}

static ice_status read_manifest(const ice_column *const *columns, ice_arena *arena, ice_manifest_file *out,
                                ice_error *err) {
  ice_status status = ICE_OK;
  bool present;
  ice_str text;
  int64_t number;
  *out = (ice_manifest_file){0};
  ICE_TRY(ice_avro_get_text(columns[LIST_PATH], 0, "manifest_path", &text, &present, err));
  if (!present || text.size == 0) {
    ICE_FAIL(ICE_CORRUPT, "manifest without a path");
  }
  ICE_TRY(ice_arena_copy_str(arena, text, &out->path, err));
  ICE_TRY(read_number(columns, LIST_LENGTH, 0, INT64_MAX, 0, &out->length, err));
  ICE_TRY(read_number(columns, LIST_SPEC_ID, 0, INT32_MAX, 0, &number, err));
  out->spec_id = (int32_t)number;
  ICE_TRY(read_number(columns, LIST_CONTENT, 0, 1, 0, &number, err));
  out->content = number == 0 ? ICE_MANIFEST_DATA : ICE_MANIFEST_DELETES;
  // Lists of v1 have no sequence numbers: all their files are of 0.
  ICE_TRY(read_number(columns, LIST_SEQUENCE, 0, INT64_MAX, 0, &out->sequence_number, err));
  ICE_TRY(read_number(columns, LIST_MIN_SEQUENCE, 0, INT64_MAX, 0, &out->min_sequence_number, err));
  ICE_TRY(read_number(columns, LIST_SNAPSHOT, INT64_MIN, INT64_MAX, -1, &out->added_snapshot_id, err));
  ICE_TRY(read_count(columns, LIST_ADDED_FILES, &out->added_files, err));
  ICE_TRY(read_count(columns, LIST_EXISTING_FILES, &out->existing_files, err));
  ICE_TRY(read_count(columns, LIST_DELETED_FILES, &out->deleted_files, err));
  ICE_TRY(read_number(columns, LIST_ADDED_ROWS, 0, INT64_MAX, -1, &out->added_rows, err));
  ICE_TRY(read_number(columns, LIST_EXISTING_ROWS, 0, INT64_MAX, -1, &out->existing_rows, err));
  ICE_TRY(read_number(columns, LIST_DELETED_ROWS, 0, INT64_MAX, -1, &out->deleted_rows, err));
  ICE_TRY(read_summaries(columns[LIST_PARTITIONS], arena, out, err));
  ICE_TRY(ice_avro_get_text(columns[LIST_KEY_METADATA], 0, "key_metadata", &text, &present, err));
  if (present) {
    ICE_TRY(ice_arena_copy_str(arena, text, &out->key_metadata, err));
  }
  ICE_TRY(ice_avro_get_i64(columns[LIST_FIRST_ROW_ID], 0, "first_row_id", &out->first_row_id, &out->has_first_row_id,
                           err));
done:
  return status;
}

static ice_status grow_list(ice_arena *arena, ice_manifest_file **list, uint32_t count, uint32_t *capacity,
                            ice_error *err) {
  if (count < *capacity) {
    return ICE_OK;
  }
  if (count >= MANIFESTS_MAX) {
    return ice_error_set(err, ICE_LIMIT, "manifest list with more than %d manifests", (int)MANIFESTS_MAX);
  }
  uint32_t larger = *capacity == 0 ? 16 : *capacity * 2;
  ice_manifest_file *grown = ice_arena_alloc_array(arena, larger, sizeof *grown, err);
  if (!grown) {
    return err ? err->status : ICE_NO_MEMORY;
  }
  if (count != 0) {
    memcpy(grown, *list, count * sizeof *grown);
  }
  *list = grown;
  *capacity = larger;
  return ICE_OK;
}

ice_status ice_manifest_list_read(ice_str file, ice_arena *arena, ice_manifest_file **out, uint32_t *count,
                                  ice_error *err) {
  ice_status status = ICE_OK;
  avro_rows rows = {0};
  ice_manifest_file *list = NULL;
  uint32_t used = 0;
  uint32_t capacity = 0;
  *out = NULL;
  *count = 0;
  ICE_TRY(ice_avro_rows_open(&rows, file, list_fields, LIST_FIELD_COUNT, err));
  const ice_column *columns[LIST_FIELD_COUNT];
  for (size_t i = 0; i < LIST_FIELD_COUNT; i++) {
    columns[i] = ice_avro_find_column(&rows.batch.schema->root, rows.batch.columns, &list_fields[i]);
  }
  for (;;) {
    bool found = false;
    ICE_TRY(ice_avro_rows_next(&rows, &found, err));
    if (!found) {
      break;
    }
    ICE_TRY(grow_list(arena, &list, used, &capacity, err));
    status = read_manifest(columns, arena, &list[used++], err);
    if (status != ICE_OK) {
      ice_error_prepend(err, "manifest %u", used - 1);
      goto done;
    }
  }
  *out = list;
  *count = used;
done:
  if (status != ICE_OK) {
    ice_error_prepend(err, "manifest list");
  }
  ice_avro_rows_close(&rows);
  return status;
}
