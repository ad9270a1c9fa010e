#include "ingest/commit_build.h"

#include "ingest/small_files.h"
#include <stdlib.h>

enum { BUILD_BYTES_MAX = 1 << 30, LOCATION_MAX = 1 << 16 };

void ice_list_memory_init(ice_list_memory *memory) {
  memory->next = 0;
  for (uint32_t i = 0; i < ICE_LISTS_KEPT; i++) {
    ice_bytes_init(&memory->lists[i].location, LOCATION_MAX);
    ice_bytes_init(&memory->lists[i].text, ICE_LIST_BYTES_KEPT_MAX);
  }
}

void ice_list_memory_deinit(ice_list_memory *memory) {
  for (uint32_t i = 0; i < ICE_LISTS_KEPT; i++) {
    ice_bytes_deinit(&memory->lists[i].location);
    ice_bytes_deinit(&memory->lists[i].text);
  }
}

// One that does not fit is read when it is needed.
static void remember_list(ice_list_memory *memory, ice_str location, ice_str text) {
  if (!memory || text.size > ICE_LIST_BYTES_KEPT_MAX) {
    return;
  }
  ice_bytes *name = &memory->lists[memory->next].location;
  ice_bytes *kept = &memory->lists[memory->next].text;
  memory->next = (memory->next + 1) % ICE_LISTS_KEPT;
  ice_bytes_clear(name);
  ice_bytes_clear(kept);
  if (ice_bytes_append_str(kept, text, NULL) != ICE_OK || ice_bytes_append_str(name, location, NULL) != ICE_OK) {
    ice_bytes_clear(name);
  }
}

static ice_str remembered_list(const ice_list_memory *memory, ice_str location) {
  for (uint32_t i = 0; memory && i < ICE_LISTS_KEPT; i++) {
    if (memory->lists[i].location.size > 0 && ice_str_equal(ice_bytes_str(&memory->lists[i].location), location)) {
      return ice_bytes_str(&memory->lists[i].text);
    }
  }
  return (ice_str){0};
}

ice_status ice_build_read_manifests(const ice_committer *committer, const ice_table *table, ice_arena *arena,
                                    ice_manifest_file **out, uint32_t *count, ice_error *err) {
  *out = NULL;
  *count = 0;
  const ice_snapshot *head = ice_table_ref_snapshot(table->metadata, ICE_REF_MAIN);
  if (!head) {
    return ICE_OK;
  }
  if (head->manifest_list.size == 0) {
    return ice_error_set(err, ICE_UNSUPPORTED, "snapshot %lld has no manifest list; upgrade the table to format v2",
                         (long long)head->snapshot_id);
  }
  ice_bytes text;
  ice_bytes_init(&text, BUILD_BYTES_MAX);
  ice_status status = ICE_OK;
  ice_str known = remembered_list(committer->lists, head->manifest_list);
  if (!known.data) {
    ICE_TRY(ice_store_read_all(committer->catalog->store, head->manifest_list, &text, err));
    known = ice_bytes_str(&text);
  }
  status = ice_manifest_list_read(known, arena, out, count, err);
  if (status != ICE_OK) {
    ice_error_prepend(err, "%.*s", ICE_STR_ARG(head->manifest_list));
  }
done:
  ice_bytes_deinit(&text);
  return status;
}

// The append keeps pointers to the summary until it is sent, so the build owns a copy.
static ice_status copy_summary(const ice_build_options *options, ice_build *build, ice_append_options *append,
                               ice_error *err) {
  ice_property *summary = ice_arena_alloc_array(&build->arena, options->summary_count, sizeof *summary, err);
  if (!summary) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for the summary of a snapshot");
  }
  for (uint32_t i = 0; i < options->summary_count; i++) {
    ice_status status = ice_arena_copy_str(&build->arena, options->summary[i].key, &summary[i].key, err);
    if (status == ICE_OK) {
      status = ice_arena_copy_str(&build->arena, options->summary[i].value, &summary[i].value, err);
    }
    if (status != ICE_OK) {
      return status;
    }
  }
  append->summary = summary;
  append->summary_count = options->summary_count;
  return ICE_OK;
}

static ice_status list_location(const ice_build_options *options, ice_bytes *out, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_str(out, options->table->metadata->location, err));
  ICE_TRY(ice_bytes_append_str(out, ICE_STR("/metadata/"), err));
  ICE_TRY(ice_manifest_list_name_append(options->snapshot_id, options->attempt, options->uuid, out, err));
done:
  return status;
}

