// Requirements, and updates applied to the JSON document of a table.
#include "iceberg/iceberg_table_update.h"

#include "iceberg/iceberg_schema.h"
#include <stdlib.h>

enum { METADATA_LOG_DEFAULT = 100, CLOCK_TOLERANCE_MS = 60000, EMPTY_SNAPSHOT_ID = -1 };

// Requirements ------------------------------------------------------------------------------------------------------

static ice_status conflict_i32(const char *name, int32_t expected, int32_t actual, ice_error *err) {
  if (expected == actual) {
    return ICE_OK;
  }
  return ice_error_set(err, ICE_CONFLICT, "%s failed: expected %d, the table has %d", name, expected, actual);
}

static ice_status check_ref(const ice_table_metadata *table, const ice_table_requirement *wanted, ice_error *err) {
  const ice_snapshot_ref *ref = ice_table_find_ref(table, wanted->ref);
  if (!wanted->has_snapshot_id) {
    return ref ? ice_error_set(err, ICE_CONFLICT, "assert-ref-snapshot-id failed: %.*s exists, at snapshot %lld",
                               ICE_STR_ARG(wanted->ref), (long long)ref->snapshot_id)
               : ICE_OK;
  }
  if (!ref) {
    return ice_error_set(err, ICE_CONFLICT, "assert-ref-snapshot-id failed: %.*s does not exist, expected at %lld",
                         ICE_STR_ARG(wanted->ref), (long long)wanted->snapshot_id);
  }
  if (ref->snapshot_id != wanted->snapshot_id) {
    return ice_error_set(err, ICE_CONFLICT, "assert-ref-snapshot-id failed: %.*s is at snapshot %lld, expected %lld",
                         ICE_STR_ARG(wanted->ref), (long long)ref->snapshot_id, (long long)wanted->snapshot_id);
  }
  return ICE_OK;
}

static ice_status check_one(const ice_table_metadata *table, const ice_table_requirement *wanted, ice_error *err) {
  if (wanted->kind == ICE_ASSERT_CREATE) {
    return table ? ice_error_set(err, ICE_CONFLICT, "assert-create failed: the table exists") : ICE_OK;
  }
  if (!table) {
    return ice_error_set(err, ICE_CONFLICT, "a requirement failed: the table does not exist");
  }
  switch (wanted->kind) {
    case ICE_ASSERT_TABLE_UUID:
      return ice_str_equal(table->uuid, wanted->uuid)
                 ? ICE_OK
                 : ice_error_set(err, ICE_CONFLICT, "assert-table-uuid failed: the table is %.*s, expected %.*s",
                                 ICE_STR_ARG(table->uuid), ICE_STR_ARG(wanted->uuid));
    case ICE_ASSERT_REF_SNAPSHOT_ID: return check_ref(table, wanted, err);
    case ICE_ASSERT_LAST_ASSIGNED_FIELD_ID:
      return conflict_i32("assert-last-assigned-field-id", wanted->id, table->last_column_id, err);
    case ICE_ASSERT_CURRENT_SCHEMA_ID:
      return conflict_i32("assert-current-schema-id", wanted->id, table->current_schema_id, err);
    case ICE_ASSERT_LAST_ASSIGNED_PARTITION_ID:
      return conflict_i32("assert-last-assigned-partition-id", wanted->id, table->last_partition_id, err);
    case ICE_ASSERT_DEFAULT_SPEC_ID:
      return conflict_i32("assert-default-spec-id", wanted->id, table->default_spec_id, err);
    case ICE_ASSERT_DEFAULT_SORT_ORDER_ID:
      return conflict_i32("assert-default-sort-order-id", wanted->id, table->default_sort_order_id, err);
    case ICE_ASSERT_CREATE: break;
  }
  return ICE_OK;
}

ice_status ice_table_check_requirements(const ice_table_metadata *metadata, const ice_table_requirement *requirements,
                                        uint32_t count, ice_error *err) {
  for (uint32_t i = 0; i < count; i++) {
    ice_status status = check_one(metadata, &requirements[i], err);
    if (status != ICE_OK) {
      return status;
    }
  }
  return ICE_OK;
}

