#include "ingest/verify_source.h"

#include "base/map.h"
#include "ingest/epoch_summary.h"
#include "ingest/row_tally.h"
#include "ingest/table_scan.h"
#include "ingest/verify_priv.h"
#include <stdio.h>
#include <stdlib.h>

enum {
  POLL_US = 1000000,
  SILENT_POLLS_MAX = 30,  ///< a log that gives nothing for so many polls, though it has more
  DIFFERENCES_MAX = 100000,
  REPORTS_MAX = 20,
  PREPARE_TRIES = 30
};

typedef struct candidate {
  ice_epoch_summary summary;
  int64_t live_rows;  ///< in files that its snapshots added and that the tables still have
  bool wanted;
} candidate;

/// Offsets of one partition that are compared: [from, to), in order.
typedef struct stretch {
  int64_t from;
  int64_t to;
} stretch;

typedef struct stretches {
  stretch *items;
  size_t count;
  size_t capacity;
  bool reset;  ///< a policy has put the position back: what was consumed before was another log's
} stretches;

/// A row that its bucket could not account for.
typedef struct difference {
  int64_t count;  ///< of the source, less those of the tables
  ice_str topic;
  int32_t partition;
  int64_t offset;
} difference;

typedef struct comparison {
  const ice_verify_source_options *options;
  ice_violations violations;
  ice_verify_source_result *result;
  ice_error *err;
  ice_lead lead;
  ice_table *tables;
  candidate *epochs;
  uint32_t epoch_count;
  stretches *partitions;  ///< per partition of the source
  ice_row_tally **tallies;
  bool **columns;    ///< per table and column: it is no clock's
  bool *unreadable;  ///< per table: it was told why, and there is nothing more to say of it
  ice_map *differences;
  uint32_t scanned;  ///< the table that a filter is for
  ice_bytes text;
} comparison;

// Epochs and their files ---------------------------------------------------------------------------------------------

static candidate *find_epoch(const comparison *self, int64_t epoch) {
  for (uint32_t i = 0; i < self->epoch_count; i++) {
    if (self->epochs[i].summary.epoch == epoch) {
      return &self->epochs[i];
    }
  }
  return NULL;
}

static ice_status collect_epochs(comparison *self) {
  const ice_table_metadata *metadata = self->lead.table.metadata;
  self->epochs = calloc((size_t)metadata->snapshot_count + 1, sizeof *self->epochs);
  if (!self->epochs) {
    return ice_error_set(self->err, ICE_NO_MEMORY, "out of memory for %u snapshots", metadata->snapshot_count);
  }
  const ice_snapshot *at = ice_table_ref_snapshot(metadata, ICE_REF_MAIN);
  for (uint32_t steps = 0; at && steps <= metadata->snapshot_count; steps++) {
    ice_epoch_summary summary;
    if (ice_epoch_summary_read(at, self->options->sink, &summary) && summary.ranges.data) {
      self->epochs[self->epoch_count++] = (candidate){.summary = summary};
    }
    at = at->has_parent ? ice_table_find_snapshot(metadata, at->parent_snapshot_id) : NULL;
  }
  return ICE_OK;
}

// The epoch whose part a snapshot of table `table` is, or NULL.
static candidate *epoch_of_snapshot(const comparison *self, uint32_t table, int64_t snapshot_id) {
  const ice_snapshot *snapshot = ice_table_find_snapshot(self->tables[table].metadata, snapshot_id);
  if (!snapshot) {
    return NULL;
  }
  ice_str sink = ice_snapshot_summary(snapshot, "icesink.sink");
  ice_str lead = ice_snapshot_summary(snapshot, "icesink.lead-uuid");
  bool ours = sink.data && ice_str_equal(sink, self->options->sink) &&
              (table == self->options->lead || (lead.data && (ice_str_equal(lead, self->lead.table.metadata->uuid) ||
                                                              ice_position_replaces(&self->lead.position, lead))));
  return ours ? find_epoch(self, ice_snapshot_summary_i64(snapshot, "icesink.epoch", -1)) : NULL;
}

