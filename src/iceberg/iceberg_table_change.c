// Requirements and updates as JSON of the REST catalog specification.
#include "iceberg/iceberg_schema.h"
#include "iceberg/iceberg_table_update.h"
#include <stdlib.h>

enum { CHANGE_LIST_MAX = 1 << 20, CHANGE_ARENA_MAX = 1 << 28 };

typedef struct requirement_name {
  ice_requirement_kind kind;
  const char *name;
  const char *id_key;  ///< NULL: no number
} requirement_name;

static const requirement_name requirement_names[] = {
    {ICE_ASSERT_CREATE, "assert-create", NULL},
    {ICE_ASSERT_TABLE_UUID, "assert-table-uuid", NULL},
    {ICE_ASSERT_REF_SNAPSHOT_ID, "assert-ref-snapshot-id", NULL},
    {ICE_ASSERT_LAST_ASSIGNED_FIELD_ID, "assert-last-assigned-field-id", "last-assigned-field-id"},
    {ICE_ASSERT_CURRENT_SCHEMA_ID, "assert-current-schema-id", "current-schema-id"},
    {ICE_ASSERT_LAST_ASSIGNED_PARTITION_ID, "assert-last-assigned-partition-id", "last-assigned-partition-id"},
    {ICE_ASSERT_DEFAULT_SPEC_ID, "assert-default-spec-id", "default-spec-id"},
    {ICE_ASSERT_DEFAULT_SORT_ORDER_ID, "assert-default-sort-order-id", "default-sort-order-id"}};

typedef struct update_name {
  ice_update_kind kind;
  const char *name;
  const char *id_key;    ///< NULL: no number
  const char *text_key;  ///< NULL: no text
} update_name;

static const update_name update_names[] = {
    {ICE_UPDATE_ASSIGN_UUID, "assign-uuid", NULL, "uuid"},
    {ICE_UPDATE_UPGRADE_FORMAT_VERSION, "upgrade-format-version", "format-version", NULL},
    {ICE_UPDATE_ADD_SCHEMA, "add-schema", NULL, NULL},
    {ICE_UPDATE_SET_CURRENT_SCHEMA, "set-current-schema", "schema-id", NULL},
    {ICE_UPDATE_ADD_SPEC, "add-spec", NULL, NULL},
    {ICE_UPDATE_SET_DEFAULT_SPEC, "set-default-spec", "spec-id", NULL},
    {ICE_UPDATE_ADD_SORT_ORDER, "add-sort-order", NULL, NULL},
    {ICE_UPDATE_SET_DEFAULT_SORT_ORDER, "set-default-sort-order", "sort-order-id", NULL},
    {ICE_UPDATE_ADD_SNAPSHOT, "add-snapshot", NULL, NULL},
    {ICE_UPDATE_SET_SNAPSHOT_REF, "set-snapshot-ref", NULL, "ref-name"},
    {ICE_UPDATE_REMOVE_SNAPSHOTS, "remove-snapshots", NULL, NULL},
    {ICE_UPDATE_REMOVE_SNAPSHOT_REF, "remove-snapshot-ref", NULL, "ref-name"},
    {ICE_UPDATE_SET_LOCATION, "set-location", NULL, "location"},
    {ICE_UPDATE_SET_PROPERTIES, "set-properties", NULL, NULL},
    {ICE_UPDATE_REMOVE_PROPERTIES, "remove-properties", NULL, NULL}};

// Writing -----------------------------------------------------------------------------------------------------------

static ice_status requirement_to_json(const ice_table_requirement *requirement, json_t *json, ice_error *err) {
  ice_status status = ICE_OK;
  const requirement_name *name = &requirement_names[requirement->kind];
  ICE_TRY(ice_json_put(json, "type", json_string(name->name), err));
  if (name->id_key) {
    ICE_TRY(ice_json_put(json, name->id_key, json_integer(requirement->id), err));
  } else if (requirement->kind == ICE_ASSERT_TABLE_UUID) {
    ICE_TRY(ice_json_put(json, "uuid", ice_json_string(requirement->uuid), err));
  } else if (requirement->kind == ICE_ASSERT_REF_SNAPSHOT_ID) {
    json_t *id = requirement->has_snapshot_id ? json_integer(requirement->snapshot_id) : json_null();
    ICE_TRY(ice_json_put(json, "ref", ice_json_string(requirement->ref), err));
    ICE_TRY(ice_json_put(json, "snapshot-id", id, err));
  }
done:
  return status;
}

