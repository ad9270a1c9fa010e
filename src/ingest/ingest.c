#include "ingest/ingest.h"

#include "ingest/epoch_part.h"
#include "ingest/reconcile.h"
#include <stdio.h>
#include <stdlib.h>

enum { START_ATTEMPTS = 10, TABLE_NAME_SHOWN = 300, DESCRIPTION_MAX = 1 << 30 };

/// What the ingest knows of a source partition, by the source's index.
typedef struct tracked {
  bool known;        ///< the position has it
  int64_t from;      ///< where the open epoch began
  int64_t next;      ///< next offset to add
  int64_t starting;  ///< first offset of a partition that the position does not have yet
} tracked;

struct ice_ingest {
  ice_ingest_options options;
  ice_committer committer;
  ice_table *tables;
  ice_schema **names;    ///< per table: its schema when the ingest was opened
  ice_schema **schemas;  ///< per table: its schema now, with the names of then
  bool tables_changed;
  ice_list_memory lists;
  ice_table_writer **writers;
  ice_table_ident *order;  ///< the lead first
  uint32_t *order_of;      ///< index in `order` of each table
  ice_parquet_scratch *scratch;
  ice_spill spill;
  tracked *partitions;
  uint32_t partition_count;
  uint32_t partition_capacity;
  bool dirty;
  ice_counts open_counts;
  int64_t open_by_type[ICE_ERROR_TYPE_COUNT];
  int64_t deciding_by_type[ICE_ERROR_TYPE_COUNT];
  bool deciding;
  ice_epoch epoch;
  ice_ingest_totals totals;
};

static ice_status order_tables(ice_ingest *ingest) {
  const ice_ingest_options *options = &ingest->options;
  uint32_t at = 1;
  for (uint32_t i = 0; i < options->table_count; i++) {
    uint32_t place = i == options->lead ? 0 : at++;
    ingest->order[place] = options->tables[i];
    ingest->order_of[i] = place;
  }
  return ICE_OK;
}

static ice_status open_table(ice_ingest *ingest, uint32_t index, ice_error *err) {
  const ice_ingest_options *options = &ingest->options;
  ice_status status = ICE_OK;
  ICE_TRY(ice_catalog_load_table(options->catalog, options->tables[index], &ingest->tables[index], err));
  ice_table_writer_options writer = {.table = &ingest->tables[index],
                                     .ident = options->tables[index],
                                     .store = options->catalog->store,
                                     .port = options->port,
                                     .observer = options->observer,
                                     .budget = options->budget,
                                     .spill = &ingest->spill,
                                     .scratch = ingest->scratch,
                                     .write = options->write};
  ICE_TRY(ice_table_writer_create(&writer, &ingest->writers[index], err));
  const ice_schema *schema = ice_table_current_schema(ingest->tables[index].metadata);
  if (!ingest->names[index]) {
    ingest->names[index] = ice_schema_ref(schema);
  }
  ICE_TRY(ice_schema_with_names(schema, ingest->names[index], &ingest->schemas[index], err));
done:
  return status;
}

static void close_table(ice_ingest *ingest, uint32_t index) {
  ice_table_writer_destroy(ingest->writers[index]);
  ingest->writers[index] = NULL;
  ice_table_deinit(&ingest->tables[index]);
  ice_schema_unref(ingest->schemas[index]);
  ingest->schemas[index] = NULL;
}

// Notices a table that is not as its writer has it. Another table of that name is for the protocol to meet.
static void watch_table(void *watcher, ice_table_ident ident, const ice_table_metadata *metadata) {
  ice_ingest *ingest = watcher;
  for (uint32_t i = 0; i < ingest->options.table_count; i++) {
    const ice_table_metadata *known = ingest->tables[i].metadata;
    if (known && ice_str_equal(ident.name, ingest->options.tables[i].name) &&
        ice_str_equal(ident.namespace_name, ingest->options.tables[i].namespace_name) &&
        ice_str_equal(known->uuid, metadata->uuid)) {
      ingest->tables_changed = ingest->tables_changed || known->current_schema_id != metadata->current_schema_id ||
                               known->default_spec_id != metadata->default_spec_id;
    }
  }
}