// Updates -----------------------------------------------------------------------------------------------------------

/// A document under change. Numbers are read from it, not from the base, since updates build on each other.
typedef struct editor {
  json_t *document;
  const ice_table_metadata *base;
  int64_t now_ms;
  int64_t updated_ms;
  int32_t last_schema_id;  ///< of the schema added last, -1 for none
  int32_t last_spec_id;
  int32_t last_order_id;
  ice_error *err;
} editor;

static ice_status refuse(editor *run, const char *what, int64_t id) {
  return ice_error_set(run->err, ICE_INVALID_ARGUMENT, "%s: %lld", what, (long long)id);
}

// The list under `key`, made where there is none.
static ice_status get_list(editor *run, const char *key, json_t **out) {
  *out = json_object_get(run->document, key);
  if (json_is_array(*out)) {
    return ICE_OK;
  }
  ice_status status = ice_json_put(run->document, key, json_array(), run->err);
  *out = json_object_get(run->document, key);
  return status;
}

static ice_status get_map(editor *run, const char *key, json_t **out) {
  *out = json_object_get(run->document, key);
  if (json_is_object(*out)) {
    return ICE_OK;
  }
  ice_status status = ice_json_put(run->document, key, json_object(), run->err);
  *out = json_object_get(run->document, key);
  return status;
}

static int64_t number_of(const json_t *object, const char *key, int64_t fallback) {
  const json_t *value = json_object_get(object, key);
  return json_is_integer(value) ? json_integer_value(value) : fallback;
}

static ice_status put_number(editor *run, const char *key, int64_t value) {
  return ice_json_put(run->document, key, json_integer(value), run->err);
}

// The position in a list of the object whose `key` is `id`; the size of the list where there is none.
static size_t find_by_id(const json_t *list, const char *key, int64_t id) {
  size_t count = json_array_size(list);
  for (size_t i = 0; i < count; i++) {
    const json_t *value = json_object_get(json_array_get(list, i), key);
    if (json_is_integer(value) && json_integer_value(value) == id) {
      return i;
    }
  }
  return count;
}

static int64_t highest_id(const json_t *list, const char *key) {
  int64_t highest = -1;
  for (size_t i = 0; i < json_array_size(list); i++) {
    int64_t id = number_of(json_array_get(list, i), key, -1);
    highest = id > highest ? id : highest;
  }
  return highest;
}

static ice_status need_structure(editor *run) {
  if (number_of(run->document, "format-version", 0) < 2) {
    return ice_error_set(run->err, ICE_UNSUPPORTED,
                         "schemas, specs and snapshots are added to tables of format v2, this one is v1");
  }
  return ICE_OK;
}

static ice_status add_schema(editor *run, const ice_table_update *update) {
  ice_status status = ICE_OK;
  json_t *list = NULL;
  json_t *json = NULL;
  ICE_TRY(need_structure(run));
  ICE_TRY(get_list(run, "schemas", &list));
  for (uint32_t i = 0; i < run->base->schema_count; i++) {
    // The schema is there already: nothing is added, and the current schema may be set to it.
    const ice_schema *known = run->base->schemas[i];
    if (ice_type_equal(&known->root, &update->schema->root)) {
      run->last_schema_id = known->schema_id;
      goto done;
    }
  }
  int64_t id = highest_id(list, "schema-id") + 1;
  ICE_TRY(ice_schema_to_json(update->schema, &json, run->err));
  ICE_TRY(ice_json_put(json, "schema-id", json_integer(id), run->err));
  ICE_TRY(ice_json_push(list, json_incref(json), run->err));
  run->last_schema_id = (int32_t)id;
  int64_t highest = ice_schema_highest_id(update->schema);
  highest = update->id > highest ? update->id : highest;
  if (highest > number_of(run->document, "last-column-id", 0)) {
    ICE_TRY(put_number(run, "last-column-id", highest));
  }
done:
  json_decref(json);
  return status;
}

