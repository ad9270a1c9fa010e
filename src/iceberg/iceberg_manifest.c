// Writing manifests.
#include "iceberg/iceberg_manifest.h"

#include "avro/avro_container.h"
#include "avro/avro_encode.h"
#include "base/map.h"
#include "base/utf8.h"
#include "iceberg/iceberg_metrics.h"
#include "iceberg/iceberg_schema.h"
#include <stdio.h>
#include <stdlib.h>

enum { MANIFEST_HEADER_MAX = 64 << 20, PARTITIONS_COUNTED_MAX = 1 << 24, SUMMARY_VALUE_MAX = 1 << 24 };

/// What is known so far of one partition field, for the manifest list.
typedef struct field_summary {
  bool contains_null;
  bool contains_nan;
  bool has_bounds;
  ice_bytes lower;
  ice_bytes upper;
} field_summary;

struct ice_manifest_writer {
  ice_schema *partition;
  ice_bytes *out;
  size_t start;
  ice_avro_writer *file;
  ice_bytes datum;
  ice_manifest_content content;
  int64_t snapshot_id;
  field_summary *summaries;
  ice_datum *values;
  uint32_t field_count;
  ice_map partitions;
  ice_manifest_totals totals;
  bool has_min_sequence;
};

// The Avro schema ---------------------------------------------------------------------------------------------------

#define OPTIONAL_MAP(name, id, key, value, type)                                                                  \
  "{\"name\":\"" name "\",\"type\":[\"null\",{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"k" key \
  "_v" value "\",\"fields\":[{\"name\":\"key\",\"type\":\"int\",\"field-id\":" key                                \
  "},{\"name\":\"value\",\"type\":"                                                                               \
  "\"" type "\",\"field-id\":" value "}]},\"logicalType\":\"map\"}],\"default\":null,\"field-id\":" id "},"

static const char schema_head[] =
    "{\"type\":\"record\",\"name\":\"manifest_entry\",\"fields\":["
    "{\"name\":\"status\",\"type\":\"int\",\"field-id\":0},"
    "{\"name\":\"snapshot_id\",\"type\":[\"null\",\"long\"],\"default\":null,\"field-id\":1},"
    "{\"name\":\"sequence_number\",\"type\":[\"null\",\"long\"],\"default\":null,\"field-id\":3},"
    "{\"name\":\"file_sequence_number\",\"type\":[\"null\",\"long\"],\"default\":null,\"field-id\":4},"
    "{\"name\":\"data_file\",\"type\":{\"type\":\"record\",\"name\":\"r2\",\"fields\":["
    "{\"name\":\"content\",\"type\":\"int\",\"field-id\":134},"
    "{\"name\":\"file_path\",\"type\":\"string\",\"field-id\":100},"
    "{\"name\":\"file_format\",\"type\":\"string\",\"field-id\":101},"
    "{\"name\":\"partition\",\"type\":{\"type\":\"record\",\"name\":\"r102\",\"fields\":[";

static const char schema_tail[] =
    "]},\"field-id\":102},"
    "{\"name\":\"record_count\",\"type\":\"long\",\"field-id\":103},"
    "{\"name\":\"file_size_in_bytes\",\"type\":\"long\",\"field-id\":104},"
    OPTIONAL_MAP("column_sizes", "108", "117", "118", "long")
    OPTIONAL_MAP("value_counts", "109", "119", "120", "long")
    OPTIONAL_MAP("null_value_counts", "110", "121", "122", "long")
    OPTIONAL_MAP("nan_value_counts", "137", "138", "139", "long")
    OPTIONAL_MAP("lower_bounds", "125", "126", "127", "bytes")
    OPTIONAL_MAP("upper_bounds", "128", "129", "130", "bytes")
    "{\"name\":\"key_metadata\",\"type\":[\"null\",\"bytes\"],\"default\":null,\"field-id\":131},"
    "{\"name\":\"split_offsets\",\"type\":[\"null\",{\"type\":\"array\",\"items\":\"long\",\"element-id\":133}],"
    "\"default\":null,\"field-id\":132},"
    "{\"name\":\"equality_ids\",\"type\":[\"null\",{\"type\":\"array\",\"items\":\"int\",\"element-id\":136}],"
    "\"default\":null,\"field-id\":135},"
    "{\"name\":\"sort_order_id\",\"type\":[\"null\",\"int\"],\"default\":null,\"field-id\":140},"
    "{\"name\":\"referenced_data_file\",\"type\":[\"null\",\"string\"],\"default\":null,\"field-id\":143}"
    "]},\"field-id\":2}]}";

