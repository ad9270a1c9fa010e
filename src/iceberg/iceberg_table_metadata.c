#include "iceberg/iceberg_table_metadata.h"

#include "codec/compress.h"
#include "iceberg/iceberg_schema.h"
#include <stdlib.h>

enum { TABLE_ARENA_MAX = 1 << 30, LIST_MAX = 1 << 24, FORMAT_VERSION_MAX = 3, FORMAT_VERSION_WRITTEN = 2 };

/// What stands behind the public structure.
typedef struct table_storage {
  ice_table_metadata table;
  ice_arena arena;
  json_t *document;
  /// Snapshots by ascending id.
  const ice_snapshot **by_id;
} table_storage;

static const table_storage *storage_of(const ice_table_metadata *metadata) {
  return (const table_storage *)(const void *)metadata;
}

static ice_status list_of(const json_t *document, const char *key, json_t **out, uint32_t *count, ice_error *err) {
  *out = NULL;
  ice_status status = ice_json_find_array(document, key, out, err);
  if (status == ICE_OK && json_array_size(*out) > LIST_MAX) {
    status = ice_error_set(err, ICE_LIMIT, "\"%s\" has %zu entries", key, json_array_size(*out));
  }
  *count = status == ICE_OK ? (uint32_t)json_array_size(*out) : 0;
  return status;
}

// Alike for all lists: a zeroed array of the arena. NULL is out of memory or over the limit.
static ice_status make_array(table_storage *storage, uint32_t count, size_t size, void **out, ice_error *err) {
  *out = ice_arena_alloc_array(&storage->arena, count, size, err);
  return *out ? ICE_OK : (err ? err->status : ICE_NO_MEMORY);
}

static ice_status add_schema(table_storage *storage, const json_t *json, bool required, ice_error *err) {
  ice_table_metadata *table = &storage->table;
  ice_schema *schema = NULL;
  ice_status status = ice_schema_from_json(json, &schema, err);
  if (status == ICE_UNSUPPORTED && !required) {
    // A schema of the past may hold what this program does not know; the document keeps it.
    return ICE_OK;
  }
  if (status == ICE_OK) {
    table->schemas[table->schema_count++] = schema;
  }
  return status;
}

static ice_status read_schemas(table_storage *storage, ice_error *err) {
  ice_status status = ICE_OK;
  ice_table_metadata *table = &storage->table;
  json_t *list = NULL;
  uint32_t count = 0;
  void *memory = NULL;
  ICE_TRY(list_of(table->document, "schemas", &list, &count, err));
  ICE_TRY(make_array(storage, count + 1, sizeof *table->schemas, &memory, err));
  table->schemas = memory;
  if (!list) {
    // Format v1 has one schema.
    const json_t *only = json_object_get(table->document, "schema");
    ICE_TRY(add_schema(storage, only, true, err));
    table->current_schema_id = table->schemas[0]->schema_id;
    goto done;
  }
  ICE_TRY(ice_json_get_i32(table->document, "current-schema-id", &table->current_schema_id, err));
  for (uint32_t i = 0; i < count; i++) {
    int32_t id = 0;
    const json_t *json = json_array_get(list, i);
    ICE_TRY(ice_json_find_i32(json, "schema-id", &id, err));
    status = add_schema(storage, json, id == table->current_schema_id, err);
    if (status != ICE_OK) {
      ice_error_prepend(err, "schema %d", id);
      goto done;
    }
  }
  if (!ice_table_find_schema(table, table->current_schema_id)) {
    ICE_FAIL(ICE_CORRUPT, "current schema %d is not in the list", table->current_schema_id);
  }
done:
  return status;
}