ice_status ice_ingest_open(const ice_ingest_options *options, ice_ingest **out, ice_error *err) {
  *out = NULL;
  ice_status status = ICE_OK;
  ice_ingest *ingest = calloc(1, sizeof *ingest);
  if (!ingest) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for the sink");
  }
  ingest->options = *options;
  ingest->spill.file = -1;
  ice_list_memory_init(&ingest->lists);
  ingest->committer = (ice_committer){.catalog = options->catalog,
                                      .port = options->port,
                                      .observer = options->observer,
                                      .sink = options->sink,
                                      .policies = options->policies,
                                      .tables = options->tables,
                                      .table_count = options->table_count,
                                      .lists = &ingest->lists,
                                      .watch = watch_table,
                                      .watcher = ingest};
  uint32_t count = options->table_count;
  ingest->tables = calloc(count, sizeof *ingest->tables);
  ingest->names = calloc(count, sizeof(ice_schema *));
  ingest->schemas = calloc(count, sizeof(ice_schema *));
  ingest->writers = calloc(count, sizeof(ice_table_writer *));
  ingest->order = calloc(count, sizeof *ingest->order);
  ingest->order_of = calloc(count, sizeof *ingest->order_of);
  if (!ingest->tables || !ingest->names || !ingest->schemas || !ingest->writers || !ingest->order ||
      !ingest->order_of) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for %u tables", count);
  }
  ICE_TRY(order_tables(ingest));
  ICE_TRY(ice_parquet_scratch_create(&ingest->scratch, err));
  ICE_TRY(ice_spill_init(&ingest->spill, options->port, options->spill_directory, err));
  for (uint32_t i = 0; i < count; i++) {
    ICE_TRY(open_table(ingest, i, err));
  }
  ingest->committer.lead_uuid = ingest->tables[options->lead].metadata->uuid;
  *out = ingest;
  ingest = NULL;
done:
  ice_ingest_destroy(ingest);
  return status;
}

void ice_ingest_destroy(ice_ingest *ingest) {
  if (!ingest) {
    return;
  }
  bool has_tables = ingest->tables && ingest->names && ingest->schemas && ingest->writers;
  if (has_tables) {
    ice_ingest_drop(ingest);
  }
  for (uint32_t i = 0; has_tables && i < ingest->options.table_count; i++) {
    close_table(ingest, i);
    ice_schema_unref(ingest->names[i]);
  }
  free(ingest->tables);
  free(ingest->names);
  free(ingest->schemas);
  free(ingest->writers);
  free(ingest->order);
  free(ingest->order_of);
  free(ingest->partitions);
  ice_list_memory_deinit(&ingest->lists);
  ice_parquet_scratch_destroy(ingest->scratch);
  ice_spill_deinit(&ingest->spill);
  free(ingest);
}

const ice_schema *ice_ingest_schema(const ice_ingest *ingest, uint32_t index) { return ingest->schemas[index]; }

bool ice_ingest_tables_changed(const ice_ingest *ingest) { return ingest->tables_changed; }

static ice_status reload_table(ice_ingest *ingest, uint32_t index, ice_error *err) {
  ice_table before = ingest->tables[index];
  ice_table_writer_totals written = ice_table_writer_get_totals(ingest->writers[index]);
  ingest->totals.files += written.files;
  ingest->totals.bytes += written.bytes;
  ingest->tables[index] = (ice_table){0};
  close_table(ingest, index);
  ice_status status = ICE_OK;
  ICE_TRY(open_table(ingest, index, err));
  if (!ice_str_equal(before.metadata->uuid, ingest->tables[index].metadata->uuid)) {
    ice_error_set(err, ICE_INVALID_STATE, "table %.*s.%.*s was recreated while the sink ran; start the sink again",
                  ICE_IDENT_ARG(ingest->options.tables[index]));
    status = ice_policy_error(err);
  }
done:
  ice_table_deinit(&before);
  return status;
}