// Names that Avro does not allow are rewritten as Java does: `_` before a digit at the start, `_xHH` else.
static ice_status append_avro_name(ice_str name, ice_bytes *out, bool *changed, ice_error *err) {
  ice_status status = ICE_OK;
  *changed = false;
  for (size_t i = 0; i < name.size && status == ICE_OK;) {
    uint32_t code_point = 0;
    size_t size = ice_utf8_decode(name.data + i, name.size - i, &code_point);
    bool digit = code_point >= '0' && code_point <= '9';
    bool letter =
        (code_point >= 'a' && code_point <= 'z') || (code_point >= 'A' && code_point <= 'Z') || code_point == '_';
    if (letter || digit) {
      if (digit && i == 0) {
        *changed = true;
        status = ice_bytes_append_u8(out, '_', err);
      }
      status = status == ICE_OK ? ice_bytes_append_u8(out, (uint8_t)code_point, err) : status;
    } else if (code_point > 0xFFFF) {
      // Java rewrites char by char: a pair of surrogates.
      *changed = true;
      uint32_t rest = code_point - 0x10000;
      status = ice_bytes_append_format(out, err, "_x%X_x%X", 0xD800 + (rest >> 10), 0xDC00 + (rest & 0x3FF));
    } else {
      *changed = true;
      status = ice_bytes_append_format(out, err, "_x%X", code_point);
    }
    i += size == 0 ? 1 : size;
  }
  return status;
}

__extension__ typedef unsigned __int128 wide_uint;

// The fewest bytes that hold every value of a precision.
static uint32_t decimal_size(int32_t precision) {
  wide_uint bound = 1;
  for (int32_t i = 0; i < precision; i++) {
    bound *= 10;
  }
  uint32_t size = 1;
  while (size < 16 && ((wide_uint)1 << (8 * size - 1)) < bound) {
    size++;
  }
  return size;
}

static bool same_named_type(const ice_type *a, const ice_type *b) {
  return a->kind == b->kind && a->size == b->size && a->precision == b->precision && a->scale == b->scale;
}

// A named type is spelt out once, and named after that.
static ice_status append_named_type(const ice_type *partition, uint32_t index, ice_bytes *out, ice_error *err) {
  const ice_type *type = &partition->fields[index].type;
  char name[64] = "uuid_fixed";
  char attributes[96] = ",\"logicalType\":\"uuid\"";
  int size = 16;
  if (type->kind == ICE_KIND_FIXED) {
    size = type->size;
    snprintf(name, sizeof name, "fixed_%d", size);
    attributes[0] = '\0';
  } else if (type->kind == ICE_KIND_DECIMAL) {
    size = (int)decimal_size(type->precision);
    snprintf(name, sizeof name, "decimal_%d_%d", type->precision, type->scale);
    snprintf(attributes, sizeof attributes, ",\"logicalType\":\"decimal\",\"precision\":%d,\"scale\":%d",
             type->precision, type->scale);
  }
  for (uint32_t i = 0; i < index; i++) {
    if (same_named_type(&partition->fields[i].type, type)) {
      return ice_bytes_append_format(out, err, "\"%s\"", name);
    }
  }
  return ice_bytes_append_format(out, err, "{\"type\":\"fixed\",\"name\":\"%s\",\"size\":%d%s}", name, size,
                                 attributes);
}

