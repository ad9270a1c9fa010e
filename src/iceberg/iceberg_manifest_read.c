// Reading manifests of any writer: fields are found by id.
#include "iceberg/iceberg_avro_priv.h"
#include "iceberg/iceberg_manifest.h"
#include <stdlib.h>

enum { METRICS_MAX = 1 << 20 };

enum entry_field { ENTRY_STATUS, ENTRY_SNAPSHOT, ENTRY_SEQUENCE, ENTRY_FILE_SEQUENCE, ENTRY_FILE, ENTRY_FIELD_COUNT };

enum file_field {
  FILE_CONTENT,
  FILE_PATH,
  FILE_FORMAT,
  FILE_PARTITION,
  FILE_RECORDS,
  FILE_SIZE,
  FILE_COLUMN_SIZES,
  FILE_VALUE_COUNTS,
  FILE_NULL_COUNTS,
  FILE_NAN_COUNTS,
  FILE_LOWER,
  FILE_UPPER,
  FILE_KEY_METADATA,
  FILE_SPLITS,
  FILE_EQUALITY_IDS,
  FILE_SORT_ORDER,
  FILE_FIRST_ROW_ID,
  FILE_REFERENCED,
  FILE_CONTENT_OFFSET,
  FILE_CONTENT_SIZE,
  FILE_FIELD_COUNT
};

static const wanted_field file_fields[FILE_FIELD_COUNT] = {
    [FILE_CONTENT] = {.id = 134, .name = "content"},
    [FILE_PATH] = {.id = 100, .name = "file_path"},
    [FILE_FORMAT] = {.id = 101, .name = "file_format"},
    [FILE_PARTITION] = {.id = 102, .name = "partition"},
    [FILE_RECORDS] = {.id = 103, .name = "record_count"},
    [FILE_SIZE] = {.id = 104, .name = "file_size_in_bytes"},
    [FILE_COLUMN_SIZES] = {.id = 108, .name = "column_sizes"},
    [FILE_VALUE_COUNTS] = {.id = 109, .name = "value_counts"},
    [FILE_NULL_COUNTS] = {.id = 110, .name = "null_value_counts"},
    [FILE_NAN_COUNTS] = {.id = 137, .name = "nan_value_counts"},
    [FILE_LOWER] = {.id = 125, .name = "lower_bounds"},
    [FILE_UPPER] = {.id = 128, .name = "upper_bounds"},
    [FILE_KEY_METADATA] = {.id = 131, .name = "key_metadata"},
    [FILE_SPLITS] = {.id = 132, .name = "split_offsets"},
    [FILE_EQUALITY_IDS] = {.id = 135, .name = "equality_ids"},
    [FILE_SORT_ORDER] = {.id = 140, .name = "sort_order_id"},
    [FILE_FIRST_ROW_ID] = {.id = 142, .name = "first_row_id"},
    [FILE_REFERENCED] = {.id = 143, .name = "referenced_data_file"},
    [FILE_CONTENT_OFFSET] = {.id = 144, .name = "content_offset"},
    [FILE_CONTENT_SIZE] = {.id = 145, .name = "content_size_in_bytes"}};

static const wanted_field entry_fields[ENTRY_FIELD_COUNT] = {
    [ENTRY_STATUS] = {.id = 0, .name = "status"},
    [ENTRY_SNAPSHOT] = {.id = 1, .name = "snapshot_id"},
    [ENTRY_SEQUENCE] = {.id = 3, .name = "sequence_number"},
    [ENTRY_FILE_SEQUENCE] = {.id = 4, .name = "file_sequence_number"},
    [ENTRY_FILE] = {.id = 2, .name = "data_file", .inside = file_fields, .inside_count = FILE_FIELD_COUNT}};

struct ice_manifest_reader {
  avro_rows rows;
  const ice_manifest_file *inherit;
  const ice_type *partition_type;
  const ice_column *entry[ENTRY_FIELD_COUNT];
  const ice_column *file[FILE_FIELD_COUNT];
  /// Per field of the partition type: its column, NULL where the manifest has none.
  const ice_column **partition;
  ice_type no_partition;
  ice_bytes key;
};