ice_status ice_ingest_reload(ice_ingest *ingest, ice_error *err) {
  ice_status status = ICE_OK;
  if (ingest->dirty || ingest->deciding) {
    return ice_error_set(err, ICE_INVALID_STATE, "an epoch is open");
  }
  for (uint32_t i = 0; i < ingest->options.table_count; i++) {
    ICE_TRY(reload_table(ingest, i, err));
  }
  ingest->committer.lead_uuid = ingest->tables[ingest->options.lead].metadata->uuid;
  ingest->tables_changed = false;
done:
  return status;
}

void ice_ingest_drop(ice_ingest *ingest) {
  for (uint32_t i = 0; i < ingest->options.table_count; i++) {
    if (ingest->writers[i]) {
      ice_table_writer_discard(ingest->writers[i]);
    }
  }
  ice_spill_reset(&ingest->spill);
  if (ingest->deciding) {
    ice_epoch_discard(&ingest->epoch, ingest->options.catalog->store);
    ice_epoch_deinit(&ingest->epoch);
    ingest->deciding = false;
  }
  ingest->dirty = false;
  ingest->open_counts = (ice_counts){0};
  memset(ingest->open_by_type, 0, sizeof ingest->open_by_type);
}

// Start -------------------------------------------------------------------------------------------------------------

static ice_status reserve_partitions(ice_ingest *ingest, uint32_t count, ice_error *err) {
  if (count > ingest->partition_capacity) {
    tracked *partitions = realloc(ingest->partitions, count * sizeof *partitions);
    if (!partitions) {
      return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %u partitions", count);
    }
    ingest->partitions = partitions;
    ingest->partition_capacity = count;
  }
  memset(ingest->partitions, 0, count * sizeof *ingest->partitions);
  ingest->partition_count = count;
  return ICE_OK;
}

ice_status ice_ingest_track(ice_ingest *ingest, uint32_t partition, bool known, int64_t from, ice_error *err) {
  if (partition >= ingest->partition_capacity) {
    uint32_t capacity = partition < 16 ? 16 : partition * 2;
    tracked *grown = realloc(ingest->partitions, capacity * sizeof *grown);
    if (!grown) {
      return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %u partitions", capacity);
    }
    ingest->partitions = grown;
    ingest->partition_capacity = capacity;
  }
  while (ingest->partition_count <= partition) {
    ingest->partitions[ingest->partition_count++] = (tracked){0};
  }
  ingest->partitions[partition] = (tracked){.known = known, .from = from, .next = from, .starting = from};
  return ICE_OK;
}

// An empty epoch whose parts belong to the tables as they were opened.
static ice_status begin_epoch(const ice_ingest *ingest, ice_epoch *epoch, ice_error *err) {
  uint32_t count = ingest->options.table_count;
  ice_status status = ice_epoch_init(epoch, ingest->options.port, ingest->order, count, err);
  for (uint32_t i = 0; status == ICE_OK && i < count; i++) {
    epoch->tables[ingest->order_of[i]].uuid = ingest->tables[i].metadata->uuid;
  }
  return status;
}

static ice_status find_first_offsets(const ice_ingest *ingest, ice_source *source, int64_t *out, ice_error *err) {
  ice_start_policy policy = ingest->options.start;
  ice_status status = policy == ICE_START_COMMITTED ? ice_source_ask_group(source, out, err) : ICE_OK;
  for (uint32_t i = 0; status == ICE_OK && i < source->partition_count; i++) {
    if (policy == ICE_START_LATEST) {
      out[i] = source->partitions[i].log_end;
    } else if (policy == ICE_START_EARLIEST || out[i] < 0) {
      out[i] = source->partitions[i].log_start;
    }
  }
  return status;
}

