#include "ingest/evolve.h"

#include "iceberg/iceberg_schema.h"

enum { ATTEMPTS_MAX = 5 };

// The columns that the table lacks, numbered behind all that it ever had.
static ice_status number_missing(const ice_table_metadata *metadata, const ice_schema *wanted, ice_schema **out,
                                 ice_error *err) {
  const ice_schema *current = ice_table_current_schema(metadata);
  ice_schema *missing = NULL;
  uint32_t count = 0;
  int32_t last_id = metadata->last_column_id;
  ice_status status = ICE_OK;
  *out = NULL;
  ICE_TRY(ice_schema_create(&missing, err));
  ICE_TRY(ice_type_set_fields(missing, &missing->root, wanted->root.field_count, err));
  for (uint32_t i = 0; i < wanted->root.field_count; i++) {
    const ice_field *field = &wanted->root.fields[i];
    if (!ice_schema_find_name(current, field->name)) {
      ICE_TRY(ice_field_copy(missing, field, &missing->root.fields[count], err));
      // Rows that are there have no value for it.
      missing->root.fields[count++].required = false;
    }
  }
  missing->root.field_count = count;
  ICE_TRY(ice_schema_assign_fresh_ids(missing, &last_id, out, err));
done:
  ice_schema_unref(missing);
  return status;
}

static void widen(const ice_schema *schema, const ice_schema *wanted, ice_evolved *out) {
  for (uint32_t i = 0; i < schema->root.field_count; i++) {
    ice_field *field = &schema->root.fields[i];
    const ice_field *want = ice_schema_find_name(wanted, field->name);
    if (want && ice_type_widens(&field->type, &want->type)) {
      field->type.kind = want->type.kind;
      field->type.precision = want->type.precision;
      out->widened++;
    }
  }
}

static int32_t next_schema_id(const ice_table_metadata *metadata) {
  int32_t highest = -1;
  for (uint32_t i = 0; i < metadata->schema_count; i++) {
    highest = metadata->schemas[i]->schema_id > highest ? metadata->schemas[i]->schema_id : highest;
  }
  return highest + 1;
}

// The current schema with what the policy lets change.
static ice_status build_next(const ice_table_metadata *metadata, const ice_schema *wanted, ice_evolve_policy policy,
                             ice_evolved *changes, ice_schema **out, ice_error *err) {
  const ice_schema *current = ice_table_current_schema(metadata);
  ice_schema *added = NULL;
  ice_schema *next = NULL;
  uint32_t count = current->root.field_count;
  ice_status status = ICE_OK;
  *changes = (ice_evolved){0};
  *out = NULL;
  ICE_TRY(number_missing(metadata, wanted, &added, err));
  ICE_TRY(ice_schema_create(&next, err));
  next->schema_id = next_schema_id(metadata);
  ICE_TRY(ice_type_set_fields(next, &next->root, count + added->root.field_count, err));
  for (uint32_t i = 0; i < count; i++) {
    ICE_TRY(ice_field_copy(next, &current->root.fields[i], &next->root.fields[i], err));
  }
  for (uint32_t i = 0; i < added->root.field_count; i++) {
    ICE_TRY(ice_field_copy(next, &added->root.fields[i], &next->root.fields[count + i], err));
  }
  next->identifier_field_ids =
      ice_arena_alloc_array(&next->arena, current->identifier_field_count, sizeof(int32_t), err);
  if (!next->identifier_field_ids) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a schema");
  }
  if (current->identifier_field_count > 0) {
    memcpy(next->identifier_field_ids, current->identifier_field_ids,
           current->identifier_field_count * sizeof(int32_t));
  }
  next->identifier_field_count = current->identifier_field_count;
  changes->added = added->root.field_count;
  if (policy == ICE_EVOLVE_WIDEN) {
    widen(next, wanted, changes);
  }
  *out = next;
  next = NULL;
done:
  ice_schema_unref(added);
  ice_schema_unref(next);
  return status;
}

static ice_status commit_schema(ice_catalog *catalog, ice_table_ident ident, const ice_table *table,
                                const ice_schema *next, ice_error *err) {
  const ice_table_metadata *metadata = table->metadata;
  const ice_table_requirement requirements[] = {
      {.kind = ICE_ASSERT_TABLE_UUID, .uuid = metadata->uuid},
      {.kind = ICE_ASSERT_CURRENT_SCHEMA_ID, .id = metadata->current_schema_id},
      {.kind = ICE_ASSERT_LAST_ASSIGNED_FIELD_ID, .id = metadata->last_column_id}};
  int32_t last_id = ice_schema_highest_id(next);
  const ice_table_update updates[] = {{.kind = ICE_UPDATE_ADD_SCHEMA,
                                       .schema = next,
                                       .id = last_id > metadata->last_column_id ? last_id : metadata->last_column_id},
                                      {.kind = ICE_UPDATE_SET_CURRENT_SCHEMA, .id = -1}};
  const ice_table_commit commit = {.ident = ident,
                                   .change = {.requirements = requirements,
                                              .requirement_count = ICE_COUNT_OF(requirements),
                                              .updates = updates,
                                              .update_count = ICE_COUNT_OF(updates)},
                                   .base = table};
  return ice_catalog_commit(catalog, &commit, 1, err);
}

ice_status ice_evolve_table(ice_catalog *catalog, ice_table_ident ident, const ice_schema *wanted,
                            ice_evolve_policy policy, ice_evolved *out, ice_error *err) {
  ice_status status = ICE_CONFLICT;
  *out = (ice_evolved){0};
  if (policy == ICE_EVOLVE_NONE) {
    return ICE_OK;
  }
  // A conflict and an unknown outcome are both settled by looking again: what is there needs no second commit.
  for (int i = 0; i < ATTEMPTS_MAX && (status == ICE_CONFLICT || status == ICE_COMMIT_UNKNOWN); i++) {
    ice_table table = {0};
    ice_schema *next = NULL;
    ice_evolved changes = {0};
    status = ice_catalog_load_table(catalog, ident, &table, err);
    if (status == ICE_OK) {
      status = build_next(table.metadata, wanted, policy, &changes, &next, err);
    }
    if (status == ICE_OK && (changes.added > 0 || changes.widened > 0)) {
      status = commit_schema(catalog, ident, &table, next, err);
      *out = changes;
    }
    ice_schema_unref(next);
    ice_table_deinit(&table);
  }
  if (status != ICE_OK) {
    ice_error_prepend(err, "evolve");
  }
  return status;
}