static bool same_bytes(const ice_type *a, const ice_type *b) {
  // A day is an int in some manifests and a date in others; the bytes are the same.
  size_t width = ice_type_width(a);
  bool text = (a->kind == ICE_KIND_STRING || a->kind == ICE_KIND_BINARY);
  bool other_text = (b->kind == ICE_KIND_STRING || b->kind == ICE_KIND_BINARY);
  if (a->kind == b->kind && a->kind != ICE_KIND_FIXED) {
    return true;
  }
  bool floats = a->kind == ICE_KIND_FLOAT || a->kind == ICE_KIND_DOUBLE || b->kind == ICE_KIND_FLOAT ||
                b->kind == ICE_KIND_DOUBLE || a->kind == ICE_KIND_DECIMAL || b->kind == ICE_KIND_DECIMAL;
  return (text && other_text) || (!floats && width != 0 && width == ice_type_width(b));
}

static ice_status bind_partition(ice_manifest_reader *reader, ice_error *err) {
  ice_status status = ICE_OK;
  const ice_column *found = reader->file[FILE_PARTITION];
  const ice_type *own = found && found->kind == ICE_KIND_STRUCT ? found->type : &reader->no_partition;
  reader->no_partition = (ice_type){.kind = ICE_KIND_STRUCT};
  if (!reader->partition_type) {
    reader->partition_type = own;
  }
  uint32_t count = reader->partition_type->field_count;
  reader->partition = calloc(count == 0 ? 1 : count, sizeof *reader->partition);
  if (!reader->partition) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a manifest reader");
  }
  for (uint32_t i = 0; i < count; i++) {
    const ice_field *field = &reader->partition_type->fields[i];
    for (uint32_t k = 0; k < own->field_count; k++) {
      const ice_field *candidate = &own->fields[k];
      bool same = candidate->id != 0 ? candidate->id == field->id : ice_str_equal(candidate->name, field->name);
      if (!same) {
        continue;
      }
      if (ice_kind_nested(candidate->type.kind) || !same_bytes(&candidate->type, &field->type)) {
        ICE_FAIL(ICE_UNSUPPORTED, "partition field \"%.*s\" is written as %s, not %s", ICE_STR_ARG(field->name),
                 ice_kind_name(candidate->type.kind), ice_kind_name(field->type.kind));
      }
      reader->partition[i] = &found->children[k];
    }
  }
done:
  return status;
}

ice_status ice_manifest_reader_create(ice_str file, const ice_manifest_file *inherit, const ice_type *partition_type,
                                      ice_manifest_reader **out, ice_error *err) {
  ice_status status = ICE_OK;
  *out = NULL;
  ice_manifest_reader *reader = calloc(1, sizeof *reader);
  if (!reader) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a manifest reader");
  }
  reader->inherit = inherit;
  reader->partition_type = partition_type;
  ice_bytes_init(&reader->key, ICE_AVRO_BLOCK_SIZE_MAX);
  ICE_TRY(ice_avro_rows_open(&reader->rows, file, entry_fields, ENTRY_FIELD_COUNT, err));
  const ice_batch *batch = &reader->rows.batch;
  for (size_t i = 0; i < ENTRY_FIELD_COUNT; i++) {
    reader->entry[i] = ice_avro_find_column(&batch->schema->root, batch->columns, &entry_fields[i]);
  }
  const ice_column *data_file = reader->entry[ENTRY_FILE];
  if (!reader->entry[ENTRY_STATUS] || !data_file || data_file->kind != ICE_KIND_STRUCT) {
    ICE_FAIL(ICE_CORRUPT, "a manifest without \"status\" or \"data_file\"");
  }
  for (size_t i = 0; i < FILE_FIELD_COUNT; i++) {
    reader->file[i] = ice_avro_find_column(data_file->type, data_file->children, &file_fields[i]);
  }
  ICE_TRY(bind_partition(reader, err));
  *out = reader;
  reader = NULL;
done:
  if (status != ICE_OK) {
    ice_error_prepend(err, "manifest");
  }
  ice_manifest_reader_destroy(reader);
  return status;
}

void ice_manifest_reader_destroy(ice_manifest_reader *reader) {
  if (!reader) {
    return;
  }
  ice_avro_rows_close(&reader->rows);
  free(reader->partition);
  ice_bytes_deinit(&reader->key);
  free(reader);
}

ice_str ice_manifest_reader_header(const ice_manifest_reader *reader, ice_str key) {
  return ice_avro_reader_find(reader->rows.reader, key);
}

const ice_type *ice_manifest_reader_partition_type(const ice_manifest_reader *reader) {
  return reader->partition_type;
}

static ice_status get_number(const ice_manifest_reader *reader, enum file_field field, int64_t *out, bool *present,
                             ice_error *err) {
  return ice_avro_get_i64(reader->file[field], 0, file_fields[field].name, out, present, err);
}