static ice_status read_specs(table_storage *storage, ice_error *err) {
  ice_status status = ICE_OK;
  ice_table_metadata *table = &storage->table;
  json_t *list = NULL;
  uint32_t count = 0;
  void *memory = NULL;
  ICE_TRY(list_of(table->document, "partition-specs", &list, &count, err));
  ICE_TRY(make_array(storage, count + 1, sizeof *table->specs, &memory, err));
  table->specs = memory;
  if (!list) {
    ICE_TRY(ice_partition_spec_from_json(json_object_get(table->document, "partition-spec"), &storage->arena,
                                         &table->specs[0], err));
    table->spec_count = 1;
  } else {
    ICE_TRY(ice_json_get_i32(table->document, "default-spec-id", &table->default_spec_id, err));
  }
  for (uint32_t i = 0; i < count; i++) {
    ICE_TRY(ice_partition_spec_from_json(json_array_get(list, i), &storage->arena, &table->specs[i], err));
    table->spec_count = i + 1;
  }
  if (!ice_table_find_spec(table, table->default_spec_id)) {
    ICE_FAIL(ICE_CORRUPT, "default partition spec %d is not in the list", table->default_spec_id);
  }
  table->last_partition_id = ICE_PARTITION_FIELD_ID_FIRST - 1;
  for (uint32_t i = 0; i < table->spec_count; i++) {
    for (uint32_t k = 0; k < table->specs[i].field_count; k++) {
      int32_t id = table->specs[i].fields[k].field_id;
      table->last_partition_id = id > table->last_partition_id ? id : table->last_partition_id;
    }
  }
  ICE_TRY(ice_json_find_i32(table->document, "last-partition-id", &table->last_partition_id, err));
done:
  return status;
}

static int compare_ids(const void *a, const void *b) {
  const ice_snapshot *const *x = a;
  const ice_snapshot *const *y = b;
  return ((*x)->snapshot_id > (*y)->snapshot_id) - ((*x)->snapshot_id < (*y)->snapshot_id);
}

static ice_status read_snapshots(table_storage *storage, ice_error *err) {
  ice_status status = ICE_OK;
  ice_table_metadata *table = &storage->table;
  json_t *list = NULL;
  uint32_t count = 0;
  void *memory = NULL;
  void *index = NULL;
  ICE_TRY(list_of(table->document, "snapshots", &list, &count, err));
  ICE_TRY(make_array(storage, count, sizeof *table->snapshots, &memory, err));
  ICE_TRY(make_array(storage, count, sizeof *storage->by_id, &index, err));
  table->snapshots = memory;
  storage->by_id = index;
  for (uint32_t i = 0; i < count; i++) {
    status = ice_snapshot_from_json(json_array_get(list, i), &storage->arena, &table->snapshots[i], err);
    if (status != ICE_OK) {
      ice_error_prepend(err, "snapshot %u", i);
      goto done;
    }
    storage->by_id[i] = &table->snapshots[i];
  }
  table->snapshot_count = count;
  if (count > 1) {
    qsort(storage->by_id, count, sizeof *storage->by_id, compare_ids);
  }
  for (uint32_t i = 1; i < count; i++) {
    if (storage->by_id[i]->snapshot_id == storage->by_id[i - 1]->snapshot_id) {
      ICE_FAIL(ICE_CORRUPT, "snapshot %lld is listed twice", (long long)storage->by_id[i]->snapshot_id);
    }
  }
  table->current_snapshot_id = -1;
  ICE_TRY(ice_json_find_i64(table->document, "current-snapshot-id", &table->current_snapshot_id, err));
  table->has_current_snapshot = table->current_snapshot_id != -1;
  if (table->has_current_snapshot && !ice_table_find_snapshot(table, table->current_snapshot_id)) {
    ICE_FAIL(ICE_CORRUPT, "current snapshot %lld is not in the list", (long long)table->current_snapshot_id);
  }
done:
  return status;
}