static ice_status schema_to_json(const ice_table_update *update, json_t *json, ice_error *err) {
  json_t *schema = NULL;
  ice_status status = ice_schema_to_json(update->schema, &schema, err);
  if (status == ICE_OK) {
    status = ice_json_put(json, "schema", schema, err);
  }
  if (status == ICE_OK) {
    int32_t last = update->id > 0 ? update->id : ice_schema_highest_id(update->schema);
    status = ice_json_put(json, "last-column-id", json_integer(last), err);
  }
  return status;
}

static ice_status properties_to_json(const ice_table_update *update, json_t *json, ice_error *err) {
  ice_status status = ICE_OK;
  if (update->kind == ICE_UPDATE_REMOVE_PROPERTIES) {
    json_t *removals = json_array();
    ICE_TRY(ice_json_put(json, "removals", removals, err));
    for (uint32_t i = 0; i < update->count; i++) {
      ICE_TRY(ice_json_push(removals, ice_json_string(update->properties[i].key), err));
    }
    goto done;
  }
  json_t *updates = json_object();
  ICE_TRY(ice_json_put(json, "updates", updates, err));
  for (uint32_t i = 0; i < update->count; i++) {
    ICE_TRY(ice_json_put_text(updates, update->properties[i].key, update->properties[i].value, err));
  }
done:
  return status;
}

static ice_status ids_to_json(const ice_table_update *update, json_t *json, ice_error *err) {
  json_t *ids = json_array();
  ice_status status = ice_json_put(json, "snapshot-ids", ids, err);
  for (uint32_t i = 0; i < update->count && status == ICE_OK; i++) {
    status = ice_json_push(ids, json_integer(update->snapshot_ids[i]), err);
  }
  return status;
}

static ice_status put_made(json_t *json, const char *key, ice_status made, json_t *value, ice_error *err) {
  return made == ICE_OK ? ice_json_put(json, key, value, err) : made;
}

static ice_status update_to_json(const ice_table_update *update, json_t *json, ice_error *err) {
  ice_status status = ICE_OK;
  json_t *value = NULL;
  const update_name *name = &update_names[update->kind];
  ICE_TRY(ice_json_put(json, "action", json_string(name->name), err));
  if (name->id_key) {
    ICE_TRY(ice_json_put(json, name->id_key, json_integer(update->id), err));
  }
  if (name->text_key) {
    ICE_TRY(ice_json_put(json, name->text_key, ice_json_string(update->text), err));
  }
  switch (update->kind) {
    case ICE_UPDATE_ADD_SCHEMA: status = schema_to_json(update, json, err); break;
    case ICE_UPDATE_ADD_SPEC:
      status = ice_partition_spec_to_json(update->spec, &value, err);
      status = put_made(json, "spec", status, value, err);
      break;
    case ICE_UPDATE_ADD_SORT_ORDER:
      status = ice_json_put(json, "sort-order", json_deep_copy(update->json), err);
      break;
    case ICE_UPDATE_ADD_SNAPSHOT:
      status = ice_snapshot_to_json(update->snapshot, &value, err);
      status = put_made(json, "snapshot", status, value, err);
      break;
    case ICE_UPDATE_SET_SNAPSHOT_REF:
      ICE_TRY(ice_json_put(json, "type", json_string(update->is_tag ? "tag" : "branch"), err));
      ICE_TRY(ice_json_put(json, "snapshot-id", json_integer(update->snapshot_id), err));
      break;
    case ICE_UPDATE_REMOVE_SNAPSHOTS: status = ids_to_json(update, json, err); break;
    case ICE_UPDATE_SET_PROPERTIES:
    case ICE_UPDATE_REMOVE_PROPERTIES: status = properties_to_json(update, json, err); break;
    case ICE_UPDATE_ASSIGN_UUID:
    case ICE_UPDATE_UPGRADE_FORMAT_VERSION:
    case ICE_UPDATE_SET_CURRENT_SCHEMA:
    case ICE_UPDATE_SET_DEFAULT_SPEC:
    case ICE_UPDATE_SET_DEFAULT_SORT_ORDER:
    case ICE_UPDATE_REMOVE_SNAPSHOT_REF:
    case ICE_UPDATE_SET_LOCATION: break;
  }
done:
  return status;
}