static bool count_live_rows(void *context, const ice_manifest_entry *entry) {
  const comparison *self = context;
  candidate *epoch = epoch_of_snapshot(self, self->scanned, entry->snapshot_id);
  if (epoch) {
    epoch->live_rows += entry->file.record_count;
  }
  return false;
}

static bool wants_file(void *context, const ice_manifest_entry *entry) {
  const comparison *self = context;
  const candidate *epoch = epoch_of_snapshot(self, self->scanned, entry->snapshot_id);
  return epoch && epoch->wanted;
}

static ice_status open_scan(comparison *self, uint32_t table,
                            bool (*wants)(void *context, const ice_manifest_entry *entry), ice_table_scan **out) {
  const ice_table_scan_filter filter = {.context = self, .wants = wants};
  self->scanned = table;
  return ice_table_scan_create(self->options->catalog, &self->tables[table], NULL, 0, &filter, out, self->err);
}

static ice_status look_at_files(comparison *self) {
  for (uint32_t i = 0; i < self->options->table_count; i++) {
    ice_table_scan *scan = NULL;
    ice_status status = open_scan(self, i, count_live_rows, &scan);
    ice_table_scan_destroy(scan);
    if (status != ICE_OK) {
      return status;
    }
  }
  return ICE_OK;
}

// Ranges ---------------------------------------------------------------------------------------------------------------

static ice_status check_in_log(void *context, ice_str topic, int32_t partition, int64_t from, int64_t to,
                               ice_error *err) {
  const comparison *self = context;
  const ice_source *source = self->options->source;
  int64_t index = ice_source_find(source, topic, partition);
  bool there = index >= 0 && !self->partitions[index].reset && from >= source->partitions[index].log_start &&
               to <= source->partitions[index].log_end;
  return there ? ICE_OK : ice_error_set(err, ICE_NOT_FOUND, "not in the log");
}

static ice_status note_reset(void *context, ice_str topic, int32_t partition, int64_t from, int64_t to,
                             ice_error *err) {
  const comparison *self = context;
  int64_t index = ice_source_find(self->options->source, topic, partition);
  (void)err;
  if (index >= 0 && to < from) {
    self->partitions[index].reset = true;
  }
  return ICE_OK;
}

static ice_status add_stretch(void *context, ice_str topic, int32_t partition, int64_t from, int64_t to,
                              ice_error *err) {
  const comparison *self = context;
  stretches *list = &self->partitions[ice_source_find(self->options->source, topic, partition)];
  if (list->count == list->capacity) {
    size_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
    stretch *items = realloc(list->items, capacity * sizeof *items);
    if (!items) {
      return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %zu ranges", capacity);
    }
    list->items = items;
    list->capacity = capacity;
  }
  list->items[list->count++] = (stretch){.from = from, .to = to};
  return ICE_OK;
}

static int compare_stretches(const void *a, const void *b) {
  const stretch *x = a;
  const stretch *y = b;
  return (x->from > y->from) - (x->from < y->from);
}

// Ranges that go on where another one ended become one.
static void merge(stretches *list) {
  size_t kept = 0;
  if (list->count > 1) {
    qsort(list->items, list->count, sizeof *list->items, compare_stretches);
  }
  for (size_t i = 0; i < list->count; i++) {
    if (kept > 0 && list->items[kept - 1].to == list->items[i].from) {
      list->items[kept - 1].to = list->items[i].to;
    } else {
      list->items[kept++] = list->items[i];
    }
  }
  list->count = kept;
}