static ice_status read_refs(table_storage *storage, ice_error *err) {
  ice_status status = ICE_OK;
  ice_table_metadata *table = &storage->table;
  json_t *refs = json_object_get(table->document, "refs");
  void *memory = NULL;
  if (refs && !json_is_object(refs) && !json_is_null(refs)) {
    ICE_FAIL(ICE_CORRUPT, "member \"refs\" is not an object");
  }
  if (json_object_size(refs) > LIST_MAX) {
    ICE_FAIL(ICE_LIMIT, "\"refs\" has %zu entries", json_object_size(refs));
  }
  ICE_TRY(make_array(storage, (uint32_t)json_object_size(refs) + 1, sizeof *table->refs, &memory, err));
  table->refs = memory;
  const char *key;
  size_t key_size;
  json_t *value;
  json_object_keylen_foreach(refs, key, key_size, value) {
    ice_snapshot_ref *ref = &table->refs[table->ref_count++];
    ice_str kind = ICE_STR("branch");
    ref->name = ice_str_make(key, key_size);
    ICE_TRY(ice_json_get_i64(value, "snapshot-id", &ref->snapshot_id, err));
    ICE_TRY(ice_json_find_str(value, "type", &kind, err));
    ref->is_tag = ice_str_equal_c(kind, "tag");
  }
  const ice_snapshot_ref *main_ref = ice_table_find_ref(table, ICE_REF_MAIN);
  if (!main_ref && table->has_current_snapshot) {
    table->refs[table->ref_count++] =
        (ice_snapshot_ref){.name = ICE_REF_MAIN, .snapshot_id = table->current_snapshot_id};
  } else if (main_ref && (!table->has_current_snapshot || main_ref->snapshot_id != table->current_snapshot_id)) {
    ICE_FAIL(ICE_CORRUPT, "branch main is at snapshot %lld, the table at %lld", (long long)main_ref->snapshot_id,
             (long long)table->current_snapshot_id);
  }
done:
  return status;
}

static ice_status read_document(table_storage *storage, ice_error *err) {
  ice_status status = ICE_OK;
  ice_table_metadata *table = &storage->table;
  const json_t *document = table->document;
  if (!json_is_object(document)) {
    ICE_FAIL(ICE_CORRUPT, "no JSON object");
  }
  ICE_TRY(ice_json_get_i32(document, "format-version", &table->format_version, err));
  if (table->format_version < 1 || table->format_version > FORMAT_VERSION_MAX) {
    ICE_FAIL(ICE_UNSUPPORTED, "format version %d is not supported", table->format_version);
  }
  bool first = table->format_version == 1;
  if (first) {
    ICE_TRY(ice_json_find_str(document, "table-uuid", &table->uuid, err));
    ICE_TRY(ice_json_find_i64(document, "last-sequence-number", &table->last_sequence_number, err));
  } else {
    ICE_TRY(ice_json_get_str(document, "table-uuid", &table->uuid, err));
    ICE_TRY(ice_json_get_i64(document, "last-sequence-number", &table->last_sequence_number, err));
  }
  ICE_TRY(ice_json_get_str(document, "location", &table->location, err));
  ICE_TRY(ice_json_get_i64(document, "last-updated-ms", &table->last_updated_ms, err));
  ICE_TRY(ice_json_get_i32(document, "last-column-id", &table->last_column_id, err));
  ICE_TRY(ice_json_find_i32(document, "default-sort-order-id", &table->default_sort_order_id, err));
  ICE_TRY(read_schemas(storage, err));
  ICE_TRY(read_specs(storage, err));
  ICE_TRY(ice_json_read_properties(json_object_get(document, "properties"), &storage->arena, &table->properties,
                                   &table->property_count, err));
  ICE_TRY(read_snapshots(storage, err));
  ICE_TRY(read_refs(storage, err));
done:
  return status;
}

ice_status ice_table_metadata_from_json(json_t *document, ice_table_metadata **out, ice_error *err) {
  ice_status status = ICE_OK;
  *out = NULL;
  table_storage *storage = calloc(1, sizeof *storage);
  if (!storage) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for table metadata");
  }
  ice_arena_init(&storage->arena, TABLE_ARENA_MAX);
  storage->document = json_incref(document);
  storage->table.document = document;
  status = read_document(storage, err);
  if (status != ICE_OK) {
    ice_error_prepend(err, "table metadata");
    ice_table_metadata_destroy(&storage->table);
    return status;
  }
  *out = &storage->table;
  return ICE_OK;
}