// "Set the current … to": -1 stands for what this change added last.
static ice_status set_current(editor *run, const char *list_key, const char *id_key, const char *key, int32_t wanted,
                              int32_t last) {
  int32_t id = wanted == -1 ? last : wanted;
  const json_t *list = json_object_get(run->document, list_key);
  if (id < 0 || find_by_id(list, id_key, id) == json_array_size(list)) {
    return ice_error_set(run->err, ICE_INVALID_ARGUMENT, "\"%s\" cannot become %d: there is none", key, wanted);
  }
  return put_number(run, key, id);
}

static ice_status add_spec(editor *run, const ice_table_update *update) {
  ice_status status = ICE_OK;
  json_t *list = NULL;
  json_t *json = NULL;
  ICE_TRY(need_structure(run));
  ICE_TRY(get_list(run, "partition-specs", &list));
  for (uint32_t i = 0; i < run->base->spec_count; i++) {
    if (ice_partition_spec_equivalent(&run->base->specs[i], update->spec)) {
      run->last_spec_id = run->base->specs[i].spec_id;
      goto done;
    }
  }
  int64_t id = highest_id(list, "spec-id") + 1;
  int64_t last = number_of(run->document, "last-partition-id", ICE_PARTITION_FIELD_ID_FIRST - 1);
  ICE_TRY(ice_partition_spec_to_json(update->spec, &json, run->err));
  ICE_TRY(ice_json_put(json, "spec-id", json_integer(id), run->err));
  json_t *fields = json_object_get(json, "fields");
  for (size_t i = 0; i < json_array_size(fields); i++) {
    json_t *field = json_array_get(fields, i);
    int64_t field_id = number_of(field, "field-id", 0);
    if (field_id < ICE_PARTITION_FIELD_ID_FIRST) {
      field_id = last + 1;
      ICE_TRY(ice_json_put(field, "field-id", json_integer(field_id), run->err));
    }
    last = field_id > last ? field_id : last;
  }
  ICE_TRY(ice_json_push(list, json_incref(json), run->err));
  ICE_TRY(put_number(run, "last-partition-id", last));
  run->last_spec_id = (int32_t)id;
done:
  json_decref(json);
  return status;
}

static ice_status add_sort_order(editor *run, const ice_table_update *update) {
  ice_status status = ICE_OK;
  json_t *list = NULL;
  json_t *json = NULL;
  const json_t *fields = json_object_get(update->json, "fields");
  if (!json_is_array(fields)) {
    ICE_TRY(ice_error_set(run->err, ICE_INVALID_ARGUMENT, "a sort order without fields"));
  }
  ICE_TRY(get_list(run, "sort-orders", &list));
  for (size_t i = 0; i < json_array_size(list); i++) {
    const json_t *known = json_array_get(list, i);
    if (json_equal(json_object_get(known, "fields"), fields)) {
      run->last_order_id = (int32_t)number_of(known, "order-id", 0);
      goto done;
    }
  }
  int64_t id = highest_id(list, "order-id") + 1;
  // 0 is kept for "unsorted".
  id = json_array_size(fields) == 0 ? 0 : (id == 0 ? 1 : id);
  json = json_deep_copy(update->json);
  ICE_TRY(json ? ICE_OK : ice_error_set(run->err, ICE_NO_MEMORY, "out of memory for table metadata"));
  ICE_TRY(ice_json_put(json, "order-id", json_integer(id), run->err));
  ICE_TRY(ice_json_push(list, json_incref(json), run->err));
  run->last_order_id = (int32_t)id;
done:
  json_decref(json);
  return status;
}