// The newest come first.
static ice_status choose_epochs(comparison *self) {
  ice_verify_source_result *result = self->result;
  for (uint32_t i = 0; i < self->epoch_count; i++) {
    candidate *epoch = &self->epochs[i];
    ice_error cause = {0};
    ice_status status = ice_ranges_visit(epoch->summary.ranges, check_in_log, self, &cause);
    if (status == ICE_OK || status == ICE_NOT_FOUND) {
      ice_status moves =
          epoch->summary.moves.data ? ice_ranges_visit(epoch->summary.moves, note_reset, self, self->err) : ICE_OK;
      if (moves != ICE_OK) {
        return moves;
      }
    }
    if (status == ICE_NOT_FOUND) {
      result->epochs_gone++;
      continue;
    }
    if (epoch->live_rows != epoch->summary.counts.rows + epoch->summary.counts.dead_letters) {
      result->epochs_rewritten++;
      continue;
    }
    if (status == ICE_OK) {
      status = ice_ranges_visit(epoch->summary.ranges, add_stretch, self, &cause);
    }
    if (status != ICE_OK) {
      *self->err = cause;
      return status;
    }
    epoch->wanted = true;
    result->epochs++;
  }
  for (uint32_t i = 0; i < self->options->source->partition_count; i++) {
    merge(&self->partitions[i]);
  }
  return ICE_OK;
}

// The source's side --------------------------------------------------------------------------------------------------

static bool is_compared(const comparison *self, const ice_record *record) {
  const stretches *list = &self->partitions[record->partition];
  for (size_t i = 0; i < list->count; i++) {
    if (record->offset >= list->items[i].from && record->offset < list->items[i].to) {
      return true;
    }
  }
  return false;
}

static ice_status key_of(const ice_row_hash *hash, difference **found, ice_map *map, bool add, ice_error *err) {
  ice_str key = ice_str_make((const char *)hash, sizeof *hash);
  *found = ice_map_get(map, key);
  if (*found || !add || map->count == DIFFERENCES_MAX) {
    return ICE_OK;
  }
  difference *made = calloc(1, sizeof *made);
  if (!made) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for differences");
  }
  ice_status status = ice_map_put(map, key, made, err);
  if (status != ICE_OK) {
    free(made);
    made = NULL;
  }
  *found = made;
  return status;
}

// Counts the rows of a batch: into the tally, or where `origin` is given into the differences.
static ice_status count_rows(comparison *self, uint32_t table, const ice_batch *batch, int sign,
                             const difference *origin) {
  for (int64_t row = 0; row < batch->row_count; row++) {
    ice_row_hash hash;
    ice_status status = ice_row_hash_of(batch, row, self->columns[table], &self->text, &hash, self->err);
    if (status != ICE_OK) {
      return status;
    }
    if (!origin) {
      ice_row_tally_add(self->tallies[table], hash, sign);
      continue;
    }
    difference *found = NULL;
    if (ice_row_tally_differs(self->tallies[table], hash)) {
      status = key_of(&hash, &found, &self->differences[table], true, self->err);
    }
    if (status != ICE_OK) {
      return status;
    }
    if (found) {
      int64_t count = found->count + sign;
      if (found->topic.data == NULL || sign > 0) {
        *found = *origin;
      }
      found->count = count;
    }
  }
  return ICE_OK;
}

static ice_status count_output(comparison *self, const ice_pipeline_output *output, const difference *origin) {
  for (uint32_t i = 0; i < output->table_count; i++) {
    ice_status status = count_rows(self, i, &output->tables[i], 1, origin);
    if (status != ICE_OK) {
      return status;
    }
  }
  return count_rows(self, output->table_count, &output->dead_letters, 1, origin);
}

// A registry that is away is asked again for a while.
static ice_status prepare(const comparison *self, ice_pipeline *pipeline, const ice_chunk *chunk) {
  const ice_clock *clock = &self->options->port->clock;
  for (int i = 0;; i++) {
    ice_status status = ice_pipeline_prepare(pipeline, chunk, self->err);
    if (status == ICE_OK || i == PREPARE_TRIES || (self->err->flags & ICE_ERROR_RETRYABLE) == 0) {
      return status;
    }
    clock->wait_us(clock->context, POLL_US);
  }
}