static ice_status get_text(const ice_manifest_reader *reader, enum file_field field, ice_arena *arena, ice_str *out,
                           ice_error *err) {
  bool present;
  ice_str text;
  ice_status status = ice_avro_get_text(reader->file[field], 0, file_fields[field].name, &text, &present, err);
  return status == ICE_OK && present ? ice_arena_copy_str(arena, text, out, err) : status;
}

/// Keys and values of one of the maps, whichever way it was written.
typedef struct pairs {
  const ice_column *keys;
  const ice_column *values;
  int64_t from;
  uint32_t count;
} pairs;

static ice_status get_pairs(const ice_manifest_reader *reader, enum file_field field, pairs *out, ice_error *err) {
  const ice_column *column = reader->file[field];
  *out = (pairs){0};
  if (!column || ice_column_is_null(column, 0)) {
    return ICE_OK;
  }
  const ice_column *holder = column;
  if (column->kind == ICE_KIND_LIST && column->children[0].kind == ICE_KIND_STRUCT) {
    // An array of pairs whose writer left the logical type out.
    holder = &column->children[0];
  }
  bool typed = holder->child_count == 2 && holder->children[0].kind == ICE_KIND_INT;
  if ((column->kind != ICE_KIND_MAP && column->kind != ICE_KIND_LIST) || !typed) {
    return ice_error_set(err, ICE_CORRUPT, "%s is no map from int", file_fields[field].name);
  }
  *out = (pairs){.keys = &holder->children[0], .values = &holder->children[1], .from = ice_column_offset(column, 0)};
  int64_t count = ice_column_offset(column, 1) - out->from;
  if (count > METRICS_MAX) {
    return ice_error_set(err, ICE_LIMIT, "%s has %lld entries", file_fields[field].name, (long long)count);
  }
  out->count = (uint32_t)count;
  return ICE_OK;
}

static ice_status get_counts(const ice_manifest_reader *reader, enum file_field field, ice_arena *arena,
                             ice_metric_count **out, uint32_t *count, ice_error *err) {
  ice_status status = ICE_OK;
  pairs found;
  uint32_t used = 0;
  ICE_TRY(get_pairs(reader, field, &found, err));
  ice_metric_count *list = ice_arena_alloc_array(arena, found.count, sizeof *list, err);
  if (!list) {
    return err ? err->status : ICE_NO_MEMORY;
  }
  for (int64_t i = found.from; i < found.from + (int64_t)found.count; i++) {
    bool present;
    list[used].field_id = ice_column_i32(found.keys, i);
    ICE_TRY(ice_avro_get_i64(found.values, i, file_fields[field].name, &list[used].value, &present, err));
    used += present;
  }
  *out = list;
  *count = used;
done:
  return status;
}

static ice_status get_bounds(const ice_manifest_reader *reader, enum file_field field, ice_arena *arena,
                             ice_metric_bound **out, uint32_t *count, ice_error *err) {
  ice_status status = ICE_OK;
  pairs found;
  uint32_t used = 0;
  ICE_TRY(get_pairs(reader, field, &found, err));
  ice_metric_bound *list = ice_arena_alloc_array(arena, found.count, sizeof *list, err);
  if (!list) {
    return err ? err->status : ICE_NO_MEMORY;
  }
  for (int64_t i = found.from; i < found.from + (int64_t)found.count; i++) {
    bool present;
    ice_str text;
    list[used].field_id = ice_column_i32(found.keys, i);
    ICE_TRY(ice_avro_get_text(found.values, i, file_fields[field].name, &text, &present, err));
    if (present) {
      ICE_TRY(ice_arena_copy_str(arena, text, &list[used++].value, err));
    }
  }
  *out = list;
  *count = used;
done:
  return status;
}

// Integers of a list: split offsets, equality ids.
static ice_status get_list(const ice_manifest_reader *reader, enum file_field field, const ice_column **items,
                           int64_t *from, uint32_t *count, ice_error *err) {
  const ice_column *column = reader->file[field];
  *count = 0;
  *from = 0;
  if (!column || ice_column_is_null(column, 0)) {
    return ICE_OK;
  }
  if (column->kind != ICE_KIND_LIST) {
    return ice_error_set(err, ICE_CORRUPT, "%s is of type %s", file_fields[field].name, ice_kind_name(column->kind));
  }
  *items = &column->children[0];
  *from = ice_column_offset(column, 0);
  int64_t size = ice_column_offset(column, 1) - *from;
  if (size > METRICS_MAX) {
    return ice_error_set(err, ICE_LIMIT, "%s has %lld entries", file_fields[field].name, (long long)size);
  }
  *count = (uint32_t)size;
  return ICE_OK;
}

