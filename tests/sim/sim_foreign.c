// Foreign writers: what engines and people do to the same tables. Each does its work in one go; what they meet halfway is a
// conflict of theirs, not of the sink.
#include "sim.h"

#include "base/map.h"
#include "ingest/commit_build.h"
#include "ingest/table_scan.h"
#include "ingest/table_writer.h"
#include <stdio.h>
#include <stdlib.h>

enum { KEPT_MAX = 3, LIST_MAX = 1 << 24, FILES_MAX = 10000 };

static const ice_write_options plain_write = {
    .codec = ICE_CODEC_NONE, .page_size = 1024, .row_group_size = 1 << 20, .target_file_size = 1 << 20};

static ice_committer committer_of(sim *world) {
  return (ice_committer){.catalog = world->catalog, .port = &world->port, .sink = ICE_STR("foreign")};
}

static int64_t fresh_id(sim *world) {
  uint8_t random[16];
  (void)!world->port.random.fill(world, random, sizeof random, NULL);
  return ice_snapshot_id_from_random(random);
}

// Commits an append, or in place of all that was there a manifest of its own.
static ice_status commit_snapshot(sim *world, uint32_t index, const ice_table *table, int64_t snapshot_id,
                                  const ice_manifest_totals *manifest, ice_error *err) {
  ice_committer committer = committer_of(world);
  ice_build build = {0};
  char uuid[ICE_UUID_TEXT_SIZE + 1];
  ice_status status = ICE_OK;
  ICE_TRY(ice_uuid_random_text(&world->port.random, uuid, err));
  const ice_build_options options = {.table = table,
                                     .snapshot_id = snapshot_id,
                                     .manifests = manifest,
                                     .manifest_count = manifest ? 1 : 0,
                                     .attempt = 1,
                                     .uuid = ice_str_of(uuid)};
  ICE_TRY(ice_build_append(&committer, &options, &build, err));
  const ice_table_commit commit = {.ident = world->tables[index], .change = ice_build_change(&build)};
  ICE_TRY(ice_catalog_commit(world->catalog, &commit, 1, err));
done:
  ice_build_deinit(&build);
  return status;
}

static ice_status append(sim *world, uint32_t index, const ice_table *table, ice_error *err) {
  return commit_snapshot(world, index, table, fresh_id(world), NULL, err);
}

// Compaction ------------------------------------------------------------------------------------------------------------

static ice_status copy_rows(sim *world, const ice_table *table, ice_table_writer *writer, int64_t *rows,
                            ice_error *err) {
  ice_table_scan *scan = NULL;
  ice_batch batch = {0};
  ice_status status = ICE_OK;
  *rows = 0;
  ICE_TRY(ice_table_scan_create(world->catalog, table, NULL, 0, NULL, &scan, err));
  // The writer wants its table's own schema; the scan's is a copy of it.
  ICE_TRY(ice_batch_init(&batch, ice_table_scan_schema(scan), err));
  do {
    ICE_TRY(ice_table_scan_next(scan, &batch, err));
    ICE_TRY(ice_table_writer_append(writer, &batch, err));
    *rows += batch.row_count;
  } while (batch.row_count > 0);
done:
  ice_batch_deinit(&batch);
  ice_table_scan_destroy(scan);
  return status;
}

// The manifest list of a compaction holds the new manifest alone.
static ice_status commit_rewrite(sim *world, uint32_t index, const ice_table *table, const ice_epoch *epoch,
                                 ice_error *err) {
  ice_append_options options = {.metadata = table->metadata,
                                .snapshot_id = epoch->tables[0].snapshot_id,
                                .timestamp_ms = world->port.clock.now_us(world) / 1000,
                                .added = &epoch->tables[0].manifest,
                                .added_count = 1};
  ice_append built = {0};
  ice_bytes location;
  ice_bytes_init(&location, 1 << 12);
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_format(&location, err, "%.*s/metadata/rewrite-%s.avro",
                                  ICE_STR_ARG(table->metadata->location), epoch->uuid));
  options.manifest_list_location = ice_bytes_str(&location);
  ICE_TRY(ice_append_build(&options, &built, err));
  ICE_TRY(ice_store_write_all(world->catalog->store, options.manifest_list_location, built.manifest_list.data,
                              built.manifest_list.size, err));
  const ice_table_commit commit = {.ident = world->tables[index],
                                   .change = {.requirements = built.requirements,
                                              .requirement_count = ICE_COUNT_OF(built.requirements),
                                              .updates = built.updates,
                                              .update_count = ICE_COUNT_OF(built.updates)}};
  ICE_TRY(ice_catalog_commit(world->catalog, &commit, 1, err));