static ice_status append_avro_type(const ice_type *partition, uint32_t index, ice_bytes *out, ice_error *err) {
  switch (partition->fields[index].type.kind) {
    case ICE_KIND_BOOLEAN: return ice_bytes_append_str(out, ICE_STR("\"boolean\""), err);
    case ICE_KIND_INT: return ice_bytes_append_str(out, ICE_STR("\"int\""), err);
    case ICE_KIND_LONG: return ice_bytes_append_str(out, ICE_STR("\"long\""), err);
    case ICE_KIND_FLOAT: return ice_bytes_append_str(out, ICE_STR("\"float\""), err);
    case ICE_KIND_DOUBLE: return ice_bytes_append_str(out, ICE_STR("\"double\""), err);
    case ICE_KIND_STRING: return ice_bytes_append_str(out, ICE_STR("\"string\""), err);
    case ICE_KIND_BINARY: return ice_bytes_append_str(out, ICE_STR("\"bytes\""), err);
    case ICE_KIND_DATE: return ice_bytes_append_str(out, ICE_STR("{\"type\":\"int\",\"logicalType\":\"date\"}"), err);
    case ICE_KIND_TIME:
      return ice_bytes_append_str(out, ICE_STR("{\"type\":\"long\",\"logicalType\":\"time-micros\"}"), err);
    case ICE_KIND_TIMESTAMP:
    case ICE_KIND_TIMESTAMPTZ:
      return ice_bytes_append_format(out, err,
                                     "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\",\"adjust-to-utc\":%s}",
                                     partition->fields[index].type.kind == ICE_KIND_TIMESTAMPTZ ? "true" : "false");
    case ICE_KIND_DECIMAL:
    case ICE_KIND_UUID:
    case ICE_KIND_FIXED: return append_named_type(partition, index, out, err);
    case ICE_KIND_STRUCT:
    case ICE_KIND_LIST:
    case ICE_KIND_MAP: break;
  }
  return ice_error_set(err, ICE_INTERNAL, "a partition field of a nested type");
}

static ice_status append_partition_field(const ice_type *partition, uint32_t index, ice_bytes *out, ice_error *err) {
  ice_status status = ICE_OK;
  const ice_field *field = &partition->fields[index];
  json_t *original = NULL;
  bool changed = false;
  ICE_TRY(ice_bytes_append_str(out, index == 0 ? ICE_STR("{\"name\":\"") : ICE_STR(",{\"name\":\""), err));
  ICE_TRY(append_avro_name(field->name, out, &changed, err));
  ICE_TRY(ice_bytes_append_str(out, ICE_STR("\",\"type\":[\"null\","), err));
  ICE_TRY(append_avro_type(partition, index, out, err));
  ICE_TRY(ice_bytes_append_format(out, err, "],\"default\":null,\"field-id\":%d", field->id));
  if (changed) {
    original = ice_json_string(field->name);
    ICE_TRY(original ? ICE_OK : ice_error_set(err, ICE_NO_MEMORY, "out of memory for a manifest"));
    ICE_TRY(ice_bytes_append_str(out, ICE_STR(",\"iceberg-field-name\":"), err));
    ICE_TRY(ice_json_text_append(original, out, err));
  }
  ICE_TRY(ice_bytes_append_u8(out, '}', err));
done:
  json_decref(original);
  return status;
}

static ice_status append_entry_schema(const ice_type *partition, ice_bytes *out, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_str(out, ICE_STR(schema_head), err));
  for (uint32_t i = 0; i < partition->field_count; i++) {
    ICE_TRY(append_partition_field(partition, i, out, err));
  }
  ICE_TRY(ice_bytes_append_str(out, ICE_STR(schema_tail), err));
done:
  return status;
}

// The writer --------------------------------------------------------------------------------------------------------