static ice_status get_integers(const ice_manifest_reader *reader, enum file_field field, ice_arena *arena,
                               int64_t **out, uint32_t *count, ice_error *err) {
  ice_status status = ICE_OK;
  const ice_column *items = NULL;
  int64_t from;
  ICE_TRY(get_list(reader, field, &items, &from, count, err));
  int64_t *list = ice_arena_alloc_array(arena, *count, sizeof *list, err);
  if (!list) {
    return err ? err->status : ICE_NO_MEMORY;
  }
  for (uint32_t i = 0; i < *count; i++) {
    bool present;
    ICE_TRY(ice_avro_get_i64(items, from + i, file_fields[field].name, &list[i], &present, err));
    if (!present) {
      ICE_FAIL(ICE_CORRUPT, "%s holds a null", file_fields[field].name);
    }
  }
  *out = list;
done:
  return status;
}

static ice_status read_metrics(const ice_manifest_reader *reader, ice_arena *arena, ice_file_metrics *out,
                               ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(get_counts(reader, FILE_COLUMN_SIZES, arena, &out->column_sizes, &out->column_size_count, err));
  ICE_TRY(get_counts(reader, FILE_VALUE_COUNTS, arena, &out->value_counts, &out->value_count_count, err));
  ICE_TRY(get_counts(reader, FILE_NULL_COUNTS, arena, &out->null_counts, &out->null_count_count, err));
  ICE_TRY(get_counts(reader, FILE_NAN_COUNTS, arena, &out->nan_counts, &out->nan_count_count, err));
  ICE_TRY(get_bounds(reader, FILE_LOWER, arena, &out->lower_bounds, &out->lower_bound_count, err));
  ICE_TRY(get_bounds(reader, FILE_UPPER, arena, &out->upper_bounds, &out->upper_bound_count, err));
done:
  return status;
}

static ice_status read_partition(ice_manifest_reader *reader, ice_arena *arena, ice_str *out, ice_error *err) {
  ice_status status = ICE_OK;
  static const char booleans[2] = {0, 1};
  ice_bytes_clear(&reader->key);
  for (uint32_t i = 0; i < reader->partition_type->field_count; i++) {
    const ice_column *column = reader->partition[i];
    ice_datum value = {.is_null = !column || ice_column_is_null(column, 0)};
    if (!value.is_null && column->kind == ICE_KIND_BOOLEAN) {
      value.raw = ice_str_make(&booleans[ice_column_boolean(column, 0)], 1);
    } else if (!value.is_null && column->width == 0) {
      value.raw = ice_column_text(column, 0);
    } else if (!value.is_null) {
      value.raw = ice_str_make((const char *)ice_column_fixed(column, 0), column->width);
    }
    ICE_TRY(ice_partition_key_append(&reader->partition_type->fields[i].type, &value, &reader->key, err));
  }
  ICE_TRY(ice_arena_copy_str(arena, ice_bytes_str(&reader->key), out, err));
done:
  return status;
}

static ice_status read_file_details(const ice_manifest_reader *reader, ice_arena *arena, ice_data_file *out,
                                    ice_error *err) {
  ice_status status = ICE_OK;
  bool present;
  int64_t number = 0;
  int64_t *integers = NULL;
  ICE_TRY(get_text(reader, FILE_KEY_METADATA, arena, &out->key_metadata, err));
  ICE_TRY(get_text(reader, FILE_REFERENCED, arena, &out->referenced_data_file, err));
  ICE_TRY(get_integers(reader, FILE_SPLITS, arena, &integers, &out->split_offset_count, err));
  out->split_offsets = integers;
  ICE_TRY(get_integers(reader, FILE_EQUALITY_IDS, arena, &integers, &out->equality_id_count, err));
  int32_t *ids = ice_arena_alloc_array(arena, out->equality_id_count, sizeof *ids, err);
  if (!ids) {
    return err ? err->status : ICE_NO_MEMORY;
  }
  for (uint32_t i = 0; i < out->equality_id_count; i++) {
    ids[i] = (int32_t)integers[i];
  }
  out->equality_ids = ids;
  ICE_TRY(get_number(reader, FILE_SORT_ORDER, &number, &out->has_sort_order_id, err));
  out->sort_order_id = (int32_t)number;
  ICE_TRY(get_number(reader, FILE_FIRST_ROW_ID, &out->first_row_id, &out->has_first_row_id, err));
  out->content_offset = -1;
  ICE_TRY(get_number(reader, FILE_CONTENT_OFFSET, &out->content_offset, &present, err));
  ICE_TRY(get_number(reader, FILE_CONTENT_SIZE, &out->content_size, &present, err));
done:
  return status;
}