done:
  ice_append_deinit(&built);
  ice_bytes_deinit(&location);
  return status;
}

static ice_status compact(sim *world, uint32_t index, const ice_table *table, ice_error *err) {
  ice_parquet_scratch *scratch = NULL;
  ice_table_writer *writer = NULL;
  ice_epoch epoch = {0};
  int64_t rows;
  ice_status status = ICE_OK;
  ICE_TRY(ice_parquet_scratch_create(&scratch, err));
  const ice_table_writer_options options = {.table = table,
                                            .ident = world->tables[index],
                                            .store = world->catalog->store,
                                            .port = &world->port,
                                            .scratch = scratch,
                                            .write = plain_write};
  ICE_TRY(ice_table_writer_create(&options, &writer, err));
  ICE_TRY(copy_rows(world, table, writer, &rows, err));
  if (rows > 0) {
    ICE_TRY(ice_epoch_init(&epoch, &world->port, &world->tables[index], 1, err));
    ICE_TRY(ice_table_writer_close(writer, &epoch, 0, err));
    ICE_TRY(commit_rewrite(world, index, table, &epoch, err));
  }
done:
  ice_epoch_deinit(&epoch);
  ice_table_writer_destroy(writer);
  ice_parquet_scratch_destroy(scratch);
  return status;
}

// Expiry ----------------------------------------------------------------------------------------------------------------

/// Files that snapshots refer to: manifest lists, manifests, data files.
typedef struct file_set {
  ice_map map;
  ice_arena arena;
} file_set;

static ice_status add_manifest(sim *world, file_set *set, const ice_manifest_file *manifest, ice_error *err) {
  ice_manifest_reader *reader = NULL;
  ice_bytes text;
  ice_bytes_init(&text, LIST_MAX);
  bool found = !ice_map_get(&set->map, manifest->path);
  ice_status status = ICE_OK;
  if (!found) {
    goto done;
  }
  ICE_TRY(ice_map_put(&set->map, manifest->path, set, err));
  ICE_TRY(ice_store_read_all(world->catalog->store, manifest->path, &text, err));
  ICE_TRY(ice_manifest_reader_create(ice_bytes_str(&text), manifest, NULL, &reader, err));
  while (found) {
    ice_manifest_entry entry;
    ICE_TRY(ice_manifest_reader_next(reader, &set->arena, &entry, &found, err));
    if (found) {
      ICE_TRY(ice_map_put(&set->map, entry.file.path, set, err));
    }
  }
done:
  ice_manifest_reader_destroy(reader);
  ice_bytes_deinit(&text);
  return status;
}

