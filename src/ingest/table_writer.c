#include "ingest/table_writer.h"

#include "base/map.h"
#include "iceberg/iceberg_partition_key.h"
#include "iceberg/iceberg_snapshot.h"
#include "ingest/data_file.h"
#include "ingest/described_files.h"
#include <stdio.h>
#include <stdlib.h>

enum {
  OPEN_FILES_MAX = 100000,
  CLOSED_BYTES_MAX = 1 << 30,
  LOCATION_MAX = 1 << 16,
  KEY_MAX = 1 << 20,
  PAGE_SIZE_MIN = 8 * 1024,
  SPILL_MIN = 64 * 1024,
  COMPACT_MIN = 8 * 1024,
  RELIEF_MIN = 1024,
  RECENT_ROWS = 256
};

/// One partition value of the epoch: its open file, if any, and the rows of the batch at hand that go there.
typedef struct partition_file {
  ice_open_file file;
  bool is_open;
  size_t held_after_relief;  ///< what relief could not give back: it comes back when the file closes
  ice_str key;
  uint32_t *rows;
  uint32_t row_count;
  uint32_t row_capacity;
} partition_file;

/// A finished file whose upload may still be on its way.
typedef struct closed_file {
  ice_data_file file;
  ice_upload *upload;
  bool durable;
} closed_file;

struct ice_table_writer {
  ice_table_writer_options options;
  const ice_schema *schema;
  const ice_partition_spec *spec;
  ice_partitioner *partitioner;
  ice_metrics_config metrics;
  ice_arena metrics_arena;
  ice_map partitions;  ///< key → partition_file
  partition_file **touched;
  ice_parquet_share *shares;  ///< of the touched partitions
  uint32_t touched_count;
  uint32_t touched_capacity;
  uint32_t open_count;
  ice_bytes key;
  ice_arena closed_arena;
  closed_file *closed;
  uint32_t closed_count;
  uint32_t closed_capacity;
  uint32_t file_number;
  char uuid[ICE_UUID_TEXT_SIZE + 1];
  ice_table_writer_totals totals;
};

ice_status ice_table_writer_create(const ice_table_writer_options *options, ice_table_writer **out, ice_error *err) {
  *out = NULL;
  const ice_table_metadata *metadata = options->table->metadata;
  ice_status status = ICE_OK;
  ice_table_writer *writer = calloc(1, sizeof *writer);
  if (!writer) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a table writer");
  }
  writer->options = *options;
  ice_map_init(&writer->partitions, OPEN_FILES_MAX);
  ice_arena_init(&writer->metrics_arena, CLOSED_BYTES_MAX);
  ice_arena_init(&writer->closed_arena, CLOSED_BYTES_MAX);
  ice_bytes_init(&writer->key, KEY_MAX);
  if (metadata->format_version != 2) {
    ICE_FAIL(ICE_UNSUPPORTED, "table %.*s.%.*s has format version %d; icesink writes version 2",
             ICE_IDENT_ARG(options->ident), metadata->format_version);
  }
  writer->schema = ice_table_current_schema(metadata);
  writer->spec = ice_table_default_spec(metadata);
  ICE_TRY(ice_partitioner_create(writer->spec, writer->schema, &writer->partitioner, err));
  ICE_TRY(ice_metrics_config_read(writer->schema, metadata->properties, metadata->property_count,
                                  &writer->metrics_arena, &writer->metrics, err));
  ICE_TRY(ice_uuid_random_text(&options->port->random, writer->uuid, err));
  *out = writer;
  writer = NULL;
done:
  ice_table_writer_destroy(writer);
  return status;
}

static void drop_partitions(ice_table_writer *writer) {
  for (size_t i = 0; i < writer->partitions.count; i++) {
    partition_file *partition = writer->partitions.entries[i].value;
    ice_open_file_deinit(&partition->file);
    free(partition->rows);
    free(partition);
  }
  ice_map_deinit(&writer->partitions);
  writer->open_count = 0;
  writer->touched_count = 0;
}

static void drop_closed(ice_table_writer *writer, bool remove) {
  for (uint32_t i = 0; i < writer->closed_count; i++) {
    closed_file *closed = &writer->closed[i];
    ice_upload_destroy(closed->upload);
    if (remove && closed->durable) {
      // No attempt has named it; one that cannot be deleted is found by `maintain orphans`.
      (void)!ice_store_remove(writer->options.store, closed->file.path, NULL);
    }
  }
  writer->closed_count = 0;
  ice_arena_deinit(&writer->closed_arena);
}