static ice_status start_file(ice_manifest_writer *writer, const ice_manifest_writer_options *options,
                             ice_error *err) {
  ice_status status = ICE_OK;
  ice_bytes entry_schema;
  ice_bytes table_schema;
  ice_bytes spec;
  char schema_id[16];
  char spec_id[16];
  ice_bytes_init(&entry_schema, MANIFEST_HEADER_MAX);
  ice_bytes_init(&table_schema, MANIFEST_HEADER_MAX);
  ice_bytes_init(&spec, MANIFEST_HEADER_MAX);
  ICE_TRY(append_entry_schema(&writer->partition->root, &entry_schema, err));
  ICE_TRY(ice_schema_append_json(options->schema, &table_schema, err));
  ICE_TRY(ice_partition_spec_append_fields_json(options->spec, &spec, err));
  snprintf(schema_id, sizeof schema_id, "%d", options->schema->schema_id);
  snprintf(spec_id, sizeof spec_id, "%d", options->spec->spec_id);
  const ice_avro_meta meta[] = {
      {ICE_STR("schema"), ice_bytes_str(&table_schema)},
      {ICE_STR("schema-id"), ice_str_of(schema_id)},
      {ICE_STR("partition-spec"), ice_bytes_str(&spec)},
      {ICE_STR("partition-spec-id"), ice_str_of(spec_id)},
      {ICE_STR("format-version"), ICE_STR("2")},
      {ICE_STR("content"), options->content == ICE_MANIFEST_DATA ? ICE_STR("data") : ICE_STR("deletes")}};
  ice_avro_writer_options file = {.schema = ice_bytes_str(&entry_schema),
                                  .codec = ICE_CODEC_DEFLATE,
                                  .meta = meta,
                                  .meta_count = ICE_COUNT_OF(meta)};
  memcpy(file.sync, options->sync, sizeof file.sync);
  ICE_TRY(ice_avro_writer_create(&file, writer->out, &writer->file, err));
done:
  ice_bytes_deinit(&entry_schema);
  ice_bytes_deinit(&table_schema);
  ice_bytes_deinit(&spec);
  return status;
}

ice_status ice_manifest_writer_create(const ice_manifest_writer_options *options, ice_bytes *out,
                                      ice_manifest_writer **writer, ice_error *err) {
  ice_status status = ICE_OK;
  *writer = NULL;
  ice_manifest_writer *made = calloc(1, sizeof *made);
  if (!made) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a manifest writer");
  }
  made->out = out;
  made->start = out->size;
  made->content = options->content;
  made->snapshot_id = options->snapshot_id;
  ice_bytes_init(&made->datum, ICE_AVRO_BLOCK_SIZE_MAX);
  ice_map_init(&made->partitions, PARTITIONS_COUNTED_MAX);
  made->totals.file = (ice_manifest_file){.spec_id = options->spec->spec_id,
                                          .content = options->content,
                                          .sequence_number = ICE_SEQUENCE_UNASSIGNED,
                                          .min_sequence_number = ICE_SEQUENCE_UNASSIGNED,
                                          .added_snapshot_id = options->snapshot_id};
  ICE_TRY(ice_partition_spec_type(options->spec, options->schema, &made->partition, err));
  uint32_t count = made->partition->root.field_count;
  made->summaries = calloc(count == 0 ? 1 : count, sizeof *made->summaries);
  made->values = calloc(count == 0 ? 1 : count, sizeof *made->values);
  if (!made->summaries || !made->values) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a manifest writer");
  }
  made->field_count = count;
  for (uint32_t i = 0; i < count; i++) {
    ice_bytes_init(&made->summaries[i].lower, SUMMARY_VALUE_MAX);
    ice_bytes_init(&made->summaries[i].upper, SUMMARY_VALUE_MAX);
  }
  ICE_TRY(start_file(made, options, err));
  *writer = made;
  made = NULL;
done:
  ice_manifest_writer_destroy(made);
  return status;
}