// The empty first epoch: the start is decided and durable before any record is taken.
static ice_status commit_first(ice_ingest *ingest, ice_source *source, ice_error *err) {
  ice_epoch epoch;
  ice_attempt outcome = ICE_ATTEMPT_AGAIN;
  ice_status status = begin_epoch(ingest, &epoch, err);
  if (status != ICE_OK) {
    return status;
  }
  epoch.starts = ice_arena_alloc_array(&epoch.arena, source->partition_count, sizeof *epoch.starts, err);
  if (!epoch.starts) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for %u partitions", source->partition_count);
  }
  int64_t *offsets = ice_arena_alloc_array(&epoch.arena, source->partition_count, sizeof *offsets, err);
  if (!offsets) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for %u partitions", source->partition_count);
  }
  ICE_TRY(find_first_offsets(ingest, source, offsets, err));
  for (uint32_t i = 0; i < source->partition_count; i++) {
    const ice_source_partition *partition = &source->partitions[i];
    int64_t offset = offsets[i];
    epoch.starts[epoch.start_count++] = (ice_position_entry){
        .topic = partition->topic, .partition = partition->partition, .start = offset, .offset = offset};
  }
  for (int i = 0; i < START_ATTEMPTS && outcome == ICE_ATTEMPT_AGAIN; i++) {
    ICE_TRY(ice_commit_attempt(&ingest->committer, &epoch, &outcome, err));
  }
  if (outcome == ICE_ATTEMPT_AGAIN) {
    status = err && err->status != ICE_OK ? err->status : ICE_CONFLICT;
  }
done:
  ice_epoch_deinit(&epoch);
  return status;
}

static ice_status seek_partitions(ice_ingest *ingest, const ice_position *position, ice_source *source,
                                  ice_error *err) {
  ice_status status = reserve_partitions(ingest, source->partition_count, err);
  for (uint32_t i = 0; status == ICE_OK && i < source->partition_count; i++) {
    const ice_source_partition *partition = &source->partitions[i];
    const ice_position_entry *entry = ice_position_find(position, partition->topic, partition->partition);
    int64_t offset = entry ? entry->offset : partition->log_start;
    if (partition->excluded) {
      ingest->partitions[i] = (tracked){.known = entry != NULL};
      continue;
    }
    status = ice_source_seek(source, i, offset, err);
    ingest->partitions[i] = (tracked){.known = entry != NULL, .from = offset, .next = offset, .starting = offset};
  }
  return status;
}

ice_status ice_ingest_start(ice_ingest *ingest, ice_source *source, ice_error *err) {
  const ice_reconcile_options options = {.committer = &ingest->committer,
                                         .tables = ingest->order,
                                         .table_count = ingest->options.table_count,
                                         .source = source};
  ice_lead lead = {0};
  bool agreed = false;
  ice_status status = ICE_OK;
  ICE_TRY(ice_lead_load(&ingest->committer, ingest->order[0], &lead, err));
  if (!lead.has_position) {
    ICE_TRY(ice_reconcile_first(&options, &lead, err));
    ICE_TRY(commit_first(ingest, source, err));
  }
  for (int i = 0; i < START_ATTEMPTS && !agreed; i++) {
    ice_lead_deinit(&lead);
    ICE_TRY(ice_lead_load(&ingest->committer, ingest->order[0], &lead, err));
    if (ice_reconcile_is_behind(&options, &lead)) {
      // The source was looked at before the position was loaded; another process may have read further since. Only a look that
      // is newer than the position says that the topic is not the one it was.
      ICE_TRY(ice_source_refresh(source, err));
    }
    ICE_TRY(ice_reconcile(&options, &lead, &agreed, err));
  }
  if (!agreed) {
    ICE_FAIL(ICE_CONFLICT, "the position in %.*s.%.*s cannot be settled: other writers are faster",
             ICE_IDENT_ARG(ingest->order[0]));
  }
  ICE_TRY(seek_partitions(ingest, &lead.position, source, err));
done:
  ice_lead_deinit(&lead);
  return status;
}

// Writing -----------------------------------------------------------------------------------------------------------