void ice_table_writer_discard(ice_table_writer *writer) {
  drop_partitions(writer);
  drop_closed(writer, true);
}

void ice_table_writer_destroy(ice_table_writer *writer) {
  if (!writer) {
    return;
  }
  ice_table_writer_discard(writer);
  ice_partitioner_destroy(writer->partitioner);
  ice_arena_deinit(&writer->metrics_arena);
  ice_bytes_deinit(&writer->key);
  free(writer->touched);
  free(writer->shares);
  free(writer->closed);
  free(writer);
}

// Finding the partition of each row ---------------------------------------------------------------------------------

static ice_status find_partition(ice_table_writer *writer, int64_t row, partition_file **out, ice_error *err) {
  ice_bytes_clear(&writer->key);
  ice_status status = ice_partitioner_append_key(writer->partitioner, row, &writer->key, err);
  if (status != ICE_OK) {
    return status;
  }
  ice_str key = ice_bytes_str(&writer->key);
  partition_file *partition = ice_map_get(&writer->partitions, key);
  if (!partition) {
    partition = calloc(1, sizeof *partition);
    if (!partition) {
      return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a partition");
    }
    status = ice_map_put(&writer->partitions, key, partition, err);
    if (status != ICE_OK) {
      free(partition);
      return status;
    }
    // The map's own copy of the key lives as long as the entry.
    partition->key = writer->partitions.entries[writer->partitions.count - 1].key;
  }
  *out = partition;
  return ICE_OK;
}

static ice_status touch(ice_table_writer *writer, partition_file *partition, ice_error *err) {
  if (writer->touched_count == writer->touched_capacity) {
    uint32_t capacity = writer->touched_capacity == 0 ? 64 : writer->touched_capacity * 2;
    partition_file **touched = realloc(writer->touched, capacity * sizeof(partition_file *));
    writer->touched = touched ? touched : writer->touched;
    ice_parquet_share *shares = realloc(writer->shares, capacity * sizeof *shares);
    writer->shares = shares ? shares : writer->shares;
    if (!touched || !shares) {
      return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %u partitions", capacity);
    }
    writer->touched_capacity = capacity;
  }
  writer->touched[writer->touched_count++] = partition;
  return ICE_OK;
}

static ice_status add_row(ice_table_writer *writer, partition_file *partition, uint32_t row, ice_error *err) {
  if (partition->row_count == 0) {
    ice_status status = touch(writer, partition, err);
    if (status != ICE_OK) {
      return status;
    }
  }
  if (partition->row_count == partition->row_capacity) {
    uint32_t capacity = partition->row_capacity == 0 ? 32 : partition->row_capacity * 2;
    uint32_t *rows = realloc(partition->rows, capacity * sizeof *rows);
    if (!rows) {
      return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %u rows", capacity);
    }
    partition->rows = rows;
    partition->row_capacity = capacity;
  }
  partition->rows[partition->row_count++] = row;
  return ICE_OK;
}

// A row of the batch that was led to its partition.
typedef struct recent_row {
  partition_file *partition;
  int64_t row;
} recent_row;

// Partition values take turns, so rows are compared with one that went before before a key is made and looked up.
static ice_status split_rows(ice_table_writer *writer, const ice_batch *batch, ice_error *err) {
  ice_status status = ICE_OK;
  recent_row recent_rows[RECENT_ROWS] = {{0}};
  writer->touched_count = 0;
  ICE_TRY(ice_partitioner_apply(writer->partitioner, batch, err));
  for (int64_t row = 0; row < batch->row_count; row++) {
    recent_row *recent = &recent_rows[ice_partitioner_hint(writer->partitioner, row) % RECENT_ROWS];
    if (!recent->partition || !ice_partitioner_same_key(writer->partitioner, recent->row, row)) {
      ICE_TRY(find_partition(writer, row, &recent->partition, err));
      recent->row = row;
    }
    ICE_TRY(add_row(writer, recent->partition, (uint32_t)row, err));
  }
done:
  return status;
}

// Files -------------------------------------------------------------------------------------------------------------