static ice_status add_snapshot(editor *run, const ice_table_update *update) {
  ice_status status = ICE_OK;
  const ice_snapshot *snapshot = update->snapshot;
  json_t *list = NULL;
  json_t *json = NULL;
  int64_t version = number_of(run->document, "format-version", 0);
  int64_t last = number_of(run->document, "last-sequence-number", 0);
  if (version != 2) {
    ICE_TRY(ice_error_set(run->err, ICE_UNSUPPORTED, "snapshots are added to tables of format v2, this one is v%lld",
                          (long long)version));
  }
  ICE_TRY(get_list(run, "snapshots", &list));
  if (find_by_id(list, "snapshot-id", snapshot->snapshot_id) != json_array_size(list)) {
    ICE_TRY(refuse(run, "the table has a snapshot of this id already", snapshot->snapshot_id));
  }
  if (snapshot->sequence_number <= last) {
    ICE_TRY(refuse(run, "the sequence number of a new snapshot must be above the table's last one", last));
  }
  if (snapshot->timestamp_ms < run->updated_ms - CLOCK_TOLERANCE_MS) {
    ICE_TRY(refuse(run, "the snapshot is older than the table's last update", run->updated_ms));
  }
  ICE_TRY(ice_snapshot_to_json(snapshot, &json, run->err));
  ICE_TRY(ice_json_push(list, json_incref(json), run->err));
  ICE_TRY(put_number(run, "last-sequence-number", snapshot->sequence_number));
  run->updated_ms = snapshot->timestamp_ms > run->updated_ms ? snapshot->timestamp_ms : run->updated_ms;
done:
  json_decref(json);
  return status;
}

static ice_status set_current_snapshot(editor *run, int64_t snapshot_id) {
  bool none = snapshot_id == EMPTY_SNAPSHOT_ID;
  bool null = none && number_of(run->document, "format-version", 0) >= 3;
  return ice_json_put(run->document, "current-snapshot-id", null ? json_null() : json_integer(snapshot_id), run->err);
}

static ice_status log_snapshot(editor *run, const json_t *snapshot, int64_t snapshot_id) {
  ice_status status = ICE_OK;
  json_t *log = NULL;
  json_t *entry = json_object();
  bool added = !ice_table_find_snapshot(run->base, snapshot_id);
  int64_t time = added ? number_of(snapshot, "timestamp-ms", run->now_ms) : run->now_ms;
  ICE_TRY(entry ? ICE_OK : ice_error_set(run->err, ICE_NO_MEMORY, "out of memory for table metadata"));
  ICE_TRY(get_list(run, "snapshot-log", &log));
  ICE_TRY(ice_json_put(entry, "timestamp-ms", json_integer(time), run->err));
  ICE_TRY(ice_json_put(entry, "snapshot-id", json_integer(snapshot_id), run->err));
  ICE_TRY(ice_json_push(log, json_incref(entry), run->err));
  run->updated_ms = time > run->updated_ms ? time : run->updated_ms;
done:
  json_decref(entry);
  return status;
}

static ice_status set_ref(editor *run, const ice_table_update *update) {
  ice_status status = ICE_OK;
  json_t *refs = NULL;
  json_t *ref = NULL;
  const json_t *list = json_object_get(run->document, "snapshots");
  size_t at = find_by_id(list, "snapshot-id", update->snapshot_id);
  bool is_main = ice_str_equal(update->text, ICE_REF_MAIN);
  if (at == json_array_size(list)) {
    ICE_TRY(refuse(run, "a reference to a snapshot that the table does not have", update->snapshot_id));
  }
  if (update->text.size == 0 || (is_main && update->is_tag)) {
    ICE_TRY(refuse(run, "a reference without a name, or a tag called main, to snapshot", update->snapshot_id));
  }
  ICE_TRY(get_map(run, "refs", &refs));
  ref = json_incref(json_object_getn(refs, update->text.data, update->text.size));
  if (!ref) {
    ref = json_object();
    ICE_TRY(ref ? ICE_OK : ice_error_set(run->err, ICE_NO_MEMORY, "out of memory for table metadata"));
    if (json_object_setn(refs, update->text.data, update->text.size, ref) != 0) {
      ICE_TRY(ice_error_set(run->err, ICE_NO_MEMORY, "out of memory for table metadata"));
    }
  }
  int64_t before = number_of(ref, "snapshot-id", EMPTY_SNAPSHOT_ID);
  ICE_TRY(ice_json_put(ref, "snapshot-id", json_integer(update->snapshot_id), run->err));
  ICE_TRY(ice_json_put(ref, "type", json_string(update->is_tag ? "tag" : "branch"), run->err));
  if (is_main && before != update->snapshot_id) {
    ICE_TRY(set_current_snapshot(run, update->snapshot_id));
    ICE_TRY(log_snapshot(run, json_array_get(list, at), update->snapshot_id));
  }
done:
  json_decref(ref);
  return status;
}