void ice_manifest_writer_destroy(ice_manifest_writer *writer) {
  if (!writer) {
    return;
  }
  for (uint32_t i = 0; i < writer->field_count; i++) {
    ice_bytes_deinit(&writer->summaries[i].lower);
    ice_bytes_deinit(&writer->summaries[i].upper);
  }
  free(writer->summaries);
  free(writer->values);
  ice_map_deinit(&writer->partitions);
  ice_bytes_deinit(&writer->datum);
  ice_avro_writer_destroy(writer->file);
  ice_schema_unref(writer->partition);
  free(writer);
}

// Entries -----------------------------------------------------------------------------------------------------------

static ice_status put_optional_long(ice_bytes *out, bool present, int64_t value, ice_error *err) {
  ice_status status = ice_avro_put_long(out, present ? 1 : 0, err);
  return status == ICE_OK && present ? ice_avro_put_long(out, value, err) : status;
}

static ice_status put_optional_bytes(ice_bytes *out, ice_str value, ice_error *err) {
  ice_status status = ice_avro_put_long(out, value.data ? 1 : 0, err);
  return status == ICE_OK && value.data ? ice_avro_put_bytes(out, value, err) : status;
}

static ice_status put_counts(ice_bytes *out, const ice_metric_count *list, uint32_t count, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_avro_put_long(out, count == 0 ? 0 : 1, err));
  if (count == 0) {
    goto done;
  }
  ICE_TRY(ice_avro_put_long(out, count, err));
  for (uint32_t i = 0; i < count; i++) {
    ICE_TRY(ice_avro_put_int(out, list[i].field_id, err));
    ICE_TRY(ice_avro_put_long(out, list[i].value, err));
  }
  ICE_TRY(ice_avro_put_long(out, 0, err));
done:
  return status;
}

static ice_status put_bounds(ice_bytes *out, const ice_metric_bound *list, uint32_t count, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_avro_put_long(out, count == 0 ? 0 : 1, err));
  if (count == 0) {
    goto done;
  }
  ICE_TRY(ice_avro_put_long(out, count, err));
  for (uint32_t i = 0; i < count; i++) {
    ICE_TRY(ice_avro_put_int(out, list[i].field_id, err));
    ICE_TRY(ice_avro_put_bytes(out, list[i].value, err));
  }
  ICE_TRY(ice_avro_put_long(out, 0, err));
done:
  return status;
}

static ice_status put_partition_value(const ice_type *type, const ice_datum *value, ice_bytes *out, ice_error *err) {
  ice_status status = ice_avro_put_long(out, value->is_null ? 0 : 1, err);
  if (status != ICE_OK || value->is_null) {
    return status;
  }
  switch (type->kind) {
    case ICE_KIND_INT:
    case ICE_KIND_DATE: return ice_avro_put_int(out, (int32_t)ice_load_u32le(value->raw.data), err);
    case ICE_KIND_LONG:
    case ICE_KIND_TIME:
    case ICE_KIND_TIMESTAMP:
    case ICE_KIND_TIMESTAMPTZ: return ice_avro_put_long(out, (int64_t)ice_load_u64le(value->raw.data), err);
    case ICE_KIND_STRING:
    case ICE_KIND_BINARY: return ice_avro_put_bytes(out, value->raw, err);
    case ICE_KIND_DECIMAL: {
      uint32_t size = decimal_size(type->precision);
      uint8_t text[16];
      for (uint32_t i = 0; i < size; i++) {
        text[i] = (uint8_t)value->raw.data[size - 1 - i];
      }
      return ice_bytes_append(out, text, size, err);
    }
    case ICE_KIND_BOOLEAN:
    case ICE_KIND_FLOAT:
    case ICE_KIND_DOUBLE:
    case ICE_KIND_UUID:
    case ICE_KIND_FIXED: return ice_bytes_append_str(out, value->raw, err);
    case ICE_KIND_STRUCT:
    case ICE_KIND_LIST:
    case ICE_KIND_MAP: break;
  }
  return ice_error_set(err, ICE_INTERNAL, "a partition value of a nested type");
}

