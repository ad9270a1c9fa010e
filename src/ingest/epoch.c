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

ice_status ice_epoch_add_file(ice_epoch *epoch, ice_str location, ice_error *err) {
  if (epoch->file_count == epoch->file_capacity) {
    uint32_t capacity = epoch->file_capacity == 0 ? 32 : epoch->file_capacity * 2;
    ice_str *files = ice_arena_alloc_array(&epoch->arena, capacity, sizeof *files, err);
    if (!files) {
      return err ? err->status : ICE_NO_MEMORY;
    }
    if (epoch->file_count > 0) {
      memcpy(files, epoch->files, epoch->file_count * sizeof *files);
    }
    epoch->files = files;
    epoch->file_capacity = capacity;
  }
  ice_status status = ice_arena_copy_str(&epoch->arena, location, &epoch->files[epoch->file_count], err);
  epoch->file_count += status == ICE_OK;
  return status;
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