ice_status ice_table_metadata_parse(ice_str text, ice_table_metadata **out, ice_error *err) {
  ice_status status = ICE_OK;
  json_t *document = NULL;
  ice_compressor *compressor = NULL;
  ice_bytes plain;
  ice_bytes_init(&plain, ICE_JSON_SIZE_MAX);
  *out = NULL;
  if (text.size >= 2 && memcmp(text.data, "\x1f\x8b", 2) == 0) {
    ICE_TRY(ice_compressor_create(&compressor, err));
    ICE_TRY(ice_decompress(compressor, ICE_CODEC_GZIP, text.data, text.size, 0, &plain, err));
    text = ice_bytes_str(&plain);
  }
  status = ice_json_text_parse(text, &document, err);
  if (status != ICE_OK) {
    ice_error_prepend(err, "table metadata");
    goto done;
  }
  ICE_TRY(ice_table_metadata_from_json(document, out, err));
done:
  json_decref(document);
  ice_compressor_destroy(compressor);
  ice_bytes_deinit(&plain);
  return status;
}

void ice_table_metadata_destroy(ice_table_metadata *metadata) {
  if (!metadata) {
    return;
  }
  table_storage *storage = (table_storage *)(void *)metadata;
  for (uint32_t i = 0; i < metadata->schema_count; i++) {
    ice_schema_unref(metadata->schemas[i]);
  }
  json_decref(storage->document);
  ice_arena_deinit(&storage->arena);
  free(storage);
}

ice_status ice_table_metadata_append_json(const ice_table_metadata *metadata, ice_bytes *out, ice_error *err) {
  return ice_json_text_append(metadata->document, out, err);
}

const ice_schema *ice_table_find_schema(const ice_table_metadata *metadata, int32_t schema_id) {
  for (uint32_t i = 0; i < metadata->schema_count; i++) {
    if (metadata->schemas[i]->schema_id == schema_id) {
      return metadata->schemas[i];
    }
  }
  return NULL;
}

const ice_partition_spec *ice_table_find_spec(const ice_table_metadata *metadata, int32_t spec_id) {
  for (uint32_t i = 0; i < metadata->spec_count; i++) {
    if (metadata->specs[i].spec_id == spec_id) {
      return &metadata->specs[i];
    }
  }
  return NULL;
}

const ice_schema *ice_table_current_schema(const ice_table_metadata *metadata) {
  return ice_table_find_schema(metadata, metadata->current_schema_id);
}

const ice_partition_spec *ice_table_default_spec(const ice_table_metadata *metadata) {
  return ice_table_find_spec(metadata, metadata->default_spec_id);
}

const ice_snapshot *ice_table_find_snapshot(const ice_table_metadata *metadata, int64_t snapshot_id) {
  const ice_snapshot *const *by_id = storage_of(metadata)->by_id;
  uint32_t low = 0;
  uint32_t high = metadata->snapshot_count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (by_id[middle]->snapshot_id == snapshot_id) {
      return by_id[middle];
    }
    if (by_id[middle]->snapshot_id < snapshot_id) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return NULL;
}

const ice_snapshot *ice_table_current_snapshot(const ice_table_metadata *metadata) {
  return metadata->has_current_snapshot ? ice_table_find_snapshot(metadata, metadata->current_snapshot_id) : NULL;
}

const ice_snapshot_ref *ice_table_find_ref(const ice_table_metadata *metadata, ice_str name) {
  for (uint32_t i = 0; i < metadata->ref_count; i++) {
    if (ice_str_equal(metadata->refs[i].name, name)) {
      return &metadata->refs[i];
    }
  }
  return NULL;
}