static ice_status put_partition(ice_manifest_writer *writer, ice_error *err) {
  ice_status status = ICE_OK;
  for (uint32_t i = 0; i < writer->field_count && status == ICE_OK; i++) {
    status = put_partition_value(&writer->partition->root.fields[i].type, &writer->values[i], &writer->datum, err);
  }
  return status;
}

static ice_status put_split_offsets(ice_bytes *out, const ice_data_file *file, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_avro_put_long(out, file->split_offset_count == 0 ? 0 : 1, err));
  if (file->split_offset_count == 0) {
    goto done;
  }
  ICE_TRY(ice_avro_put_long(out, file->split_offset_count, err));
  for (uint32_t i = 0; i < file->split_offset_count; i++) {
    ICE_TRY(ice_avro_put_long(out, file->split_offsets[i], err));
  }
  ICE_TRY(ice_avro_put_long(out, 0, err));
done:
  return status;
}

static ice_status put_equality_ids(ice_bytes *out, const ice_data_file *file, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_avro_put_long(out, file->equality_id_count == 0 ? 0 : 1, err));
  if (file->equality_id_count == 0) {
    goto done;
  }
  ICE_TRY(ice_avro_put_long(out, file->equality_id_count, err));
  for (uint32_t i = 0; i < file->equality_id_count; i++) {
    ICE_TRY(ice_avro_put_int(out, file->equality_ids[i], err));
  }
  ICE_TRY(ice_avro_put_long(out, 0, err));
done:
  return status;
}

static ice_status put_file(ice_manifest_writer *writer, const ice_data_file *file, ice_error *err) {
  ice_status status = ICE_OK;
  ice_bytes *out = &writer->datum;
  const ice_file_metrics *metrics = &file->metrics;
  ICE_TRY(ice_avro_put_int(out, (int32_t)file->content, err));
  ICE_TRY(ice_avro_put_bytes(out, file->path, err));
  ICE_TRY(ice_avro_put_bytes(out, file->format, err));
  ICE_TRY(put_partition(writer, err));
  ICE_TRY(ice_avro_put_long(out, file->record_count, err));
  ICE_TRY(ice_avro_put_long(out, file->file_size, err));
  ICE_TRY(put_counts(out, metrics->column_sizes, metrics->column_size_count, err));
  ICE_TRY(put_counts(out, metrics->value_counts, metrics->value_count_count, err));
  ICE_TRY(put_counts(out, metrics->null_counts, metrics->null_count_count, err));
  ICE_TRY(put_counts(out, metrics->nan_counts, metrics->nan_count_count, err));
  ICE_TRY(put_bounds(out, metrics->lower_bounds, metrics->lower_bound_count, err));
  ICE_TRY(put_bounds(out, metrics->upper_bounds, metrics->upper_bound_count, err));
  ICE_TRY(put_optional_bytes(out, file->key_metadata, err));
  ICE_TRY(put_split_offsets(out, file, err));
  ICE_TRY(put_equality_ids(out, file, err));
  ICE_TRY(put_optional_long(out, file->has_sort_order_id, file->sort_order_id, err));
  ICE_TRY(put_optional_bytes(out, file->referenced_data_file, err));
done:
  return status;
}