static ice_status remove_ref(editor *run, ice_str name) {
  json_t *refs = json_object_get(run->document, "refs");
  if (!json_object_getn(refs, name.data, name.size)) {
    return ICE_OK;
  }
  json_object_deln(refs, name.data, name.size);
  return ice_str_equal(name, ICE_REF_MAIN) ? set_current_snapshot(run, EMPTY_SNAPSHOT_ID) : ICE_OK;
}

static bool listed(const int64_t *sorted, uint32_t count, int64_t id) {
  uint32_t low = 0;
  uint32_t high = count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (sorted[middle] == id) {
      return true;
    }
    if (sorted[middle] < id) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return false;
}

static int compare_i64(const void *a, const void *b) {
  const int64_t *x = a;
  const int64_t *y = b;
  return (*x > *y) - (*x < *y);
}

// Put the objects of a list that name none of the snapshots into a new one. For the log, what is before a removed
// entry goes too: the history would have a hole (as Java does).
static ice_status filter_list(editor *run, const char *key, const int64_t *sorted, uint32_t count, bool is_log) {
  ice_status status = ICE_OK;
  const json_t *list = json_object_get(run->document, key);
  json_t *kept = NULL;
  if (!json_is_array(list)) {
    goto done;
  }
  kept = json_array();
  ICE_TRY(kept ? ICE_OK : ice_error_set(run->err, ICE_NO_MEMORY, "out of memory for table metadata"));
  for (size_t i = 0; i < json_array_size(list); i++) {
    json_t *item = json_array_get(list, i);
    if (!listed(sorted, count, number_of(item, "snapshot-id", EMPTY_SNAPSHOT_ID))) {
      ICE_TRY(ice_json_push(kept, json_incref(item), run->err));
    } else if (is_log) {
      json_array_clear(kept);
    }
  }
  ICE_TRY(ice_json_put(run->document, key, json_incref(kept), run->err));
done:
  json_decref(kept);
  return status;
}

static ice_status remove_dangling_refs(editor *run, const int64_t *sorted, uint32_t count) {
  json_t *refs = json_object_get(run->document, "refs");
  void *next = NULL;
  for (void *i = json_object_iter(refs); i; i = next) {
    next = json_object_iter_next(refs, i);
    if (!listed(sorted, count, number_of(json_object_iter_value(i), "snapshot-id", EMPTY_SNAPSHOT_ID))) {
      continue;
    }
    bool is_main = ice_str_equal(ice_str_make(json_object_iter_key(i), json_object_iter_key_len(i)), ICE_REF_MAIN);
    json_object_deln(refs, json_object_iter_key(i), json_object_iter_key_len(i));
    ice_status status = is_main ? set_current_snapshot(run, EMPTY_SNAPSHOT_ID) : ICE_OK;
    if (status != ICE_OK) {
      return status;
    }
  }
  return ICE_OK;
}

static ice_status remove_snapshots(editor *run, const ice_table_update *update) {
  ice_status status = ICE_OK;
  int64_t *sorted = calloc(update->count == 0 ? 1 : update->count, sizeof *sorted);
  ICE_TRY(sorted ? ICE_OK : ice_error_set(run->err, ICE_NO_MEMORY, "out of memory for table metadata"));
  if (update->count != 0) {
    memcpy(sorted, update->snapshot_ids, update->count * sizeof *sorted);
    qsort(sorted, update->count, sizeof *sorted, compare_i64);
  }
  int64_t current = number_of(run->document, "current-snapshot-id", EMPTY_SNAPSHOT_ID);
  ICE_TRY(filter_list(run, "snapshots", sorted, update->count, false));
  ICE_TRY(filter_list(run, "snapshot-log", sorted, update->count, true));
  ICE_TRY(filter_list(run, "statistics", sorted, update->count, false));
  ICE_TRY(filter_list(run, "partition-statistics", sorted, update->count, false));
  ICE_TRY(remove_dangling_refs(run, sorted, update->count));
  if (current != EMPTY_SNAPSHOT_ID && listed(sorted, update->count, current)) {
    ICE_TRY(set_current_snapshot(run, EMPTY_SNAPSHOT_ID));
  }
done:
  free(sorted);
  return status;
}