static ice_status take_range(ice_ingest *ingest, const ice_source *source, const ice_chunk_range *range,
                             ice_error *err) {
  if (range->partition >= ingest->partition_count) {
    return ice_error_set(err, ICE_INTERNAL, "partition index %u was never sought", range->partition);
  }
  tracked *partition = &ingest->partitions[range->partition];
  if (range->from != partition->next || range->to < range->from) {
    const ice_source_partition *name = &source->partitions[range->partition];
    return ice_error_set(err, ICE_INTERNAL, "topic %.*s, partition %d: range [%lld, %lld) does not go on at %lld",
                         ICE_STR_ARG(name->topic), name->partition, (long long)range->from, (long long)range->to,
                         (long long)partition->next);
  }
  partition->next = range->to;
  ingest->open_counts.gaps += range->to - range->from - range->record_count;
  ingest->dirty = ingest->dirty || range->to > range->from;
  return ICE_OK;
}

// The rows were made for the columns' names as they were bound; the table may have other names for them by now.
static ice_status append_batch(ice_ingest *ingest, uint32_t index, const ice_batch *batch, ice_error *err) {
  ice_batch renamed = *batch;
  if (batch->schema == ingest->schemas[index]) {
    renamed.schema = ice_table_current_schema(ingest->tables[index].metadata);
  }
  return ice_table_writer_append(ingest->writers[index], &renamed, err);
}

ice_status ice_ingest_add(ice_ingest *ingest, const ice_source *source, const ice_chunk_range *ranges,
                          size_t range_count, const ice_pipeline_output *output, ice_error *err) {
  const ice_pipeline_counts *counts = &output->counts;
  uint32_t dead_letters = ingest->options.table_count - 1;
  ice_status status = ICE_OK;
  for (size_t i = 0; i < range_count; i++) {
    ICE_TRY(take_range(ingest, source, &ranges[i], err));
  }
  for (uint32_t i = 0; i < output->table_count; i++) {
    ICE_TRY(append_batch(ingest, i, &output->tables[i], err));
  }
  ICE_TRY(append_batch(ingest, dead_letters, &output->dead_letters, err));
  ICE_TRY(ice_table_writers_relieve(ingest->writers, ingest->options.table_count, ingest->options.budget, err));
  ingest->open_counts.records += counts->records;
  ingest->open_counts.elements += counts->elements;
  ingest->open_counts.rows += counts->rows;
  ingest->open_counts.dead_letters += counts->dead_letters;
  ingest->open_counts.filtered += counts->filtered;
  for (size_t i = 0; i < ICE_ERROR_TYPE_COUNT; i++) {
    ingest->open_by_type[i] += counts->dead_letters_by_type[i];
  }
done:
  return status;
}

ice_status ice_ingest_drive(ice_ingest *ingest, ice_error *err) {
  return ice_store_drive(ingest->options.catalog->store, 0, err);
}

bool ice_ingest_dirty(const ice_ingest *ingest) { return ingest->dirty; }

bool ice_ingest_deciding(const ice_ingest *ingest) { return ingest->deciding; }

static ice_status collect_ranges(const ice_ingest *ingest, const ice_source *source, ice_epoch *epoch,
                                 ice_error *err) {
  epoch->ranges = ice_arena_alloc_array(&epoch->arena, ingest->partition_count, sizeof *epoch->ranges, err);
  if (!epoch->ranges) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %u ranges", ingest->partition_count);
  }
  for (uint32_t i = 0; i < ingest->partition_count; i++) {
    const tracked *partition = &ingest->partitions[i];
    if (partition->next == partition->from) {
      continue;
    }
    epoch->ranges[epoch->range_count++] = (ice_epoch_range){.topic = source->partitions[i].topic,
                                                            .partition = source->partitions[i].partition,
                                                            .from_absent = !partition->known,
                                                            .from = partition->from,
                                                            .to = partition->next};
  }
  return ICE_OK;
}

// What was open is closed.
static void begin_next(ice_ingest *ingest) {
  ice_spill_reset(&ingest->spill);
  ingest->dirty = false;
  ingest->open_counts = (ice_counts){0};
  memset(ingest->open_by_type, 0, sizeof ingest->open_by_type);
  for (uint32_t i = 0; i < ingest->partition_count; i++) {
    ingest->partitions[i].from = ingest->partitions[i].next;
  }
}