// <data path>/<partition path>/<number>-<uuid>.parquet
static ice_status file_location(ice_table_writer *writer, const partition_file *partition, ice_bytes *out,
                                ice_error *err) {
  const ice_table_metadata *metadata = writer->options.table->metadata;
  ice_str data_path = ice_table_property(metadata, ICE_STR("write.data.path"));
  ice_status status = ICE_OK;
  if (data_path.size > 0) {
    while (data_path.size > 1 && data_path.data[data_path.size - 1] == '/') {
      data_path.size--;
    }
    ICE_TRY(ice_bytes_append_str(out, data_path, err));
  } else {
    ICE_TRY(ice_bytes_append_str(out, metadata->location, err));
    ICE_TRY(ice_bytes_append_str(out, ICE_STR("/data"), err));
  }
  ICE_TRY(ice_bytes_append_u8(out, '/', err));
  if (writer->spec->field_count > 0) {
    ICE_TRY(ice_partition_path_append(writer->spec, &ice_partitioner_type(writer->partitioner)->root, partition->key,
                                      out, err));
    ICE_TRY(ice_bytes_append_u8(out, '/', err));
  }
  ICE_TRY(ice_bytes_append_format(out, err, "%05u-%s.parquet", writer->file_number++, writer->uuid));
done:
  return status;
}

static size_t page_size_now(const ice_table_writer *writer) {
  const ice_table_writer_options *options = &writer->options;
  if (!options->budget) {
    return options->write.page_size;
  }
  // All open pages together may take a quarter of the budget.
  uint64_t columns = (uint64_t)writer->schema->root.field_count + 1;
  uint64_t share = (uint64_t)options->budget->limit / 4 / (columns * (writer->open_count + 1));
  uint64_t size = share < PAGE_SIZE_MIN ? PAGE_SIZE_MIN : share;
  return size < options->write.page_size ? (size_t)size : options->write.page_size;
}

static ice_status open_file(ice_table_writer *writer, partition_file *partition, ice_error *err) {
  const ice_table_writer_options *options = &writer->options;
  ice_bytes location;
  ice_bytes_init(&location, LOCATION_MAX);
  ice_parquet_writer_options parquet = ice_parquet_writer_options_default();
  parquet.codec = options->write.codec;
  parquet.page_size = page_size_now(writer);
  parquet.row_group_size = options->write.row_group_size;
  parquet.budget = options->budget;
  parquet.spill = options->spill ? &options->spill->target : NULL;
  ice_status status = ICE_OK;
  ICE_TRY(file_location(writer, partition, &location, err));
  ICE_TRY(ice_open_file_init(&partition->file, options->store, ice_bytes_str(&location), writer->schema, &parquet,
                             options->scratch, err));
  partition->is_open = true;
  partition->held_after_relief = 0;
  writer->open_count++;
done:
  ice_bytes_deinit(&location);
  return status;
}

static ice_status reserve_closed(ice_table_writer *writer, ice_error *err) {
  if (writer->closed_count < writer->closed_capacity) {
    return ICE_OK;
  }
  uint32_t capacity = writer->closed_capacity == 0 ? 64 : writer->closed_capacity * 2;
  closed_file *closed = realloc(writer->closed, capacity * sizeof *closed);
  if (!closed) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %u data files", capacity);
  }
  writer->closed = closed;
  writer->closed_capacity = capacity;
  return ICE_OK;
}

static ice_status close_file(ice_table_writer *writer, partition_file *partition, ice_error *err) {
  ice_status status = ICE_OK;
  closed_file closed = {0};
  ICE_TRY(reserve_closed(writer, err));
  status = ice_open_file_finish(&partition->file, writer->schema, &writer->metrics, &writer->closed_arena,
                                &closed.file, err);
  if (status != ICE_OK) {
    ice_error_prepend(err, "%s", partition->file.location);
    goto done;
  }
  ICE_TRY(ice_arena_copy_str(&writer->closed_arena, partition->key, &closed.file.partition, err));
  closed.upload = partition->file.upload;
  partition->file.upload = NULL;
  ice_open_file_deinit(&partition->file);
  partition->is_open = false;
  writer->open_count--;
  writer->closed[writer->closed_count++] = closed;
  writer->totals.files++;
  writer->totals.bytes += (uint64_t)closed.file.file_size;
  writer->totals.rows += (uint64_t)closed.file.record_count;
done:
  return status;
}