// With `each` every record is processed by itself, so that its offset is known of the rows it makes.
static ice_status process_chunk(comparison *self, ice_pipeline *pipeline, ice_chunk *chunk,
                                ice_pipeline_output *output, bool each) {
  const ice_source_partition *partitions = self->options->source->partitions;
  size_t kept = 0;
  for (size_t i = 0; i < chunk->record_count; i++) {
    if (is_compared(self, &chunk->records[i])) {
      chunk->records[kept++] = chunk->records[i];
    }
  }
  chunk->record_count = kept;
  ice_status status = ICE_OK;
  ICE_TRY(prepare(self, pipeline, chunk));
  if (!each) {
    self->result->records += (int64_t)kept;
    ice_pipeline_output_clear(output);
    ICE_TRY(ice_pipeline_process(pipeline, chunk, partitions, output, self->err));
    ICE_TRY(count_output(self, output, NULL));
    goto done;
  }
  for (size_t i = 0; i < kept; i++) {
    ice_chunk one = *chunk;
    one.records = &chunk->records[i];
    one.record_count = 1;
    const ice_source_partition *partition = &partitions[one.records->partition];
    const difference origin = {
        .topic = partition->topic, .partition = partition->partition, .offset = one.records->offset};
    ice_pipeline_output_clear(output);
    ICE_TRY(ice_pipeline_process(pipeline, &one, partitions, output, self->err));
    ICE_TRY(count_output(self, output, &origin));
  }
done:
  return status;
}

static ice_status seek_all(comparison *self) {
  for (uint32_t i = 0; i < self->options->source->partition_count; i++) {
    if (self->partitions[i].count > 0) {
      ice_status status = ice_source_seek(self->options->source, i, self->partitions[i].items[0].from, self->err);
      if (status != ICE_OK) {
        return status;
      }
    }
  }
  return ICE_OK;
}

static bool all_read(const comparison *self) {
  for (uint32_t i = 0; i < self->options->source->partition_count; i++) {
    const stretches *list = &self->partitions[i];
    if (list->count > 0 && self->options->source->partitions[i].next < list->items[list->count - 1].to) {
      return false;
    }
  }
  return true;
}

static ice_status read_source(comparison *self, bool each) {
  ice_pipeline *pipeline = NULL;
  ice_pipeline_output output = {0};
  ice_chunk chunk;
  int silent = 0;
  ice_chunk_init(&chunk);
  ice_status status = ICE_OK;
  ICE_TRY(ice_pipeline_create(self->options->pipeline, &pipeline, self->err));
  ICE_TRY(ice_pipeline_output_init(pipeline, &output, self->err));
  ICE_TRY(seek_all(self));
  while (!all_read(self)) {
    ice_chunk_clear(&chunk);
    ICE_TRY(ice_source_poll(self->options->source, &chunk, POLL_US, self->err));
    silent = chunk.range_count > 0 ? 0 : silent + 1;
    if (silent == SILENT_POLLS_MAX) {
      status = ice_error_set(self->err, ICE_TIMEOUT, "the source gives nothing, though its log goes on");
      goto done;
    }
    ICE_TRY(process_chunk(self, pipeline, &chunk, &output, each));
  }
done:
  ice_chunk_deinit(&chunk);
  ice_pipeline_output_deinit(&output);
  ice_pipeline_destroy(pipeline);
  return status;
}

// The tables' side -----------------------------------------------------------------------------------------------------