ice_status ice_table_change_to_json(const ice_table_change *change, json_t *body, ice_error *err) {
  ice_status status = ICE_OK;
  json_t *requirements = json_array();
  ICE_TRY(ice_json_put(body, "requirements", requirements, err));
  for (uint32_t i = 0; i < change->requirement_count; i++) {
    json_t *item = json_object();
    ICE_TRY(ice_json_push(requirements, item, err));
    ICE_TRY(requirement_to_json(&change->requirements[i], item, err));
  }
  json_t *updates = json_array();
  ICE_TRY(ice_json_put(body, "updates", updates, err));
  for (uint32_t i = 0; i < change->update_count; i++) {
    json_t *item = json_object();
    ICE_TRY(ice_json_push(updates, item, err));
    ICE_TRY(update_to_json(&change->updates[i], item, err));
  }
done:
  return status;
}

// Reading -----------------------------------------------------------------------------------------------------------

static ice_status requirement_from_json(const json_t *json, ice_table_requirement *out, ice_error *err) {
  ice_status status = ICE_OK;
  ice_str type = {0};
  const requirement_name *name = NULL;
  ICE_TRY(ice_json_get_str(json, "type", &type, err));
  for (size_t i = 0; i < ICE_COUNT_OF(requirement_names); i++) {
    if (ice_str_equal_c(type, requirement_names[i].name)) {
      name = &requirement_names[i];
    }
  }
  if (!name) {
    ICE_FAIL(ICE_UNSUPPORTED, "table requirement \"%.*s\"", ICE_STR_ARG(type));
  }
  out->kind = name->kind;
  if (name->id_key) {
    ICE_TRY(ice_json_get_i32(json, name->id_key, &out->id, err));
  } else if (name->kind == ICE_ASSERT_TABLE_UUID) {
    ICE_TRY(ice_json_get_str(json, "uuid", &out->uuid, err));
  } else if (name->kind == ICE_ASSERT_REF_SNAPSHOT_ID) {
    const json_t *id = json_object_get(json, "snapshot-id");
    out->has_snapshot_id = id && !json_is_null(id);
    ICE_TRY(ice_json_get_str(json, "ref", &out->ref, err));
    ICE_TRY(ice_json_find_i64(json, "snapshot-id", &out->snapshot_id, err));
  }
done:
  return status;
}

static ice_status arena_status(const ice_error *err) { return err ? err->status : ICE_NO_MEMORY; }

static ice_status ids_from_json(ice_table_change_read *run, const json_t *json, ice_table_update *out,
                                ice_error *err) {
  ice_status status = ICE_OK;
  json_t *list = NULL;
  ICE_TRY(ice_json_get_array(json, "snapshot-ids", &list, err));
  size_t count = json_array_size(list);
  if (count > CHANGE_LIST_MAX) {
    ICE_FAIL(ICE_LIMIT, "update with %zu snapshot ids", count);
  }
  int64_t *ids = ice_arena_alloc_array(&run->arena, count, sizeof *ids, err);
  if (!ids) {
    return arena_status(err);
  }
  for (size_t i = 0; i < count; i++) {
    if (!json_is_integer(json_array_get(list, i))) {
      ICE_FAIL(ICE_CORRUPT, "member \"snapshot-ids\" holds something that is no id");
    }
    ids[i] = json_integer_value(json_array_get(list, i));
  }
  out->snapshot_ids = ids;
  out->count = (uint32_t)count;
done:
  return status;
}

static ice_status removals_from_json(ice_table_change_read *run, const json_t *json, ice_table_update *out,
                                     ice_error *err) {
  ice_status status = ICE_OK;
  json_t *list = NULL;
  ICE_TRY(ice_json_get_array(json, "removals", &list, err));
  size_t count = json_array_size(list);
  if (count > CHANGE_LIST_MAX) {
    ICE_FAIL(ICE_LIMIT, "update with %zu properties", count);
  }
  ice_property *keys = ice_arena_alloc_array(&run->arena, count, sizeof *keys, err);
  if (!keys) {
    return arena_status(err);
  }
  for (size_t i = 0; i < count; i++) {
    const json_t *key = json_array_get(list, i);
    if (!json_is_string(key)) {
      ICE_FAIL(ICE_CORRUPT, "member \"removals\" holds something that is no text");
    }
    keys[i].key = ice_str_make(json_string_value(key), json_string_length(key));
  }
  out->properties = keys;
  out->count = (uint32_t)count;
done:
  return status;
}