const ice_snapshot *ice_table_ref_snapshot(const ice_table_metadata *metadata, ice_str name) {
  const ice_snapshot_ref *ref = ice_table_find_ref(metadata, name);
  return ref ? ice_table_find_snapshot(metadata, ref->snapshot_id) : NULL;
}

ice_str ice_table_property(const ice_table_metadata *metadata, ice_str key) {
  for (uint32_t i = 0; i < metadata->property_count; i++) {
    if (ice_str_equal(metadata->properties[i].key, key)) {
      return metadata->properties[i].value;
    }
  }
  return (ice_str){0};
}

ice_ancestry ice_table_is_ancestor(const ice_table_metadata *metadata, int64_t ancestor, int64_t sequence_number,
                                   int64_t snapshot) {
  int64_t id = snapshot;
  // A cycle of damaged metadata ends with the number of snapshots.
  for (uint32_t i = 0; i <= metadata->snapshot_count; i++) {
    if (id == ancestor) {
      return ICE_ANCESTRY_YES;
    }
    const ice_snapshot *at = ice_table_find_snapshot(metadata, id);
    if (!at) {
      return ICE_ANCESTRY_UNKNOWN;
    }
    if (sequence_number > 0 && at->sequence_number <= sequence_number) {
      return ICE_ANCESTRY_NO;
    }
    if (!at->has_parent) {
      // Some catalogs show the newest snapshot alone, and without its parent: only the first one of all has none for certain.
      bool known = at->sequence_number <= 1 || ice_table_find_snapshot(metadata, ancestor);
      return known ? ICE_ANCESTRY_NO : ICE_ANCESTRY_UNKNOWN;
    }
    id = at->parent_snapshot_id;
  }
  return ICE_ANCESTRY_UNKNOWN;
}

// Creating ----------------------------------------------------------------------------------------------------------

// The new id of what had `id` before renumbering: both types have one shape. 0: not there.
static int32_t follow_id(const ice_type *before, const ice_type *after, int32_t id) {
  for (uint32_t i = 0; i < before->field_count; i++) {
    if (before->fields[i].id == id) {
      return after->fields[i].id;
    }
    int32_t found = follow_id(&before->fields[i].type, &after->fields[i].type, id);
    if (found != 0) {
      return found;
    }
  }
  return 0;
}

static ice_status make_spec(const ice_table_create *create, const ice_schema *schema, json_t **out,
                            int32_t *last_partition_id, ice_error *err) {
  ice_status status = ICE_OK;
  ice_schema *type = NULL;
  ice_arena arena;
  ice_arena_init(&arena, 1 << 20);
  ice_partition_spec spec = {0};
  uint32_t count = create->spec ? create->spec->field_count : 0;
  spec.fields = ice_arena_alloc_array(&arena, count, sizeof *spec.fields, err);
  if (!spec.fields) {
    status = err ? err->status : ICE_NO_MEMORY;
    goto done;
  }
  *last_partition_id = ICE_PARTITION_FIELD_ID_FIRST - 1;
  for (uint32_t i = 0; i < count; i++) {
    spec.fields[i] = create->spec->fields[i];
    spec.fields[i].source_id = follow_id(&create->schema->root, &schema->root, spec.fields[i].source_id);
    spec.fields[i].field_id = ++*last_partition_id;
    if (spec.fields[i].source_id == 0) {
      ICE_FAIL(ICE_NOT_FOUND, "partition field \"%.*s\": the schema has no field %d",
               ICE_STR_ARG(spec.fields[i].name), create->spec->fields[i].source_id);
    }
  }
  spec.field_count = count;
  // Says whether the transforms take their columns.
  ICE_TRY(ice_partition_spec_type(&spec, schema, &type, err));
  ICE_TRY(ice_partition_spec_to_json(&spec, out, err));
done:
  ice_schema_unref(type);
  ice_arena_deinit(&arena);
  return status;
}