ice_status ice_ingest_close(ice_ingest *ingest, const ice_source *source, ice_error *err) {
  const ice_ingest_options *options = &ingest->options;
  if (ingest->deciding) {
    return ice_error_set(err, ICE_INVALID_STATE, "an epoch waits for its decision");
  }
  ice_epoch epoch;
  ice_status status = begin_epoch(ingest, &epoch, err);
  if (status != ICE_OK) {
    return status;
  }
  ICE_TRY(collect_ranges(ingest, source, &epoch, err));
  epoch.counts = ingest->open_counts;
  for (uint32_t i = 0; i < options->table_count; i++) {
    ICE_TRY(ice_table_writer_submit(ingest->writers[i], err));
  }
  for (uint32_t i = 0; i < options->table_count; i++) {
    ICE_TRY(ice_table_writer_close(ingest->writers[i], &epoch, ingest->order_of[i], err));
  }
  ICE_TRY(ice_epoch_check(&epoch, err));
  ingest->epoch = epoch;
  epoch = (ice_epoch){0};
  ingest->deciding = true;
  memcpy(ingest->deciding_by_type, ingest->open_by_type, sizeof ingest->deciding_by_type);
  begin_next(ingest);
done:
  if (status != ICE_OK) {
    ice_epoch_discard(&epoch, options->catalog->store);
  }
  ice_epoch_deinit(&epoch);
  return status;
}

// Files and rows of each table, described; `texts` hold them.
static ice_status describe_tables(ice_ingest *ingest, ice_part_table *tables, ice_bytes *texts, ice_error *err) {
  ice_status status = ICE_OK;
  for (uint32_t i = 0; i < ingest->options.table_count; i++) {
    ICE_TRY(ice_table_writer_submit(ingest->writers[i], err));
  }
  for (uint32_t i = 0; i < ingest->options.table_count; i++) {
    uint32_t place = ingest->order_of[i];
    const ice_table_metadata *metadata = ingest->tables[i].metadata;
    ICE_TRY(ice_table_writer_describe(ingest->writers[i], &texts[place], &tables[place].rows, err));
    tables[place].ident = ingest->options.tables[i];
    tables[place].uuid = metadata->uuid;
    tables[place].spec_id = ice_table_default_spec(metadata)->spec_id;
    tables[place].files = ice_bytes_str(&texts[place]);
  }
done:
  return status;
}

static ice_status describe_epoch(ice_ingest *ingest, const ice_epoch *epoch, ice_bytes *texts, ice_bytes *out,
                                 ice_error *err) {
  ice_part_table tables[ICE_COMMIT_TABLES_MAX];
  const ice_epoch_part part = {.sink = ingest->options.sink,
                               .ranges = epoch->ranges,
                               .range_count = epoch->range_count,
                               .counts = ingest->open_counts,
                               .tables = tables,
                               .table_count = ingest->options.table_count};
  ice_status status = ICE_OK;
  ICE_TRY(describe_tables(ingest, tables, texts, err));
  ICE_TRY(ice_epoch_part_format(&part, out, err));
done:
  return status;
}

ice_status ice_ingest_describe(ice_ingest *ingest, const ice_source *source, ice_bytes *out, ice_error *err) {
  ice_bytes texts[ICE_COMMIT_TABLES_MAX];
  ice_epoch epoch;
  if (ingest->deciding) {
    return ice_error_set(err, ICE_INVALID_STATE, "an epoch waits for its decision");
  }
  for (uint32_t i = 0; i < ingest->options.table_count; i++) {
    ice_bytes_init(&texts[i], DESCRIPTION_MAX);
  }
  ice_status status = begin_epoch(ingest, &epoch, err);
  if (status != ICE_OK) {
    return status;
  }
  ICE_TRY(collect_ranges(ingest, source, &epoch, err));
  ICE_TRY(describe_epoch(ingest, &epoch, texts, out, err));
  for (uint32_t i = 0; i < ingest->partition_count; i++) {
    tracked *partition = &ingest->partitions[i];
    // Whoever commits the next part has committed this one.
    partition->known = partition->known || partition->next != partition->from;
  }
  begin_next(ingest);
done:
  for (uint32_t i = 0; i < ingest->options.table_count; i++) {
    ice_bytes_deinit(&texts[i]);
  }
  ice_epoch_deinit(&epoch);
  return status;
}