static ice_status read_table(comparison *self, uint32_t table, bool each) {
  ice_table_scan *scan = NULL;
  ice_batch batch = {0};
  bool more = true;
  ice_status status = ICE_OK;
  ICE_TRY(open_scan(self, table, wants_file, &scan));
  ICE_TRY(ice_batch_init(&batch, ice_table_scan_schema(scan), self->err));
  while (more) {
    ICE_TRY(ice_table_scan_next(scan, &batch, self->err));
    more = batch.row_count > 0;
    const difference origin = {.topic = ice_table_scan_path(scan), .partition = -1};
    ICE_TRY(count_rows(self, table, &batch, -1, each ? &origin : NULL));
    self->result->rows += each ? 0 : batch.row_count;
  }
done:
  ice_batch_deinit(&batch);
  ice_table_scan_destroy(scan);
  return status;
}

// Differences ----------------------------------------------------------------------------------------------------------

static void report_differences(comparison *self, uint32_t table) {
  const ice_map *map = &self->differences[table];
  ice_table_ident ident = self->options->tables[table];
  int reported = 0;
  for (size_t i = 0; i < map->count; i++) {
    const difference *found = map->entries[i].value;
    if (found->count == 0) {
      continue;
    }
    if (++reported > REPORTS_MAX) {
      self->result->violations++;
    } else if (found->count > 0) {
      ice_violate(&self->violations, "%.*s.%.*s lacks %lld row of topic %.*s, partition %d, offset %lld",
                  ICE_IDENT_ARG(ident), (long long)found->count, ICE_STR_ARG(found->topic), found->partition,
                  (long long)found->offset);
    } else if (found->partition >= 0) {
      ice_violate(&self->violations, "%.*s.%.*s has %lld row too many of topic %.*s, partition %d, offset %lld",
                  ICE_IDENT_ARG(ident), (long long)-found->count, ICE_STR_ARG(found->topic), found->partition,
                  (long long)found->offset);
    } else {
      ice_violate(&self->violations, "%.*s.%.*s has %lld row that no record gives, in %.*s", ICE_IDENT_ARG(ident),
                  (long long)-found->count, ICE_STR_ARG(found->topic));
    }
  }
}

// A file that cannot be read is what an audit is for; anything else that fails is an error.
static ice_status compare_table(comparison *self, uint32_t table) {
  ice_status status = read_table(self, table, false);
  if (status == ICE_CORRUPT || status == ICE_NOT_FOUND || status == ICE_UNSUPPORTED) {
    ice_violate(&self->violations, "%s", self->err->message);
    ice_error_clear(self->err);
    self->unreadable[table] = true;
    status = ICE_OK;
  }
  return status;
}

static ice_status name_differences(comparison *self) {
  uint32_t count = 0;
  int64_t before = self->result->violations;
  for (uint32_t i = 0; i < self->options->table_count; i++) {
    count += self->unreadable[i] ? 0 : ice_row_tally_differences(self->tallies[i]);
  }
  if (count == 0) {
    return ICE_OK;
  }
  ice_status status = read_source(self, true);
  for (uint32_t i = 0; status == ICE_OK && i < self->options->table_count; i++) {
    if (self->unreadable[i]) {
      continue;
    }
    status = read_table(self, i, true);
    if (status == ICE_OK) {
      report_differences(self, i);
    }
  }
  if (status == ICE_OK && self->result->violations == before) {
    ice_violate(&self->violations, "the tables differ from the topic; the rows changed while they were looked at");
  }
  return status;
}

// All of it ------------------------------------------------------------------------------------------------------------

static bool is_clock(const ice_verify_source_options *options, uint32_t table, ice_str column) {
  if (table + 1 == options->table_count) {
    return ice_str_equal_c(column, "error_timestamp");
  }
  int64_t index = ice_pipeline_spec_find(options->pipeline->spec, column);
  return index >= 0 && options->pipeline->spec->columns[index].origin == ICE_ORIGIN_PROCESSING_TIME;
}