static ice_status put_list(json_t *document, const char *key, json_t *only, ice_error *err) {
  json_t *list = json_array();
  ice_status status = ice_json_put(document, key, list, err);
  if (status != ICE_OK) {
    json_decref(only);
    return status;
  }
  return only ? ice_json_push(list, only, err) : ICE_OK;
}

static ice_status put_properties(const ice_table_create *create, json_t *document, ice_error *err) {
  ice_status status = ICE_OK;
  json_t *properties = json_object();
  ICE_TRY(ice_json_put(document, "properties", properties, err));
  for (uint32_t i = 0; i < create->property_count; i++) {
    ICE_TRY(ice_json_put_text(properties, create->properties[i].key, create->properties[i].value, err));
  }
done:
  return status;
}

static ice_status put_empty_history(json_t *document, ice_error *err) {
  static const char *const lists[] = {"snapshots", "statistics", "partition-statistics", "snapshot-log",
                                      "metadata-log"};
  // Before v3 a table without snapshots says so by -1.
  ice_status status = ice_json_put(document, "current-snapshot-id", json_integer(-1), err);
  if (status == ICE_OK) {
    status = ice_json_put(document, "refs", json_object(), err);
  }
  for (size_t i = 0; i < ICE_COUNT_OF(lists) && status == ICE_OK; i++) {
    status = put_list(document, lists[i], NULL, err);
  }
  return status;
}

ice_status ice_table_metadata_create(const ice_table_create *create, ice_table_metadata **out, ice_error *err) {
  ice_status status = ICE_OK;
  ice_schema *schema = NULL;
  json_t *spec = NULL;
  json_t *schema_json = NULL;
  int32_t last_column_id = 0;
  int32_t last_partition_id = 0;
  *out = NULL;
  json_t *document = json_object();
  ICE_TRY(document ? ICE_OK : ice_error_set(err, ICE_NO_MEMORY, "out of memory for table metadata"));
  if (create->uuid.size == 0 || create->location.size == 0) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "a new table needs a uuid and a location");
  }
  ICE_TRY(ice_schema_assign_fresh_ids(create->schema, &last_column_id, &schema, err));
  schema->schema_id = 0;
  ICE_TRY(make_spec(create, schema, &spec, &last_partition_id, err));
  ICE_TRY(ice_schema_to_json(schema, &schema_json, err));
  ICE_TRY(ice_json_put(document, "format-version", json_integer(FORMAT_VERSION_WRITTEN), err));
  ICE_TRY(ice_json_put(document, "table-uuid", ice_json_string(create->uuid), err));
  ICE_TRY(ice_json_put(document, "location", ice_json_string(create->location), err));
  ICE_TRY(ice_json_put(document, "last-sequence-number", json_integer(0), err));
  ICE_TRY(ice_json_put(document, "last-updated-ms", json_integer(create->now_ms), err));
  ICE_TRY(ice_json_put(document, "last-column-id", json_integer(last_column_id), err));
  ICE_TRY(ice_json_put(document, "current-schema-id", json_integer(0), err));
  ICE_TRY(put_list(document, "schemas", json_incref(schema_json), err));
  ICE_TRY(ice_json_put(document, "default-spec-id", json_integer(0), err));
  ICE_TRY(put_list(document, "partition-specs", json_incref(spec), err));
  ICE_TRY(ice_json_put(document, "last-partition-id", json_integer(last_partition_id), err));
  ICE_TRY(ice_json_put(document, "default-sort-order-id", json_integer(0), err));
  json_t *order = ice_sort_order_unsorted();
  ICE_TRY(order ? ICE_OK : ice_error_set(err, ICE_NO_MEMORY, "out of memory for table metadata"));
  ICE_TRY(put_list(document, "sort-orders", order, err));
  ICE_TRY(put_properties(create, document, err));
  ICE_TRY(put_empty_history(document, err));
  ICE_TRY(ice_table_metadata_from_json(document, out, err));
done:
  ice_schema_unref(schema);
  json_decref(spec);
  json_decref(schema_json);
  json_decref(document);
  return status;
}