static ice_status read_file(ice_manifest_reader *reader, ice_arena *arena, ice_data_file *out, ice_error *err) {
  ice_status status = ICE_OK;
  bool present;
  bool has_records;
  int64_t content = 0;
  ICE_TRY(get_number(reader, FILE_CONTENT, &content, &present, err));
  if (content < ICE_CONTENT_DATA || content > ICE_CONTENT_EQUALITY_DELETES) {
    ICE_FAIL(ICE_CORRUPT, "file content %lld", (long long)content);
  }
  out->content = (ice_file_content)content;
  ICE_TRY(get_text(reader, FILE_PATH, arena, &out->path, err));
  ICE_TRY(get_text(reader, FILE_FORMAT, arena, &out->format, err));
  ICE_TRY(get_number(reader, FILE_RECORDS, &out->record_count, &has_records, err));
  ICE_TRY(get_number(reader, FILE_SIZE, &out->file_size, &present, err));
  if (out->path.size == 0 || !has_records || !present || out->record_count < 0 || out->file_size < 0) {
    ICE_FAIL(ICE_CORRUPT, "a file without path, record count or size");
  }
  ICE_TRY(read_partition(reader, arena, &out->partition, err));
  ICE_TRY(read_metrics(reader, arena, &out->metrics, err));
  ICE_TRY(read_file_details(reader, arena, out, err));
done:
  return status;
}

// Inheritance (spec, "Sequence Number Inheritance"): new entries take the numbers of their manifest; everything in a
// manifest of format v1 has sequence number 0.
static void inherit_numbers(const ice_manifest_reader *reader, ice_manifest_entry *entry) {
  const ice_manifest_file *from = reader->inherit;
  if (!from) {
    return;
  }
  if (!entry->has_snapshot_id) {
    entry->has_snapshot_id = true;
    entry->snapshot_id = from->added_snapshot_id;
  }
  bool inherits = from->sequence_number == 0 || entry->status == ICE_ENTRY_ADDED;
  if (inherits && from->sequence_number >= 0 && !entry->has_sequence_number) {
    entry->has_sequence_number = true;
    entry->sequence_number = from->sequence_number;
  }
  if (inherits && from->sequence_number >= 0 && !entry->has_file_sequence_number) {
    entry->has_file_sequence_number = true;
    entry->file_sequence_number = from->sequence_number;
  }
}

ice_status ice_manifest_reader_next(ice_manifest_reader *reader, ice_arena *arena, ice_manifest_entry *entry,
                                    bool *found, ice_error *err) {
  ice_status status = ICE_OK;
  bool present = false;
  int64_t number = 0;
  *entry = (ice_manifest_entry){0};
  ICE_TRY(ice_avro_rows_next(&reader->rows, found, err));
  if (!*found) {
    goto done;
  }
  ICE_TRY(ice_avro_get_i64(reader->entry[ENTRY_STATUS], 0, "status", &number, &present, err));
  if (!present || number < ICE_ENTRY_EXISTING || number > ICE_ENTRY_DELETED) {
    ICE_FAIL(ICE_CORRUPT, "entry status %lld", (long long)number);
  }
  entry->status = (ice_entry_status)number;
  ICE_TRY(ice_avro_get_i64(reader->entry[ENTRY_SNAPSHOT], 0, "snapshot_id", &entry->snapshot_id,
                           &entry->has_snapshot_id, err));
  ICE_TRY(ice_avro_get_i64(reader->entry[ENTRY_SEQUENCE], 0, "sequence_number", &entry->sequence_number,
                           &entry->has_sequence_number, err));
  ICE_TRY(ice_avro_get_i64(reader->entry[ENTRY_FILE_SEQUENCE], 0, "file_sequence_number",
                           &entry->file_sequence_number, &entry->has_file_sequence_number, err));
  ICE_TRY(read_file(reader, arena, &entry->file, err));
  inherit_numbers(reader, entry);
done:
  if (status != ICE_OK) {
    *found = false;
    *entry = (ice_manifest_entry){0};
    ice_error_prepend(err, "manifest entry %lld", (long long)(reader->rows.row == 0 ? 0 : reader->rows.row - 1));
  }
  return status;
}