ice_status ice_table_writer_append(ice_table_writer *writer, const ice_batch *batch, ice_error *err) {
  ice_status status = ICE_OK;
  if (batch->row_count == 0) {
    goto done;
  }
  ICE_TRY(split_rows(writer, batch, err));
  for (uint32_t i = 0; i < writer->touched_count; i++) {
    partition_file *partition = writer->touched[i];
    if (!partition->is_open) {
      ICE_TRY(open_file(writer, partition, err));
    }
    ice_parquet_writer_set_page_size(partition->file.writer, page_size_now(writer));
    writer->shares[i] = (ice_parquet_share){
        .writer = partition->file.writer, .rows = partition->rows, .row_count = partition->row_count};
  }
  uint32_t failed = 0;
  status = ice_parquet_writer_append_shares(batch, writer->shares, writer->touched_count, &failed, err);
  if (status != ICE_OK) {
    ice_error_prepend(err, "%s", writer->touched[failed]->file.location);
    goto done;
  }
  for (uint32_t i = 0; i < writer->touched_count; i++) {
    partition_file *partition = writer->touched[i];
    partition->row_count = 0;
    if (ice_parquet_writer_size(partition->file.writer) >= writer->options.write.target_file_size) {
      ICE_TRY(close_file(writer, partition, err));
    }
  }
done:
  return status;
}

static ice_status wait_durable(ice_table_writer *writer, ice_error *err) {
  for (uint32_t i = 0; i < writer->closed_count; i++) {
    closed_file *closed = &writer->closed[i];
    while (!closed->durable) {
      ice_status status = ice_upload_poll(closed->upload, &closed->durable, err);
      if (status != ICE_OK) {
        ice_error_prepend(err, "%.*s", ICE_STR_ARG(closed->file.path));
        return status;
      }
    }
    ice_upload_destroy(closed->upload);
    closed->upload = NULL;
  }
  return ICE_OK;
}

// A manifest of the closed files.
static ice_status append_manifest(const ice_table_writer *writer, int64_t snapshot_id, ice_arena *arena,
                                  ice_bytes *out, ice_manifest_totals *totals, ice_error *err) {
  const ice_port *port = writer->options.port;
  ice_manifest_writer_options options = {
      .schema = writer->schema, .spec = writer->spec, .content = ICE_MANIFEST_DATA, .snapshot_id = snapshot_id};
  ice_manifest_writer *manifest = NULL;
  ice_status status = ICE_OK;
  ICE_TRY(port->random.fill(port->random.context, options.sync, sizeof options.sync, err));
  ICE_TRY(ice_manifest_writer_create(&options, out, &manifest, err));
  for (uint32_t i = 0; i < writer->closed_count; i++) {
    ice_manifest_entry entry = {.status = ICE_ENTRY_ADDED,
                                .has_snapshot_id = true,
                                .snapshot_id = snapshot_id,
                                .file = writer->closed[i].file};
    ICE_TRY(ice_manifest_writer_append(manifest, &entry, err));
  }
  ICE_TRY(ice_manifest_writer_finish(manifest, arena, totals, err));
done:
  ice_manifest_writer_destroy(manifest);
  return status;
}

static ice_status write_manifest(ice_table_writer *writer, ice_epoch *epoch, ice_epoch_table *table, uint32_t index,
                                 ice_error *err) {
  ice_bytes bytes;
  ice_bytes location;
  ice_bytes_init(&bytes, CLOSED_BYTES_MAX);
  ice_bytes_init(&location, LOCATION_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(append_manifest(writer, table->snapshot_id, &epoch->arena, &bytes, &table->manifest, err));
  ICE_TRY(ice_bytes_append_str(&location, writer->options.table->metadata->location, err));
  ICE_TRY(ice_bytes_append_str(&location, ICE_STR("/metadata/"), err));
  ICE_TRY(ice_manifest_name_append(ice_str_of(epoch->uuid), index, &location, err));
  ICE_TRY(ice_store_write_all(writer->options.store, ice_bytes_str(&location), bytes.data, bytes.size, err));
  ICE_TRY(ice_epoch_add_file(epoch, ice_bytes_str(&location), err));
  ICE_TRY(ice_arena_copy_str(&epoch->arena, ice_bytes_str(&location), &table->manifest.file.path, err));
  table->has_manifest = true;
done:
  ice_bytes_deinit(&bytes);
  ice_bytes_deinit(&location);
  return status;
}

ice_status ice_table_writer_submit(ice_table_writer *writer, ice_error *err) {
  for (size_t i = 0; i < writer->partitions.count; i++) {
    partition_file *partition = writer->partitions.entries[i].value;
    ice_status status = partition->is_open ? close_file(writer, partition, err) : ICE_OK;
    if (status != ICE_OK) {
      return status;
    }
  }
  return ICE_OK;
}

ice_status ice_table_writer_close(ice_table_writer *writer, ice_epoch *epoch, uint32_t index, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_table_writer_submit(writer, err));
  if (writer->closed_count == 0) {
    goto done;
  }
  ICE_TRY(wait_durable(writer, err));
  for (uint32_t i = 0; i < writer->closed_count; i++) {
    ICE_TRY(ice_epoch_add_file(epoch, writer->closed[i].file.path, err));
  }
  ICE_TRY(write_manifest(writer, epoch, &epoch->tables[index], index, err));
  drop_partitions(writer);
  drop_closed(writer, false);
done:
  return status;
}

