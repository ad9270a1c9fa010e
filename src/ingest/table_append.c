#include "ingest/table_append.h"

#include "iceberg/iceberg_json.h"
#include "ingest/commit_build.h"
#include <stdio.h>

enum { APPEND_BYTES_MAX = 1 << 30, TEXT_MAX = 1 << 16, SUMMARY_MAX = 1000, OWN_SUMMARY = 2 };

ice_status ice_table_append_init(ice_table_append *append, const ice_table_append_options *options, ice_error *err) {
  *append = (ice_table_append){
      .options = *options,
      .committer = {.catalog = options->catalog, .port = options->port, .observer = options->observer}};
  ice_arena_init(&append->arena, APPEND_BYTES_MAX);
  uint8_t random[16];
  const ice_random *source = &options->port->random;
  ice_status status = ICE_OK;
  ICE_TRY(source->fill(source->context, random, sizeof random, err));
  append->snapshot_id = ice_snapshot_id_from_random(random);
  ICE_TRY(ice_uuid_random_text(source, append->uuid, err));
done:
  return status;
}

void ice_table_append_deinit(ice_table_append *append) { ice_arena_deinit(&append->arena); }

// The token ---------------------------------------------------------------------------------------------------------

static ice_status token_key(ice_str writer, ice_bytes *out, ice_error *err) {
  return ice_sink_property(ICE_PROPERTY_TOKEN, writer, out, err);
}

ice_status ice_table_token(const ice_table *table, ice_str writer, bool *known, int64_t *number, int64_t *snapshot_id,
                           ice_error *err) {
  json_t *root = NULL;
  ice_bytes key;
  ice_bytes_init(&key, TEXT_MAX);
  ice_status status = ICE_OK;
  *known = false;
  ICE_TRY(token_key(writer, &key, err));
  ice_str text = ice_table_property(table->metadata, ice_bytes_str(&key));
  if (!text.data) {
    goto done;
  }
  status = ice_json_text_parse(text, &root, err);
  status = status == ICE_OK ? ice_json_get_i64(root, "number", number, err) : status;
  status = status == ICE_OK ? ice_json_get_i64(root, "snapshot-id", snapshot_id, err) : status;
  if (status != ICE_OK) {
    ice_error_prepend(err, "property %.*s", ICE_STR_ARG(ice_bytes_str(&key)));
  }
  *known = status == ICE_OK;
done:
  json_decref(root);
  ice_bytes_deinit(&key);
  return status;
}

ice_status ice_table_token_format(ice_str writer, int64_t number, int64_t snapshot_id, ice_bytes *key,
                                  ice_bytes *value, ice_error *err) {
  ice_status status = token_key(writer, key, err);
  return status == ICE_OK ? ice_bytes_append_format(value, err, "{\"number\":%lld,\"snapshot-id\":%lld}",
                                                    (long long)number, (long long)snapshot_id)
                          : status;
}