static ice_status schema_from_json(ice_table_change_read *run, const json_t *json, ice_table_update *out,
                                   ice_error *err) {
  ice_schema *schema = NULL;
  ice_status status = ice_schema_from_json(json_object_get(json, "schema"), &schema, err);
  if (status == ICE_OK) {
    run->schemas[run->schema_count++] = schema;
    out->schema = schema;
    status = ice_json_find_i32(json, "last-column-id", &out->id, err);
  }
  return status;
}

static ice_status spec_from_json(ice_table_change_read *run, const json_t *json, ice_table_update *out,
                                 ice_error *err) {
  ice_partition_spec *spec = ice_arena_alloc(&run->arena, sizeof *spec, err);
  if (!spec) {
    return arena_status(err);
  }
  json_t *object = json_object_get(json, "spec");
  out->spec = spec;
  if (json_is_object(object) && !json_object_get(object, "spec-id")) {
    // The id is the server's to give; clients may leave it out.
    return ice_partition_spec_from_json(json_object_get(object, "fields"), &run->arena, spec, err);
  }
  return ice_partition_spec_from_json(object, &run->arena, spec, err);
}

static ice_status snapshot_from_json(ice_table_change_read *run, const json_t *json, ice_table_update *out,
                                     ice_error *err) {
  ice_snapshot *snapshot = ice_arena_alloc(&run->arena, sizeof *snapshot, err);
  if (!snapshot) {
    return arena_status(err);
  }
  out->snapshot = snapshot;
  return ice_snapshot_from_json(json_object_get(json, "snapshot"), &run->arena, snapshot, err);
}

static ice_status ref_from_json(const json_t *json, ice_table_update *out, ice_error *err) {
  ice_str type = {0};
  ice_status status = ice_json_get_i64(json, "snapshot-id", &out->snapshot_id, err);
  if (status == ICE_OK) {
    status = ice_json_get_str(json, "type", &type, err);
  }
  out->is_tag = ice_str_equal_c(type, "tag");
  return status;
}

static ice_status update_from_json(ice_table_change_read *run, const json_t *json, ice_table_update *out,
                                   ice_error *err) {
  ice_status status = ICE_OK;
  ice_str action = {0};
  const update_name *name = NULL;
  ice_property *properties = NULL;
  ICE_TRY(ice_json_get_str(json, "action", &action, err));
  for (size_t i = 0; i < ICE_COUNT_OF(update_names); i++) {
    if (ice_str_equal_c(action, update_names[i].name)) {
      name = &update_names[i];
    }
  }
  if (!name) {
    ICE_FAIL(ICE_UNSUPPORTED, "table update \"%.*s\"", ICE_STR_ARG(action));
  }
  out->kind = name->kind;
  if (name->id_key) {
    ICE_TRY(ice_json_get_i32(json, name->id_key, &out->id, err));
  }
  if (name->text_key) {
    ICE_TRY(ice_json_get_str(json, name->text_key, &out->text, err));
  }
  switch (name->kind) {
    case ICE_UPDATE_ADD_SCHEMA: status = schema_from_json(run, json, out, err); break;
    case ICE_UPDATE_ADD_SPEC: status = spec_from_json(run, json, out, err); break;
    case ICE_UPDATE_ADD_SORT_ORDER: out->json = json_object_get(json, "sort-order"); break;
    case ICE_UPDATE_ADD_SNAPSHOT: status = snapshot_from_json(run, json, out, err); break;
    case ICE_UPDATE_SET_SNAPSHOT_REF: status = ref_from_json(json, out, err); break;
    case ICE_UPDATE_REMOVE_SNAPSHOTS: status = ids_from_json(run, json, out, err); break;
    case ICE_UPDATE_SET_PROPERTIES:
      status = ice_json_read_properties(json_object_get(json, "updates"), &run->arena, &properties, &out->count, err);
      out->properties = properties;
      break;
    case ICE_UPDATE_REMOVE_PROPERTIES: status = removals_from_json(run, json, out, err); break;
    case ICE_UPDATE_ASSIGN_UUID:
    case ICE_UPDATE_UPGRADE_FORMAT_VERSION:
    case ICE_UPDATE_SET_CURRENT_SCHEMA:
    case ICE_UPDATE_SET_DEFAULT_SPEC:
    case ICE_UPDATE_SET_DEFAULT_SORT_ORDER:
    case ICE_UPDATE_REMOVE_SNAPSHOT_REF:
    case ICE_UPDATE_SET_LOCATION: break;
  }
done:
  return status;
}