static ice_status set_properties(editor *run, const ice_table_update *update, bool set) {
  ice_status status = ICE_OK;
  json_t *properties = NULL;
  ICE_TRY(get_map(run, "properties", &properties));
  for (uint32_t i = 0; i < update->count; i++) {
    ice_str key = update->properties[i].key;
    if (!set) {
      json_object_deln(properties, key.data, key.size);
      continue;
    }
    ICE_TRY(ice_json_put_text(properties, key, update->properties[i].value, run->err));
  }
done:
  return status;
}

static ice_status assign_uuid(editor *run, ice_str uuid) {
  if (run->base->uuid.size != 0 && !ice_str_equal(run->base->uuid, uuid)) {
    return ice_error_set(run->err, ICE_INVALID_ARGUMENT, "the uuid of a table cannot change from %.*s to %.*s",
                         ICE_STR_ARG(run->base->uuid), ICE_STR_ARG(uuid));
  }
  return ice_json_put(run->document, "table-uuid", ice_json_string(uuid), run->err);
}

// What v2 requires and v1 may lack, from what was read of the v1 document.
static ice_status upgrade_to_v2(editor *run) {
  ice_status status = ICE_OK;
  json_t *schema = NULL;
  json_t *spec = NULL;
  json_t *list = NULL;
  const ice_table_metadata *base = run->base;
  if (base->uuid.size == 0 && !json_object_get(run->document, "table-uuid")) {
    ICE_TRY(ice_error_set(run->err, ICE_INVALID_ARGUMENT, "a table without a uuid cannot become v2"));
  }
  if (!json_object_get(run->document, "schemas")) {
    ICE_TRY(ice_schema_to_json(ice_table_current_schema(base), &schema, run->err));
    ICE_TRY(get_list(run, "schemas", &list));
    ICE_TRY(ice_json_push(list, json_incref(schema), run->err));
    ICE_TRY(put_number(run, "current-schema-id", base->current_schema_id));
  }
  if (!json_object_get(run->document, "partition-specs")) {
    ICE_TRY(ice_partition_spec_to_json(ice_table_default_spec(base), &spec, run->err));
    ICE_TRY(get_list(run, "partition-specs", &list));
    ICE_TRY(ice_json_push(list, json_incref(spec), run->err));
    ICE_TRY(put_number(run, "default-spec-id", base->default_spec_id));
  }
  if (!json_object_get(run->document, "sort-orders")) {
    ICE_TRY(get_list(run, "sort-orders", &list));
    ICE_TRY(ice_json_push(list, ice_sort_order_unsorted(), run->err));
    ICE_TRY(put_number(run, "default-sort-order-id", 0));
  }
  ICE_TRY(put_number(run, "last-partition-id", base->last_partition_id));
  ICE_TRY(put_number(run, "last-sequence-number", base->last_sequence_number));
  json_object_del(run->document, "schema");
  json_object_del(run->document, "partition-spec");
  ICE_TRY(put_number(run, "format-version", 2));
done:
  json_decref(schema);
  json_decref(spec);
  return status;
}

static ice_status upgrade(editor *run, int32_t version) {
  int64_t current = number_of(run->document, "format-version", 0);
  if (version == current) {
    return ICE_OK;
  }
  if (version < current) {
    return refuse(run, "a table cannot go back to format version", version);
  }
  if (version != 2) {
    return ice_error_set(run->err, ICE_UNSUPPORTED, "upgrade to format version %d", version);
  }
  return upgrade_to_v2(run);
}