static ice_status check_entry(const ice_manifest_writer *writer, const ice_manifest_entry *entry, ice_error *err) {
  const ice_data_file *file = &entry->file;
  ice_status status = ICE_OK;
  bool deletes = file->content != ICE_CONTENT_DATA;
  if (deletes != (writer->content == ICE_MANIFEST_DELETES)) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "a %s in a manifest of %s", deletes ? "delete file" : "data file",
             deletes ? "data" : "deletes");
  }
  if (file->path.size == 0 || file->format.size == 0 || file->record_count < 0 || file->file_size <= 0) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "a file without path or format, or with %lld records in %lld bytes",
             (long long)file->record_count, (long long)file->file_size);
  }
  if (entry->status != ICE_ENTRY_ADDED &&
      !(entry->has_snapshot_id && entry->has_sequence_number && entry->has_file_sequence_number)) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "an entry that is not new must have its snapshot id and sequence numbers");
  }
  for (uint32_t i = 0; i < file->split_offset_count; i++) {
    int64_t before = i == 0 ? -1 : file->split_offsets[i - 1];
    if (file->split_offsets[i] <= before || file->split_offsets[i] >= file->file_size) {
      ICE_FAIL(ICE_INVALID_ARGUMENT, "split offset %u is %lld in a file of %lld bytes", i,
               (long long)file->split_offsets[i], (long long)file->file_size);
    }
  }
done:
  return status;
}

static bool is_nan(const ice_type *type, ice_str raw) {
  if (type->kind == ICE_KIND_FLOAT) {
    return (ice_load_u32le(raw.data) & 0x7FFFFFFF) > 0x7F800000;
  }
  return type->kind == ICE_KIND_DOUBLE &&
         (ice_load_u64le(raw.data) & UINT64_C(0x7FFFFFFFFFFFFFFF)) > UINT64_C(0x7FF0000000000000);
}

static ice_status replace(ice_bytes *bytes, ice_str value, ice_error *err) {
  ice_bytes_clear(bytes);
  return ice_bytes_append_str(bytes, value, err);
}

static ice_status summarise(ice_manifest_writer *writer, ice_error *err) {
  ice_status status = ICE_OK;
  for (uint32_t i = 0; i < writer->field_count; i++) {
    field_summary *summary = &writer->summaries[i];
    const ice_type *type = &writer->partition->root.fields[i].type;
    const ice_datum *value = &writer->values[i];
    if (value->is_null) {
      summary->contains_null = true;
      continue;
    }
    if (is_nan(type, value->raw)) {
      summary->contains_nan = true;
      continue;
    }
    if (!summary->has_bounds || ice_raw_compare(type, value->raw, ice_bytes_str(&summary->lower)) < 0) {
      ICE_TRY(replace(&summary->lower, value->raw, err));
    }
    if (!summary->has_bounds || ice_raw_compare(type, value->raw, ice_bytes_str(&summary->upper)) > 0) {
      ICE_TRY(replace(&summary->upper, value->raw, err));
    }
    summary->has_bounds = true;
  }
done:
  return status;
}

static ice_status add_total(int32_t *files, int64_t *rows, int64_t records, ice_error *err) {
  if (*files == INT32_MAX || !ice_add_i64(*rows, records, rows)) {
    return ice_error_set(err, ICE_LIMIT, "too many files or records for one manifest");
  }
  ++*files;
  return ICE_OK;
}

static ice_status count_entry(ice_manifest_writer *writer, const ice_manifest_entry *entry, ice_error *err) {
  ice_status status = ICE_OK;
  ice_manifest_totals *totals = &writer->totals;
  ice_manifest_file *file = &totals->file;
  int64_t records = entry->file.record_count;
  switch (entry->status) {
    case ICE_ENTRY_ADDED:
      ICE_TRY(add_total(&file->added_files, &file->added_rows, records, err));
      totals->added_files_size += entry->file.file_size;
      break;
    case ICE_ENTRY_EXISTING: ICE_TRY(add_total(&file->existing_files, &file->existing_rows, records, err)); break;
    case ICE_ENTRY_DELETED:
      ICE_TRY(add_total(&file->deleted_files, &file->deleted_rows, records, err));
      totals->deleted_files_size += entry->file.file_size;
      break;
  }
  if (entry->status != ICE_ENTRY_EXISTING && !ice_map_get(&writer->partitions, entry->file.partition)) {
    ICE_TRY(ice_map_put(&writer->partitions, entry->file.partition, writer, err));
    totals->partition_count++;
  }
  // The lowest number of live files; an added file without one takes the snapshot's, which is higher.
  if (entry->status != ICE_ENTRY_DELETED && entry->has_sequence_number) {
    if (!writer->has_min_sequence || entry->sequence_number < file->min_sequence_number) {
      file->min_sequence_number = entry->sequence_number;
      writer->has_min_sequence = true;
    }
  }
done:
  return status;
}