ice_status ice_table_change_from_json(json_t *body, ice_table_change_read *out, ice_error *err) {
  ice_status status = ICE_OK;
  json_t *requirements = NULL;
  json_t *updates = NULL;
  *out = (ice_table_change_read){0};
  ice_arena_init(&out->arena, CHANGE_ARENA_MAX);
  out->document = json_incref(body);
  ICE_TRY(ice_json_find_array(body, "requirements", &requirements, err));
  ICE_TRY(ice_json_find_array(body, "updates", &updates, err));
  size_t requirement_count = json_array_size(requirements);
  size_t update_count = json_array_size(updates);
  if (requirement_count > CHANGE_LIST_MAX || update_count > CHANGE_LIST_MAX) {
    ICE_FAIL(ICE_LIMIT, "%zu requirements and %zu updates", requirement_count, update_count);
  }
  ice_table_requirement *asserted =
      ice_arena_alloc_array(&out->arena, requirement_count, sizeof(ice_table_requirement), err);
  ice_table_update *wanted =
      asserted ? ice_arena_alloc_array(&out->arena, update_count, sizeof(ice_table_update), err) : NULL;
  out->schemas = wanted ? ice_arena_alloc_array(&out->arena, update_count, sizeof *out->schemas, err) : NULL;
  if (!out->schemas) {
    return arena_status(err);
  }
  for (size_t i = 0; i < requirement_count; i++) {
    ICE_TRY(requirement_from_json(json_array_get(requirements, i), &asserted[i], err));
  }
  for (size_t i = 0; i < update_count; i++) {
    status = update_from_json(out, json_array_get(updates, i), &wanted[i], err);
    if (status != ICE_OK) {
      ice_error_prepend(err, "update %zu", i);
      goto done;
    }
  }
  out->change = (ice_table_change){.requirements = asserted,
                                   .requirement_count = (uint32_t)requirement_count,
                                   .updates = wanted,
                                   .update_count = (uint32_t)update_count};
done:
  return status;
}

void ice_table_change_read_deinit(ice_table_change_read *change) {
  for (uint32_t i = 0; i < change->schema_count; i++) {
    ice_schema_unref(change->schemas[i]);
  }
  json_decref(change->document);
  ice_arena_deinit(&change->arena);
  *change = (ice_table_change_read){0};
}

ice_status ice_table_create_change(const ice_table_metadata *metadata, ice_arena *arena, ice_table_change *out,
                                   ice_error *err) {
  enum { UPDATE_COUNT = 10 };
  *out = (ice_table_change){0};
  ice_table_requirement *requirement = ice_arena_alloc(arena, sizeof *requirement, err);
  ice_table_update *updates = requirement ? ice_arena_alloc_array(arena, UPDATE_COUNT, sizeof *updates, err) : NULL;
  if (!updates) {
    return arena_status(err);
  }
  const json_t *orders = json_object_get(metadata->document, "sort-orders");
  requirement->kind = ICE_ASSERT_CREATE;
  updates[0] = (ice_table_update){.kind = ICE_UPDATE_ASSIGN_UUID, .text = metadata->uuid};
  updates[1] = (ice_table_update){.kind = ICE_UPDATE_UPGRADE_FORMAT_VERSION, .id = metadata->format_version};
  updates[2] = (ice_table_update){
      .kind = ICE_UPDATE_ADD_SCHEMA, .schema = ice_table_current_schema(metadata), .id = metadata->last_column_id};
  updates[3] = (ice_table_update){.kind = ICE_UPDATE_SET_CURRENT_SCHEMA, .id = -1};
  updates[4] = (ice_table_update){.kind = ICE_UPDATE_ADD_SPEC, .spec = ice_table_default_spec(metadata)};
  updates[5] = (ice_table_update){.kind = ICE_UPDATE_SET_DEFAULT_SPEC, .id = -1};
  updates[6] = (ice_table_update){.kind = ICE_UPDATE_ADD_SORT_ORDER, .json = json_array_get(orders, 0)};
  updates[7] = (ice_table_update){.kind = ICE_UPDATE_SET_DEFAULT_SORT_ORDER, .id = -1};
  updates[8] = (ice_table_update){.kind = ICE_UPDATE_SET_LOCATION, .text = metadata->location};
  updates[9] = (ice_table_update){
      .kind = ICE_UPDATE_SET_PROPERTIES, .properties = metadata->properties, .count = metadata->property_count};
  *out = (ice_table_change){
      .requirements = requirement, .requirement_count = 1, .updates = updates, .update_count = UPDATE_COUNT};
  return ICE_OK;
}