static ice_status open_table(comparison *self, uint32_t index) {
  const ice_verify_source_options *options = self->options;
  ice_status status =
      ice_catalog_load_table(options->catalog, options->tables[index], &self->tables[index], self->err);
  if (status != ICE_OK) {
    return status;
  }
  const ice_schema *schema = ice_table_current_schema(self->tables[index].metadata);
  self->columns[index] = calloc(schema->root.field_count + 1, sizeof(bool));
  if (!self->columns[index]) {
    return ice_error_set(self->err, ICE_NO_MEMORY, "out of memory for a comparison");
  }
  for (uint32_t i = 0; i < schema->root.field_count; i++) {
    self->columns[index][i] = !is_clock(options, index, schema->root.fields[i].name);
  }
  ice_map_init(&self->differences[index], DIFFERENCES_MAX);
  return ice_row_tally_create(&self->tallies[index], self->err);
}

static ice_status open_comparison(comparison *self) {
  const ice_verify_source_options *options = self->options;
  const ice_committer committer = {.catalog = options->catalog, .port = options->port, .sink = options->sink};
  size_t count = options->table_count;
  ice_error *err = self->err;
  ice_status status = ICE_OK;
  self->tables = calloc(count, sizeof *self->tables);
  self->columns = calloc(count, sizeof(bool *));
  self->tallies = calloc(count, sizeof(ice_row_tally *));
  self->differences = calloc(count, sizeof *self->differences);
  self->partitions = calloc(options->source->partition_count + 1, sizeof *self->partitions);
  self->unreadable = calloc(count, sizeof(bool));
  if (!self->unreadable || !self->tables || !self->columns || !self->tallies || !self->differences ||
      !self->partitions) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a comparison");
  }
  for (uint32_t i = 0; i < count; i++) {
    ICE_TRY(open_table(self, i));
  }
  ICE_TRY(ice_lead_load(&committer, options->tables[options->lead], &self->lead, err));
  if (!self->lead.has_position) {
    ICE_FAIL(ICE_NOT_FOUND, "table %.*s.%.*s has no position of sink %.*s",
             ICE_IDENT_ARG(options->tables[options->lead]), ICE_STR_ARG(options->sink));
  }
done:
  return status;
}

static void close_comparison(comparison *self) {
  for (uint32_t i = 0; i < self->options->table_count; i++) {
    if (self->tables) {
      ice_table_deinit(&self->tables[i]);
    }
    if (self->columns) {
      free(self->columns[i]);
    }
    if (self->tallies) {
      ice_row_tally_destroy(self->tallies[i]);
    }
    for (size_t j = 0; self->differences && j < self->differences[i].count; j++) {
      free(self->differences[i].entries[j].value);
    }
    if (self->differences) {
      ice_map_deinit(&self->differences[i]);
    }
  }
  for (uint32_t i = 0; self->partitions && i < self->options->source->partition_count; i++) {
    free(self->partitions[i].items);
  }
  free(self->tables);
  free(self->columns);
  free(self->tallies);
  free(self->differences);
  free(self->partitions);
  free(self->unreadable);
  free(self->epochs);
  ice_lead_deinit(&self->lead);
  ice_bytes_deinit(&self->text);
}

ice_status ice_verify_source(const ice_verify_source_options *options, ice_verify_report report, void *context,
                             ice_verify_source_result *out, ice_error *err) {
  ice_error own = {0};
  *out = (ice_verify_source_result){0};
  comparison self = {
      .options = options, .violations = {report, context, &out->violations}, .result = out, .err = err ? err : &own};
  ice_bytes_init(&self.text, ICE_TALLY_ROW_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(open_comparison(&self));
  ICE_TRY(collect_epochs(&self));
  ICE_TRY(look_at_files(&self));
  ICE_TRY(choose_epochs(&self));
  ICE_TRY(read_source(&self, false));
  for (uint32_t i = 0; i < options->table_count; i++) {
    ICE_TRY(compare_table(&self, i));
  }
  ICE_TRY(name_differences(&self));
done:
  close_comparison(&self);
  return status;
}