ice_status ice_manifest_writer_append(ice_manifest_writer *writer, const ice_manifest_entry *entry, ice_error *err) {
  ice_status status = ICE_OK;
  const ice_type *partition = &writer->partition->root;
  bool added = entry->status == ICE_ENTRY_ADDED;
  ICE_TRY(check_entry(writer, entry, err));
  status = ice_partition_key_split(partition, entry->file.partition, writer->values, err);
  if (status == ICE_CORRUPT) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "the partition of \"%.*s\" does not fit the spec", ICE_STR_ARG(entry->file.path));
  }
  ICE_TRY(status);
  ice_bytes_clear(&writer->datum);
  ICE_TRY(ice_avro_put_int(&writer->datum, (int32_t)entry->status, err));
  ICE_TRY(put_optional_long(&writer->datum, true, entry->has_snapshot_id ? entry->snapshot_id : writer->snapshot_id,
                            err));
  ICE_TRY(put_optional_long(&writer->datum, !added && entry->has_sequence_number, entry->sequence_number, err));
  ICE_TRY(
      put_optional_long(&writer->datum, !added && entry->has_file_sequence_number, entry->file_sequence_number, err));
  ICE_TRY(put_file(writer, &entry->file, err));
  ICE_TRY(ice_avro_writer_append(writer->file, ice_bytes_str(&writer->datum), err));
  ICE_TRY(summarise(writer, err));
  ICE_TRY(count_entry(writer, entry, err));
done:
  return status;
}

static ice_status finish_summary(const ice_type *type, const field_summary *summary, ice_arena *arena,
                                 ice_partition_summary *out, ice_error *err) {
  ice_status status = ICE_OK;
  ice_bytes value;
  ice_bytes_init(&value, SUMMARY_VALUE_MAX);
  *out = (ice_partition_summary){.contains_null = summary->contains_null,
                                 .has_contains_nan = true,
                                 .contains_nan = summary->contains_nan,
                                 .has_lower = summary->has_bounds,
                                 .has_upper = summary->has_bounds};
  if (!summary->has_bounds) {
    goto done;
  }
  ICE_TRY(ice_single_value_append(type, ice_bytes_str(&summary->lower), &value, err));
  ICE_TRY(ice_arena_copy_str(arena, ice_bytes_str(&value), &out->lower, err));
  ice_bytes_clear(&value);
  ICE_TRY(ice_single_value_append(type, ice_bytes_str(&summary->upper), &value, err));
  ICE_TRY(ice_arena_copy_str(arena, ice_bytes_str(&value), &out->upper, err));
done:
  ice_bytes_deinit(&value);
  return status;
}

ice_status ice_manifest_writer_finish(ice_manifest_writer *writer, ice_arena *arena, ice_manifest_totals *totals,
                                      ice_error *err) {
  ice_status status = ICE_OK;
  *totals = (ice_manifest_totals){0};
  ice_partition_summary *list = ice_arena_alloc_array(arena, writer->field_count, sizeof *list, err);
  if (!list) {
    return err ? err->status : ICE_NO_MEMORY;
  }
  ICE_TRY(ice_avro_writer_finish(writer->file, err));
  for (uint32_t i = 0; i < writer->field_count; i++) {
    ICE_TRY(finish_summary(&writer->partition->root.fields[i].type, &writer->summaries[i], arena, &list[i], err));
  }
  *totals = writer->totals;
  totals->file.length = (int64_t)(writer->out->size - writer->start);
  totals->file.partitions = list;
  totals->file.partition_count = writer->field_count;
done:
  return status;
}