ice_status ice_table_writer_describe(ice_table_writer *writer, ice_bytes *out, int64_t *rows, ice_error *err) {
  ice_manifest_totals totals;
  ice_status status = ICE_OK;
  *rows = 0;
  ICE_TRY(ice_table_writer_submit(writer, err));
  if (writer->closed_count == 0) {
    goto done;
  }
  ICE_TRY(wait_durable(writer, err));
  ICE_TRY(ice_described_files_begin(writer->options.table->metadata->uuid, out, err));
  // Whoever appends them knows the snapshot.
  ICE_TRY(append_manifest(writer, 0, &writer->closed_arena, out, &totals, err));
  *rows = totals.file.added_rows;
  drop_partitions(writer);
  drop_closed(writer, false);
done:
  return status;
}

// Memory ------------------------------------------------------------------------------------------------------------

// The file with the most to give back, and how much that is at best.
static partition_file *largest(const ice_table_writer *writer, size_t *memory) {
  partition_file *found = NULL;
  *memory = 0;
  for (size_t i = 0; i < writer->partitions.count; i++) {
    partition_file *partition = writer->partitions.entries[i].value;
    size_t held = partition->is_open ? ice_parquet_writer_memory(partition->file.writer) : 0;
    size_t gain = held > partition->held_after_relief ? held - partition->held_after_relief : 0;
    if (gain > *memory) {
      *memory = gain;
      found = partition;
    }
  }
  return found;
}

size_t ice_table_writer_largest(const ice_table_writer *writer) {
  size_t memory;
  (void)largest(writer, &memory);
  return memory;
}

ice_status ice_table_writer_relieve(ice_table_writer *writer, ice_relief relief, size_t *freed, ice_error *err) {
  size_t before;
  partition_file *partition = largest(writer, &before);
  *freed = 0;
  if (!partition || before < (relief == ICE_RELIEF_SPILL ? SPILL_MIN : COMPACT_MIN)) {
    return ICE_OK;
  }
  ice_parquet_writer *file = partition->file.writer;
  before = ice_parquet_writer_memory(file);
  ice_status status =
      relief == ICE_RELIEF_SPILL ? ice_parquet_writer_spill(file, err) : ice_parquet_writer_compact(file, err);
  size_t after = ice_parquet_writer_memory(file);
  *freed = before > after ? before - after : 0;
  partition->held_after_relief = relief == ICE_RELIEF_COMPACT ? after : partition->held_after_relief;
  ice_observe_count(writer->options.observer, "icesink_spilled_bytes_total", (ice_str){0}, (int64_t)*freed);
  return status;
}

static ice_table_writer *writer_of_largest(ice_table_writer *const *writers, uint32_t count) {
  ice_table_writer *found = writers[0];
  for (uint32_t i = 1; i < count; i++) {
    if (ice_table_writer_largest(writers[i]) > ice_table_writer_largest(found)) {
      found = writers[i];
    }
  }
  return found;
}

ice_status ice_table_writers_relieve(ice_table_writer *const *writers, uint32_t count, const ice_budget *budget,
                                     ice_error *err) {
  ice_relief relief = ICE_RELIEF_SPILL;
  while (budget && ice_budget_exceeded(budget)) {
    size_t freed;
    ice_status status = ice_table_writer_relieve(writer_of_largest(writers, count), relief, &freed, err);
    if (status != ICE_OK || (freed < RELIEF_MIN && relief == ICE_RELIEF_COMPACT)) {
      return status;
    }
    if (freed < RELIEF_MIN) {
      relief = ICE_RELIEF_COMPACT;
    }
  }
  return ICE_OK;
}

ice_table_writer_totals ice_table_writer_get_totals(const ice_table_writer *writer) { return writer->totals; }