static ice_status apply_one(editor *run, const ice_table_update *update) {
  switch (update->kind) {
    case ICE_UPDATE_ASSIGN_UUID: return assign_uuid(run, update->text);
    case ICE_UPDATE_UPGRADE_FORMAT_VERSION: return upgrade(run, update->id);
    case ICE_UPDATE_ADD_SCHEMA: return add_schema(run, update);
    case ICE_UPDATE_SET_CURRENT_SCHEMA:
      return set_current(run, "schemas", "schema-id", "current-schema-id", update->id, run->last_schema_id);
    case ICE_UPDATE_ADD_SPEC: return add_spec(run, update);
    case ICE_UPDATE_SET_DEFAULT_SPEC:
      return set_current(run, "partition-specs", "spec-id", "default-spec-id", update->id, run->last_spec_id);
    case ICE_UPDATE_ADD_SORT_ORDER: return add_sort_order(run, update);
    case ICE_UPDATE_SET_DEFAULT_SORT_ORDER:
      return set_current(run, "sort-orders", "order-id", "default-sort-order-id", update->id, run->last_order_id);
    case ICE_UPDATE_ADD_SNAPSHOT: return add_snapshot(run, update);
    case ICE_UPDATE_SET_SNAPSHOT_REF: return set_ref(run, update);
    case ICE_UPDATE_REMOVE_SNAPSHOTS: return remove_snapshots(run, update);
    case ICE_UPDATE_REMOVE_SNAPSHOT_REF: return remove_ref(run, update->text);
    case ICE_UPDATE_SET_LOCATION:
      return ice_json_put(run->document, "location", ice_json_string(update->text), run->err);
    case ICE_UPDATE_SET_PROPERTIES: return set_properties(run, update, true);
    case ICE_UPDATE_REMOVE_PROPERTIES: return set_properties(run, update, false);
  }
  return ice_error_set(run->err, ICE_INTERNAL, "table update of unknown kind %d", (int)update->kind);
}

// How many old metadata files the table remembers, from its properties after the change.
static size_t log_limit(const json_t *document) {
  const json_t *text =
      json_object_get(json_object_get(document, "properties"), "write.metadata.previous-versions-max");
  long value = json_is_string(text) ? strtol(json_string_value(text), NULL, 10) : METADATA_LOG_DEFAULT;
  return value < 1 ? 1 : (size_t)value;
}

static ice_status log_metadata(editor *run, ice_str previous_location) {
  ice_status status = ICE_OK;
  json_t *log = NULL;
  json_t *entry = NULL;
  if (previous_location.size == 0) {
    goto done;
  }
  entry = json_object();
  ICE_TRY(entry ? ICE_OK : ice_error_set(run->err, ICE_NO_MEMORY, "out of memory for table metadata"));
  ICE_TRY(get_list(run, "metadata-log", &log));
  ICE_TRY(ice_json_put(entry, "timestamp-ms", json_integer(run->base->last_updated_ms), run->err));
  ICE_TRY(ice_json_put(entry, "metadata-file", ice_json_string(previous_location), run->err));
  ICE_TRY(ice_json_push(log, json_incref(entry), run->err));
  size_t limit = log_limit(run->document);
  while (json_array_size(log) > limit) {
    json_array_remove(log, 0);
  }
done:
  json_decref(entry);
  return status;
}

ice_status ice_table_apply_updates(const ice_table_metadata *base, const ice_table_update *updates, uint32_t count,
                                   ice_str previous_location, int64_t now_ms, ice_table_metadata **out,
                                   ice_error *err) {
  ice_status status = ICE_OK;
  *out = NULL;
  editor run = {.base = base,
                .now_ms = now_ms,
                .updated_ms = base->last_updated_ms,
                .last_schema_id = -1,
                .last_spec_id = -1,
                .last_order_id = -1,
                .err = err};
  run.document = json_deep_copy(base->document);
  if (!run.document) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for table metadata");
  }
  for (uint32_t i = 0; i < count; i++) {
    ICE_TRY(apply_one(&run, &updates[i]));
  }
  // The clock of a neighbour may be ahead of this one; the table's time never goes back.
  ICE_TRY(put_number(&run, "last-updated-ms", now_ms > run.updated_ms ? now_ms : run.updated_ms));
  ICE_TRY(log_metadata(&run, previous_location));
  ICE_TRY(ice_table_metadata_from_json(run.document, out, err));
done:
  json_decref(run.document);
  return status;
}