static ice_status set_token(const ice_table_append *append, ice_build *build, ice_error *err) {
  ice_bytes key;
  ice_bytes value;
  ice_bytes_init(&key, TEXT_MAX);
  ice_bytes_init(&value, TEXT_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(
      ice_table_token_format(append->options.writer, append->options.number, append->snapshot_id, &key, &value, err));
  ICE_TRY(ice_build_set_property(build, ice_bytes_str(&key), ice_bytes_str(&value), err));
done:
  ice_bytes_deinit(&key);
  ice_bytes_deinit(&value);
  return status;
}

// Was it made? ------------------------------------------------------------------------------------------------------

// From the head of the load down to the head that the attempt of unknown outcome stood on: when all of that is shown and none of it
// is ours, the attempt was not applied, and can no more be, for it asserts a head that is gone.
static bool was_passed_over(const ice_table_append *append, const ice_table_metadata *metadata) {
  const ice_snapshot *at = ice_table_ref_snapshot(metadata, ICE_REF_MAIN);
  for (uint32_t i = 0; at && i <= metadata->snapshot_count; i++) {
    if (append->had_head && at->snapshot_id == append->head) {
      return true;
    }
    if (!at->has_parent) {
      return !append->had_head && at->sequence_number == 1;
    }
    at = ice_table_find_snapshot(metadata, at->parent_snapshot_id);
  }
  return false;
}

// A token that is there says so for ever; without one the table's snapshots are all that there is.
static ice_status look_for_it(const ice_table_append *append, const ice_table *table, bool *made,
                              ice_append_outcome *outcome, ice_error *err) {
  *made = false;
  if (append->options.writer.size > 0) {
    int64_t number;
    int64_t snapshot_id;
    bool known;
    ice_status status = ice_table_token(table, append->options.writer, &known, &number, &snapshot_id, err);
    if (status == ICE_OK && known && number >= append->options.number) {
      *made = true;
      outcome->done_before = snapshot_id != append->snapshot_id;
      outcome->snapshot_id = number == append->options.number ? snapshot_id : -1;
    }
    return status;
  }
  if (!append->unknown) {
    return ICE_OK;
  }
  if (ice_table_find_snapshot(table->metadata, append->snapshot_id)) {
    *made = true;
    outcome->snapshot_id = append->snapshot_id;
    return ICE_OK;
  }
  const ice_snapshot *head = ice_table_ref_snapshot(table->metadata, ICE_REF_MAIN);
  bool same_head = append->had_head ? head && head->snapshot_id == append->head : !head;
  if (same_head || was_passed_over(append, table->metadata)) {
    return ICE_OK;
  }
  return ice_error_set(err, ICE_COMMIT_UNKNOWN,
                       "table %.*s.%.*s does not show whether snapshot %lld was added; give appends a token to know",
                       ICE_IDENT_ARG(append->options.ident), (long long)append->snapshot_id);
}

// Manifests ---------------------------------------------------------------------------------------------------------

static ice_manifest_merge merge_of(const ice_table_append *append, const ice_table *table) {
  return (ice_manifest_merge){.store = append->options.catalog->store,
                              .port = append->options.port,
                              .ident = append->options.ident,
                              .metadata = table->metadata,
                              .snapshot_id = append->snapshot_id};
}

// The new files' manifests are written once, by the first attempt that gets that far, and are the same in all others.
static ice_status write_manifests(ice_table_append *append, const ice_table *table, ice_error *err) {
  ice_manifest_merge merge = merge_of(append, table);
  ice_status status = ICE_OK;
  for (size_t i = 0; i < append->options.file_count; i++) {
    if (append->options.files[i].size > 0) {
      ICE_TRY(ice_manifest_merge_add(&merge, append->options.files[i], err));
    }
  }
  for (uint32_t i = append->manifest_count; i < merge.count; i++) {
    ICE_TRY(ice_manifest_merge_store(&merge, i, ice_str_of(append->uuid), append->name_number++, &append->arena,
                                     &append->manifests[i], err));
    append->manifest_count++;
  }
  append->has_manifests = true;
done:
  ice_manifest_merge_deinit(&merge);
  return status;
}

// What an attempt deletes is what its own load shows.
static ice_status write_deleted(ice_table_append *append, const ice_table *table, ice_error *err) {
  ice_manifest_merge merge = merge_of(append, table);
  ice_manifest_file *there;
  uint32_t there_count;
  ice_arena arena;
  ice_arena_init(&arena, APPEND_BYTES_MAX);
  ice_status status = ICE_OK;
  append->deleted_count = 0;
  ICE_TRY(ice_build_read_manifests(&append->committer, table, &arena, &there, &there_count, err));
  for (uint32_t i = 0; i < there_count; i++) {
    if (there[i].added_files != 0 || there[i].existing_files != 0) {
      ICE_TRY(ice_manifest_merge_delete(&merge, &there[i], err));
    }
  }
  for (uint32_t i = 0; i < merge.count; i++) {
    ICE_TRY(ice_manifest_merge_store(&merge, i, ice_str_of(append->uuid), append->name_number++, &append->arena,
                                     &append->manifests[append->manifest_count + i], err));
    append->deleted_count++;
  }
done:
  ice_manifest_merge_deinit(&merge);
  ice_arena_deinit(&arena);
  return status;
}

// An attempt --------------------------------------------------------------------------------------------------------

static ice_status build(ice_table_append *append, const ice_table *table, ice_build *out, ice_error *err) {
  ice_property summary[OWN_SUMMARY + SUMMARY_MAX];
  char number[32];
  uint32_t count = 0;
  ice_status status = ICE_OK;
  *out = (ice_build){0};
  if (append->options.summary_count > SUMMARY_MAX) {
    ICE_FAIL(ICE_LIMIT, "more than %d entries for a snapshot's summary", (int)SUMMARY_MAX);
  }
  if (append->options.writer.size > 0) {
    int size = snprintf(number, sizeof number, "%lld", (long long)append->options.number);
    summary[count++] = (ice_property){.key = ICE_STR("icesink.writer"), .value = append->options.writer};
    summary[count++] = (ice_property){.key = ICE_STR("icesink.number"), .value = ice_str_make(number, (size_t)size)};
  }
  for (uint32_t i = 0; i < append->options.summary_count; i++) {
    summary[count++] = append->options.summary[i];
  }
  ice_build_options options = {.table = table,
                               .snapshot_id = append->snapshot_id,
                               .manifests = append->manifests,
                               .manifest_count = append->manifest_count + append->deleted_count,
                               .replace = append->options.replace,
                               .summary = summary,
                               .summary_count = count,
                               .attempt = append->attempts,
                               .uuid = ice_str_of(append->uuid)};
  ICE_TRY(ice_build_append(&append->committer, &options, out, err));
  if (append->options.writer.size > 0) {
    ICE_TRY(set_token(append, out, err));
  }
done:
  return status;
}

static void remember_head(ice_table_append *append, const ice_table_metadata *metadata) {
  const ice_snapshot *head = ice_table_ref_snapshot(metadata, ICE_REF_MAIN);
  append->unknown = true;
  append->had_head = head != NULL;
  append->head = head ? head->snapshot_id : 0;
}

// Of an attempt that was refused for certain: what cannot be deleted is found by `maintain orphans`.
static void discard(const ice_table_append *append, ice_build *built) {
  ice_build_discard(&append->committer, built);
  for (uint32_t i = 0; i < append->deleted_count; i++) {
    const ice_manifest_totals *deleted = &append->manifests[append->manifest_count + i];
    (void)!ice_store_remove(append->options.catalog->store, deleted->file.path, NULL);
  }
}

// Behind a network a refusal proves nothing either (docs/decisions/0008-remote-catalogs.md).
static ice_status send(ice_table_append *append, const ice_table *table, ice_build *built,
                       ice_append_outcome *outcome, ice_error *err) {
  ice_table_commit commit = {.ident = append->options.ident, .change = ice_build_change(built), .base = table};
  ice_status status = ice_catalog_commit(append->options.catalog, &commit, 1, err);
  if (status == ICE_OK) {
    outcome->attempt = ICE_ATTEMPT_DONE;
    outcome->snapshot_id = append->snapshot_id;
    return ICE_OK;
  }
  if (status == ICE_COMMIT_UNKNOWN || append->options.catalog->remote) {
    remember_head(append, table->metadata);
  } else {
    discard(append, built);
  }
  return status == ICE_CONFLICT || status == ICE_COMMIT_UNKNOWN ? ICE_OK : status;
}

ice_status ice_table_append_attempt(ice_table_append *append, ice_append_outcome *outcome, ice_error *err) {
  ice_table table = {0};
  ice_build built = {0};
  bool made;
  *outcome = (ice_append_outcome){.attempt = ICE_ATTEMPT_AGAIN, .snapshot_id = -1};
  ice_status status = ICE_OK;
  ICE_TRY(ice_catalog_load_table(append->options.catalog, append->options.ident, &table, err));
  ICE_TRY(look_for_it(append, &table, &made, outcome, err));
  if (!made && !append->has_manifests) {
    ICE_TRY(write_manifests(append, &table, err));
  }
  // Without rows and without a number there is nothing to say.
  bool nothing = append->manifest_count == 0 && append->options.writer.size == 0 && !append->options.replace;
  if (made || nothing) {
    outcome->attempt = ICE_ATTEMPT_DONE;
    goto done;
  }
  append->attempts++;
  if (append->options.replace) {
    ICE_TRY(write_deleted(append, &table, err));
  }
  ICE_TRY(build(append, &table, &built, err));
  ICE_TRY(send(append, &table, &built, outcome, err));
done:
  ice_build_deinit(&built);
  ice_table_deinit(&table);
  return status;
}