static void mark_known(ice_ingest *ingest) {
  for (uint32_t i = 0; i < ingest->partition_count; i++) {
    tracked *partition = &ingest->partitions[i];
    partition->known = partition->known || partition->from != partition->starting;
  }
}

static void log_commit(const ice_ingest *ingest) {
  const ice_observer *observer = ingest->options.observer;
  const ice_counts *counts = &ingest->epoch.counts;
  int64_t files = 0;
  int64_t bytes = 0;
  for (uint32_t i = 0; i < ingest->epoch.table_count; i++) {
    const ice_epoch_table *part = &ingest->epoch.tables[i];
    files += part->has_manifest ? part->manifest.file.added_files : 0;
    bytes += part->has_manifest ? part->manifest.added_files_size : 0;
  }
  ice_table_ident dead_letters = ingest->options.tables[ingest->options.table_count - 1];
  char table[TABLE_NAME_SHOWN];
  snprintf(table, sizeof table, "%.*s.%.*s", ICE_IDENT_ARG(dead_letters));
  const ice_log_field fields[] = {
      ICE_LOG_TEXT("sink", ingest->options.sink),
      ICE_LOG_NUMBER("records", counts->records),
      ICE_LOG_NUMBER("rows", counts->rows),
      ICE_LOG_NUMBER("dead_letters", counts->dead_letters),
      ICE_LOG_NUMBER("files", files),
  };
  ice_observe_log(observer, ICE_LOG_INFO, ICE_STR("Epoch committed"), fields, ICE_COUNT_OF(fields));
  ice_observe_gauge(observer, "lastCheckpointSize", (ice_str){0}, (double)bytes);
  for (size_t i = 0; i < ICE_ERROR_TYPE_COUNT; i++) {
    if (ingest->deciding_by_type[i] > 0) {
      const ice_log_field cause[] = {
          ICE_LOG_TEXT("error_type", ice_str_of(ice_error_type_name((ice_error_type)i))),
          ICE_LOG_NUMBER("count", ingest->deciding_by_type[i]),
          ICE_LOG_TEXT("table", ice_str_of(table)),
      };
      ice_observe_log(observer, ICE_LOG_INFO, ICE_STR("Dead letters written"), cause, ICE_COUNT_OF(cause));
    }
  }
}

ice_status ice_ingest_attempt(ice_ingest *ingest, ice_attempt *outcome, ice_error *err) {
  if (!ingest->deciding) {
    return ice_error_set(err, ICE_INVALID_STATE, "no epoch waits for a decision");
  }
  ice_status status = ice_commit_attempt(&ingest->committer, &ingest->epoch, outcome, err);
  if (status != ICE_OK || *outcome == ICE_ATTEMPT_AGAIN) {
    return status;
  }
  if (*outcome == ICE_ATTEMPT_DONE) {
    ice_counts_add(&ingest->totals.committed, &ingest->epoch.counts);
    ingest->totals.epochs++;
    for (size_t i = 0; i < ICE_ERROR_TYPE_COUNT; i++) {
      ingest->totals.dead_letters_by_type[i] += ingest->deciding_by_type[i];
    }
    log_commit(ingest);
    mark_known(ingest);
  } else {
    ice_epoch_discard(&ingest->epoch, ingest->options.catalog->store);
  }
  ice_epoch_deinit(&ingest->epoch);
  ingest->deciding = false;
  return ICE_OK;
}

ice_ingest_totals ice_ingest_get_totals(const ice_ingest *ingest) {
  ice_ingest_totals totals = ingest->totals;
  totals.open = ingest->open_counts;
  if (ingest->deciding) {
    ice_counts_add(&totals.open, &ingest->epoch.counts);
  }
  for (uint32_t i = 0; i < ingest->options.table_count; i++) {
    ice_table_writer_totals files = ice_table_writer_get_totals(ingest->writers[i]);
    totals.files += files.files;
    totals.bytes += files.bytes;
  }
  return totals;
}