static ice_status add_snapshot(sim *world, file_set *set, const ice_snapshot *snapshot, ice_error *err) {
  ice_manifest_file *manifests = NULL;
  uint32_t count = 0;
  ice_bytes text;
  ice_bytes_init(&text, LIST_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(ice_map_put(&set->map, snapshot->manifest_list, set, err));
  ICE_TRY(ice_store_read_all(world->catalog->store, snapshot->manifest_list, &text, err));
  ICE_TRY(ice_manifest_list_read(ice_bytes_str(&text), &set->arena, &manifests, &count, err));
  for (uint32_t i = 0; i < count; i++) {
    ICE_TRY(add_manifest(world, set, &manifests[i], err));
  }
done:
  ice_bytes_deinit(&text);
  return status;
}

static bool is_kept(const ice_table_metadata *metadata, int64_t snapshot_id, int64_t kept) {
  const ice_snapshot *at = ice_table_ref_snapshot(metadata, ICE_REF_MAIN);
  for (int64_t i = 0; at && i < kept; i++) {
    if (at->snapshot_id == snapshot_id) {
      return true;
    }
    at = at->has_parent ? ice_table_find_snapshot(metadata, at->parent_snapshot_id) : NULL;
  }
  return false;
}

static ice_status commit_removal(sim *world, uint32_t index, const int64_t *ids, uint32_t count, ice_error *err) {
  const ice_table_update update = {.kind = ICE_UPDATE_REMOVE_SNAPSHOTS, .snapshot_ids = ids, .count = count};
  const ice_table_commit commit = {.ident = world->tables[index], .change = {.updates = &update, .update_count = 1}};
  return ice_catalog_commit(world->catalog, &commit, 1, err);
}

// Whether the sink can still see that the lead was rolled back.
static void check_trace(sim *world) {
  ice_table table = {0};
  ice_position position;
  ice_position_init(&position);
  if (ice_catalog_load_table(world->catalog, world->tables[world->lead], &table, NULL) == ICE_OK) {
    ice_str text = ice_table_property(table.metadata, ICE_STR("icesink.position.s"));
    const ice_snapshot *head = ice_table_ref_snapshot(table.metadata, ICE_REF_MAIN);
    if (text.data && head && ice_position_parse(text, &position, NULL) == ICE_OK) {
      world->traceless =
          world->traceless || ice_table_is_ancestor(table.metadata, position.snapshot_id, position.sequence_number,
                                                    head->snapshot_id) == ICE_ANCESTRY_UNKNOWN;
    }
  }
  ice_position_deinit(&position);
  ice_table_deinit(&table);
}

// Keeps the head and up to a few of its ancestors; what only the others refer to is deleted, as Java's expireSnapshots does.
static ice_status expire(sim *world, uint32_t index, const ice_table *table, ice_error *err) {
  const ice_table_metadata *metadata = table->metadata;
  int64_t kept = 1 + sim_draw(world, KEPT_MAX);
  int64_t *ids = calloc((size_t)metadata->snapshot_count + 1, sizeof *ids);
  uint32_t count = 0;
  file_set live;
  file_set gone;
  file_set *sets[] = {&live, &gone};
  for (size_t i = 0; i < ICE_COUNT_OF(sets); i++) {
    ice_map_init(&sets[i]->map, FILES_MAX);
    ice_arena_init(&sets[i]->arena, 1 << 28);
  }
  ice_status status = ICE_OK;
  for (uint32_t i = 0; i < metadata->snapshot_count; i++) {
    const ice_snapshot *snapshot = &metadata->snapshots[i];
    bool keep = is_kept(metadata, snapshot->snapshot_id, kept);
    if (!keep) {
      ids[count++] = snapshot->snapshot_id;
    }
    ICE_TRY(add_snapshot(world, keep ? &live : &gone, snapshot, err));
  }
  if (count == 0) {
    goto done;
  }
  ICE_TRY(commit_removal(world, index, ids, count, err));
  for (size_t i = 0; i < gone.map.count; i++) {
    if (!ice_map_get(&live.map, gone.map.entries[i].key)) {
      ICE_TRY(ice_store_remove(world->catalog->store, gone.map.entries[i].key, err));
    }
  }
  if (world->rolled_back && index == world->lead) {
    check_trace(world);
  }
done:
  for (size_t i = 0; i < ICE_COUNT_OF(sets); i++) {
    ice_map_deinit(&sets[i]->map);
    ice_arena_deinit(&sets[i]->arena);
  }
  free(ids);
  return status;
}

// The rest --------------------------------------------------------------------------------------------------------------

static ice_status set_property(sim *world, uint32_t index, ice_error *err) {
  const ice_property property = {.key = ICE_STR("owner"), .value = ICE_STR("somebody")};
  const ice_table_update update = {.kind = ICE_UPDATE_SET_PROPERTIES, .properties = &property, .count = 1};
  const ice_table_commit commit = {.ident = world->tables[index], .change = {.updates = &update, .update_count = 1}};
  return ice_catalog_commit(world->catalog, &commit, 1, err);
}

static void take_away(void *context, uint32_t partition, int64_t offset, int32_t element) {
  sim *world = context;
  (void)element;
  if (partition < SIM_PARTITIONS_MAX && offset < SIM_OFFSETS_MAX) {
    world->taken_away[partition][offset] = true;
  }
}

// Back to one of the head's ancestors that are still there, or to nothing. Where the sink is told to go on, what was in the table
// is nobody's to bring back; else a policy has to stop it.
static ice_status roll_back(sim *world, const ice_table *table, ice_error *err) {
  if (world->scenario->fields[SIM_HIDDEN]) {
    // Nobody goes back to a snapshot that is not shown.
    return ICE_OK;
  }
  const ice_snapshot *head = ice_table_ref_snapshot(table->metadata, ICE_REF_MAIN);
  const ice_snapshot *to = head;
  bool to_nothing = sim_draw(world, 6) == 0;
  for (int64_t steps = 1 + sim_draw(world, 3); to && steps > 0; steps--) {
    const ice_snapshot *parent =
        to->has_parent ? ice_table_find_snapshot(table->metadata, to->parent_snapshot_id) : NULL;
    to = parent ? parent : to;
  }
  if (!head || (to == head && !to_nothing)) {
    return ICE_OK;
  }
  ice_status status = sim_visit_rows(world, world->lead, take_away, world, err);
  if (status != ICE_OK) {
    return status;
  }
  sim_trace(world, "the lead is rolled back to snapshot %lld", to_nothing ? -1 : (long long)to->snapshot_id);
  world->rolled_back = true;
  const ice_table_update update = {.kind = to_nothing ? ICE_UPDATE_REMOVE_SNAPSHOT_REF : ICE_UPDATE_SET_SNAPSHOT_REF,
                                   .text = ICE_REF_MAIN,
                                   .snapshot_id = to->snapshot_id};
  const ice_table_commit commit = {.ident = world->tables[world->lead],
                                   .change = {.updates = &update, .update_count = 1}};
  return ice_catalog_commit(world->catalog, &commit, 1, err);
}

// A new lead is told apart by what its followers remember, and a configuration without the routed table does not ask that one.
static uint32_t choose_table(sim *world, sim_kind kind) {
  uint32_t index = kind == SIM_ROLL_BACK ? world->lead : (uint32_t)sim_draw(world, world->table_count);
  return kind == SIM_RECREATE && world->table_count == SIM_TABLES && index == world->lead ? 1 - world->lead : index;
}

enum { REPAIR_MAX_US = 3000000 };

static void add_later(sim *world, sim_event_kind kind, uint32_t index) {
  const sim_event event = {
      .at_us = world->now_us + sim_draw(world, sim_draw(world, REPAIR_MAX_US)), .kind = kind, .slot = index};
  sim_add_event(world, &event);
}

static ice_status recreate(sim *world, uint32_t index, ice_error *err) {
  ice_status status = ice_catalog_drop_table(world->catalog, world->tables[index], err);
  if (index == world->lead) {
    world->lead_recreated = true;
    world->seen = (sim_seen){0};
  } else {
    world->recreated = true;
  }
  world->dropped[index] = status == ICE_OK;
  add_later(world, SIM_EVENT_CREATE, index);
  return status;
}

void sim_create_again(sim *world, uint32_t table) {
  if (world->dropped[table]) {
    world->dropped[table] = false;
    sim_trace(world, "somebody: creates %.*s again", ICE_STR_ARG(world->tables[table].name));
    (void)sim_table_create(world, table);
  }
}

// Damage ----------------------------------------------------------------------------------------------------------------

static ice_status put_property(sim *world, uint32_t index, const char *key, const char *value, ice_error *err) {
  const ice_property property = {.key = ice_str_of(key), .value = ice_str_of(value)};
  const ice_table_update update = {.kind = ICE_UPDATE_SET_PROPERTIES, .properties = &property, .count = 1};
  const ice_table_commit commit = {.ident = world->tables[index], .change = {.updates = &update, .update_count = 1}};
  return ice_catalog_commit(world->catalog, &commit, 1, err);
}

static bool can_be_read(const char *key, const char *text) {
  ice_position position;
  ice_pending pending;
  ice_follower_epoch epoch;
  bool good = false;
  if (strcmp(key, "icesink.position.s") == 0) {
    good = ice_position_parse(ice_str_of(text), &position, NULL) == ICE_OK;
    ice_position_deinit(&position);
  } else if (strcmp(key, "icesink.pending.s") == 0) {
    good = ice_pending_parse(ice_str_of(text), &pending, NULL) == ICE_OK;
    ice_pending_deinit(&pending);
  } else {
    good = ice_follower_epoch_parse(ice_str_of(text), &epoch, NULL) == ICE_OK;
  }
  return good;
}

// Another letter at a place of chance, so that it cannot be read; where that is no damage, the end goes.
static void spoil(sim *world, const char *key, char *text) {
  static const char letters[] = "_x9-\"{[,";
  size_t size = strlen(text);
  size_t at = (size_t)sim_draw(world, (int64_t)size);
  char before = text[at];
  text[at] = letters[sim_draw(world, sizeof letters - 1)];
  if (can_be_read(key, text)) {
    text[at] = before;
    text[size / 2] = '\0';
  }
}

static ice_status damage(sim *world, uint32_t index, const ice_table *table, ice_error *err) {
  static const char *const keys[] = {"icesink.position.s", "icesink.pending.s", "icesink.epoch.s"};
  const char *key = keys[index == world->lead ? sim_draw(world, 2) : 2];
  ice_str value = ice_table_property(table->metadata, ice_str_of(key));
  if (!value.data || world->damage_key[index]) {
    return ICE_OK;
  }
  char *before = strndup(value.data, value.size);
  char *after = strndup(value.data, value.size);
  spoil(world, key, after);
  sim_trace(world, "%s becomes %s", key, after);
  ice_status status = put_property(world, index, key, after, err);
  world->damage_key[index] = strdup(key);
  world->damage_before[index] = before;
  world->damage_after[index] = after;
  add_later(world, SIM_EVENT_REPAIR, index);
  return status;
}

void sim_repair(sim *world, uint32_t index) {
  ice_table table = {0};
  ice_error err = {0};
  char *key = world->damage_key[index];
  if (!key) {
    return;
  }
  ice_status status = ice_catalog_load_table(world->catalog, world->tables[index], &table, &err);
  if (status == ICE_OK &&
      ice_str_equal_c(ice_table_property(table.metadata, ice_str_of(key)), world->damage_after[index])) {
    sim_trace(world, "somebody: repairs %s", key);
    status = put_property(world, index, key, world->damage_before[index], &err);
    // What expired meanwhile could not be compared with the position.
    if (world->rolled_back && index == world->lead) {
      check_trace(world);
    }
  }
  ice_table_deinit(&table);
  free(key);
  free(world->damage_before[index]);
  free(world->damage_after[index]);
  world->damage_key[index] = NULL;
  world->damage_before[index] = NULL;
  world->damage_after[index] = NULL;
  if (status != ICE_OK && status != ICE_NOT_FOUND) {
    sim_fail(world, "a repair failed: %s", err.message);
  }
}

void sim_foreign(sim *world, sim_kind kind) {
  uint32_t index = choose_table(world, kind);
  ice_table table = {0};
  ice_error err = {0};
  sim_trace(world, "somebody: %s on %.*s", sim_kind_name(kind), ICE_STR_ARG(world->tables[index].name));
  if (world->dropped[index]) {
    return;
  }
  ice_status status = ice_catalog_load_table(world->catalog, world->tables[index], &table, &err);
  if (status == ICE_OK) {
    switch ((int)kind) {
      case SIM_APPEND: status = append(world, index, &table, &err); break;
      case SIM_COMPACT: status = compact(world, index, &table, &err); break;
      case SIM_EXPIRE: status = expire(world, index, &table, &err); break;
      case SIM_PROPERTY: status = set_property(world, index, &err); break;
      case SIM_ROLL_BACK: status = roll_back(world, &table, &err); break;
      case SIM_RECREATE: status = recreate(world, index, &err); break;
      case SIM_DAMAGE: status = damage(world, index, &table, &err); break;
      default: break;
    }
  }
  ice_table_deinit(&table);
  if (status != ICE_OK) {
    sim_fail(world, "a foreign writer's %s failed: %s", sim_kind_name(kind), err.message);
  }
}
