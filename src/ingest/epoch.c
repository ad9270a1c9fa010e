#include "ingest/epoch.h"

#include "iceberg/iceberg_snapshot.h"

ice_status ice_epoch_init(ice_epoch *epoch, const ice_port *port, const ice_table_ident *tables, uint32_t table_count,
                          ice_error *err) {
  *epoch = (ice_epoch){0};
  ice_arena_init(&epoch->arena, ICE_EPOCH_BYTES_MAX);
  uint8_t random[16];
  ice_status status = ICE_OK;
  ICE_TRY(ice_uuid_random_text(&port->random, epoch->uuid, err));
  epoch->tables = ice_arena_alloc_array(&epoch->arena, table_count, sizeof *epoch->tables, err);
  if (!epoch->tables) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for an epoch");
  }
  epoch->table_count = table_count;
  for (uint32_t i = 0; i < table_count; i++) {
    ICE_TRY(port->random.fill(port->random.context, random, sizeof random, err));
    epoch->tables[i] = (ice_epoch_table){.ident = tables[i], .snapshot_id = ice_snapshot_id_from_random(random)};
  }
done:
  if (status != ICE_OK) {
    ice_epoch_deinit(epoch);
  }
  return status;
}

void ice_epoch_deinit(ice_epoch *epoch) {
  ice_arena_deinit(&epoch->arena);
  *epoch = (ice_epoch){0};
}

ice_status ice_epoch_check(const ice_epoch *epoch, ice_error *err) {
  int64_t consumed = 0;
  int64_t written = 0;
  for (uint32_t i = 0; i < epoch->range_count; i++) {
    consumed += epoch->ranges[i].to - epoch->ranges[i].from;
  }
  for (uint32_t i = 0; i < epoch->table_count; i++) {
    written += epoch->tables[i].has_manifest ? epoch->tables[i].manifest.file.added_rows : 0;
  }
  return ice_counts_check(&epoch->counts, consumed, written, ICE_INTERNAL, err);
}

static ice_status add_location(ice_epoch *epoch, ice_str location, ice_str **list, uint32_t *count,
                               uint32_t *capacity, ice_error *err) {
  if (*count == *capacity) {
    uint32_t larger = *capacity == 0 ? 32 : *capacity * 2;
    ice_str *grown = ice_arena_alloc_array(&epoch->arena, larger, sizeof *grown, err);
    if (!grown) {
      return err ? err->status : ICE_NO_MEMORY;
    }
    if (*count > 0) {
      memcpy(grown, *list, *count * sizeof *grown);
    }
    *list = grown;
    *capacity = larger;
  }
  ice_status status = ice_arena_copy_str(&epoch->arena, location, &(*list)[*count], err);
  *count += status == ICE_OK;
  return status;
}

ice_status ice_epoch_add_file(ice_epoch *epoch, ice_str location, ice_error *err) {
  return add_location(epoch, location, &epoch->files, &epoch->file_count, &epoch->file_capacity, err);
}

ice_status ice_epoch_keep_list(ice_epoch *epoch, ice_str location, ice_error *err) {
  return add_location(epoch, location, &epoch->kept_lists, &epoch->kept_list_count, &epoch->kept_list_capacity, err);
}

uint32_t ice_epoch_discard(ice_epoch *epoch, ice_store *store) {
  uint32_t left = 0;
  for (uint32_t i = 0; i < epoch->file_count; i++) {
    ice_status status = epoch->unknown ? ICE_COMMIT_UNKNOWN : ice_store_remove(store, epoch->files[i], NULL);
    left += status != ICE_OK && status != ICE_NOT_FOUND;
  }
  epoch->file_count = 0;
  return left;
}