ice_status ice_build_append(const ice_committer *committer, const ice_build_options *options, ice_build *out,
                            ice_error *err) {
  *out = (ice_build){0};
  ice_arena_init(&out->arena, BUILD_BYTES_MAX);
  ice_bytes location;
  ice_bytes_init(&location, LOCATION_MAX);
  const ice_port *port = committer->port;
  ice_manifest_file *existing;
  ice_append_options append = {.metadata = options->table->metadata,
                               .snapshot_id = options->snapshot_id,
                               .timestamp_ms = port->clock.now_us(port->clock.context) / 1000,
                               .added = options->manifests,
                               .added_count = options->manifest_count,
                               .replace = options->replace};
  ice_status status = ICE_OK;
  if (!options->replace) {
    ICE_TRY(ice_build_read_manifests(committer, options->table, &out->arena, &existing, &append.existing_count, err));
    append.existing = existing;
  }
  ICE_TRY(copy_summary(options, out, &append, err));
  ICE_TRY(list_location(options, &location, err));
  append.manifest_list_location = ice_bytes_str(&location);
  ICE_TRY(port->random.fill(port->random.context, append.sync, sizeof append.sync, err));
  // The append borrows the location, so it gets one that lives as long.
  ICE_TRY(ice_arena_copy_str(&out->arena, append.manifest_list_location, &append.manifest_list_location, err));
  ICE_TRY(ice_append_build(&append, &out->append, err));
  ICE_TRY(ice_store_write_all(committer->catalog->store, append.manifest_list_location,
                              out->append.manifest_list.data, out->append.manifest_list.size, err));
  out->manifest_list = strdup(append.manifest_list_location.data);
  if (!out->manifest_list) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a location");
  }
  if (options->attempt == 1) {
    ice_warn_of_small_files(committer->observer, options->table->metadata->location,
                            ice_table_ref_snapshot(options->table->metadata, ICE_REF_MAIN), &out->append.snapshot);
  }
  remember_list(committer->lists, append.manifest_list_location, ice_bytes_str(&out->append.manifest_list));
done:
  ice_bytes_deinit(&location);
  return status;
}

static ice_status add_property(ice_build *build, ice_property *list, uint32_t *count, ice_str key, ice_str value,
                               ice_error *err) {
  ice_status status = ICE_OK;
  if (*count == ICE_BUILD_PROPERTIES_MAX) {
    ICE_FAIL(ICE_INTERNAL, "more than %d properties in a commit", (int)ICE_BUILD_PROPERTIES_MAX);
  }
  ICE_TRY(ice_arena_copy_str(&build->arena, key, &list[*count].key, err));
  ICE_TRY(ice_arena_copy_str(&build->arena, value, &list[*count].value, err));
  (*count)++;
done:
  return status;
}

ice_status ice_build_set_property(ice_build *build, ice_str key, ice_str value, ice_error *err) {
  return add_property(build, build->properties, &build->property_count, key, value, err);
}

ice_status ice_build_remove_property(ice_build *build, ice_str key, ice_error *err) {
  return add_property(build, build->removed, &build->removed_count, key, (ice_str){0}, err);
}

ice_table_change ice_build_change(ice_build *build) {
  uint32_t count = 0;
  for (size_t i = 0; i < ICE_COUNT_OF(build->append.updates); i++) {
    build->updates[count++] = build->append.updates[i];
  }
  if (build->property_count > 0) {
    build->updates[count++] = (ice_table_update){
        .kind = ICE_UPDATE_SET_PROPERTIES, .properties = build->properties, .count = build->property_count};
  }
  if (build->removed_count > 0) {
    build->updates[count++] = (ice_table_update){
        .kind = ICE_UPDATE_REMOVE_PROPERTIES, .properties = build->removed, .count = build->removed_count};
  }
  return (ice_table_change){.requirements = build->append.requirements,
                            .requirement_count = ICE_COUNT_OF(build->append.requirements),
                            .updates = build->updates,
                            .update_count = count};
}

void ice_build_discard(const ice_committer *committer, ice_build *build) {
  if (build->manifest_list) {
    // Nobody refers to it; one that cannot be deleted is found by `maintain orphans`.
    (void)!ice_store_remove(committer->catalog->store, ice_str_of(build->manifest_list), NULL);
  }
}

void ice_build_deinit(ice_build *build) {
  ice_append_deinit(&build->append);
  ice_arena_deinit(&build->arena);
  free(build->manifest_list);
  *build = (ice_build){0};
}
